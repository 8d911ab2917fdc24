/* Queries on a connection, under deadlines. */
#include "children/pg_internal.h"

#include "base/parse.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

int pg_link_wait(const struct pg_link *link, short events, int64_t deadline_ms)
{
	for (;;) {
		struct pollfd fds[2] = {
			{ .fd = link->lib->PQsocket(link->conn), .events = events },
			{ .fd = link->interrupt_fd, .events = POLLIN },
		};
		int64_t left = deadline_ms - pg_now_ms();
		if (left < 0)
			left = 0;
		int n = poll(fds, 2, left < 3600000 ? (int)left : 3600000);
		if (n < 0 && errno != EINTR)
			return 0;
		if (n > 0 && fds[1].revents != 0)
			return -1;
		if (n > 0)
			return 1;
		if (n == 0 && pg_now_ms() >= deadline_ms)
			return 0;
	}
}

/* A dead connection's message: libpq got as far as calling the server, so its
 * words are never about parameters. */
static void fail_dead(const struct pg_link *link, struct pg_failure *ret_failure)
{
	if (link->is_lost) {
		*ret_failure = link->lost;
		pg_failure_hide(ret_failure, link->password);
		return;
	}
	const char *text = link->lib->PQerrorMessage(link->conn);
	pg_failure_set(ret_failure, PG_RETRY, "%s: %.*s", link->server, (int)strcspn(text, "\n"),
		       text[0] != '\0' ? text : "the connection ended");
	pg_failure_hide(ret_failure, link->password);
}

void pg_link_fail_timeout(const struct pg_link *link, int64_t timeout_ms, bool is_reached,
			  struct pg_failure *ret_failure)
{
	char duration[32];
	pg_failure_set(ret_failure, PG_RETRY,
		       is_reached
			       ? "%s: accepts connections, but no answer from PostgreSQL within %s"
			       : "%s: no answer within %s: check host, port and network policies",
		       link->server, duration_text(timeout_ms, duration, sizeof(duration)));
}

/* Who wants what of an answer. */
struct taker {
	struct pg_row *row; /* the first; or NULL */
	const struct pg_query *query;
};

static void take_row(const struct pg_link *link, const PGresult *result, int number,
		     struct pg_row *row)
{
	int n = link->lib->PQnfields(result);
	*row = (struct pg_row){ .is_there = number < link->lib->PQntuples(result) };
	for (int i = 0; row->is_there && i < n && i < PG_ROW_CELLS; i++)
		text_copy(row->cells[i], sizeof(row->cells[i]),
			  link->lib->PQgetvalue(result, number, i));
}

/* Keeps what the caller wants of one statement's result. */
static enum pg_answer take_result(struct pg_link *link, const PGresult *result,
				  const struct taker *taker, struct pg_failure *ret_failure)
{
	ExecStatusType status = link->lib->PQresultStatus(result);
	if (status == PGRES_TUPLES_OK && taker->row != NULL)
		take_row(link, result, 0, taker->row);
	bool each = status == PGRES_TUPLES_OK && taker->query != NULL && taker->query->each != NULL;
	for (int i = 0; each && i < link->lib->PQntuples(result); i++) {
		struct pg_row row;
		take_row(link, result, i, &row);
		taker->query->each(&row, taker->query->context);
	}
	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
		return PG_ANSWERED;
	const char *sqlstate = link->lib->PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *text = link->lib->PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	if (sqlstate == NULL) /* libpq's own: the connection broke */
		fail_dead(link, ret_failure);
	else
		pg_failure_from_server(ret_failure, sqlstate, text != NULL ? text : "",
				       link->server, link->origin);
	pg_failure_hide(ret_failure, link->password);
	return PG_FAILED;
}

/* Until the next result can be had without blocking. */
static enum pg_answer wait_for_result(struct pg_link *link, int64_t deadline_ms, int64_t timeout_ms,
				      struct pg_failure *ret_failure)
{
	int unsent = 0;
	while ((unsent = link->lib->PQflush(link->conn)) > 0 || link->lib->PQisBusy(link->conn)) {
		short events = (short)(unsent > 0 ? POLLIN | POLLOUT : POLLIN);
		int ready = pg_link_wait(link, events, deadline_ms);
		if (ready < 0)
			return PG_INTERRUPTED;
		if (ready == 0) {
			pg_link_fail_timeout(link, timeout_ms, true, ret_failure);
			return PG_FAILED;
		}
		if (!link->lib->PQconsumeInput(link->conn)) {
			fail_dead(link, ret_failure);
			return PG_FAILED;
		}
	}
	if (unsent == 0)
		return PG_ANSWERED;
	fail_dead(link, ret_failure);
	return PG_FAILED;
}

static enum pg_answer take_answer(struct pg_link *link, int64_t deadline_ms, int64_t timeout_ms,
				  const struct taker *taker, struct pg_failure *ret_failure)
{
	enum pg_answer answer = PG_ANSWERED;
	for (;;) {
		enum pg_answer waited = wait_for_result(link, deadline_ms, timeout_ms, ret_failure);
		if (waited != PG_ANSWERED)
			return waited;
		PGresult *result = link->lib->PQgetResult(link->conn);
		if (result == NULL)
			return answer;
		if (answer == PG_ANSWERED)
			answer = take_result(link, result, taker, ret_failure);
		link->lib->PQclear(result);
	}
}

enum pg_answer pg_link_query_until(struct pg_link *link, const char *sql, int64_t deadline_ms,
				   int64_t timeout_ms, struct pg_row *row,
				   struct pg_failure *ret_failure)
{
	if (row != NULL)
		*row = (struct pg_row){ .is_there = false };
	if (!link->lib->PQsendQuery(link->conn, sql)) {
		fail_dead(link, ret_failure);
		return PG_FAILED;
	}
	return take_answer(link, deadline_ms, timeout_ms, &(struct taker){ .row = row },
			   ret_failure);
}

enum pg_answer pg_link_ask(struct pg_link *link, const struct pg_query *query, int64_t timeout_ms,
			   struct pg_failure *ret_failure)
{
	int n = 0;
	while (query->values[n] != NULL)
		n++;
	if (!link->lib->PQsendQueryParams(link->conn, query->sql, n, NULL, query->values, NULL,
					  NULL, 0)) {
		fail_dead(link, ret_failure);
		return PG_FAILED;
	}
	return take_answer(link, pg_now_ms() + timeout_ms, timeout_ms,
			   &(struct taker){ .query = query }, ret_failure);
}

enum pg_answer pg_link_query(struct pg_link *link, const char *sql, int64_t timeout_ms,
			     struct pg_row *row, struct pg_failure *ret_failure)
{
	return pg_link_query_until(link, sql, pg_now_ms() + timeout_ms, timeout_ms, row,
				   ret_failure);
}

enum pg_answer pg_link_idle(struct pg_link *link, int64_t timeout_ms,
			    struct pg_failure *ret_failure)
{
	int64_t deadline_ms = pg_now_ms() + timeout_ms;
	for (;;) {
		int ready = pg_link_wait(link, POLLIN, deadline_ms);
		if (ready < 0)
			return PG_INTERRUPTED;
		if (ready == 0)
			return PG_ANSWERED;
		/* PQisBusy() parses what came: notices reach receive_notice() */
		bool is_open = link->lib->PQconsumeInput(link->conn) != 0;
		(void)link->lib->PQisBusy(link->conn);
		if (link->is_lost || !is_open) {
			fail_dead(link, ret_failure);
			return PG_FAILED;
		}
	}
}
