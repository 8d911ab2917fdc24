/* The inside of the supervisor, shared by its files only. */
#pragma once

#include "children/agent.h"
#include "children/checks.h"
#include "children/probe_server.h"
#include "effect/listen.h"
#include "effect/messages.h"
#include "effect/notify_socket.h"
#include "effect/page.h"
#include "pure/health.h"
#include "pure/lifecycle.h"
#include "pure/sd_notify.h"
#include "supervisor/launch.h"
#include "supervisor/settings.h"
#include "supervisor/supervisor.h"

#include <uv.h>

/* What a child of PID 1 is to it. All but the first two are pidone's own. */
enum child_kind {
	CHILD_STEP,
	CHILD_PROCESS, /* index */
	CHILD_AGENT,
	CHILD_MARKER, /* index of the step, or their number */
	CHILD_PROBE_SERVER,
	CHILD_WAITER, /* index of the target */
	CHILD_CHECK,  /* index */
	CHILD_SWEEPER,
	CHILD_SENDER, /* index of what was said: who said it? */
	CHILD_ERRAND, /* a signal that only the app's user may send */
};

#define CHILDREN_MAX 64

struct child {
	enum child_kind kind;
	uint16_t index;
	pid_t pid;        /* 0: the entry is free */
	bool reported;    /* a message that says how it ended has come */
	int failed_code;  /* of MESSAGE_EXEC_FAILED: the app's program never ran; else 0 */
	bool killed_by_us;
	pid_t next_pid; /* of a process: who is its main when this one has ended; 0: nobody */
};

/* A child of our own that is started again when it dies. */
struct keeper {
	uv_timer_t timer;
	uint32_t deaths;    /* in a row */
	int64_t started_ms;
};

struct wait_state {
	bool done;
	char reason[PAGE_REASON_SIZE];
	struct keeper keeper;
};

struct check_state {
	struct health health;
	uv_timer_t timer;     /* the next try */
	uv_timer_t deadline;  /* of the running one */
	bool running;
	int64_t started_ms; /* the running one */
	int64_t cost_ms;    /* of the last one: see health.h */
	bool where_told;   /* in the log, since the command's start: why nobody reaches it */
	int64_t looked_ms; /* started_ms of the last one that was to look who listens where */
	bool is_reached;   /* the last try held, and nothing spoke against it */
	unsigned failed_looks; /* for what speaks against it, since the command's start */
	int64_t killed_ms; /* when the last try was, since when it ought to be gone; 0: it was not
			    */
};

struct check_result {
	bool ok;
	bool says_where; /* the reason is, also of one that holds, why nobody reaches the app */
	bool look_failed; /* it is not known whether there is such a reason */
	int64_t took_ms; /* 0 for what was no try of a check */
	const char *reason;
};

/* What somebody said who is not a main process: heard when it is known who that was. */
struct said {
	pid_t sender; /* 0: the entry is free */
	struct sd_notify what;
	uint32_t starts[LIFECYCLE_PROCESSES_MAX]; /* of each process, when it was said */
};
#define SAID_MAX 8

/* A signal, and whom it is for. */
struct errand {
	pid_t pid;
	bool group;         /* its whole process group */
	bool then_continue; /* CONT behind it */
	int signo;
};

#define EVENTS_MAX 128

/* What a plain command needs stands first, so that PID 1 touches few pages of it. */
struct supervisor {
	const struct supervisor_options *options;
	const struct plan *plan;
	struct page *page;
	struct lifecycle_plan lifecycle_plan;
	struct lifecycle lifecycle;
	struct launch launch;
	struct settings settings;

	/* made at boot, none later */
	uv_loop_t loop;
	uv_poll_t signal_poll, message_poll, ask_poll, notify_poll, exec_poll;
	uv_timer_t timers[LIFECYCLE_TIMER_PER_PROCESS];
	uv_timer_t reminder; /* once a minute while waiting */
	uv_timer_t sweep_timer;
	struct keeper agent, marker, probe_server;
	int signal_fd;
	int children_fd;     /* /proc/self/task/…/children, or -1 */
	int ask_fds[2];      /* [0] PID 1's, [1] the probe server's */
	int exec_fds[2];     /* see executed.c; -1: closed */
	struct messages messages;
	struct listen_sockets sockets;
	struct notify_socket notify;
	int manager_fd; /* to the service manager outside, or -1 */
	uint64_t manager_watchdog_ms; /* how often it wants to hear that we are alive; 0: never */
	uv_timer_t manager_timer;

