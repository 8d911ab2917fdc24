/* The decision: what a container does when something happens. State × event →
 * state + actions; a plain value without pids, clock or pointers, so that a
 * test can walk every state there is (tests/model). Who performs the actions,
 * and where events come from, is src/supervisor. Timers have names here and
 * durations there; that one ran out is an event like any other. */
#pragma once

#include "base/base.h"

#define LIFECYCLE_PROCESSES_MAX 16
#define LIFECYCLE_MARKED_STEPS_MAX 64
#define LIFECYCLE_BACKOFF_MAX 6 /* restart-delay doubles so often: 1 s … 64 s, cut at a minute */

enum lifecycle_state {
	LIFECYCLE_BOOT,
	LIFECYCLE_WAITING,  /* for the targets of `wait` */
	LIFECYCLE_LOCKING,  /* for the lock */
	LIFECYCLE_STEPS,
	LIFECYCLE_RUNNING,
	LIFECYCLE_DRAINING, /* told to stop, still serving, readiness is off */
	LIFECYCLE_STOPPING, /* asked nicely: mains, then whatever they left */
	LIFECYCLE_KILLING,  /* SIGKILL is out */
	LIFECYCLE_REAPING,  /* all gone; the lock goes last */
	LIFECYCLE_EXIT,
	LIFECYCLE_STATES,
};

enum lifecycle_event_type {
	LIFECYCLE_STARTED,     /* boot is done */
	LIFECYCLE_WAITED,      /* every target is there */
	LIFECYCLE_WAIT_FAILED, /* code: exit code */
	LIFECYCLE_LOCKED,
	LIFECYCLE_LOCK_FAILED, /* code */
	LIFECYCLE_LOCK_LOST,
	LIFECYCLE_STEP_DUE,      /* it is to run now, and nothing of an earlier try is at work */
	LIFECYCLE_MARK_THERE,    /* it was done before, or: now it is noted that it is done */
	LIFECYCLE_MARK_FAILED,   /* code */
	LIFECYCLE_STEP_ENDED,    /* code */
	LIFECYCLE_PROCESS_ENDED, /* process, code, never_ran, not_forked */
	LIFECYCLE_UNHEALTHY,     /* process: `live` failed and it shall be restarted */
	LIFECYCLE_SIGNAL,        /* code: the number of the signal that was received */
	LIFECYCLE_EXPIRED,       /* timer, process */
	LIFECYCLE_EMPTY,         /* no process is left but the supervisor's own children */
	LIFECYCLE_RELEASED,      /* the agent is gone, and the lock with it */
	LIFECYCLE_EVENTS,
};

enum lifecycle_timer {
	LIFECYCLE_TIMER_WAIT,       /* wait-timeout */
	LIFECYCLE_TIMER_LOCK,       /* lock-timeout */
	LIFECYCLE_TIMER_STEP,       /* step-timeout */
	LIFECYCLE_TIMER_RETRY,      /* before a step is tried again */
	LIFECYCLE_TIMER_DRAIN,      /* drain */
	LIFECYCLE_TIMER_GRACE,      /* stop-grace */
	LIFECYCLE_TIMER_IMPATIENCE, /* 5 s: after a step's TERM, after a plain command's end */
	LIFECYCLE_TIMER_KILL,       /* 2 s: a killed process is gone, or never will be */
	LIFECYCLE_TIMER_LEAVE,      /* 1 s for the agent to say goodbye */
	LIFECYCLE_TIMER_RESTART,    /* per process: restart-delay */
	LIFECYCLE_TIMER_QUIET,      /* per process: a minute without trouble */
	LIFECYCLE_TIMER_HANG,       /* per process: stop-grace of an unhealthy one */
	LIFECYCLE_TIMERS,
};
#define LIFECYCLE_TIMER_PER_PROCESS LIFECYCLE_TIMER_RESTART /* this and those behind it */

struct lifecycle_event {
	enum lifecycle_event_type type;
	enum lifecycle_timer timer;
	uint8_t process;
	bool never_ran;  /* could not be executed: trying again is pointless */
	bool not_forked; /* there was no process to be had: may be better in a moment */
	int code;
};

