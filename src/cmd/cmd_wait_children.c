/* The children of `pidone wait`: one for each target, at once. What can hang or
 * crash does it there; a crash costs a retry. */
#include "cmd/cmd_wait_parts.h"

#include "base/log.h"
#include "children/agent.h"
#include "children/busy.h"
#include "children/checks.h"
#include "effect/environment.h"
#include "effect/own_child.h"
#include "pure/backoff.h"
#include "sys/sys.h"

#include <errno.h>
#include <poll.h>

#define ENVIRONMENT_RETRY_MS 1000

/* What is wrong with the environment may heal: a secret's file that comes late. */
static void build(const struct wait *wait,
		  int (*how)(struct environment *, const struct config *, char *const *,
			     struct err *),
		  struct environment *ret)
{
	struct err err;
	while (how(ret, &wait->config, wait->options->environment, &err) < 0) {
		messages_send(wait->messages.send_fd, MESSAGE_WAIT_REASON, 0, "%s", err.msg);
		(void)poll(NULL, 0, ENVIRONMENT_RETRY_MS);
	}
}

static int run_agent(const struct wait *wait)
{
	struct environment sources = { 0 };
	build(wait, environment_build_sources, &sources);
	const struct agent_options options = {
		.mission = AGENT_WAIT,
		.config = &wait->config,
		.environment = sources.items.items,
		.message_fd = wait->messages.send_fd,
		.since_ms = wait->since_ms,
	};
	return agent_main(&options);
}

static int run_check(const struct wait *wait, const struct check_spec *spec)
{
	struct environment environment = { 0 };
	/* Only these two look at it: the file that it lacks may be another target. */
	if (spec->kind == CHECK_EXEC || spec->kind == CHECK_POSTGRES)
		build(wait, environment_build, &environment);
	const struct check_context context = {
		.config = &wait->config,
		.environment = environment.items.items,
		.check_host = config_get(&wait->config, "probes", "check-host", NULL),
		.timeout_ms = config_duration(&wait->config, "command", "check-timeout"),
	};
	return check_wait_main(spec, &context, wait->messages.send_fd);
}

static void start(const struct wait *wait, struct wait_target *target)
{
	bool is_agents = target->spec.kind == CHECK_POSTGRES && target->spec.path[0] == '\0';
	const int keep_fds[] = { wait->messages.send_fd, log_fd() };
	const struct own_child own = {
		.title = is_agents ? "pidone: agent" : "pidone: wait",
		.keep_fds = keep_fds,
		.n_keep_fds = ARRAY_SIZE(keep_fds),
	};
	target->started_ms = sys_now_ms();
	pid_t pid = own_child_fork(&own);
	if (pid == 0)
		sys_exit_now(is_agents ? run_agent(wait) : run_check(wait, &target->spec));
	if (pid > 0) {
		target->pid = pid;
		return;
	}
	log_warning("fork", "cannot ask %s: %s: will try again", target->name, strerror(errno));
	target->next_start_ms = target->started_ms + backoff_restart_ms(&target->deaths, 0);
}

void cmd_wait_start_children(struct wait *wait)
{
	for (size_t i = 0; i < wait->n; i++) {
		struct wait_target *target = &wait->targets[i];
		if (!target->done && target->pid == 0 && target->next_start_ms <= sys_now_ms())
			start(wait, target);
	}
}

static void start_again_later(struct wait_target *target, int code, int signo)
{
	char how[64];
	int64_t now_ms = sys_now_ms();
	log_warning("waiting", "the child that asks %s %s: starting it again", target->name,
		    busy_describe_end(code, signo, how, sizeof(how)));
	target->next_start_ms =
		now_ms + backoff_restart_ms(&target->deaths, now_ms - target->started_ms);
}

struct wait_target *cmd_wait_find_child(struct wait *wait, pid_t pid)
{
	for (size_t i = 0; i < wait->n; i++)
		if (wait->targets[i].pid == pid)
			return &wait->targets[i];
	return NULL; /* as PID 1: an orphan */
}

void cmd_wait_reap_children(struct wait *wait)
{
	pid_t pid = 0;
	int code = 0, signo = 0;
	enum sys_wait_result result;
	while ((result = sys_wait_peek(&pid)) == SYS_WAIT_ENDED || result == SYS_WAIT_STOPPED) {
		struct wait_target *target = cmd_wait_find_child(wait, pid);
		cmd_wait_take_messages(wait); /* all that it said is here by now */
		if (sys_wait_take(pid, &code, &signo) != SYS_WAIT_ENDED || target == NULL)
			continue;
		target->pid = 0;
		if (!target->done && wait->code < 0)
			start_again_later(target, code, signo);
	}
}

void cmd_wait_end_children(struct wait *wait)
{
	int code = 0;
	for (size_t i = 0; i < wait->n; i++)
		if (wait->targets[i].pid != 0)
			(void)sys_kill(wait->targets[i].pid, SIGKILL);
	for (size_t i = 0; i < wait->n; i++)
		if (wait->targets[i].pid != 0)
			(void)sys_wait_blocking(wait->targets[i].pid, &code);
}
