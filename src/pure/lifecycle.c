/* The state machine of a container's life: its door, and what it does on
 * entering a state. What each state makes of an event is in its siblings:
 * lifecycle_before.c (until the app runs), lifecycle_running.c and
 * lifecycle_stop.c (from the stop to the exit). There is one function per state
 * and every event is written out in it (-Wswitch-enum, no default), so that
 * nobody can add one without deciding what it means everywhere. */
#include "pure/lifecycle_turn.h"

#include <signal.h>

struct lifecycle_action *lifecycle_add(const struct lifecycle_turn *t,
				       enum lifecycle_action_type type)
{
	struct lifecycle_action *action = &t->actions->items[t->actions->n++];
	*action = (struct lifecycle_action){ .type = type };
	return action;
}

void lifecycle_add_indexed(const struct lifecycle_turn *t, enum lifecycle_action_type type,
			   uint16_t index)
{
	lifecycle_add(t, type)->index = index;
}

void lifecycle_add_signal(const struct lifecycle_turn *t, enum lifecycle_action_type type,
			  int signo)
{
	lifecycle_add(t, type)->code = signo;
}

void lifecycle_signal_process(const struct lifecycle_turn *t, enum lifecycle_action_type type,
			      uint8_t process, int signo)
{
	struct lifecycle_action *action = lifecycle_add(t, type);
	action->index = process;
	action->code = signo;
}

void lifecycle_arm_process(const struct lifecycle_turn *t, enum lifecycle_timer timer,
			   uint8_t process, uint8_t exponent)
{
	struct lifecycle_action *action = lifecycle_add(t, LIFECYCLE_DO_ARM);
	action->timer = timer;
	action->index = process;
	action->exponent = exponent;
	t->lc->armed[timer] |= UINT32_C(1) << process;
}

void lifecycle_arm(const struct lifecycle_turn *t, enum lifecycle_timer timer)
{
	lifecycle_arm_process(t, timer, 0, 0);
}

void lifecycle_disarm_process(const struct lifecycle_turn *t, enum lifecycle_timer timer,
			      uint8_t process)
{
	if ((t->lc->armed[timer] & UINT32_C(1) << process) == 0)
		return;
	struct lifecycle_action *action = lifecycle_add(t, LIFECYCLE_DO_DISARM);
	action->timer = timer;
	action->index = process;
	t->lc->armed[timer] &= ~(UINT32_C(1) << process);
}

void lifecycle_disarm(const struct lifecycle_turn *t, enum lifecycle_timer timer)
{
	lifecycle_disarm_process(t, timer, 0);
}

/* From here on a process that has ended stays so. */
void lifecycle_cancel_restarts(const struct lifecycle_turn *t)
{
	for (uint8_t i = 0; i < t->plan->n_processes; i++) {
		lifecycle_disarm_process(t, LIFECYCLE_TIMER_RESTART, i);
		lifecycle_disarm_process(t, LIFECYCLE_TIMER_QUIET, i);
		lifecycle_disarm_process(t, LIFECYCLE_TIMER_HANG, i);
		if (t->lc->processes[i].state == LIFECYCLE_SLOT_DELAYED)
			t->lc->processes[i].state = LIFECYCLE_SLOT_ENDED;
	}
}

void lifecycle_decide_code(const struct lifecycle_turn *t, int code)
{
	if (t->lc->has_code)
		return;
	t->lc->has_code = true;
	t->lc->code = code;
}

bool lifecycle_any_running(const struct lifecycle_turn *t)
{
	for (uint8_t i = 0; i < t->plan->n_processes; i++)
		if (t->lc->processes[i].state == LIFECYCLE_SLOT_RUNNING)
			return true;
	return t->lc->step_running;
}

bool lifecycle_asks_to_stop(int signo)
{
	return signo == SIGTERM || signo == SIGINT;
}

/* Somebody told us to end; the code is 128+N unless the main has its own. */
void lifecycle_request_stop(const struct lifecycle_turn *t, int signo)
{
	t->lc->stop_requested = true;
	t->lc->stop_signo = signo;
	if (!t->lc->has_code)
		t->lc->code = EXIT_CODE_SIGNAL + signo;
}

