/* From the stop to the exit: stopping, killing, reaping. */
#include "pure/lifecycle_turn.h"

#include <signal.h>

/* No further step; 0 if there was none left to do. */
static void leave_steps(const struct lifecycle_turn *t)
{
	bool all_ran = t->lc->step >= t->plan->n_steps && t->plan->n_processes == 0;
	lifecycle_decide_code(t, all_ran ? EXIT_CODE_OK : t->lc->code);
	lifecycle_enter_resting(t);
}

/* Done, and marked if it is to be. */
static void step_done(const struct lifecycle_turn *t)
{
	t->lc->step++;
	if (t->lc->step >= t->plan->n_steps && lifecycle_is_marked(t))
		lifecycle_set_mark(t);
	else
		leave_steps(t);
}

static void step_ended(const struct lifecycle_turn *t, int code)
{
	t->lc->step_running = false;
	lifecycle_disarm(t, LIFECYCLE_TIMER_STEP);
	if (code != 0)
		leave_steps(t);
	else if (lifecycle_is_marked(t))
		lifecycle_set_mark(t);
	else
		step_done(t);
}

static void mark_there(const struct lifecycle_turn *t)
{
	t->lc->marking = LIFECYCLE_MARKING_NONE;
	if (t->lc->step < t->plan->n_steps)
		step_done(t);
	else
		leave_steps(t);
}

/* The mark is missing: what it stands for may have been done, but is to be done again. */
static void mark_failed(const struct lifecycle_turn *t, int code)
{
	t->lc->marking = LIFECYCLE_MARKING_NONE;
	lifecycle_decide_code(t, t->lc->stop_requested ? t->lc->code : code);
	lifecycle_enter_resting(t);
}

/* It was killed, or ended in the moment before: then nobody has marked it. */
static void step_ended_killed(const struct lifecycle_turn *t, int code)
{
	struct lifecycle *lc = t->lc;
	lc->step_running = false;
	if (code == 0 && !lifecycle_is_marked(t))
		lc->step++;
	bool all_ran = lc->step >= t->plan->n_steps && t->plan->n_processes == 0 &&
		       !lifecycle_is_marked(t);
	lifecycle_decide_code(t, all_ran ? EXIT_CODE_OK : lc->code);
}

static void stopping_signalled(const struct lifecycle_turn *t, int signo)
{
	struct lifecycle *lc = t->lc;
	if (!lifecycle_asks_to_stop(signo) || t->plan->plain) {
		if (lifecycle_any_running(t))
			lifecycle_add_signal(t, LIFECYCLE_DO_FORWARD, signo);
		return;
	}
	if (signo == SIGINT && lc->step_running)
		lifecycle_add_signal(t, LIFECYCLE_DO_STOP_STEP, signo);
}

static void stopping_expired(const struct lifecycle_turn *t, enum lifecycle_timer timer)
{
	struct lifecycle *lc = t->lc;
	lc->armed[timer] = 0;
	if (lc->step_running && !lc->step_signalled) {
		lc->step_signalled = true;
		lifecycle_add_signal(t, LIFECYCLE_DO_STOP_STEP, SIGTERM);
		lifecycle_arm(t, LIFECYCLE_TIMER_IMPATIENCE);
		return;
	}
	lifecycle_enter_killing(t);
}

