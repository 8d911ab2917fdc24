/* Waiting for the targets and for the lock: what the waiters and the agent tell,
 * what that means, and what their ends mean. */
#include "supervisor/state.h"

#include "base/log.h"
#include "sys/sys.h"

#include <stdio.h>

#define REMINDER_MS 60000

const char *supervisor_waiting_reason(const struct supervisor *s, char *buffer, size_t size)
{
	buffer[0] = '\0';
	if (s->lifecycle.state == LIFECYCLE_LOCKING)
		(void)snprintf(buffer, size, "waiting for the lock%s%s",
			       s->lock_reason[0] != '\0' ? ": " : "", s->lock_reason);
	for (size_t i = 0; s->lifecycle.state == LIFECYCLE_WAITING && i < s->settings.n_waits;
	     i++) {
		if (s->waits[i].done)
			continue;
		(void)snprintf(buffer, size, "waiting for %s%s%s", s->settings.waits[i].name,
			       s->waits[i].reason[0] != '\0' ? ": " : "", s->waits[i].reason);
		break;
	}
	return buffer;
}

void supervisor_log_waiting(struct supervisor *s)
{
	char reason[PAGE_REASON_SIZE];
	if (supervisor_waiting_reason(s, reason, sizeof(reason))[0] != '\0')
		log_info("waiting", "%s", reason);
}

static void on_reminder(uv_timer_t *handle)
{
	supervisor_log_waiting(handle->loop->data);
}

void supervisor_start_waiting(struct supervisor *s)
{
	s->waiting_since_ms = sys_now_ms();
	supervisor_count_wait(s, COUNT_ALL_WAITS, true);
	for (uint16_t i = 0; i < s->settings.n_waits; i++)
		supervisor_start_waiter(s, i);
	(void)uv_timer_start(&s->reminder, on_reminder, REMINDER_MS, REMINDER_MS);
}

void supervisor_stop_waiting(struct supervisor *s)
{
	supervisor_count_wait(s, COUNT_ALL_WAITS, false);
	(void)uv_timer_stop(&s->reminder);
	(void)uv_timer_stop(&s->agent.timer);
	for (size_t i = 0; i < s->settings.n_waits; i++)
		(void)uv_timer_stop(&s->waits[i].keeper.timer);
	supervisor_end_own(s, CHILD_WAITER, SIGTERM);
}

void supervisor_start_locking(struct supervisor *s)
{
	s->waiting_since_ms = sys_now_ms();
	supervisor_count_wait(s, COUNT_LOCK, true);
	s->lock_reason[0] = '\0';
	(void)uv_timer_start(&s->reminder, on_reminder, REMINDER_MS, REMINDER_MS);
	supervisor_start_locker(s);
}

/* ---- what they tell ---- */

static void fail_waiting(struct supervisor *s, enum lifecycle_event_type type,
			 const struct message *message)
{
	supervisor_fail(s, "gave-up", message->text);
	supervisor_push(s, (struct lifecycle_event){ .type = type, .code = message->code });
}

static void wait_done(struct supervisor *s, uint16_t index, const char *detail)
{
	struct wait_state *wait = &s->waits[index];
	if (wait->done || s->lifecycle.state != LIFECYCLE_WAITING)
		return;
	wait->done = true;
	supervisor_count_wait(s, index, false);
	int64_t waited = sys_now_ms() - s->waiting_since_ms;
	log_info("ready", "%s is there after %lld.%lld s%s%s", s->settings.waits[index].name,
		 (long long)(waited / 1000), (long long)(waited % 1000 / 100),
		 detail[0] != '\0' ? ": " : "", detail);
	for (size_t i = 0; i < s->settings.n_waits; i++)
		if (!s->waits[i].done)
			return;
	supervisor_push(s, (struct lifecycle_event){ .type = LIFECYCLE_WAITED });
}

