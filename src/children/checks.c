/* One function per kind of check, and the two lives of a child that checks. */
#include "children/checks_parts.h"

#include "base/mem.h"
#include "children/agent.h"
#include "children/busy.h"
#include "effect/http_client.h"
#include "effect/messages.h"
#include "effect/stream.h"
#include "sys/sys.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 2000

static int check_http(const struct check_spec *spec, const struct check_context *context,
		      int64_t deadline_ms, char *detail, size_t size, struct err *err)
{
	char own_host[sizeof(spec->host) + 16];
	unsigned status = 0;
	bool brackets = strchr(spec->host, ':') != NULL;
	(void)snprintf(own_host, sizeof(own_host), "%s%s%s:%u", brackets ? "[" : "", spec->host,
		       brackets ? "]" : "", spec->port);
	const struct http_client_request request = {
		.host = spec->host,
		.port = spec->port,
		.path = spec->path,
		.host_header = context->check_host != NULL ? context->check_host : own_host,
		.forwarded_https = true,
		.deadline_ms = deadline_ms,
	};
	if (http_client_get(&request, &status, NULL, err) < 0)
		return -1;
	if (status == 400 && spec->max_status <= 400)
		return err_set(err, 0,
			       "HTTP 400: does ALLOWED_HOSTS have '%.100s'? ([probes] "
			       "check-host sets another)",
			       request.host_header);
	if (status < 200 || status >= (unsigned)spec->max_status)
		return err_set(err, 0, "HTTP %u", status);
	(void)snprintf(detail, size, "HTTP %u", status);
	return 0;
}

static int check_accepts(const struct check_spec *spec, int64_t deadline_ms, char *detail,
			 size_t size, struct err *err)
{
	int fd CLEANUP_CLOSE =
		spec->kind == CHECK_UNIX
			? stream_connect_unix(spec->path, deadline_ms, err)
			: stream_connect_tcp(spec->host, spec->port, deadline_ms, err);
	if (fd < 0)
		return -1;
	(void)snprintf(detail, size, "accepted");
	return 0;
}

static int check_file(const struct check_spec *spec, char *detail, size_t size, struct err *err)
{
	struct stat st;
	struct timespec now;
	if (stat(spec->path, &st) < 0)
		return errno == ENOENT ? err_set(err, 0, "the file is not there")
				       : err_set(err, errno, "look at the file");
	if (spec->kind == CHECK_FILE) {
		(void)snprintf(detail, size, "is there");
		return 0;
	}
	(void)clock_gettime(CLOCK_REALTIME, &now); /* which files' times are in */
	int64_t age_ms = (int64_t)(now.tv_sec - st.st_mtim.tv_sec) * 1000 +
			 (now.tv_nsec - st.st_mtim.tv_nsec) / 1000000;
	if (age_ms > spec->age_ms)
		return err_set(err, 0, "last heartbeat %lld s ago, allowed are %lld s",
			       (long long)(age_ms / 1000), (long long)(spec->age_ms / 1000));
	(void)snprintf(detail, size, "%lld s old", (long long)(age_ms / 1000));
	return 0;
}

/* A check with a URL of its own: the same configuration, but for the source. */
static int check_postgres(const struct check_spec *spec, const struct check_context *context,
			  int64_t deadline_ms, char *detail, size_t size, struct err *err)
{
	struct config config = { 0 };
	size_t n_keys = 0;
	const struct config_key *keys = config_keys(&n_keys);
	if (spec->path[0] == '\0')
		config = *context->config;
	else
		config.entries = mem_alloc((context->config->n + 1) * sizeof(config.entries[0]));
	for (size_t i = 0; spec->path[0] != '\0' && i < context->config->n; i++) {
		const struct config_entry *entry = &context->config->entries[i];
		if (!streq(entry->section, "postgres") ||
		    (!starts_with(entry->name, "url") && !streq(entry->name, "secret-dir")))
			config.entries[config.n++] = *entry;
	}
	for (size_t i = 0; spec->path[0] != '\0' && i < n_keys; i++)
		if (keys[i].where == CONFIG_IN_POSTGRES && streq(keys[i].name, "url"))
			config.entries[config.n++] = (struct config_entry){
				.key = &keys[i],
				.section = (char *)(uintptr_t) "postgres",
				.name = (char *)(uintptr_t) "url",
				.value = (char *)(uintptr_t)spec->path,
				.origin = (char *)(uintptr_t) "the check's URL",
			};
	int result = agent_ping(&config, context->environment, deadline_ms, err);
	if (spec->path[0] != '\0')
		free(config.entries); /* the texts are borrowed */
	if (result == 0)
		(void)snprintf(detail, size, "answers");
	return result;
}

