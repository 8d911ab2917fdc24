/* Why an attempt at the database failed, what that means for the next one, and
 * what a person can do about it. libpq tells a failed connection's cause only
 * as text; this reads the text (written in C's locale, PQERRORS_VERBOSE). */
#pragma once

#include "base/base.h"

enum pg_class {
	PG_OK,
	PG_RETRY_QUICKLY,  /* refused, starting up: it is about to come */
	PG_RETRY,          /* anything else that passes: network, full, shutting down */
	PG_GRACE,          /* credentials, missing database: wrong, unless it was just created */
	PG_GRACE_READ_ONLY, /* a standby, or a server set read-only: wrong, unless it fails over */
	PG_FATAL,          /* no retry can help: bad parameters or TLS files */
};

#define PG_REASON_SIZE 320

struct pg_failure {
	enum pg_class class;
	char sqlstate[6]; /* "28P01", or "" where no server spoke */
	char reason[PG_REASON_SIZE]; /* one line: cause and remedy, never a secret */
};

/* message: what PQerrorMessage() said. server: whom we called, for people
 * ("db:5432 (10.0.0.7)"). origin: where the connection information comes from. */
void pg_failure_from_message(struct pg_failure *ret, const char *message, const char *server,
			     const char *origin);
/* The same from an error's fields, of a query. */
void pg_failure_from_server(struct pg_failure *ret, const char *sqlstate, const char *text,
			    const char *server, const char *origin);
/* A failure that the caller saw itself. */
void pg_failure_set(struct pg_failure *ret, enum pg_class class, const char *format, ...)
	ATTR_PRINTF(3, 4);
/* Replaces every occurrence of secret (if it has 4 bytes or more) in the reason
 * by "***": servers and poolers may quote what they were sent. */
void pg_failure_hide(struct pg_failure *failure, const char *secret);

/* Of two failures of one attempt, the one that says more. among_hosts: of two
 * servers (a standby that is read-only says less than a primary that does not
 * answer), else of two addresses of one (::1 refused says less than 127.0.0.1
 * with a wrong password). */
bool pg_failure_says_more(const struct pg_failure *a, const struct pg_failure *b, bool among_hosts);
