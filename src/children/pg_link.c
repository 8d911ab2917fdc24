/* One connection: libpq's asynchronous functions under deadlines of our own
 * (connect_timeout is not looked at by PQconnectPoll(), and covers neither the
 * first query nor a pooler that accepts for a server that is down). */
#include "children/pg_internal.h"

#include "base/mem.h"

#include <poll.h>
#include <stdio.h>
#include <time.h>

int64_t pg_now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A message outside of a query. The last words of a server that ends an idle
 * connection (57P01, 57P05) come only here: PQstatus() stays OK until the end
 * of the stream is read. Also keeps libpq from writing to stderr. */
static void receive_notice(void *context, const PGresult *result)
{
	struct pg_link *link = context;
	const char *severity = link->lib->PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
	if (severity == NULL || (!streq(severity, "FATAL") && !streq(severity, "PANIC")))
		return;
	const char *sqlstate = link->lib->PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *text = link->lib->PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	link->is_lost = true;
	pg_failure_from_server(&link->lost, sqlstate != NULL ? sqlstate : "57P01",
			       text != NULL ? text : "connection ended", link->server,
			       link->origin);
}

static void fail_from_libpq(const struct pg_link *link, struct pg_failure *ret_failure)
{
	pg_failure_from_message(ret_failure, link->lib->PQerrorMessage(link->conn), link->server,
				link->origin);
	pg_failure_hide(ret_failure, link->password);
}

struct parameters {
	const char *keywords[CONNINFO_MAX + 16];
	const char *values[CONNINFO_MAX + 16];
	size_t n;
};

static void add_parameter(struct parameters *parameters, const char *keyword, const char *value)
{
	parameters->keywords[parameters->n] = keyword;
	parameters->values[parameters->n++] = value;
}

/* Which keywords there are does not change while the library is loaded. */
static bool library_knows(const struct pg_lib *lib, const char *keyword)
{
	static PQconninfoOption *options;
	if (options == NULL)
		options = lib->PQconndefaults();
	if (options == NULL)
		return true; /* no memory: let the attempt say so */
	for (const PQconninfoOption *option = options; option->keyword != NULL; option++)
		if (streq(option->keyword, keyword))
			return true;
	return false;
}

/* The app's driver may bring a newer libpq than the system's: parameters that
 * this one does not know are left out, but not the one that protects the
 * password from the wrong server. */
static int add_given(const struct pg_lib *lib, struct parameters *parameters,
		     const struct pg_request *request, struct pg_failure *ret_failure)
{
	const struct conninfo *conninfo = request->conninfo;
	for (size_t i = 0; i < conninfo->n; i++) {
		if (library_knows(lib, conninfo->keywords[i])) {
			add_parameter(parameters, conninfo->keywords[i], conninfo->values[i]);
		} else if (streq(conninfo->keywords[i], "require_auth")) {
			pg_failure_set(ret_failure, PG_FATAL,
				       "this libpq does not know require_auth: install libpq 16 or "
				       "later, or remove it from %s",
				       request->origin);
			return -1;
		}
	}
	return 0;
}

/* Behind those that were given: of two values of one keyword libpq takes the last. */
static void add_ours(struct parameters *parameters, const struct pg_request *request,
		     const struct pg_target *target)
{
	/* A dead link is noticed within half a minute (contract §6, the lock). */
	add_parameter(parameters, "keepalives", "1");
	add_parameter(parameters, "keepalives_idle", "10");
	add_parameter(parameters, "keepalives_interval", "5");
	add_parameter(parameters, "keepalives_count", "3");
	add_parameter(parameters, "tcp_user_timeout", "25000");
	/* a ticket's server may be asked for a minute, and krb5 dislikes forks */
	add_parameter(parameters, "gssencmode", "disable");
	add_parameter(parameters, "target_session_attrs", "any"); /* the first query asks */
	add_parameter(parameters, "application_name", request->application_name);
	if (target->host[0] != '\0' || target->hostaddr[0] != '\0') {
		add_parameter(parameters, "host", target->host);
		add_parameter(parameters, "hostaddr", target->hostaddr);
		add_parameter(parameters, "port", target->port);
	}
	add_parameter(parameters, NULL, NULL);
}

