/* What the database is asked between steps: a child asks whether a step that runs once has been
 * done before, and notes there that it is done; or whether a failed try is over. */
#include "supervisor/state.h"

#include "base/log.h"
#include "sys/sys.h"

#include <signal.h>
#include <stdio.h>

#define REMINDER_MS 60000

static const char *title(const struct supervisor *s, uint16_t step, char *buffer, size_t size)
{
	char program[2 * PAGE_NAME_SIZE];
	if (step < s->plan->n_steps)
		(void)snprintf(
			buffer, size, "step %u of %zu (%s)", step + 1U, s->plan->n_steps,
			launch_program(s->plan, LAUNCH_STEP, step, program, sizeof(program)));
	else
		text_copy(buffer, size, "that all steps are done");
	return buffer;
}

static void tell_delay(struct supervisor *s)
{
	char name[2 * PAGE_NAME_SIZE + 32];
	if (s->mark_reason[0] != '\0')
		log_info("waiting", "waiting %s %s: %s",
			 s->lifecycle.marking == LIFECYCLE_MARKING_ASKS ? "before" : "to mark",
			 title(s, s->lifecycle.step, name, sizeof(name)), s->mark_reason);
}

static void on_reminder(uv_timer_t *handle)
{
	tell_delay(handle->loop->data);
}

void supervisor_start_marking(struct supervisor *s)
{
	s->waiting_since_ms = sys_now_ms();
	s->mark_reason[0] = '\0';
	(void)uv_timer_start(&s->reminder, on_reminder, REMINDER_MS, REMINDER_MS);
	supervisor_start_marker(s);
}

static void end_marking(struct supervisor *s)
{
	(void)uv_timer_stop(&s->reminder);
	(void)uv_timer_stop(&s->marker.timer);
}

void supervisor_stop_marking(struct supervisor *s)
{
	end_marking(s);
	supervisor_end_own(s, CHILD_MARKER, SIGTERM);
}

/* That all is done nobody may have asked for: it is missed where it is waited for, and
 * said here. */
static void mark_failed(struct supervisor *s, uint16_t step, const struct message *message)
{
	if (step >= s->plan->n_steps) {
		log_warning("mark",
			    "not marked that all steps are done: what has `wait = migrations` goes "
			    "on waiting: %s",
			    message->text);
		supervisor_push(s, (struct lifecycle_event){ .type = LIFECYCLE_MARK_THERE });
		return;
	}
	supervisor_fail(s, "mark", message->text);
	supervisor_push(s, (struct lifecycle_event){ .type = LIFECYCLE_MARK_FAILED,
						     .code = message->code });
}

static void mark_there(struct supervisor *s, uint16_t step, const char *when)
{
	char name[2 * PAGE_NAME_SIZE + 32];
	if (s->lifecycle.marking == LIFECYCLE_MARKING_ASKS)
		log_info("skipped", "%s: %s", title(s, step, name, sizeof(name)), when);
	else
		log_debug("marked", "marked: %s", title(s, step, name, sizeof(name)));
	supervisor_push(s, (struct lifecycle_event){ .type = LIFECYCLE_MARK_THERE });
}

void supervisor_on_mark_message(struct supervisor *s, const struct message *message,
				struct child *child)
{
	char name[2 * PAGE_NAME_SIZE + 32];
	if (s->lifecycle.marking == LIFECYCLE_MARKING_NONE || child->reported)
		return; /* not asked any more */
	if (message->type == MESSAGE_WAIT_REASON) {
		text_copy(s->mark_reason, sizeof(s->mark_reason), message->text);
		tell_delay(s);
		return;
	}
	child->reported = true;
	end_marking(s);
	switch ((enum message_type)message->type) {
	case MESSAGE_STEP_DUE:
		if (message->text[0] != '\0')
			log_warning("once", "%s runs again: %s",
				    title(s, child->index, name, sizeof(name)), message->text);
		supervisor_push(s, (struct lifecycle_event){ .type = LIFECYCLE_STEP_DUE });
		break;
	case MESSAGE_MARK_THERE:
		mark_there(s, child->index, message->text);
		break;
	case MESSAGE_MARK_FAILED:
		mark_failed(s, child->index, message);
		break;
	case MESSAGE_EXEC_FAILED:
	case MESSAGE_DEFAULT_READY:
	case MESSAGE_PERSON:
	case MESSAGE_CHECK_OK:
	case MESSAGE_CHECK_FAILED:
	case MESSAGE_WAIT_REASON:
	case MESSAGE_WAIT_DONE:
	case MESSAGE_WAIT_FAILED:
	case MESSAGE_LOCK_REASON:
	case MESSAGE_LOCK_GAINED:
	case MESSAGE_LOCK_LOST:
	case MESSAGE_LOCK_FAILED:
	case MESSAGE_TYPE_END:
		break;
	}
}

void supervisor_marker_ended(struct supervisor *s, const struct child *child, const char *how)
{
	if (child->reported || s->lifecycle.marking == LIFECYCLE_MARKING_NONE)
		return;
	log_warning("agent", "the agent %s: starting it again", how);
	supervisor_start_again_later(&s->marker);
}
