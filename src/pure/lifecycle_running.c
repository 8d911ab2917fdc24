/* The app runs: running and draining. */
#include "pure/lifecycle_turn.h"

#include <signal.h>

static bool shall_restart(const struct lifecycle_turn *t, const struct lifecycle_event *event)
{
	const struct lifecycle_process *process = &t->lc->processes[event->process];
	if (event->never_ran)
		return false;
	if (t->plan->restart_max != LIFECYCLE_NO_MAX && process->restarts >= t->plan->restart_max)
		return false;
	if (process->unhealthy)
		return true;
	/* one that is to be replaced is not given up for want of a process */
	if (event->not_forked && process->backoff > 0)
		return true;
	return t->plan->restart == LIFECYCLE_RESTART_ALWAYS ||
	       (t->plan->restart == LIFECYCLE_RESTART_ON_FAILURE && event->code != 0);
}

static void process_ended(const struct lifecycle_turn *t, const struct lifecycle_event *event)
{
	struct lifecycle_process *process = &t->lc->processes[event->process];
	lifecycle_disarm_process(t, LIFECYCLE_TIMER_QUIET, event->process);
	lifecycle_disarm_process(t, LIFECYCLE_TIMER_HANG, event->process);
	if (shall_restart(t, event)) {
		process->state = LIFECYCLE_SLOT_DELAYED;
		lifecycle_signal_process(t, LIFECYCLE_DO_END_GROUP, event->process, SIGTERM);
		if (t->plan->restart_max != LIFECYCLE_NO_MAX)
			process->restarts++;
		lifecycle_arm_process(t, LIFECYCLE_TIMER_RESTART, event->process, process->backoff);
		if (process->backoff < LIFECYCLE_BACKOFF_MAX)
			process->backoff++;
		return;
	}
	process->state = LIFECYCLE_SLOT_ENDED;
	bool others = false;
	for (uint8_t i = 0; i < t->plan->n_processes; i++)
		others = others || t->lc->processes[i].state != LIFECYCLE_SLOT_ENDED;
	if (!t->plan->essential[event->process] && others)
		return;
	lifecycle_decide_code(t, event->code);
	lifecycle_enter_stopping(t, SIGTERM);
}

static void running_expired(const struct lifecycle_turn *t, const struct lifecycle_event *event)
{
	struct lifecycle_process *process = &t->lc->processes[event->process];
	t->lc->armed[event->timer] &= ~(UINT32_C(1) << event->process);
	if (event->timer == LIFECYCLE_TIMER_RESTART) {
		/* a worker that is left would hold the port, or do the work twice */
		lifecycle_signal_process(t, LIFECYCLE_DO_END_GROUP, event->process, SIGKILL);
		lifecycle_start_process(t, event->process);
	} else if (event->timer == LIFECYCLE_TIMER_QUIET) {
		process->backoff = 0;
		process->restarts = 0;
	} else if (event->timer == LIFECYCLE_TIMER_HANG) {
		lifecycle_add_indexed(t, LIFECYCLE_DO_KILL_PROCESS, event->process);
	}
}

static void running_signalled(const struct lifecycle_turn *t, int signo)
{
	struct lifecycle *lc = t->lc;
	if (!lifecycle_asks_to_stop(signo) || (t->plan->plain && signo == SIGINT)) {
		lifecycle_add_signal(t, LIFECYCLE_DO_FORWARD, signo);
		return;
	}
	lifecycle_request_stop(t, signo);
	if (t->plan->drain && lifecycle_any_running(t)) {
		lifecycle_cancel_restarts(t);
		lc->state = LIFECYCLE_DRAINING;
		lifecycle_arm(t, LIFECYCLE_TIMER_DRAIN);
		return;
	}
	lifecycle_enter_stopping(t, signo);
}

void lifecycle_in_running(const struct lifecycle_turn *t, const struct lifecycle_event *event)
{
	struct lifecycle_process *process = &t->lc->processes[event->process];
	switch (event->type) {
	case LIFECYCLE_PROCESS_ENDED:
		process_ended(t, event);
		break;
	case LIFECYCLE_EXPIRED:
		running_expired(t, event);
		break;
	case LIFECYCLE_UNHEALTHY:
		if (process->state != LIFECYCLE_SLOT_RUNNING || process->unhealthy)
			break;
		process->unhealthy = true;
		lifecycle_signal_process(t, LIFECYCLE_DO_STOP_PROCESS, event->process, SIGTERM);
		if (t->plan->grace)
			lifecycle_arm_process(t, LIFECYCLE_TIMER_HANG, event->process, 0);
		break;
	case LIFECYCLE_LOCK_LOST:
		t->lc->relock = true;
		lifecycle_lose_lock(t);
		break;
	case LIFECYCLE_SIGNAL:
		running_signalled(t, event->code);
		break;
	case LIFECYCLE_STARTED:
	case LIFECYCLE_WAITED:
	case LIFECYCLE_WAIT_FAILED:
	case LIFECYCLE_LOCKED:
	case LIFECYCLE_LOCK_FAILED:
	case LIFECYCLE_STEP_DUE:
	case LIFECYCLE_MARK_THERE:
	case LIFECYCLE_MARK_FAILED:
	case LIFECYCLE_STEP_ENDED:
	case LIFECYCLE_EMPTY:
	case LIFECYCLE_RELEASED:
	case LIFECYCLE_EVENTS:
		break;
	}
}

void lifecycle_in_draining(const struct lifecycle_turn *t, const struct lifecycle_event *event)
{
	switch (event->type) {
	case LIFECYCLE_PROCESS_ENDED:
		lifecycle_note_end(t, event);
		if (t->plan->essential[event->process] || !lifecycle_any_running(t))
			lifecycle_enter_stopping(t, t->lc->stop_signo);
		break;
	case LIFECYCLE_EXPIRED: /* only DRAIN is armed here */
		t->lc->armed[LIFECYCLE_TIMER_DRAIN] = 0;
		lifecycle_enter_stopping(t, t->lc->stop_signo);
		break;
	case LIFECYCLE_LOCK_LOST:
		lifecycle_lose_lock(t);
		break;
	case LIFECYCLE_SIGNAL:
		if (lifecycle_asks_to_stop(event->code))
			lifecycle_enter_stopping(t, t->lc->stop_signo);
		else
			lifecycle_add_signal(t, LIFECYCLE_DO_FORWARD, event->code);
		break;
	case LIFECYCLE_STARTED:
	case LIFECYCLE_WAITED:
	case LIFECYCLE_WAIT_FAILED:
	case LIFECYCLE_LOCKED:
	case LIFECYCLE_LOCK_FAILED:
	case LIFECYCLE_STEP_DUE:
	case LIFECYCLE_MARK_THERE:
	case LIFECYCLE_MARK_FAILED:
	case LIFECYCLE_STEP_ENDED:
	case LIFECYCLE_UNHEALTHY:
	case LIFECYCLE_EMPTY:
	case LIFECYCLE_RELEASED:
	case LIFECYCLE_EVENTS:
		break;
	}
}
