/* The look around at boot. Reading secrets and filling in commands leaves traces
 * in memory that PID 1 need not carry for the rest of its life, and may hang (a
 * mount that does not answer): a child does it, and a signal can end it. */
#include "supervisor/state.h"

#include "base/log.h"
#include "sys/sys.h"

#include <errno.h>
#include <poll.h>

#define UNKILLABLE_MS 2000 /* as at the end of a life: time to end for what got KILL */

/* A plain command that waits for nothing is itself the first thing to start: what
 * is wrong with it, its own child tells at once. */
static bool is_needed(const struct supervisor *s)
{
	const struct config *config = s->options->config;
	const char *role = s->plan->role, *lock = config_get(config, role, "lock", NULL);
	return !streq(role, "command") || s->plan->n_steps > 0 || s->plan->n_processes > 1 ||
	       config_get(config, role, "wait", NULL) != NULL ||
	       config_get(config, role, "user", NULL) != NULL ||
	       (lock != NULL && !streq(lock, "none"));
}

static void take_messages(struct supervisor *s, struct preflight *ret)
{
	struct message message;
	pid_t sender = 0;
	while (messages_receive(&s->messages, &message, &sender) != 0) {
		if (message.type == MESSAGE_DEFAULT_READY) {
			memcpy(ret->default_ready, message.text, sizeof(message.text));
			ret->has_default_ready = true;
		} else if (message.type == MESSAGE_PERSON) {
			memcpy(ret->person, message.text, sizeof(message.text));
		} else if (message.type == MESSAGE_EXEC_FAILED) {
			supervisor_set_reason(s, "%s", message.text);
		}
	}
}

static bool is_told_to_stop(struct supervisor *s)
{
	bool told = false;
	for (int signo; (signo = signals_read(s->signal_fd)) != 0;) {
		if (!lifecycle_ends_a_wait(signo) || s->n_events > 0 ||
		    supervisor_is_deaf_to(s, signo))
			continue;
		supervisor_push(
			s, (struct lifecycle_event){ .type = LIFECYCLE_SIGNAL, .code = signo });
		told = true;
	}
	return told;
}

/* The child's exit code; -1: it was ended because we shall end. What hangs inside the
 * kernel outlives KILL, too: it is not waited for then. */
static int wait_for(struct supervisor *s, pid_t pid)
{
	int code = 0, signo = 0;
	int64_t leave_at_ms = -1;
	while (sys_wait_take(pid, &code, &signo) != SYS_WAIT_ENDED) {
		struct pollfd signals = { .fd = s->signal_fd, .events = POLLIN };
		int64_t left_ms = leave_at_ms < 0 ? -1 : leave_at_ms - sys_now_ms();
		if (leave_at_ms >= 0 && left_ms <= 0) {
			log_error("unkillable", "the look around before the start does not end by "
						"KILL: it hangs inside the kernel, mostly on "
						"storage that does not answer");
			break;
		}
		(void)poll(&signals, 1, (int)left_ms);
		if (!is_told_to_stop(s) || leave_at_ms >= 0)
			continue;
		leave_at_ms = sys_now_ms() + UNKILLABLE_MS;
		(void)sys_kill(pid, SIGKILL);
	}
	return leave_at_ms < 0 ? code : -1;
}

int supervisor_preflight(struct supervisor *s, struct preflight *ret, struct err *err)
{
	if (!is_needed(s))
		return 0;
	pid_t pid = sys_fork();
	if (pid == 0)
		sys_exit_now(launch_preflight(&s->launch));
	if (pid < 0) {
		(void)err_set(err, errno, "look around before the start");
		return EXIT_CODE_INTERNAL;
	}
	int code = wait_for(s, pid);
	take_messages(s, ret);
	ret->database = code != LAUNCH_NO_DATABASE;
	if (code <= LAUNCH_DATABASE)
		return 0;
	(void)err_set(err, 0, "%s", s->reason[0] != '\0' ? s->reason : "the look around failed");
	return code;
}
