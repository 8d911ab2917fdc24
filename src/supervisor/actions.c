/* What the lifecycle says is done here: actions → timers, signals, starts. */
#include "supervisor/state.h"

#include "base/log.h"
#include "base/parse.h"
#include "sys/sys.h"

#include <errno.h>
#include <stdio.h>

#define IMPATIENCE_MS  5000
#define KILL_MS        2000
#define LEAVE_MS       1000
#define QUIET_MS       60000
#define RESTART_MAX_MS 60000
#define RETRY_MS       1000

/* It doubles up to a minute, and is what was asked for where that is more. */
static int64_t restart_delay_ms(int64_t first, unsigned exponent, uint32_t random)
{
	int64_t delay = first;
	for (; exponent > 0 && delay < RESTART_MAX_MS; exponent--)
		delay = delay * 2 < RESTART_MAX_MS ? delay * 2 : RESTART_MAX_MS;
	return delay - (int64_t)(random % 1000) * delay / 10000; /* up to 10 % less */
}

static int64_t timer_ms(const struct supervisor *s, enum lifecycle_timer timer, unsigned exponent,
			uint32_t random)
{
	switch (timer) {
	case LIFECYCLE_TIMER_WAIT:
		return s->settings.wait_timeout_ms;
	case LIFECYCLE_TIMER_LOCK:
		return s->settings.lock_timeout_ms;
	case LIFECYCLE_TIMER_STEP:
		return s->settings.step_timeout_ms;
	case LIFECYCLE_TIMER_RETRY:
		return RETRY_MS;
	case LIFECYCLE_TIMER_DRAIN:
		return s->settings.drain_ms;
	case LIFECYCLE_TIMER_GRACE:
	case LIFECYCLE_TIMER_HANG:
		return s->settings.stop_grace_ms;
	case LIFECYCLE_TIMER_IMPATIENCE:
		return IMPATIENCE_MS;
	case LIFECYCLE_TIMER_KILL:
		return KILL_MS;
	case LIFECYCLE_TIMER_LEAVE:
		return LEAVE_MS;
	case LIFECYCLE_TIMER_QUIET:
		return QUIET_MS;
	case LIFECYCLE_TIMER_RESTART:
		return restart_delay_ms(s->settings.restart_delay_ms, exponent, random);
	case LIFECYCLE_TIMERS:
		break;
	}
	return 0;
}

static uv_timer_t *timer_of(struct supervisor *s, const struct lifecycle_action *action)
{
	if (action->timer < LIFECYCLE_TIMER_PER_PROCESS)
		return &s->timers[action->timer];
	return &s->processes[action->index].timers[action->timer - LIFECYCLE_TIMER_PER_PROCESS];
}

static void set_timer(struct supervisor *s, const struct lifecycle_action *action)
{
	char program[2 * PAGE_NAME_SIZE];
	if (action->type == LIFECYCLE_DO_DISARM) {
		(void)uv_timer_stop(timer_of(s, action));
		return;
	}
	int64_t ms = timer_ms(s, action->timer, action->exponent, supervisor_random(s));
	(void)uv_timer_start(timer_of(s, action), supervisor_on_timer, (uint64_t)ms, 0);
	if (action->timer != LIFECYCLE_TIMER_RESTART)
		return;
	log_info("restarting", "starting %s again in %lld ms",
		 launch_title(s->plan, LAUNCH_PROCESS, action->index, program, sizeof(program)),
		 (long long)ms);
	supervisor_report_process(s, action->index, PAGE_PROCESS_DELAYED, 0, -1);
}

/* The lock, and with it every child of our own but the probe server: what asks
 * for our state until the very end shall get it. */
static void release(struct supervisor *s)
{
	supervisor_stop_checks(s);
	supervisor_stop_waiting(s);
	if (!supervisor_has_child(s, CHILD_AGENT)) {
		supervisor_push(s, (struct lifecycle_event){ .type = LIFECYCLE_RELEASED });
		return;
	}
	supervisor_end_own(s, CHILD_AGENT, SIGTERM);
}

static void leave(struct supervisor *s, int code)
{
	s->exit_code = code;
	supervisor_end_own(s, CHILD_PROBE_SERVER, SIGKILL);
	supervisor_end_own(s, CHILD_AGENT, SIGKILL);
	supervisor_report_exit(s);
	uv_stop(&s->loop);
}

static enum launch_what what_to_launch(enum lifecycle_action_type type)
{
	return type == LIFECYCLE_DO_START_STEP ? LAUNCH_STEP : LAUNCH_PROCESS;
}

void supervisor_perform(struct supervisor *s, const struct lifecycle_action *action)
{
	switch (action->type) {
	case LIFECYCLE_DO_WAIT:
		supervisor_start_waiting(s);
		break;
	case LIFECYCLE_DO_STOP_WAITING:
		supervisor_stop_waiting(s);
		break;
	case LIFECYCLE_DO_LOCK:
		supervisor_start_locking(s);
		break;
	case LIFECYCLE_DO_UNLOCK:
		supervisor_end_own(s, CHILD_AGENT, SIGTERM);
		break;
	case LIFECYCLE_DO_ASK_STEP:
	case LIFECYCLE_DO_SET_MARK:
		supervisor_start_marking(s);
		break;
	case LIFECYCLE_DO_STOP_MARKING:
		supervisor_stop_marking(s);
		break;
	case LIFECYCLE_DO_START_STEP:
	case LIFECYCLE_DO_START_PROCESS:
		supervisor_start_app(s, what_to_launch(action->type), action->index);
		break;
	case LIFECYCLE_DO_END_GROUP:
		supervisor_end_group(s, action->index, action->code);
		break;
	case LIFECYCLE_DO_STOP_STEP:
		supervisor_stop_step(s, action->code);
		break;
	case LIFECYCLE_DO_STOP_PROCESS:
		supervisor_stop_process(s, action->index, action->code);
		break;
	case LIFECYCLE_DO_KILL_PROCESS:
		supervisor_kill_process(s, action->index);
		break;
	case LIFECYCLE_DO_FORWARD:
		supervisor_forward(s, action->code);
		break;
	case LIFECYCLE_DO_TERMINATE_REST:
		supervisor_terminate_rest(s);
		break;
	case LIFECYCLE_DO_KILL_REST:
		supervisor_kill_all(s);
		break;
	case LIFECYCLE_DO_RELEASE:
		release(s);
		break;
	case LIFECYCLE_DO_ARM:
	case LIFECYCLE_DO_DISARM:
		set_timer(s, action);
		break;
	case LIFECYCLE_DO_EXIT:
		leave(s, action->code);
		break;
	case LIFECYCLE_ACTIONS:
		break;
	}
}