/* A process ended for good while everything is being stopped. */
void lifecycle_note_end(const struct lifecycle_turn *t, const struct lifecycle_event *event)
{
	lifecycle_disarm_process(t, LIFECYCLE_TIMER_QUIET, event->process);
	lifecycle_disarm_process(t, LIFECYCLE_TIMER_HANG, event->process);
	t->lc->processes[event->process].state = LIFECYCLE_SLOT_ENDED;
	if (event->process == 0 && !t->lc->relock)
		lifecycle_decide_code(t, event->code);
}

/* ---- entering states ---- */

void lifecycle_start_process(const struct lifecycle_turn *t, uint8_t i)
{
	t->lc->processes[i].state = LIFECYCLE_SLOT_RUNNING;
	t->lc->processes[i].unhealthy = false;
	lifecycle_add_indexed(t, LIFECYCLE_DO_START_PROCESS, i);
	/* also where only `live` restarts it: then it has a backoff to forget */
	if (t->plan->restart != LIFECYCLE_RESTART_NEVER || t->lc->processes[i].backoff > 0)
		lifecycle_arm_process(t, LIFECYCLE_TIMER_QUIET, i, 0);
}

void lifecycle_start_step(const struct lifecycle_turn *t)
{
	t->lc->step_running = true;
	lifecycle_add_indexed(t, LIFECYCLE_DO_START_STEP, t->lc->step);
	if (t->plan->step_timeout)
		lifecycle_arm(t, LIFECYCLE_TIMER_STEP);
}

/* Nothing of the app runs any more, or ever did: the lock, then the exit. */
void lifecycle_enter_reaping(const struct lifecycle_turn *t)
{
	lifecycle_disarm(t, LIFECYCLE_TIMER_GRACE);
	lifecycle_disarm(t, LIFECYCLE_TIMER_IMPATIENCE);
	lifecycle_disarm(t, LIFECYCLE_TIMER_KILL);
	t->lc->state = LIFECYCLE_REAPING;
	t->lc->lock_held = false;
	lifecycle_add(t, LIFECYCLE_DO_RELEASE);
	lifecycle_arm(t, LIFECYCLE_TIMER_LEAVE);
}

void lifecycle_enter_killing(const struct lifecycle_turn *t)
{
	lifecycle_disarm(t, LIFECYCLE_TIMER_STEP);
	lifecycle_disarm(t, LIFECYCLE_TIMER_GRACE);
	lifecycle_disarm(t, LIFECYCLE_TIMER_IMPATIENCE);
	t->lc->state = LIFECYCLE_KILLING;
	lifecycle_add(t, LIFECYCLE_DO_KILL_REST);
	lifecycle_stop_marking(t);
	lifecycle_arm(t, LIFECYCLE_TIMER_KILL);
}

/* Somebody else may have it by now: nothing that ran under it goes on, not even to tidy up. */
void lifecycle_lose_lock(const struct lifecycle_turn *t)
{
	t->lc->lock_held = false;
	lifecycle_disarm(t, LIFECYCLE_TIMER_RETRY);
	lifecycle_disarm(t, LIFECYCLE_TIMER_DRAIN);
	lifecycle_cancel_restarts(t);
	lifecycle_enter_killing(t);
}

/* The mains (or the step) are gone; what they left behind gets its TERM. */
void lifecycle_enter_resting(const struct lifecycle_turn *t)
{
	struct lifecycle *lc = t->lc;
	lc->state = LIFECYCLE_STOPPING;
	lc->resting = true;
	lifecycle_add(t, LIFECYCLE_DO_TERMINATE_REST);
	if (lc->armed[LIFECYCLE_TIMER_GRACE] != 0 || lc->armed[LIFECYCLE_TIMER_IMPATIENCE] != 0)
		return;
	if (t->plan->grace)
		lifecycle_arm(t, LIFECYCLE_TIMER_GRACE);
	else if (t->plan->plain)
		lifecycle_arm(t, LIFECYCLE_TIMER_IMPATIENCE);
}

