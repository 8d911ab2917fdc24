/* The life until the app runs: boot, waiting, locking, steps. */
#include "pure/lifecycle_turn.h"

#include <signal.h>

/* Before anything of the app was started: nothing to stop but our own. */
static void leave_early(const struct lifecycle_turn *t, int code)
{
	lifecycle_disarm(t, LIFECYCLE_TIMER_WAIT);
	lifecycle_disarm(t, LIFECYCLE_TIMER_LOCK);
	if (t->lc->state == LIFECYCLE_WAITING)
		lifecycle_add(t, LIFECYCLE_DO_STOP_WAITING);
	lifecycle_decide_code(t, code);
	lifecycle_enter_reaping(t);
}

bool lifecycle_ends_a_wait(int signo)
{
	return signo == SIGTERM || signo == SIGINT || signo == SIGQUIT || signo == SIGHUP;
}

static void on_signal_early(const struct lifecycle_turn *t, int signo)
{
	if (!lifecycle_ends_a_wait(signo))
		return;
	lifecycle_request_stop(t, signo);
	leave_early(t, t->lc->code);
}

void lifecycle_in_boot(const struct lifecycle_turn *t, const struct lifecycle_event *event)
{
	switch (event->type) {
	case LIFECYCLE_STARTED:
		lifecycle_enter_waiting(t);
		break;
	case LIFECYCLE_SIGNAL:
		on_signal_early(t, event->code);
		break;
	case LIFECYCLE_WAITED:
	case LIFECYCLE_WAIT_FAILED:
	case LIFECYCLE_LOCKED:
	case LIFECYCLE_LOCK_FAILED:
	case LIFECYCLE_LOCK_LOST:
	case LIFECYCLE_STEP_DUE:
	case LIFECYCLE_MARK_THERE:
	case LIFECYCLE_MARK_FAILED:
	case LIFECYCLE_STEP_ENDED:
	case LIFECYCLE_PROCESS_ENDED:
	case LIFECYCLE_UNHEALTHY:
	case LIFECYCLE_EXPIRED:
	case LIFECYCLE_EMPTY:
	case LIFECYCLE_RELEASED:
	case LIFECYCLE_EVENTS:
		break;
	}
}

void lifecycle_in_waiting(const struct lifecycle_turn *t, const struct lifecycle_event *event)
{
	switch (event->type) {
	case LIFECYCLE_WAITED:
		lifecycle_disarm(t, LIFECYCLE_TIMER_WAIT);
		lifecycle_enter_locking(t);
		break;
	case LIFECYCLE_WAIT_FAILED:
		leave_early(t, event->code);
		break;
	case LIFECYCLE_EXPIRED:
		leave_early(t, EXIT_CODE_UNAVAILABLE); /* only WAIT is armed here */
		break;
	case LIFECYCLE_SIGNAL:
		on_signal_early(t, event->code);
		break;
	case LIFECYCLE_STARTED:
	case LIFECYCLE_LOCKED:
	case LIFECYCLE_LOCK_FAILED:
	case LIFECYCLE_LOCK_LOST:
	case LIFECYCLE_STEP_DUE:
	case LIFECYCLE_MARK_THERE:
	case LIFECYCLE_MARK_FAILED:
	case LIFECYCLE_STEP_ENDED:
	case LIFECYCLE_PROCESS_ENDED:
	case LIFECYCLE_UNHEALTHY:
	case LIFECYCLE_EMPTY:
	case LIFECYCLE_RELEASED:
	case LIFECYCLE_EVENTS:
		break;
	}
}

void lifecycle_in_locking(const struct lifecycle_turn *t, const struct lifecycle_event *event)
{
	switch (event->type) {
	case LIFECYCLE_LOCKED:
		lifecycle_disarm(t, LIFECYCLE_TIMER_LOCK);
		t->lc->lock_held = true;
		lifecycle_enter_steps(t);
		break;
	case LIFECYCLE_LOCK_FAILED:
		leave_early(t, event->code);
		break;
	case LIFECYCLE_EXPIRED:
		leave_early(t, EXIT_CODE_TRY_AGAIN); /* only LOCK is armed here */
		break;
	case LIFECYCLE_SIGNAL:
		on_signal_early(t, event->code);
		break;
	case LIFECYCLE_STARTED:
	case LIFECYCLE_WAITED:
	case LIFECYCLE_WAIT_FAILED:
	case LIFECYCLE_LOCK_LOST:
	case LIFECYCLE_STEP_DUE:
	case LIFECYCLE_MARK_THERE:
	case LIFECYCLE_MARK_FAILED:
	case LIFECYCLE_STEP_ENDED:
	case LIFECYCLE_PROCESS_ENDED:
	case LIFECYCLE_UNHEALTHY:
	case LIFECYCLE_EMPTY:
	case LIFECYCLE_RELEASED:
	case LIFECYCLE_EVENTS:
		break;
	}
}