	bool manager_knows_stop;
	bool pumping;
	bool reason_told;    /* as an error, in the log */
	bool readiness_is_news; /* the page has one that nobody was told of */
	bool told_ready;     /* the last thing logged about readiness */
	bool somebody_swept; /* the last sweep found somebody */
	int sweep_signo;     /* of the next one; 0: it only looks */
	int exit_code;
	uint32_t random;          /* state of the jitter */
	int64_t waiting_since_ms; /* of WAITING, then of LOCKING */
	pid_t groups[LIFECYCLE_PROCESSES_MAX + 1]; /* of the last start of each; the step's last */
	struct errand errand;                      /* of the next CHILD_ERRAND */
	struct child children[CHILDREN_MAX];
	struct process_timers {
		uv_timer_t timers[LIFECYCLE_TIMERS - LIFECYCLE_TIMER_PER_PROCESS];
	} processes[LIFECYCLE_PROCESSES_MAX];

	/* events not yet decided on; pump() runs them to completion */
	size_t first_event, n_events;
	struct lifecycle_event events[EVENTS_MAX];

	char reason[MESSAGE_TEXT_SIZE]; /* why it ends with a failure: the first cause */
	char exec_reason[MESSAGE_TEXT_SIZE]; /* why a child could not be the app */
	pid_t exec_reason_of;                /* that child */
	char lock_reason[PAGE_REASON_SIZE];
	char mark_reason[PAGE_REASON_SIZE];   /* why the mark is not known or set yet */
	char stopped_while[PAGE_REASON_SIZE]; /* what was waited for at the stop request */
	char session_id[48];                  /* this start of this container */
	char session_name[AGENT_SESSION_NAME_SIZE];
	struct said said[SAID_MAX];
	struct wait_state waits[SETTINGS_WAITS_MAX];
	struct check_state checks[SETTINGS_CHECKS_MAX];
	int64_t checks_since_ms; /* since when they are about this command */
};

/* supervisor.c */
void supervisor_push(struct supervisor *s, struct lifecycle_event event);
void supervisor_pump(struct supervisor *s);
/* Keeps the first cause for the exit; format as printf. */
void supervisor_set_reason(struct supervisor *s, const char *format, ...) ATTR_PRINTF(2, 3);
/* The same, and tells it as an error at once. */
void supervisor_fail(struct supervisor *s, const char *event, const char *text);
uint32_t supervisor_random(struct supervisor *s);

/* preflight.c: what a child finds out at boot */
struct preflight {
	bool database;
	bool has_default_ready;
	char default_ready[MESSAGE_TEXT_SIZE];
	char person[MESSAGE_TEXT_SIZE]; /* as identity_person() says it, or "" */
};
/* 0; or the exit code, with its reason in err. A signal that ends a wait ends this
 * too, and is pushed. */
int supervisor_preflight(struct supervisor *s, struct preflight *ret, struct err *err) ATTR_CHECK;

/* setup.c: before the line */
int supervisor_set_up(struct supervisor *s, struct err *err) ATTR_CHECK;
void supervisor_on_timer(uv_timer_t *handle); /* timers of the lifecycle */
void supervisor_hear_messages(struct supervisor *s); /* all that wait, each decided on */

/* actions.c */
void supervisor_perform(struct supervisor *s, const struct lifecycle_action *action);

/* signalling.c: to what runs, as the configuration has it */
/* Also to what only the app's user may signal. */
void supervisor_signal(struct supervisor *s, const struct errand *errand);
void supervisor_stop_step(struct supervisor *s, int signo);
void supervisor_stop_process(struct supervisor *s, uint16_t index, int received);
void supervisor_forward(struct supervisor *s, int signo);
void supervisor_kill_process(struct supervisor *s, uint16_t index);
void supervisor_kill_all(struct supervisor *s);
/* What a process that has ended left in its group, if anything. */
void supervisor_end_group(struct supervisor *s, uint16_t index, int signo);

/* children.c */
struct child *supervisor_find_child(struct supervisor *s, enum child_kind kind, uint16_t index);
bool supervisor_has_child(const struct supervisor *s, enum child_kind kind);
void supervisor_start_app(struct supervisor *s, enum launch_what what, uint16_t index);
/* One of our own; run is called in it. 0 when it could not be forked. */
pid_t supervisor_start_own(struct supervisor *s, enum child_kind kind, uint16_t index,
			   const char *title, int (*run)(struct supervisor *s, uint16_t index));
void supervisor_end_own(struct supervisor *s, enum child_kind kind, int signo);
void supervisor_reap(struct supervisor *s);
struct child *supervisor_find_pid(struct supervisor *s, pid_t pid); /* or NULL */
bool supervisor_is_app(const struct child *child);
/* "was killed by the kernel: out of memory (limit 64 MiB)", "exited with 1" */
const char *supervisor_describe_end(const struct child *child, int code, int signo, char *buffer,
				    size_t size);
enum launch_what supervisor_what_of(const struct child *child);

/* setup.c */
bool supervisor_is_deaf_to(const struct supervisor *s, int signo);

/* executed.c */
int supervisor_open_executed(struct supervisor *s, struct err *err) ATTR_CHECK;
void supervisor_all_are_forked(struct supervisor *s);
void supervisor_on_executed(uv_poll_t *handle, int status, int events);
/* For a role without a check; a restart counts at once. */
bool supervisor_is_executed(struct supervisor *s, uint16_t process);