static int run(const struct check_spec *spec, const struct check_context *context,
	       int64_t deadline_ms, char *detail, size_t size, struct err *err)
{
	switch (spec->kind) {
	case CHECK_HTTP:
		return check_http(spec, context, deadline_ms, detail, size, err);
	case CHECK_TCP:
	case CHECK_UNIX:
		return check_accepts(spec, deadline_ms, detail, size, err);
	case CHECK_EXEC:
		return checks_exec(spec, context, deadline_ms, detail, size, err);
	case CHECK_HEARTBEAT:
	case CHECK_FILE:
		return check_file(spec, detail, size, err);
	case CHECK_POSTGRES:
		return check_postgres(spec, context, deadline_ms, detail, size, err);
	case CHECK_REDIS:
		return checks_redis(spec, deadline_ms, detail, size, err);
	case CHECK_NOTIFY:     /* the supervisor's own socket */
	case CHECK_MIGRATIONS: /* the agent's */
		break;
	}
	return err_set(err, 0, "this is not a check that a child runs");
}

int check_run(const struct check_spec *spec, const struct check_context *context, char *detail,
	      size_t size)
{
	struct err err = { .msg = "" };
	if (run(spec, context, sys_now_ms() + context->timeout_ms, detail, size, &err) == 0)
		return 0;
	text_copy(detail, size, err.msg);
	return -1;
}

int check_main(const struct check_spec *spec, const struct check_context *context, int message_fd)
{
	char detail[ERR_MSG_SIZE], where[ERR_MSG_SIZE];
	struct err err = { .msg = "" };
	int64_t deadline_ms = sys_now_ms() + context->timeout_ms;
	int result = run(spec, context, deadline_ms, detail, sizeof(detail), &err);
	bool looks = result == 0 ? context->explains_success : context->explains_refusal;
	enum message_where code = MESSAGE_SAYS_NOTHING;
	if (looks)
		code = checks_explain(spec, context, result == 0, err.code, deadline_ms, where,
				      sizeof(where));
	bool says_where = code == MESSAGE_SAYS_WHERE;
	if (result == 0 && says_where)
		text_copy(detail, sizeof(detail), where);
	if (result < 0)
		(void)snprintf(detail, sizeof(detail), "%s%s%s", err.msg, says_where ? ": " : "",
			       says_where ? where : "");
	messages_send(message_fd, result == 0 ? MESSAGE_CHECK_OK : MESSAGE_CHECK_FAILED, (int)code,
		      "%s", detail);
	return result == 0 ? EXIT_CODE_OK : EXIT_CODE_FAILED;
}

/* Anything between nothing and the bound: many pods that wait for one server do
 * not come in step. */
static int64_t jittered(int64_t bound_ms)
{
	uint32_t random = (uint32_t)sys_now_ms(); /* if the kernel has none yet */
	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	return (int64_t)(random % (uint32_t)(bound_ms + 1));
}

int check_wait_main(const struct check_spec *spec, const struct check_context *context,
		    int message_fd)
{
	char detail[ERR_MSG_SIZE], told[ERR_MSG_SIZE] = "";
	busy_start(message_fd, "", context->timeout_ms);
	for (int64_t bound_ms = BACKOFF_MIN_MS;; bound_ms *= 2) {
		busy_with("no answer yet");
		if (check_run(spec, context, detail, sizeof(detail)) == 0)
			break;
		busy_done();
		busy_told();
		if (!streq(detail, told))
			messages_send(message_fd, MESSAGE_WAIT_REASON, 0, "%s", detail);
		memcpy(told, detail, sizeof(told));
		if (bound_ms > BACKOFF_MAX_MS)
			bound_ms = BACKOFF_MAX_MS;
		(void)poll(NULL, 0, (int)jittered(bound_ms));
	}
	messages_send(message_fd, MESSAGE_WAIT_DONE, 0, "%s", detail);
	return EXIT_CODE_OK;
}