static void wait_reason(struct supervisor *s, uint16_t index, const char *text)
{
	struct wait_state *wait = &s->waits[index];
	if (s->lifecycle.state != LIFECYCLE_WAITING || wait->done || streq(wait->reason, text))
		return;
	text_copy(wait->reason, sizeof(wait->reason), text);
	log_info("waiting", "waiting for %s: %s", s->settings.waits[index].name, text);
	(void)uv_timer_again(&s->reminder);
}

static void on_lock_message(struct supervisor *s, const struct message *message,
			    struct child *child)
{
	switch ((enum message_type)message->type) {
	case MESSAGE_LOCK_REASON:
	case MESSAGE_WAIT_REASON: /* it has to reach the database first */
		if (streq(s->lock_reason, message->text))
			break;
		text_copy(s->lock_reason, sizeof(s->lock_reason), message->text);
		supervisor_log_waiting(s);
		break;
	case MESSAGE_LOCK_GAINED:
		/* who says so may be gone by now, and the lock with it */
		if (s->lifecycle.state != LIFECYCLE_LOCKING || sys_has_ended(child->pid))
			break;
		(void)uv_timer_stop(&s->reminder);
		supervisor_count_wait(s, COUNT_LOCK, false);
		log_info("locked", "holding the lock%s%s", message->text[0] != '\0' ? ": " : "",
			 message->text);
		supervisor_push(s, (struct lifecycle_event){ .type = LIFECYCLE_LOCKED });
		break;
	case MESSAGE_LOCK_LOST:
		child->reported = true;
		if (!s->lifecycle.lock_held) /* given back in the same moment */
			break;
		supervisor_set_reason(s, "lost the lock: %s", message->text);
		log_error("lock-lost", "lost the lock: %s", message->text);
		supervisor_push(s, (struct lifecycle_event){ .type = LIFECYCLE_LOCK_LOST });
		break;
	case MESSAGE_LOCK_FAILED:
	case MESSAGE_WAIT_FAILED:
		child->reported = true;
		fail_waiting(s, LIFECYCLE_LOCK_FAILED, message);
		break;
	case MESSAGE_EXEC_FAILED:
	case MESSAGE_DEFAULT_READY:
	case MESSAGE_PERSON:
	case MESSAGE_CHECK_OK:
	case MESSAGE_CHECK_FAILED:
	case MESSAGE_WAIT_DONE:
	case MESSAGE_STEP_DUE:
	case MESSAGE_MARK_THERE:
	case MESSAGE_MARK_FAILED:
	case MESSAGE_TYPE_END:
		break;
	}
}