static struct pg_link *link_new(const struct pg_lib *lib, const struct pg_request *request,
				const struct pg_target *target)
{
	struct pg_link *link = mem_alloc(sizeof(*link));
	const char *password = conninfo_get(request->conninfo, "password");
	link->lib = lib;
	link->origin = mem_dup(request->origin);
	link->password = password != NULL ? mem_dup(password) : NULL;
	link->interrupt_fd = -1;
	text_copy(link->server, sizeof(link->server), target->server);
	return link;
}

void pg_link_close(struct pg_link *take_link)
{
	if (take_link->conn != NULL)
		take_link->lib->PQfinish(take_link->conn);
	if (take_link->password != NULL)
		explicit_bzero(take_link->password, strlen(take_link->password));
	free(take_link->password);
	free(take_link->origin);
	free(take_link);
}

/* Polls the new connection until it stands or fails. */
static int shake_hands(struct pg_link *link, int64_t deadline_ms, int64_t timeout_ms,
		       struct pg_failure *ret_failure)
{
	PostgresPollingStatusType next = PGRES_POLLING_WRITING;
	while (next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING) {
		short events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;
		if (pg_link_wait(link, events, deadline_ms) <= 0) {
			pg_link_fail_timeout(link, timeout_ms,
					     link->lib->PQstatus(link->conn) != CONNECTION_STARTED,
					     ret_failure);
			return -1;
		}
		next = link->lib->PQconnectPoll(link->conn);
	}
	if (next == PGRES_POLLING_OK)
		return 0;
	fail_from_libpq(link, ret_failure);
	return -1;
}

/* A pooler accepts for a server that is down; a standby accepts, too. */
static int check_server(struct pg_link *link, bool read_write, int64_t deadline_ms,
			int64_t timeout_ms, struct pg_failure *ret_failure)
{
	struct pg_row row;
	const char *sql = read_write ? "SHOW transaction_read_only" : "SELECT 1";
	if (pg_link_query_until(link, sql, deadline_ms, timeout_ms, &row, ret_failure) !=
	    PG_ANSWERED)
		return -1;
	if (read_write && !streq(row.cells[0], "off")) {
		pg_failure_set(
			ret_failure, PG_GRACE_READ_ONLY,
			"%s: the server is read-only (a standby?): name the primary in %s, or "
			"set target = any",
			link->server, link->origin);
		return -1;
	}
	return 0;
}

struct pg_link *pg_link_try(const struct pg_lib *lib, const struct pg_request *request,
			    const struct pg_target *target, struct pg_failure *ret_failure)
{
	int64_t start_ms = pg_now_ms(), timeout_ms = request->attempt_timeout_ms;
	struct parameters parameters = { .n = 0 };
	if (request->deadline_ms - start_ms < timeout_ms)
		timeout_ms = request->deadline_ms - start_ms;
	if (add_given(lib, &parameters, request, ret_failure) < 0)
		return NULL;
	add_ours(&parameters, request, target);
	struct pg_link *link = link_new(lib, request, target);
	link->conn = lib->PQconnectStartParams(parameters.keywords, parameters.values, 0);
	if (link->conn == NULL) {
		pg_failure_set(ret_failure, PG_RETRY, "out of memory");
		pg_link_close(link);
		return NULL;
	}
	/* before the first poll: the only public way to a failed login's SQLSTATE */
	(void)lib->PQsetErrorVerbosity(link->conn, PQERRORS_VERBOSE);
	(void)lib->PQsetNoticeReceiver(link->conn, receive_notice, link);
	int result = -1;
	if (lib->PQstatus(link->conn) == CONNECTION_BAD)
		fail_from_libpq(link, ret_failure);
	else
		result = shake_hands(link, start_ms + timeout_ms, timeout_ms, ret_failure);
	if (result == 0) {
		(void)lib->PQsetnonblocking(link->conn, 1);
		result = check_server(link, request->read_write, start_ms + timeout_ms, timeout_ms,
				      ret_failure);
	}
	if (result == 0)
		return link;
	pg_link_close(link);
	return NULL;
}

const char *pg_link_server(const struct pg_link *link)
{
	return link->server;
}

int pg_link_backend_pid(const struct pg_link *link)
{
	return link->lib->PQbackendPID(link->conn);
}

void pg_link_set_interrupt(struct pg_link *link, int fd)
{
	link->interrupt_fd = fd;
}
