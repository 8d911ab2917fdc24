/* The names of states, events, timers and actions, for the log, the shared page
 * and the generated table in doc/lifecycle.md. */
#include "pure/lifecycle.h"

const char *lifecycle_state_name(enum lifecycle_state state)
{
	static const char *const names[] = {
		[LIFECYCLE_BOOT] = "boot",         [LIFECYCLE_WAITING] = "waiting",
		[LIFECYCLE_LOCKING] = "locking",   [LIFECYCLE_STEPS] = "steps",
		[LIFECYCLE_RUNNING] = "running",   [LIFECYCLE_DRAINING] = "draining",
		[LIFECYCLE_STOPPING] = "stopping", [LIFECYCLE_KILLING] = "killing",
		[LIFECYCLE_REAPING] = "reaping",   [LIFECYCLE_EXIT] = "exit",
	};
	return names[state];
}

const char *lifecycle_event_name(enum lifecycle_event_type type)
{
	static const char *const names[] = {
		[LIFECYCLE_STARTED] = "started",
		[LIFECYCLE_WAITED] = "waited",
		[LIFECYCLE_WAIT_FAILED] = "wait failed",
		[LIFECYCLE_LOCKED] = "locked",
		[LIFECYCLE_LOCK_FAILED] = "lock failed",
		[LIFECYCLE_LOCK_LOST] = "lock lost",
		[LIFECYCLE_STEP_DUE] = "step due",
		[LIFECYCLE_MARK_THERE] = "mark there",
		[LIFECYCLE_MARK_FAILED] = "mark failed",
		[LIFECYCLE_STEP_ENDED] = "step ended",
		[LIFECYCLE_PROCESS_ENDED] = "process ended",
		[LIFECYCLE_UNHEALTHY] = "unhealthy",
		[LIFECYCLE_SIGNAL] = "signal",
		[LIFECYCLE_EXPIRED] = "expired",
		[LIFECYCLE_EMPTY] = "empty",
		[LIFECYCLE_RELEASED] = "released",
	};
	return names[type];
}

const char *lifecycle_timer_name(enum lifecycle_timer timer)
{
	static const char *const names[] = {
		[LIFECYCLE_TIMER_WAIT] = "wait-timeout",
		[LIFECYCLE_TIMER_LOCK] = "lock-timeout",
		[LIFECYCLE_TIMER_STEP] = "step-timeout",
		[LIFECYCLE_TIMER_RETRY] = "step retry",
		[LIFECYCLE_TIMER_DRAIN] = "drain",
		[LIFECYCLE_TIMER_GRACE] = "stop-grace",
		[LIFECYCLE_TIMER_IMPATIENCE] = "impatience (5 s)",
		[LIFECYCLE_TIMER_KILL] = "kill (2 s)",
		[LIFECYCLE_TIMER_LEAVE] = "leave (1 s)",
		[LIFECYCLE_TIMER_RESTART] = "restart-delay",
		[LIFECYCLE_TIMER_QUIET] = "quiet minute",
		[LIFECYCLE_TIMER_HANG] = "stop-grace of one process",
	};
	return names[timer];
}

const char *lifecycle_action_name(enum lifecycle_action_type type)
{
	static const char *const names[] = {
		[LIFECYCLE_DO_WAIT] = "start waiting",
		[LIFECYCLE_DO_STOP_WAITING] = "stop waiting",
		[LIFECYCLE_DO_LOCK] = "ask for the lock",
		[LIFECYCLE_DO_UNLOCK] = "give the lock back",
		[LIFECYCLE_DO_ASK_STEP] = "ask whether the step is to run",
		[LIFECYCLE_DO_SET_MARK] = "set the step's mark",
		[LIFECYCLE_DO_STOP_MARKING] = "stop asking or setting",
		[LIFECYCLE_DO_START_STEP] = "start the step",
		[LIFECYCLE_DO_START_PROCESS] = "start the process",
		[LIFECYCLE_DO_STOP_STEP] = "signal the step",
		[LIFECYCLE_DO_STOP_PROCESS] = "stop signal to the process",
		[LIFECYCLE_DO_KILL_PROCESS] = "KILL the process",
		[LIFECYCLE_DO_END_GROUP] = "signal what the process left",
		[LIFECYCLE_DO_FORWARD] = "forward the signal",
		[LIFECYCLE_DO_TERMINATE_REST] = "TERM to whatever is left",
		[LIFECYCLE_DO_KILL_REST] = "KILL whatever is left",
		[LIFECYCLE_DO_RELEASE] = "release the lock",
		[LIFECYCLE_DO_ARM] = "arm",
		[LIFECYCLE_DO_DISARM] = "disarm",
		[LIFECYCLE_DO_EXIT] = "exit",
	};
	return names[type];
}
