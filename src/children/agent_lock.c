/* The lock: one holder at a time for each project in each database, and for each service of a
 * project that is to run only once.
 *
 * A transaction-level advisory lock, held by an idle READ COMMITTED
 * transaction: it has no snapshot, so neither vacuum nor CREATE INDEX
 * CONCURRENTLY waits for it; a pooler keeps its server connection with it; and
 * it is gone when the connection is. Polled, never waited for: a waiting
 * pg_advisory_lock() has a snapshot and deadlocks with the holder's CREATE
 * INDEX CONCURRENTLY. */
#include "children/agent_internal.h"

#include "base/mem.h"
#include "base/sha256.h"
#include "effect/messages.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/signalfd.h>

#define POLL_MIN_MS 200
#define POLL_SPAN_MS 800 /* 200 ms to 1 s between polls */
#define HEARTBEAT_MS 10000
#define GOODBYE_MS 1000

/* Time-outs that would end an idle transaction; a dead client is noticed after
 * 40 s, when the client (keepalives of 25 s, heartbeat) has long given up. Not
 * every server knows every one of them: pg_settings says which. */
#define SETTINGS                                                                                   \
	"('statement_timeout', '0'), ('lock_timeout', '0'),"                                       \
	"('idle_in_transaction_session_timeout', '0'), ('idle_session_timeout', '0'),"             \
	"('transaction_timeout', '0'), ('tcp_keepalives_idle', '20'),"                             \
	"('tcp_keepalives_interval', '5'), ('tcp_keepalives_count', '4'),"                         \
	"('tcp_user_timeout', '40000')"

struct lock {
	struct agent *agent;
	int signal_fd; /* SIGTERM, while it is blocked */
	uint64_t key;
	const char *name;
	struct pg_link *link;
	struct pg_failure failure;
	char told[PG_REASON_SIZE]; /* the last LOCK_REASON */
};

/* What a stage of the lock's life ended with. */
enum lock_end { LOCK_TAKEN, LOCK_BROKEN, LOCK_STOPPED };

static uint64_t make_key(const char *name)
{
	uint8_t digest[SHA256_SIZE];
	CLEANUP_FREE char *text = mem_format("pidone:%s", name);
	uint64_t key = 0;
	sha256(text, strlen(text), digest);
	for (size_t i = 0; i < 8; i++)
		key = key << 8 | digest[i];
	return key;
}

static void tell(struct lock *lock, const char *format, ...) ATTR_PRINTF(2, 3);
static void tell(struct lock *lock, const char *format, ...)
{
	char text[PG_REASON_SIZE];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (streq(text, lock->told))
		return;
	text_copy(lock->told, sizeof(lock->told), text);
	messages_send(lock->agent->options->message_fd, MESSAGE_LOCK_REASON, 0, "%s", text);
}

static enum lock_end query(struct lock *lock, const char *sql, struct pg_row *row)
{
	switch (pg_link_query(lock->link, sql, AGENT_QUERY_TIMEOUT_MS, row, &lock->failure)) {
	case PG_ANSWERED:
		return LOCK_TAKEN;
	case PG_FAILED:
		return LOCK_BROKEN;
	case PG_INTERRUPTED:
		break;
	}
	return LOCK_STOPPED;
}

static enum lock_end idle(struct lock *lock, int64_t ms)
{
	switch (pg_link_idle(lock->link, ms, &lock->failure)) {
	case PG_ANSWERED:
		return LOCK_TAKEN;
	case PG_FAILED:
		return LOCK_BROKEN;
	case PG_INTERRUPTED:
		break;
	}
	return LOCK_STOPPED;
}

static int64_t poll_delay_ms(void)
{
	return POLL_MIN_MS + (int64_t)(agent_random() % POLL_SPAN_MS);
}

/* One message: with a pooler nothing can come between its statements. */
static enum lock_end try_lock(struct lock *lock, bool *ret_gained)
{
	struct pg_row row;
	char sql[1024];
	(void)snprintf(sql, sizeof(sql),
		       "BEGIN ISOLATION LEVEL READ COMMITTED;"
		       "SELECT pg_catalog.set_config(s.name, v.value, true)"
		       " FROM (VALUES " SETTINGS ") AS v (name, value)"
		       " JOIN pg_catalog.pg_settings AS s ON s.name = v.name;"
		       "SELECT pg_catalog.pg_try_advisory_xact_lock(%" PRId64 ")",
		       (int64_t)lock->key);
	enum lock_end end = query(lock, sql, &row);
	*ret_gained = end == LOCK_TAKEN && streq(row.cells[0], "t");
	return end;
}

/* Ends the transaction of the last poll and asks who has the lock. */
static enum lock_end let_go_and_look(struct lock *lock)
{
	struct pg_row row;
	char sql[1024];
	(void)snprintf(sql, sizeof(sql),
		       "ROLLBACK;"
		       "SELECT l.pid, a.application_name, pg_catalog.host(a.client_addr),"
		       " pg_catalog.to_char(a.xact_start AT TIME ZONE 'UTC',"
		       " 'YYYY-MM-DD HH24:MI:SS\"Z\"')"
		       " FROM pg_catalog.pg_locks AS l"
		       " LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid"
		       " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
		       " AND l.database = (SELECT oid FROM pg_catalog.pg_database"
		       " WHERE datname = pg_catalog.current_database())"
		       " AND l.classid = %" PRIu32 " AND l.objid = %" PRIu32 " LIMIT 1",
		       (uint32_t)(lock->key >> 32), (uint32_t)lock->key);
	enum lock_end end = query(lock, sql, &row);
	if (end == LOCK_TAKEN && row.is_there)
		tell(lock, "the lock of project %s is held by %s%s%s (server process %s, since %s)",
		     lock->name, row.cells[1][0] != '\0' ? row.cells[1] : "another session",
		     row.cells[2][0] != '\0' ? " at " : "", row.cells[2], row.cells[0],
		     row.cells[3][0] != '\0' ? row.cells[3] : "an unknown time");
	return end;
}

