/* Between the parts of `pidone wait`: what decides, the command line, the children,
 * and what they tell. */
#pragma once

#include "base/text.h"
#include "cmd/cmd.h"
#include "effect/messages.h"
#include "pure/check_spec.h"
#include "pure/config.h"

#define CMD_WAIT_REMINDER_MS 60000 /* without a change */

struct wait_target {
	char *argument;                 /* on the command line */
	struct check_spec spec;
	char name[128];
	char reason[MESSAGE_TEXT_SIZE]; /* why it is not there; "" until it is known */
	bool done;
	pid_t pid;                      /* of the child that asks; 0: none runs */
	int64_t started_ms;
	int64_t next_start_ms;          /* while none runs */
	uint32_t deaths;                /* in a row */
};

struct wait {
	const struct cmd_options *options;
	struct config config;
	char *const *command;  /* to run in the end, or NULL */
	struct wait_target *targets;
	size_t n;
	int64_t timeout_ms;    /* DURATION_NONE: none */
	int64_t since_ms;
	int64_t next_reminder_ms;
	struct messages messages;
	int signal_fd;
	int code;              /* what it ends with; -1: it goes on */
	struct buf reasons;    /* for the termination log */
};

/* cmd_wait.c: says why, and that it ends with this code. */
void cmd_wait_give_up(struct wait *wait, int code, const char *reason);

/* cmd_wait_arguments.c: 0, or the exit code after saying what is wrong. The first
 * sorts the words, the second understands the targets and reports every wrong one. */
int cmd_wait_parse_arguments(struct wait *wait) ATTR_CHECK;
int cmd_wait_parse_targets(struct wait *wait) ATTR_CHECK;

/* cmd_wait_children.c. Starts those whose time has come. */
void cmd_wait_start_children(struct wait *wait);
struct wait_target *cmd_wait_find_child(struct wait *wait, pid_t pid); /* or NULL */
/* Those that ended before their target was there are to be started again. */
void cmd_wait_reap_children(struct wait *wait);
/* Kills and reaps them all. */
void cmd_wait_end_children(struct wait *wait);

/* cmd_wait_messages.c: what has come from them. */
void cmd_wait_take_messages(struct wait *wait);
void cmd_wait_log_waiting(struct wait *wait, const struct wait_target *target);