void lifecycle_in_stopping(const struct lifecycle_turn *t, const struct lifecycle_event *event)
{
	switch (event->type) {
	case LIFECYCLE_PROCESS_ENDED:
		lifecycle_note_end(t, event);
		if (!lifecycle_any_running(t))
			lifecycle_enter_resting(t);
		break;
	case LIFECYCLE_STEP_ENDED:
		step_ended(t, event->code);
		break;
	case LIFECYCLE_MARK_THERE:
		mark_there(t);
		break;
	case LIFECYCLE_MARK_FAILED:
		mark_failed(t, event->code);
		break;
	case LIFECYCLE_EXPIRED:
		stopping_expired(t, event->timer);
		break;
	case LIFECYCLE_LOCK_LOST:
		if (t->lc->step_running || t->lc->marking != LIFECYCLE_MARKING_NONE)
			lifecycle_decide_code(t, EXIT_CODE_TRY_AGAIN);
		lifecycle_lose_lock(t);
		break;
	case LIFECYCLE_EMPTY:
		if (t->lc->resting)
			lifecycle_enter_reaping(t);
		break;
	case LIFECYCLE_SIGNAL:
		stopping_signalled(t, event->code);
		break;
	case LIFECYCLE_STARTED:
	case LIFECYCLE_WAITED:
	case LIFECYCLE_WAIT_FAILED:
	case LIFECYCLE_LOCKED:
	case LIFECYCLE_LOCK_FAILED:
	case LIFECYCLE_STEP_DUE: /* nobody asks any more */
	case LIFECYCLE_UNHEALTHY:
	case LIFECYCLE_RELEASED:
	case LIFECYCLE_EVENTS:
		break;
	}
}

/* Leave, or (a singleton without its lock) start over. */
static void all_killed(const struct lifecycle_turn *t)
{
	struct lifecycle *lc = t->lc;
	if (!lc->relock) {
		lifecycle_enter_reaping(t);
		return;
	}
	lifecycle_disarm(t, LIFECYCLE_TIMER_KILL);
	lc->relock = false;
	lc->step = 0;
	memset(lc->processes, 0, sizeof(lc->processes));
	lifecycle_enter_locking(t);
}

void lifecycle_in_killing(const struct lifecycle_turn *t, const struct lifecycle_event *event)
{
	switch (event->type) {
	case LIFECYCLE_PROCESS_ENDED:
		lifecycle_note_end(t, event);
		break;
	case LIFECYCLE_STEP_ENDED:
		step_ended_killed(t, event->code);
		break;
	case LIFECYCLE_LOCK_LOST:
		t->lc->lock_held = false;
		break;
	case LIFECYCLE_EXPIRED: /* only KILL is armed: somebody cannot be killed */
		t->lc->armed[LIFECYCLE_TIMER_KILL] = 0;
		if (t->lc->relock)
			lifecycle_decide_code(t, EXIT_CODE_TRY_AGAIN);
		t->lc->relock = false;
		lifecycle_enter_reaping(t);
		break;
	case LIFECYCLE_EMPTY:
		all_killed(t);
		break;
	case LIFECYCLE_SIGNAL:
		if (lifecycle_asks_to_stop(event->code) && t->lc->relock) {
			t->lc->relock = false;
			lifecycle_request_stop(t, event->code);
		}
		break;
	case LIFECYCLE_STARTED:
	case LIFECYCLE_WAITED:
	case LIFECYCLE_WAIT_FAILED:
	case LIFECYCLE_LOCKED:
	case LIFECYCLE_LOCK_FAILED:
	case LIFECYCLE_STEP_DUE:
	case LIFECYCLE_MARK_THERE:
	case LIFECYCLE_MARK_FAILED:
	case LIFECYCLE_UNHEALTHY:
	case LIFECYCLE_RELEASED:
	case LIFECYCLE_EVENTS:
		break;
	}
}

void lifecycle_in_reaping(const struct lifecycle_turn *t, const struct lifecycle_event *event)
{
	switch (event->type) {
	case LIFECYCLE_RELEASED:
	case LIFECYCLE_EXPIRED: /* LEAVE */
		if (event->type == LIFECYCLE_EXPIRED)
			t->lc->armed[LIFECYCLE_TIMER_LEAVE] = 0;
		lifecycle_disarm(t, LIFECYCLE_TIMER_LEAVE);
		t->lc->state = LIFECYCLE_EXIT;
		lifecycle_add(t, LIFECYCLE_DO_EXIT)->code = t->lc->code;
		break;
	case LIFECYCLE_STARTED:
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
	case LIFECYCLE_SIGNAL:
	case LIFECYCLE_EMPTY:
	case LIFECYCLE_EVENTS:
		break;
	}
}
