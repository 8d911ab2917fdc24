/* What pg_link.c (one connection), pg_query.c (its queries) and pg_connect.c
 * (hosts and addresses) share. */
#pragma once

#include "children/pg_link.h"

struct pg_link {
	const struct pg_lib *lib;
	PGconn *conn;
	char *origin;
	char *password; /* to keep it out of messages; or NULL */
	int interrupt_fd;
	char server[300];
	bool is_lost; /* the server said farewell; lost says how */
	struct pg_failure lost;
};

/* 1: the socket has what was asked for; 0: time is over; -1: interrupted. */
int pg_link_wait(const struct pg_link *link, short events, int64_t deadline_ms) ATTR_CHECK;

/* is_reached: somebody accepted the connection. */
void pg_link_fail_timeout(const struct pg_link *link, int64_t timeout_ms, bool is_reached,
			  struct pg_failure *ret_failure);

/* pg_link_query() with the deadline as a point in time; timeout_ms is what a
 * message calls it. */
enum pg_answer pg_link_query_until(struct pg_link *link, const char *sql, int64_t deadline_ms,
				   int64_t timeout_ms, struct pg_row *row,
				   struct pg_failure *ret_failure) ATTR_CHECK;

/* Where one attempt goes: libpq's own notation. */
struct pg_target {
	const char *host;     /* name, socket directory, or "" for libpq's default */
	const char *hostaddr; /* numeric, or "": libpq is not to look up anything */
	const char *port;
	char server[300];     /* for people */
};

/* One attempt at one target, up to the first query's answer. */
struct pg_link *pg_link_try(const struct pg_lib *lib, const struct pg_request *request,
			    const struct pg_target *target, struct pg_failure *ret_failure)
	ATTR_CHECK;