enum lifecycle_action_type {
	LIFECYCLE_DO_WAIT, /* start waiting for all targets */
	LIFECYCLE_DO_STOP_WAITING,
	LIFECYCLE_DO_LOCK,     /* have the agent take the lock */
	LIFECYCLE_DO_UNLOCK,   /* the steps are done; the processes need no lock */
	LIFECYCLE_DO_ASK_STEP, /* index: is it to run? Has it been done, is an earlier try at work?
				*/
	LIFECYCLE_DO_SET_MARK, /* index: it is done now; n_steps: all are */
	LIFECYCLE_DO_STOP_MARKING,
	LIFECYCLE_DO_START_STEP,     /* index */
	LIFECYCLE_DO_START_PROCESS,  /* index */
	LIFECYCLE_DO_STOP_STEP,      /* signo */
	LIFECYCLE_DO_STOP_PROCESS,   /* index: the stop signal; signo: the one received */
	LIFECYCLE_DO_KILL_PROCESS,   /* index */
	LIFECYCLE_DO_END_GROUP,      /* index, signo: what one that has ended left in its group */
	LIFECYCLE_DO_FORWARD,        /* signo, to all that run */
	LIFECYCLE_DO_TERMINATE_REST, /* TERM to whatever is left, in any session */
	LIFECYCLE_DO_KILL_REST,
	LIFECYCLE_DO_RELEASE, /* the lock, and our own children */
	LIFECYCLE_DO_ARM,     /* timer, index (process), exponent (RESTART) */
	LIFECYCLE_DO_DISARM,
	LIFECYCLE_DO_EXIT, /* code */
	LIFECYCLE_ACTIONS,
};

struct lifecycle_action {
	enum lifecycle_action_type type;
	enum lifecycle_timer timer;
	uint16_t index;
	uint8_t exponent;
	int code; /* an exit code or a signal's number */
};

/* As many as one step can ever ask for: stop everything and start everything. */
#define LIFECYCLE_ACTIONS_MAX (LIFECYCLE_PROCESSES_MAX * 4 + 16)

struct lifecycle_actions {
	struct lifecycle_action items[LIFECYCLE_ACTIONS_MAX];
	size_t n;
};

enum lifecycle_restart {
	LIFECYCLE_RESTART_NEVER,
	LIFECYCLE_RESTART_ON_FAILURE,
	LIFECYCLE_RESTART_ALWAYS,
};

#define LIFECYCLE_NO_MAX UINT16_MAX

/* What is fixed at boot. */
struct lifecycle_plan {
	bool plain;        /* a plain command: forwards TERM each time, stops nothing by itself */
	bool waits;
	bool lock;
	bool lock_for_steps; /* `lock`, but it is given back before the processes start */
	bool wait_timeout, lock_timeout, step_timeout, drain, grace; /* is there a limit? */
	uint16_t n_steps;
	uint64_t marked;    /* bit per step: it runs once, and has a mark in the database */
	bool marks_the_end; /* there is a mark for all steps together, too */
	uint16_t step_retries;
	uint8_t n_processes;
	enum lifecycle_restart restart;
	uint16_t restart_max; /* restarts without a quiet minute between; LIFECYCLE_NO_MAX */
	bool essential[LIFECYCLE_PROCESSES_MAX];
};

enum lifecycle_marking {
	LIFECYCLE_MARKING_NONE,
	LIFECYCLE_MARKING_ASKS, /* before a marked step, and before each further try of any */
	LIFECYCLE_MARKING_SETS, /* behind it; with step == n_steps behind all of them */
};

enum lifecycle_slot {
	LIFECYCLE_SLOT_IDLE,
	LIFECYCLE_SLOT_RUNNING,
	LIFECYCLE_SLOT_DELAYED, /* ended; RESTART is armed */
	LIFECYCLE_SLOT_ENDED,
};

struct lifecycle_process {
	enum lifecycle_slot state;
	bool unhealthy;    /* told to stop because of `live`: to be started again */
	uint8_t backoff;
	uint16_t restarts; /* counted only where there is a restart_max */
};

struct lifecycle {
	enum lifecycle_state state;
	uint16_t step;        /* the one that runs, or is next */
	uint16_t step_tries;
	bool step_running;
	enum lifecycle_marking marking; /* of `step` */
	bool step_signalled;  /* got its TERM */
	bool stop_requested;
	bool resting;         /* mains are gone, the rest has got its TERM */
	bool lock_held;
	bool relock;          /* a singleton lost its lock: kill, then wait for it again */
	bool has_code;        /* the exit code is decided */
	int stop_signo;       /* of the stop request */
	int code;             /* decided, or what it would be without a main's own */
	uint32_t armed[LIFECYCLE_TIMERS]; /* bit per process; bit 0 for the others */
	struct lifecycle_process processes[LIFECYCLE_PROCESSES_MAX];
};

void lifecycle_init(struct lifecycle *lifecycle);

/* The one door to the state: takes an event, changes the value, says what is to
 * be done, in this order. An event that means nothing in a state changes
 * nothing. The actions are the caller's storage and are overwritten. */
void lifecycle_step(struct lifecycle *lifecycle, const struct lifecycle_plan *plan,
		    const struct lifecycle_event *event, struct lifecycle_actions *ret_actions);

/* Before the app runs only these signals act: TERM, INT, QUIT, HUP. */
bool lifecycle_ends_a_wait(int signo);

/* "running"; static. */
const char *lifecycle_state_name(enum lifecycle_state state);
const char *lifecycle_event_name(enum lifecycle_event_type type);
const char *lifecycle_timer_name(enum lifecycle_timer timer);
const char *lifecycle_action_name(enum lifecycle_action_type type);