static void on_wait_message(struct supervisor *s, const struct message *message,
			    struct child *child)
{
	const char *text = message_detail(message, s->settings.waits[child->index].name);
	switch ((enum message_type)message->type) {
	case MESSAGE_WAIT_REASON:
		wait_reason(s, child->index, text);
		break;
	case MESSAGE_WAIT_DONE:
		child->reported = true;
		wait_done(s, child->index, text);
		break;
	case MESSAGE_WAIT_FAILED:
		child->reported = true;
		fail_waiting(s, LIFECYCLE_WAIT_FAILED, message);
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

void supervisor_on_message(struct supervisor *s, const struct message *message, struct child *child)
{
	switch (child->kind) {
	case CHILD_STEP:
	case CHILD_PROCESS:
		if (message->type != MESSAGE_EXEC_FAILED)
			break;
		child->failed_code = message->code;
		text_copy(s->exec_reason, sizeof(s->exec_reason), message->text);
		s->exec_reason_of = child->pid;
		log_error("exec", "%s", message->text);
		break;
	case CHILD_AGENT:
		if (s->lifecycle.state == LIFECYCLE_WAITING)
			on_wait_message(s, message, child);
		else
			on_lock_message(s, message, child);
		break;
	case CHILD_WAITER:
		on_wait_message(s, message, child);
		break;
	case CHILD_MARKER:
		supervisor_on_mark_message(s, message, child);
		break;
	case CHILD_CHECK:
		child->reported = true;
		supervisor_check_ended(
			s, child->index,
			&(struct check_result){ .ok = message->type == MESSAGE_CHECK_OK,
						.says_where = message->code == MESSAGE_SAYS_WHERE,
						.look_failed = message->code == MESSAGE_LOOK_FAILED,
						.reason = message->text });
		break;
	case CHILD_PROBE_SERVER:
	case CHILD_SWEEPER:
	case CHILD_SENDER:
	case CHILD_ERRAND:
		break;
	}
}

/* ---- and how they end ---- */

static void agent_ended(struct supervisor *s, const struct child *child, const char *how)
{
	switch (s->lifecycle.state) {
	case LIFECYCLE_WAITING:
		if (child->reported)
			break;
		log_warning("agent", "the agent %s: starting it again", how);
		supervisor_start_again_later(&s->waits[child->index].keeper);
		break;
	case LIFECYCLE_LOCKING:
		if (child->reported) /* the one that waited; the locker runs already */
			break;
		log_warning("agent", "the agent %s: starting it again", how);
		supervisor_start_again_later(&s->agent);
		break;
	case LIFECYCLE_STEPS:
	case LIFECYCLE_RUNNING:
	case LIFECYCLE_DRAINING:
	case LIFECYCLE_STOPPING:
	case LIFECYCLE_KILLING:
		if (!s->lifecycle.lock_held || child->reported)
			break;
		supervisor_set_reason(s, "lost the lock: the agent that held it %s", how);
		log_error("lock-lost", "lost the lock: the agent that held it %s", how);
		supervisor_push(s, (struct lifecycle_event){ .type = LIFECYCLE_LOCK_LOST });
		break;
	case LIFECYCLE_REAPING:
		if (supervisor_has_child(s, CHILD_AGENT))
			break; /* one that lost the lock, and one that has held it since */
		supervisor_push(s, (struct lifecycle_event){ .type = LIFECYCLE_RELEASED });
		break;
	case LIFECYCLE_BOOT:
	case LIFECYCLE_EXIT:
	case LIFECYCLE_STATES:
		break;
	}
}

void supervisor_own_ended(struct supervisor *s, const struct child *child, int code, int signo)
{
	char how[96];
	switch (child->kind) {
	case CHILD_AGENT:
		agent_ended(s, child,
			    supervisor_describe_end(child, code, signo, how, sizeof(how)));
		break;
	case CHILD_WAITER:
		if (child->reported || s->lifecycle.state != LIFECYCLE_WAITING)
			break;
		log_warning("waiting", "the child that asks %s %s: starting it again",
			    s->settings.waits[child->index].name,
			    supervisor_describe_end(child, code, signo, how, sizeof(how)));
		supervisor_start_again_later(&s->waits[child->index].keeper);
		break;
	case CHILD_MARKER:
		supervisor_marker_ended(
			s, child, supervisor_describe_end(child, code, signo, how, sizeof(how)));
		break;
	case CHILD_PROBE_SERVER:
		if (s->lifecycle.state >= LIFECYCLE_REAPING)
			break;
		log_warning("probes", "the probe server %s: starting it again",
			    supervisor_describe_end(child, code, signo, how, sizeof(how)));
		supervisor_start_again_later(&s->probe_server);
		break;
	case CHILD_CHECK:
		if (!child->reported)
			supervisor_check_ended(
				s, child->index,
				&(struct check_result){ .reason = "the check crashed" });
		break;
	case CHILD_SWEEPER:
		supervisor_swept(s, child->index, code);
		break;
	case CHILD_SENDER:
		supervisor_sender_known(s, child->index, code);
		break;
	case CHILD_STEP:
	case CHILD_PROCESS:
	case CHILD_ERRAND:
		break;
	}
}
