/* The agent: waiting for PostgreSQL. The lock is in agent_lock.c. */
#include "children/agent_internal.h"

#include "base/parse.h"
#include "children/busy.h"
#include "effect/messages.h"
#include "effect/pg_source.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <time.h>

static const struct {
	const char *kind; /* of its session's name */
	bool past_pooler; /* lock-url counts */
	bool writes;      /* to a standby of the server as little as to a read-only one */
	enum message_type failed;
} missions[] = {
	[AGENT_WAIT] = { "pidone-wait", false, false, MESSAGE_WAIT_FAILED },
	[AGENT_LOCK] = { "pidone-lock", true, true, MESSAGE_LOCK_FAILED },
	[AGENT_ASK_MARK] = { "pidone-mark", true, true, MESSAGE_MARK_FAILED },
	[AGENT_ASK_TRY] = { "pidone-mark", true, true, MESSAGE_MARK_FAILED },
	[AGENT_SET_MARK] = { "pidone-mark", true, true, MESSAGE_MARK_FAILED },
	[AGENT_WAIT_MARK] = { "pidone-wait", false, false, MESSAGE_WAIT_FAILED },
};

static const char *lookup(const char *name, const void *context)
{
	size_t length = strlen(name);
	for (char *const *item = context; *item != NULL; item++)
		if (strncmp(*item, name, length) == 0 && (*item)[length] == '=')
			return *item + length + 1;
	return NULL;
}

#define NAME_LOCK_MAX 20

/* Nothing that needs quoting in SQL, or more than one byte, gets into a name. */
static void clean(char *text)
{
	for (; *text != '\0'; text++)
		if (!isalnum((unsigned char)*text) && strchr("-._", *text) == NULL)
			*text = '_';
}

static const char *build_name(const char *kind, const char *lock_name, const char *id,
			      char buffer[AGENT_SESSION_NAME_SIZE])
{
	int used = snprintf(buffer, AGENT_SESSION_NAME_SIZE, "%s/%.*s/", kind, NAME_LOCK_MAX,
			    lock_name);
	size_t room = (size_t)(AGENT_SESSION_NAME_SIZE - 1 - used), length = strlen(id);
	size_t kind_length = strlen(kind);
	memcpy(buffer + used, length > room ? id + length - room : id,
	       (length > room ? room : length) + 1);
	buffer[used - 1] = '\0';
	clean(buffer + kind_length + 1);
	buffer[used - 1] = '/';
	clean(buffer + used);
	return buffer;
}

const char *agent_session_name(const char *lock_name, const char *session_id,
			       char buffer[AGENT_SESSION_NAME_SIZE])
{
	return build_name("pidone", lock_name, session_id, buffer);
}

const char *agent_name(const char *kind, const struct agent_options *options,
		       char buffer[AGENT_SESSION_NAME_SIZE])
{
	return build_name(kind,
			  options->lock_name != NULL
				  ? options->lock_name
				  : config_get(options->config, "postgres", "project", NULL),
			  options->session_id != NULL ? options->session_id : "", buffer);
}

uint32_t agent_random(void)
{
	uint32_t random = 0;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = (uint32_t)pg_now_ms() * 2654435761U + (uint32_t)getpid();
	return random;
}

void agent_sleep(int64_t ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		continue;
}

/* No source is a mistake of whoever asked for a database; a file that is not
 * there yet is a reason to wait. */
static bool find_source(const struct agent_options *options, struct conninfo *conninfo,
			char *origin, size_t size, struct pg_failure *failure)
{
	struct err err = { .code = 0 };
	enum pg_source_result result =
		missions[options->mission].past_pooler
			? pg_source_find_lock(options->config, lookup, options->environment,
					      conninfo, origin, size, &err)
			: pg_source_find(options->config, lookup, options->environment, conninfo,
					 origin, size, &err);
	switch (result) {
	case PG_SOURCE_FOUND:
		return true;
	case PG_SOURCE_NONE:
		pg_failure_set(
			failure, PG_FATAL,
			"no database is configured: set DATABASE_URL, or PGHOST and PGDATABASE, "
			"or secret-dir in [postgres]");
		break;
	case PG_SOURCE_NOT_YET:
		pg_failure_set(failure, PG_RETRY, "%s", err.msg);
		break;
	case PG_SOURCE_OTHER_ENGINE:
	case PG_SOURCE_INVALID:
		pg_failure_set(failure, PG_FATAL, "%s", err.msg);
		break;
	}
	return false;
}

/* One attempt with what the sources say now. */
static struct pg_link *attempt(const struct pg_lib *lib, const struct agent_options *options,
			       const char *name, int64_t deadline_ms, char *ret_masked,
			       size_t masked_size, struct pg_failure *failure)
{
	struct conninfo conninfo;
	char origin[256];
	if (!find_source(options, &conninfo, origin, sizeof(origin), failure))
		return NULL;
	struct pg_request request = {
		.conninfo = &conninfo,
		.origin = origin,
		.application_name = name,
		.attempt_timeout_ms =
			config_duration(options->config, "postgres", "attempt-timeout"),
		.deadline_ms = deadline_ms,
		/* a standby grants a lock of its own */
		.read_write = missions[options->mission].writes ||
			      streq(config_get(options->config, "postgres", "target", NULL),
				    "read-write"),
	};
	struct pg_link *link = pg_link_open(lib, &request, failure);
	if (ret_masked != NULL)
		(void)conninfo_masked(&conninfo, ret_masked, masked_size);
	conninfo_fini(&conninfo);
	return link;
}