/* terminal.c */
/* Where this child has the foreground: ours again, or a Ctrl-C would reach nobody. */
bool supervisor_take_terminal_back(const struct supervisor *s, const struct child *child);
void supervisor_app_stopped(struct supervisor *s, const struct child *child, int signo);

/* rest.c */
void supervisor_terminate_rest(struct supervisor *s); /* TERM to whatever is left */
void supervisor_kill_rest(struct supervisor *s);
void supervisor_swept(struct supervisor *s, int signo, int found);
void supervisor_on_sweep_timer(uv_timer_t *handle);
/* Pushes EMPTY when nobody is left but our own, in the states that ask for it. */
void supervisor_look_for_end(struct supervisor *s);
void supervisor_log_unkillable(struct supervisor *s);
/* A child of ours that is not in the table: an orphan that we were given. 0: none;
 * -1: the list cannot be read. All further descendants hang below one of them. */
pid_t supervisor_find_orphan(struct supervisor *s);

/* keepers.c: the waiters, the agent, the probe server; started again when they die */
void supervisor_init_keepers(struct supervisor *s);
void supervisor_start_waiter(struct supervisor *s, uint16_t target);
void supervisor_start_locker(struct supervisor *s);
void supervisor_start_marker(struct supervisor *s);
void supervisor_start_probe_server(struct supervisor *s);
void supervisor_start_again_later(struct keeper *keeper);

/* waiting.c: what they tell, and what it means */
void supervisor_start_waiting(struct supervisor *s);
void supervisor_stop_waiting(struct supervisor *s);
void supervisor_start_locking(struct supervisor *s);
void supervisor_on_message(struct supervisor *s, const struct message *message,
			   struct child *child);
void supervisor_own_ended(struct supervisor *s, const struct child *child, int code, int signo);
void supervisor_log_waiting(struct supervisor *s);
/* What is waited for, and why, as long as something is; else "". */
const char *supervisor_waiting_reason(const struct supervisor *s, char *buffer, size_t size);

/* marks.c: what runs once */
void supervisor_start_marking(struct supervisor *s);
void supervisor_stop_marking(struct supervisor *s);
void supervisor_on_mark_message(struct supervisor *s, const struct message *message,
				struct child *child);
void supervisor_marker_ended(struct supervisor *s, const struct child *child, const char *how);

/* checks.c */
/* In a child that checks or waits: its environment and its directory. */
int supervisor_enter_check(struct supervisor *s, struct check_context *ret,
			   struct err *err) ATTR_CHECK;
void supervisor_init_checks(struct supervisor *s);
void supervisor_start_checks(struct supervisor *s);
void supervisor_stop_checks(struct supervisor *s);
void supervisor_check_ended(struct supervisor *s, uint16_t index,
			    const struct check_result *result);

/* One word decides, not a threshold: what the app says of itself. */
void supervisor_check_decided(struct supervisor *s, uint16_t index, bool good, const char *reason);

/* notify.c: sd_notify */
int supervisor_open_notify(struct supervisor *s, struct err *err) ATTR_CHECK;
void supervisor_init_notify(struct supervisor *s);
void supervisor_hear_notify(struct supervisor *s);
void supervisor_sender_known(struct supervisor *s, uint16_t entry, int code);
/* Has this main process named another one that is ours to bury now? */
bool supervisor_hand_over(struct supervisor *s, struct child *ended);
/* What the service manager outside is told when something has changed. */
void supervisor_tell_manager(struct supervisor *s, bool ready, const char *not_ready);

/* counts.c */
#define COUNT_ALL_WAITS (-1) /* with begins: those for targets; else the lock's, too */
#define COUNT_LOCK      (-2)
/* A wait for this target (an index, or one of the above) begins, or is over. */
void supervisor_count_wait(struct supervisor *s, int wait, bool begins);
void supervisor_count_exit(struct page_content *page, uint32_t process, int code);
/* From now on the page has the last lines of the log. */
void supervisor_keep_log(struct supervisor *s);

/* report.c: the shared page, and what is told at the end */
void supervisor_report_state(struct supervisor *s, enum lifecycle_state before);
void supervisor_report_health(struct supervisor *s);
/* Within a write of the page: who sees what a check found sees what follows from it. */
void supervisor_write_readiness(struct supervisor *s, struct page_content *page);
void supervisor_report_process(struct supervisor *s, uint16_t index, enum page_process_state state,
			       pid_t pid, int code);
void supervisor_report_exit(struct supervisor *s);
/* A timer whose end is a failure: keeps its reason for the exit. */
void supervisor_explain_timer(struct supervisor *s, enum lifecycle_timer timer);
bool supervisor_has_ready_check(const struct supervisor *s);
bool supervisor_is_ready(struct supervisor *s, char *reason, size_t size);
/* Does the command run, and is it to go on? It is what checks are about. */
bool supervisor_command_is_up(const struct supervisor *s);
