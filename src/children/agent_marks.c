/* The agent's missions about marks: one answer, or waiting until there is one. */
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
		messages_send(fd, MESSAGE_MARK_MISSING, 0,
			      "begun on %s by %s, and not known to have been done", before.when,
			      before.by);
	else
		messages_send(fd, MESSAGE_MARK_MISSING, 0, "%s", "");
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
		if (!streq(reason, told))
			messages_send(agent->options->message_fd, MESSAGE_WAIT_REASON, 0, "%s",
				      reason);
		text_copy(told, sizeof(told), reason);
		answer = pg_link_idle(link, poll_delay_ms(agent), failure);
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