static bool is_grace_over(struct agent *agent, const struct pg_failure *failure,
			  int64_t *ret_left_ms)
{
	int64_t grace_ms = config_duration(agent->options->config, "postgres", "auth-grace");
	int64_t now_ms = pg_now_ms();
	*ret_left_ms = INT64_MAX;
	if (failure->class == PG_RETRY_QUICKLY)
		agent->grace_since_ms = 0; /* a restart: what comes up may be another server */
	if (failure->class != PG_GRACE && failure->class != PG_GRACE_READ_ONLY)
		return false;
	if (agent->grace_since_ms == 0)
		agent->grace_since_ms = now_ms;
	if (grace_ms == DURATION_NONE)
		return false;
	*ret_left_ms = agent->grace_since_ms + grace_ms - now_ms;
	return *ret_left_ms <= 0;
}

bool agent_fail(struct agent *agent, const struct pg_failure *failure, int64_t *ret_delay_ms)
{
	int64_t elapsed_ms = pg_now_ms() - agent->options->since_ms, left_ms = 0;
	agent->last = *failure;
	if (is_grace_over(agent, failure, &left_ms) || failure->class == PG_FATAL)
		return false;
	if (!streq(agent->reason, failure->reason)) {
		text_copy(agent->reason, sizeof(agent->reason), failure->reason);
		messages_send(agent->options->message_fd, MESSAGE_WAIT_REASON, 0, "postgres: %s",
			      failure->reason);
		busy_told();
	}
	*ret_delay_ms = backoff_delay_ms(&agent->backoff, failure->class == PG_RETRY_QUICKLY,
					 elapsed_ms, agent_random());
	if (*ret_delay_ms > left_ms)
		*ret_delay_ms = left_ms; /* one last attempt right at the end of the grace */
	return true;
}

struct pg_link *agent_connect(struct agent *agent)
{
	char name[AGENT_SESSION_NAME_SIZE];
	(void)agent_name(missions[agent->options->mission].kind, agent->options, name);
	for (;;) {
		struct pg_failure failure = { .class = PG_OK };
		int64_t delay_ms = 0;
		struct pg_link *link = attempt(agent->lib, agent->options, name, INT64_MAX,
					       agent->masked, sizeof(agent->masked), &failure);
		if (link != NULL)
			return link;
		if (!agent_fail(agent, &failure, &delay_ms))
			return NULL;
		agent_sleep(delay_ms);
	}
}

/* 78 for a mistake, 69 for what did not come. */
int agent_give_up(const struct agent *agent)
{
	int code = agent->last.class == PG_FATAL ? EXIT_CODE_CONFIG : EXIT_CODE_UNAVAILABLE;
	messages_send(agent->options->message_fd, missions[agent->options->mission].failed, code,
		      "postgres: %s", agent->last.reason);
	return code;
}

static int wait_main(struct agent *agent)
{
	struct pg_link *link = agent_connect(agent);
	if (link == NULL)
		return agent_give_up(agent);
	pg_link_close(link);
	messages_send(agent->options->message_fd, MESSAGE_WAIT_DONE, 0, "postgres: %s",
		      agent->masked);
	return EXIT_CODE_OK;
}

/* The password is in our memory: no core file, no reading by siblings. And
 * libpq is to find the variables that the app will have. */
static void settle(char *const *environment)
{
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	environ = (char **)environment;
}

int agent_main(const struct agent_options *options)
{
	struct agent agent = { .options = options };
	struct err err;
	settle(options->environment);
	busy_start(options->message_fd,
		   "postgres: ", config_duration(options->config, "postgres", "attempt-timeout"));
	agent.lib = pg_lib_load(&err);
	if (agent.lib == NULL) {
		pg_failure_set(&agent.last, PG_FATAL, "%s", err.msg);
		return agent_give_up(&agent);
	}
	switch (options->mission) {
	case AGENT_WAIT:
		return wait_main(&agent);
	case AGENT_LOCK:
		return agent_lock_main(&agent);
	case AGENT_ASK_MARK:
	case AGENT_ASK_TRY:
	case AGENT_SET_MARK:
	case AGENT_WAIT_MARK:
		break;
	}
	return agent_mark_main(&agent);
}

struct pg_link *agent_open_once(enum agent_mission mission, const char *kind,
				const struct config *config, char *const *environment,
				int64_t deadline_ms, struct err *err)
{
	struct agent_options options = {
		.mission = mission, .config = config, .environment = environment, .message_fd = -1
	};
	struct pg_failure failure = { .class = PG_OK };
	char name[AGENT_SESSION_NAME_SIZE];
	settle(environment);
	const struct pg_lib *lib = pg_lib_load(err);
	if (lib == NULL)
		return NULL;
	(void)agent_name(kind, &options, name);
	struct pg_link *link = attempt(lib, &options, name, deadline_ms, NULL, 0, &failure);
	if (link == NULL)
		(void)err_set(err, 0, "%s", failure.reason);
	return link;
}

int agent_ping(const struct config *config, char *const *environment, int64_t deadline_ms,
	       struct err *err)
{
	struct pg_link *link =
		agent_open_once(AGENT_WAIT, "pidone-check", config, environment, deadline_ms, err);
	if (link == NULL)
		return -1;
	pg_link_close(link);
	return 0;
}