static void next_step(const struct lifecycle_turn *t)
{
	t->lc->step++;
	t->lc->step_tries = 0;
	lifecycle_enter_steps(t);
}

static void step_ended(const struct lifecycle_turn *t, const struct lifecycle_event *event)
{
	struct lifecycle *lc = t->lc;
	lc->step_running = false;
	lifecycle_disarm(t, LIFECYCLE_TIMER_STEP);
	if (event->code == 0 && lifecycle_is_marked(t)) {
		lifecycle_set_mark(t);
	} else if (event->code == 0) {
		next_step(t);
	} else if (lc->step_tries < t->plan->step_retries && !event->never_ran) {
		lc->step_tries++;
		lifecycle_arm(t, LIFECYCLE_TIMER_RETRY);
	} else {
		lifecycle_decide_code(t, event->code);
		lifecycle_enter_resting(t);
	}
}

/* What the step was killed in may still be at work in the server: one at a time. */
static void try_step_again(const struct lifecycle_turn *t)
{
	if (t->lc->lock_held)
		lifecycle_ask_step(t);
	else
		lifecycle_start_step(t);
}

static void mark_there(const struct lifecycle_turn *t)
{
	t->lc->marking = LIFECYCLE_MARKING_NONE;
	if (t->lc->step < t->plan->n_steps)
		next_step(t);
	else
		lifecycle_enter_running(t);
}

/* A half-done migration is worse than a late stop: TERM lets the running step
 * finish within the grace. INT comes from a person who wants it to end now. */
static void steps_signalled(const struct lifecycle_turn *t, int signo)
{
	struct lifecycle *lc = t->lc;
	if (!lifecycle_asks_to_stop(signo)) {
		if (lc->step_running)
			lifecycle_add_signal(t, LIFECYCLE_DO_FORWARD, signo);
		return;
	}
	lifecycle_request_stop(t, signo);
	lifecycle_disarm(t, LIFECYCLE_TIMER_RETRY);
	if (!lc->step_running && lc->marking != LIFECYCLE_MARKING_SETS) {
		lifecycle_stop_marking(t);
		lifecycle_decide_code(t, lc->code);
		lifecycle_enter_resting(t);
		return;
	}
	lc->state = LIFECYCLE_STOPPING;
	if (signo == SIGINT && lc->step_running)
		lifecycle_add_signal(t, LIFECYCLE_DO_STOP_STEP, signo);
	if (t->plan->grace) { /* the limit from now on; without it step-timeout stays one */
		lifecycle_disarm(t, LIFECYCLE_TIMER_STEP);
		lifecycle_arm(t, LIFECYCLE_TIMER_GRACE);
	}
}

void lifecycle_in_steps(const struct lifecycle_turn *t, const struct lifecycle_event *event)
{
	switch (event->type) {
	case LIFECYCLE_STEP_DUE:
		t->lc->marking = LIFECYCLE_MARKING_NONE;
		lifecycle_start_step(t);
		break;
	case LIFECYCLE_MARK_THERE:
		mark_there(t);
		break;
	case LIFECYCLE_MARK_FAILED:
		t->lc->marking = LIFECYCLE_MARKING_NONE;
		lifecycle_decide_code(t, event->code);
		lifecycle_enter_resting(t);
		break;
	case LIFECYCLE_STEP_ENDED:
		step_ended(t, event);
		break;
	case LIFECYCLE_EXPIRED:
		t->lc->armed[event->timer] = 0;
		if (event->timer == LIFECYCLE_TIMER_RETRY) {
			try_step_again(t);
			break;
		}
		lifecycle_decide_code(t, EXIT_CODE_TIMED_OUT); /* the other is STEP */
		t->lc->state = LIFECYCLE_STOPPING;
		t->lc->step_signalled = true;
		lifecycle_add_signal(t, LIFECYCLE_DO_STOP_STEP, SIGTERM);
		lifecycle_arm(t, LIFECYCLE_TIMER_IMPATIENCE);
		break;
	case LIFECYCLE_LOCK_LOST:
		lifecycle_decide_code(t, EXIT_CODE_TRY_AGAIN);
		lifecycle_lose_lock(t);
		break;
	case LIFECYCLE_SIGNAL:
		steps_signalled(t, event->code);
		break;
	case LIFECYCLE_STARTED:
	case LIFECYCLE_WAITED:
	case LIFECYCLE_WAIT_FAILED:
	case LIFECYCLE_LOCKED:
	case LIFECYCLE_LOCK_FAILED:
	case LIFECYCLE_PROCESS_ENDED:
	case LIFECYCLE_UNHEALTHY:
	case LIFECYCLE_EMPTY:
	case LIFECYCLE_RELEASED:
	case LIFECYCLE_EVENTS:
		break;
	}
}
