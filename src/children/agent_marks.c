/* The agent's missions about steps: one answer, or waiting until there is one. */
#include "children/agent_internal.h"

#include "children/marks.h"
#include "effect/messages.h"

#include <stdio.h>

#define POLL_MS 1000 /* after a minute twice as long */

static struct mark complete(const struct agent *agent)
{
	struct mark mark = agent->options->mark;
	mark.project = config_get(agent->options->config, "postgres", "project", NULL);
	mark.by = agent->options->session_id;
	return mark;
}

static enum pg_answer ask_mark(struct agent *agent, struct pg_link *link,
			       struct pg_failure *failure)
{
	struct mark mark = complete(agent);
	struct mark_found before;
	int fd = agent->options->message_fd;
	enum pg_answer answer = mark_begin(link, &mark, &before, failure);
	if (answer != PG_ANSWERED)
		return answer;
	if (before.is_done)
		messages_send(fd, MESSAGE_MARK_THERE, 0, "done on %s by %s", before.when,
			      before.by);
	else if (before.is_there)
		messages_send(fd, MESSAGE_STEP_DUE, 0,
			      "begun on %s by %s, and not known to have been done", before.when,
			      before.by);
	else
		messages_send(fd, MESSAGE_STEP_DUE, 0, "%s", "");
	return answer;
}

static enum pg_answer set_mark(struct agent *agent, struct pg_link *link,
			       struct pg_failure *failure)
{
	struct mark mark = complete(agent);
	enum pg_answer answer = mark_end(link, &mark, failure);
	if (answer == PG_ANSWERED)
		messages_send(agent->options->message_fd, MESSAGE_MARK_THERE, 0, "%s", "");
	return answer;
}

static int64_t poll_delay_ms(const struct agent *agent)
{
	int64_t delay_ms = pg_now_ms() - agent->options->since_ms < 60000 ? POLL_MS : 2 * POLL_MS;
	return delay_ms / 2 + (int64_t)(agent_random() % (uint32_t)delay_ms);
}

const char *agent_leftover_sql(const struct agent *agent, enum agent_leftover whose,
			       char buffer[AGENT_LEFTOVER_SIZE])
{
	char own[AGENT_SESSION_NAME_SIZE]; /* nothing that SQL could misunderstand is in it */
	(void)agent_name("pidone", agent->options, own);
	bool of_others = whose != AGENT_LEFTOVER_OWN;
	int length = of_others ? (int)(strrchr(own, '/') - own) + 1 : (int)strlen(own);
	(void)snprintf(buffer, AGENT_LEFTOVER_SIZE,
		       "SELECT pg_catalog.pg_stat_clear_snapshot();"
		       "SELECT application_name, pid, state FROM pg_catalog.pg_stat_activity"
		       " WHERE datname = pg_catalog.current_database()"
		       " AND pg_catalog.left(application_name, %d) = '%.*s'"
		       " AND (application_name = '%s') = %s"
		       " AND (state IS DISTINCT FROM 'idle'%s)"
		       " ORDER BY backend_start LIMIT 1",
		       length, length, own, own, of_others ? "false" : "true",
		       whose == AGENT_LEFTOVER_EARLIER
			       ? " OR state_change > pg_catalog.clock_timestamp()"
				 " - pg_catalog.make_interval(mins => 1)"
			       : "");
	return buffer;
}

/* Between two looks; a reason is told when it is another one than the last. */
static enum pg_answer tell_and_pause(const struct agent *agent, struct pg_link *link,
				     const char *reason, char told[PG_REASON_SIZE],
				     struct pg_failure *failure)
{
	if (!streq(reason, told))
		messages_send(agent->options->message_fd, MESSAGE_WAIT_REASON, 0, "%s", reason);
	text_copy(told, PG_REASON_SIZE, reason);
	return pg_link_idle(link, poll_delay_ms(agent), failure);
}

static enum pg_answer wait_for_own(struct agent *agent, struct pg_link *link,
				   struct pg_failure *failure)
{
	char sql[AGENT_LEFTOVER_SIZE], reason[PG_REASON_SIZE], told[PG_REASON_SIZE] = "";
	struct pg_row row;
	(void)agent_leftover_sql(agent, AGENT_LEFTOVER_OWN, sql);
	for (;;) {
		enum pg_answer answer =
			pg_link_query(link, sql, AGENT_QUERY_TIMEOUT_MS, &row, failure);
		if (answer != PG_ANSWERED)
			return answer;
		if (!row.is_there)
			break;
		(void)snprintf(
			reason, sizeof(reason),
			"the last try is still at work in the server (server process %s, %s)",
			row.cells[1], row.cells[2]);
		answer = tell_and_pause(agent, link, reason, told, failure);
		if (answer != PG_ANSWERED)
			return answer;
	}
	messages_send(agent->options->message_fd, MESSAGE_STEP_DUE, 0, "%s", "");
	return PG_ANSWERED;
}

/* On one connection: a query a second costs less than a login. */
static enum pg_answer wait_for_mark(struct agent *agent, struct pg_link *link,
				    struct pg_failure *failure)
{
	struct mark mark = complete(agent);
	struct mark_found found;
	char told[PG_REASON_SIZE] = "", reason[PG_REASON_SIZE];
	for (;;) {
		enum pg_answer answer = mark_find(link, &mark, &found, failure);
		if (answer != PG_ANSWERED)
			return answer;
		if (found.is_done)
			break;
		(void)snprintf(reason, sizeof(reason),
			       "/init of release %s has not succeeded yet (project %s)",
			       mark.release, mark.project);
		answer = tell_and_pause(agent, link, reason, told, failure);
		if (answer != PG_ANSWERED)
			return answer;
	}
	messages_send(agent->options->message_fd, MESSAGE_WAIT_DONE, 0,
		      "/init of release %s was done on %s by %s", mark.release, found.when,
		      found.by);
	return PG_ANSWERED;
}

static enum pg_answer work(struct agent *agent, struct pg_link *link, struct pg_failure *failure)
{
	switch (agent->options->mission) {
	case AGENT_ASK_MARK:
		return ask_mark(agent, link, failure);
	case AGENT_ASK_TRY:
		return wait_for_own(agent, link, failure);
	case AGENT_SET_MARK:
		return set_mark(agent, link, failure);
	case AGENT_WAIT_MARK:
	case AGENT_WAIT:
	case AGENT_LOCK:
		break;
	}
	return wait_for_mark(agent, link, failure);
}

int agent_mark_main(struct agent *agent)
{
	for (;;) {
		struct pg_failure failure = { .class = PG_OK };
		int64_t delay_ms = 0;
		struct pg_link *link = agent_connect(agent);
		if (link == NULL)
			return agent_give_up(agent);
		enum pg_answer answer = work(agent, link, &failure);
		pg_link_close(link);
		if (answer == PG_ANSWERED)
			return EXIT_CODE_OK;
		if (!agent_fail(agent, &failure, &delay_ms))
			return agent_give_up(agent);
		agent_sleep(delay_ms);
	}
}
