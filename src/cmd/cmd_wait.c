/* `pidone wait [--timeout D] TARGET… [-- COMMAND…]`: waits for all targets at
 * once, a line for every change, and runs COMMAND in its own place. Exit 0
 * without one; 69 when the time is over or a target will not come; 64; 78 for a
 * target that cannot be understood; 128+N for a signal. */
#include "cmd/cmd_wait_parts.h"

#include "base/log.h"
#include "base/parse.h"
#include "effect/config_file.h"
#include "effect/environment.h"
#include "effect/program.h"
#include "effect/termination.h"
#include "pure/lifecycle.h"
#include "sys/sys.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#define WAIT_USAGE "pidone wait [--timeout D] TARGET… [-- COMMAND ARG…]"

void cmd_wait_give_up(struct wait *wait, int code, const char *reason)
{
	log_error("gave-up", "%s", reason);
	wait->code = code;
	if (wait->reasons.length == 0)
		buf_format(&wait->reasons, "exit %d: %s", code, reason);
	else
		buf_format(&wait->reasons, "; %s", reason);
}

static void take_signals(struct wait *wait)
{
	char name[16];
	for (int signo; (signo = signals_read(wait->signal_fd)) != 0;) {
		if (signo == SIGCHLD)
			cmd_wait_reap_children(wait);
		if (!lifecycle_ends_a_wait(signo) || signals_is_ignored(signo))
			continue;
		log_info("stopping", "%s ends the wait", signal_name(signo, name, sizeof(name)));
		wait->code = EXIT_CODE_SIGNAL + signo;
	}
}

static void look_at_clock(struct wait *wait)
{
	char reason[MESSAGE_TEXT_SIZE + 160], duration[32];
	int64_t now_ms = sys_now_ms();
	bool is_over = wait->timeout_ms >= 0 && now_ms - wait->since_ms >= wait->timeout_ms;
	if (wait->code >= 0 || (!is_over && now_ms < wait->next_reminder_ms))
		return;
	(void)duration_text(wait->timeout_ms, duration, sizeof(duration));
	for (size_t i = 0; i < wait->n; i++) {
		struct wait_target *target = &wait->targets[i];
		if (target->done)
			continue;
		if (!is_over) {
			cmd_wait_log_waiting(wait, target);
			continue;
		}
		(void)snprintf(reason, sizeof(reason), "%s did not come within %s: %s",
			       target->name, duration,
			       target->reason[0] != '\0' ? target->reason : "no answer");
		cmd_wait_give_up(wait, EXIT_CODE_UNAVAILABLE, reason);
	}
}

/* Until the next thing that the clock brings. */
static int sleep_ms(const struct wait *wait)
{
	int64_t until_ms = wait->next_reminder_ms;
	if (wait->timeout_ms >= 0 && wait->since_ms + wait->timeout_ms < until_ms)
		until_ms = wait->since_ms + wait->timeout_ms;
	for (size_t i = 0; i < wait->n; i++) {
		const struct wait_target *target = &wait->targets[i];
		if (!target->done && target->pid == 0 && target->next_start_ms < until_ms)
			until_ms = target->next_start_ms;
	}
	int64_t left_ms = until_ms - sys_now_ms();
	return left_ms > 0 ? (int)left_ms : 0;
}

static void wait_for_all(struct wait *wait)
{
	struct pollfd polls[] = { { .fd = wait->signal_fd, .events = POLLIN },
				  { .fd = wait->messages.receive_fd, .events = POLLIN } };
	wait->since_ms = sys_now_ms();
	wait->next_reminder_ms = wait->since_ms + CMD_WAIT_REMINDER_MS;
	while (wait->code < 0) {
		cmd_wait_start_children(wait);
		(void)poll(polls, ARRAY_SIZE(polls), sleep_ms(wait));
		cmd_wait_take_messages(wait);
		take_signals(wait);
		look_at_clock(wait);
	}
	cmd_wait_end_children(wait);
}

/* ---- and then ---- */

/* As a plain command gets it: environment, signals, descriptors, and our pid. */
static void run_command(struct wait *wait)
{
	const struct cmd_options *options = wait->options;
	struct environment environment = { 0 };
	struct err err;
	int code = EXIT_CODE_CONFIG;
	if (environment_build(&environment, &wait->config, options->environment, &err) == 0) {
		environ = environment.items.items; /* whose PATH counts */
		signals_give_back(&options->given->signals);
		code = program_exec(wait->command, &err);
	}
	cmd_wait_give_up(wait, code, err.msg);
}

/* 0: it can begin. */
static int prepare(struct wait *wait)
{
	const struct cmd_options *options = wait->options;
	struct err err;
	int code = cmd_wait_parse_arguments(wait);
	if (code != 0)
		return code;
	termination_open();
	code = config_file_start(&wait->config, options->config_path, options->environment,
				 options->has_level, options->has_format);
	if (code != 0)
		return code;
	code = cmd_wait_parse_targets(wait);
	if (code == 0 && (signals_open(&wait->signal_fd, &err) < 0 ||
			  messages_open(&wait->messages, &err) < 0)) {
		code = EXIT_CODE_INTERNAL;
		cmd_wait_give_up(wait, code, err.msg);
	}
	return code;
}

int cmd_wait(const struct cmd_options *options)
{
	if (cmd_asks_for_help(options))
		return cmd_print_usage(WAIT_USAGE);
	struct wait wait = { .options = options, .timeout_ms = DURATION_NONE, .code = -1 };
	wait.messages = (struct messages){ -1, -1 };
	wait.signal_fd = -1;
	int code = prepare(&wait);
	if (code == 0) {
		wait_for_all(&wait);
		/* PID 1 of a container stays what it is: somebody has to bury orphans. */
		if (wait.code == EXIT_CODE_OK && wait.command != NULL && options->given->is_pid1)
			wait.code = CMD_RUN_COMMAND;
		else if (wait.code == EXIT_CODE_OK && wait.command != NULL)
			run_command(&wait);
		code = wait.code;
	}
	if (wait.reasons.length > 0)
		termination_write(buf_text(&wait.reasons));
	messages_close(&wait.messages);
	(void)close(wait.signal_fd);
	buf_fini(&wait.reasons);
	config_fini(&wait.config);
	free(wait.targets);
	return code;
}
