/* What the children of `pidone wait` tell, and a line for every change. */
#include "cmd/cmd_wait_parts.h"

#include "base/log.h"
#include "sys/sys.h"

#include <stdio.h>

void cmd_wait_log_waiting(struct wait *wait, const struct wait_target *target)
{
	wait->next_reminder_ms = sys_now_ms() + CMD_WAIT_REMINDER_MS;
	log_info("waiting", "waiting for %s%s%s", target->name,
		 target->reason[0] != '\0' ? ": " : "", target->reason);
}

static void on_done(struct wait *wait, struct wait_target *target, const char *detail)
{
	int64_t waited_ms = sys_now_ms() - wait->since_ms;
	bool all = true;
	target->done = true;
	log_info("ready", "%s is there after %lld.%lld s: %s", target->name,
		 (long long)(waited_ms / 1000), (long long)(waited_ms % 1000 / 100), detail);
	for (size_t i = 0; i < wait->n; i++)
		all = all && wait->targets[i].done;
	if (all && wait->code < 0)
		wait->code = EXIT_CODE_OK;
}

static void on_message(struct wait *wait, struct wait_target *target,
		       const struct message *message)
{
	const char *detail = message_detail(message, target->name);
	switch ((enum message_type)message->type) {
	case MESSAGE_WAIT_REASON:
		if (streq(target->reason, detail))
			break;
		text_copy(target->reason, sizeof(target->reason), detail);
		cmd_wait_log_waiting(wait, target);
		break;
	case MESSAGE_WAIT_DONE:
		on_done(wait, target, detail);
		break;
	case MESSAGE_WAIT_FAILED:
		cmd_wait_give_up(wait, message->code, message->text);
		break;
	case MESSAGE_EXEC_FAILED:
	case MESSAGE_DEFAULT_READY:
	case MESSAGE_PERSON:
	case MESSAGE_CHECK_OK:
	case MESSAGE_CHECK_FAILED:
	case MESSAGE_LOCK_REASON:
	case MESSAGE_LOCK_GAINED:
	case MESSAGE_LOCK_LOST:
	case MESSAGE_LOCK_FAILED:
	case MESSAGE_STEP_DUE:
	case MESSAGE_MARK_THERE:
	case MESSAGE_MARK_FAILED:
	case MESSAGE_TYPE_END:
		break;
	}
}

void cmd_wait_take_messages(struct wait *wait)
{
	struct message message;
	pid_t sender = 0;
	for (int got; (got = messages_receive(&wait->messages, &message, &sender)) != 0;) {
		struct wait_target *target = got > 0 ? cmd_wait_find_child(wait, sender) : NULL;
		if (target != NULL)
			on_message(wait, target, &message);
	}
}