static enum lock_end gain(struct lock *lock)
{
	for (;;) {
		bool gained = false;
		enum lock_end end = try_lock(lock, &gained);
		if (end != LOCK_TAKEN || gained)
			return end;
		end = let_go_and_look(lock);
		if (end == LOCK_TAKEN)
			end = idle(lock, poll_delay_ms());
		if (end != LOCK_TAKEN)
			return end;
	}
}

/* Is there a pooler between us and the server? Then its idle connections keep
 * the name of the last client for hours, and say nothing. */
static enum lock_end look_for_pooler(struct lock *lock, bool *ret_pooled)
{
	struct pg_row row;
	char told[16];
	enum lock_end end = query(lock, "SELECT pg_catalog.pg_backend_pid()", &row);
	(void)snprintf(told, sizeof(told), "%d", pg_link_backend_pid(lock->link));
	*ret_pooled =
		!streq(told, row.cells[0]) ||
		config_get(lock->agent->options->config, "postgres", "lock-url", NULL) != NULL;
	return end;
}

/* A step of an earlier holder may still be at work in the server. */
static enum lock_end wait_for_earlier(struct lock *lock)
{
	char sql[AGENT_LEFTOVER_SIZE];
	struct pg_row row;
	bool pooled = false;
	enum lock_end end = look_for_pooler(lock, &pooled);
	(void)agent_leftover_sql(
		lock->agent, pooled ? AGENT_LEFTOVER_EARLIER_POOLED : AGENT_LEFTOVER_EARLIER, sql);
	while (end == LOCK_TAKEN) {
		end = query(lock, sql, &row);
		if (end != LOCK_TAKEN || !row.is_there)
			break;
		tell(lock,
		     "waiting for a session that an earlier holder left behind: %s (server "
		     "process %s, %s)",
		     row.cells[0], row.cells[1], row.cells[2]);
		end = idle(lock, poll_delay_ms());
	}
	return end;
}

/* Until the link is found dead: by the server's farewell, the end of the
 * stream, TCP's keepalives, or an answer that does not come. */
static enum lock_end hold(struct lock *lock)
{
	enum lock_end end = LOCK_TAKEN;
	while (end == LOCK_TAKEN) {
		end = idle(lock, HEARTBEAT_MS);
		if (end == LOCK_TAKEN)
			end = query(lock, "SELECT 1", NULL);
	}
	return end;
}

/* ---- SIGTERM ---- */

/* While there is no connection there is nothing to release. */
static ATTR_NORETURN void leave_at_once(int signo)
{
	(void)signo;
	_exit(EXIT_CODE_OK);
}

/* Blocked: SIGTERM comes through signal_fd, and waiting on the link ends. */
static void block_term(bool block)
{
	sigset_t set;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

static int open_signal_fd(void)
{
	struct sigaction action = { .sa_handler = leave_at_once };
	sigset_t set;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaction(SIGTERM, &action, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* ---- the whole ---- */

static void release(struct lock *lock)
{
	/* in the middle of a query: closing alone ends the transaction, too */
	pg_link_set_interrupt(lock->link, -1);
	(void)!pg_link_query(lock->link, "ROLLBACK", GOODBYE_MS, NULL, &lock->failure);
}

/* With a link: everything until it is closed again. */
static enum lock_end use_link(struct lock *lock, bool *ret_was_held)
{
	lock->told[0] = lock->agent->reason[0] = '\0'; /* news again after a new connection */
	enum lock_end end = gain(lock);
	if (end == LOCK_TAKEN)
		end = wait_for_earlier(lock);
	if (end == LOCK_TAKEN) {
		messages_send(lock->agent->options->message_fd, MESSAGE_LOCK_GAINED, 0,
			      "project %s, %s", lock->name, lock->agent->masked);
		*ret_was_held = true;
		end = hold(lock);
	}
	if (end == LOCK_STOPPED)
		release(lock);
	return end;
}

int agent_lock_main(struct agent *agent)
{
	struct lock lock = {
		.agent = agent,
		.name = agent->options->lock_name,
		.signal_fd = open_signal_fd(),
	};
	lock.key = make_key(lock.name);
	for (;;) {
		bool was_held = false;
		int64_t delay_ms = 0;
		lock.link = agent_connect(agent);
		if (lock.link == NULL)
			return agent_give_up(agent);
		block_term(true);
		pg_link_set_interrupt(lock.link, lock.signal_fd);
		enum lock_end end = use_link(&lock, &was_held);
		if (end == LOCK_BROKEN && was_held)
			/* first the word, then the (possibly slow) farewell */
			messages_send(agent->options->message_fd, MESSAGE_LOCK_LOST, 0, "%s",
				      lock.failure.reason);
		pg_link_close(lock.link);
		if (end == LOCK_STOPPED || was_held)
			return EXIT_CODE_OK;
		block_term(false);
		if (!agent_fail(agent, &lock.failure, &delay_ms))
			return agent_give_up(agent);
		agent_sleep(delay_ms);
	}
}
