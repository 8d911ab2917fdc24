/* One connection to PostgreSQL: a single attempt over all hosts and addresses,
 * then queries, all with deadlines. Blocks in the resolver and in poll(). For
 * children only; PID 1 never comes here. */
#pragma once

#include "children/pg_lib.h"
#include "pure/conninfo.h"
#include "pure/pg_failure.h"

struct pg_request {
	const struct conninfo *conninfo;
	const char *origin;           /* for remedies: "DATABASE_URL" */
	const char *application_name;
	int64_t attempt_timeout_ms;   /* for each address, with its first query */
	int64_t deadline_ms;          /* pg_now_ms() at which to give up, or INT64_MAX */
	bool read_write;              /* a server that cannot be written to does not count */
};

struct pg_link;

/* CLOCK_BOOTTIME: goes on while the machine sleeps, as servers' clocks do. */
int64_t pg_now_ms(void);

/* Resolves all names anew and tries every address until one answers a query.
 * NULL: *ret_failure is the most telling of what went wrong. */
struct pg_link *pg_link_open(const struct pg_lib *lib, const struct pg_request *request,
			     struct pg_failure *ret_failure) ATTR_CHECK;
void pg_link_close(struct pg_link *take_link);

/* Whom we are connected to: "db:5432 (10.0.0.7)". */
const char *pg_link_server(const struct pg_link *link);
/* The server process that libpq was told of; a pooler tells another one than
 * pg_backend_pid() does. */
int pg_link_backend_pid(const struct pg_link *link);

/* Whatever waits on this link from now on also ends when fd is readable. */
void pg_link_set_interrupt(struct pg_link *link, int fd);

#define PG_ROW_CELLS     6
#define PG_ROW_CELL_SIZE 128

/* A row of an answer; more columns and bytes are not asked for. */
struct pg_row {
	bool is_there;
	char cells[PG_ROW_CELLS][PG_ROW_CELL_SIZE]; /* "" for NULL */
};

enum pg_answer {
	PG_ANSWERED,
	PG_FAILED,      /* *ret_failure says why; the link may be dead */
	PG_INTERRUPTED, /* the link can only be closed now */
};

/* Sends sql (several statements go as one message) and waits for the answer of
 * all; row (may be NULL) is that of the last one that returns any. */
enum pg_answer pg_link_query(struct pg_link *link, const char *sql, int64_t timeout_ms,
			     struct pg_row *row, struct pg_failure *ret_failure) ATTR_CHECK;

/* One statement, whose $1, $2, … are these texts; NULL behind the last. Every row is
 * handed to each (may be NULL), in order. */
struct pg_query {
	const char *sql;
	const char *const *values;
	void (*each)(const struct pg_row *row, void *context);
	void *context;
};
enum pg_answer pg_link_ask(struct pg_link *link, const struct pg_query *query, int64_t timeout_ms,
			   struct pg_failure *ret_failure) ATTR_CHECK;

/* Does nothing for so long, unless the server ends the connection: PG_FAILED.
 * PG_ANSWERED: the time is over. */
enum pg_answer pg_link_idle(struct pg_link *link, int64_t timeout_ms,
			    struct pg_failure *ret_failure) ATTR_CHECK;