/* No process shall run any more; signo is the signal that asked for it. */
void lifecycle_enter_stopping(const struct lifecycle_turn *t, int signo)
{
	struct lifecycle *lc = t->lc;
	lifecycle_disarm(t, LIFECYCLE_TIMER_DRAIN);
	lifecycle_cancel_restarts(t);
	if (!lifecycle_any_running(t)) {
		lifecycle_enter_resting(t);
		return;
	}
	lc->state = LIFECYCLE_STOPPING;
	/* one that is told already, for its `live`, is not told twice: to some that means "now" */
	for (uint8_t i = 0; i < t->plan->n_processes; i++)
		if (lc->processes[i].state == LIFECYCLE_SLOT_RUNNING && !lc->processes[i].unhealthy)
			lifecycle_signal_process(t, LIFECYCLE_DO_STOP_PROCESS, i, signo);
	if (t->plan->grace)
		lifecycle_arm(t, LIFECYCLE_TIMER_GRACE);
}

void lifecycle_enter_running(const struct lifecycle_turn *t)
{
	if (t->plan->n_processes == 0) { /* one-shot: every step has run */
		lifecycle_decide_code(t, EXIT_CODE_OK);
		lifecycle_enter_resting(t);
		return;
	}
	if (t->lc->lock_held && t->plan->lock_for_steps) {
		t->lc->lock_held = false;
		lifecycle_add(t, LIFECYCLE_DO_UNLOCK);
	}
	t->lc->state = LIFECYCLE_RUNNING;
	for (uint8_t i = 0; i < t->plan->n_processes; i++)
		lifecycle_start_process(t, i);
}

void lifecycle_enter_steps(const struct lifecycle_turn *t)
{
	bool all_ran = t->lc->step >= t->plan->n_steps, marked = lifecycle_is_marked(t);
	if (all_ran && !marked) {
		lifecycle_enter_running(t);
		return;
	}
	t->lc->state = LIFECYCLE_STEPS;
	if (all_ran)
		lifecycle_set_mark(t);
	else if (marked)
		lifecycle_ask_step(t);
	else
		lifecycle_start_step(t);
}

void lifecycle_enter_locking(const struct lifecycle_turn *t)
{
	if (!t->plan->lock) {
		lifecycle_enter_steps(t);
		return;
	}
	t->lc->state = LIFECYCLE_LOCKING;
	lifecycle_add(t, LIFECYCLE_DO_LOCK);
	if (t->plan->lock_timeout)
		lifecycle_arm(t, LIFECYCLE_TIMER_LOCK);
}

void lifecycle_enter_waiting(const struct lifecycle_turn *t)
{
	if (!t->plan->waits) {
		lifecycle_enter_locking(t);
		return;
	}
	t->lc->state = LIFECYCLE_WAITING;
	lifecycle_add(t, LIFECYCLE_DO_WAIT);
	if (t->plan->wait_timeout)
		lifecycle_arm(t, LIFECYCLE_TIMER_WAIT);
}

void lifecycle_init(struct lifecycle *lifecycle)
{
	memset(lifecycle, 0, sizeof(*lifecycle)); /* padding too: states are compared whole */
}

void lifecycle_step(struct lifecycle *lifecycle, const struct lifecycle_plan *plan,
		    const struct lifecycle_event *event, struct lifecycle_actions *ret_actions)
{
	const struct lifecycle_turn t = { lifecycle, plan, ret_actions };
	static void (*const states[])(const struct lifecycle_turn *,
				      const struct lifecycle_event *) = {
		[LIFECYCLE_BOOT] = lifecycle_in_boot,
		[LIFECYCLE_WAITING] = lifecycle_in_waiting,
		[LIFECYCLE_LOCKING] = lifecycle_in_locking,
		[LIFECYCLE_STEPS] = lifecycle_in_steps,
		[LIFECYCLE_RUNNING] = lifecycle_in_running,
		[LIFECYCLE_DRAINING] = lifecycle_in_draining,
		[LIFECYCLE_STOPPING] = lifecycle_in_stopping,
		[LIFECYCLE_KILLING] = lifecycle_in_killing,
		[LIFECYCLE_REAPING] = lifecycle_in_reaping,
	};
	ret_actions->n = 0;
	if (lifecycle->state == LIFECYCLE_EXIT)
		return; /* nothing comes after it */
	if (event->type == LIFECYCLE_EXPIRED &&
	    (lifecycle->armed[event->timer] & UINT32_C(1) << event->process) == 0)
		return; /* disarmed in the same turn of the loop */
	states[lifecycle->state](&t, event);
}
