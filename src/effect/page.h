/* The shared page: what PID 1 knows, for its probe server to answer from. PID 1
 * is the only writer, and never waits; a reader copies and tries again when a
 * write came between. Anonymous shared memory, made at boot, inherited by
 * fork. Nothing secret is ever in it: no arguments, no environment. */
#pragma once

#include "base/err.h"
#include "base/log.h"

#include <stdatomic.h>

#define PAGE_PROCESSES_MAX 16
#define PAGE_CHECKS_MAX 16
#define PAGE_WAITS_MAX     16
#define PAGE_EXITS_MAX     32
#define PAGE_EVENTS_MAX    16
#define PAGE_NAME_SIZE 48
#define PAGE_REASON_SIZE 256
#define PAGE_STATUS_SIZE   128
#define PAGE_EVENT_SIZE    160

enum page_process_state {
	PAGE_PROCESS_IDLE, /* not started yet */
	PAGE_PROCESS_RUNNING,
	PAGE_PROCESS_DELAYED, /* ended, will be started again */
	PAGE_PROCESS_ENDED,
};

enum page_check_kind { PAGE_CHECK_READY, PAGE_CHECK_LIVE };
enum page_check_state { PAGE_CHECK_UNKNOWN, PAGE_CHECK_OK, PAGE_CHECK_FAILED };

struct page_process {
	char name[PAGE_NAME_SIZE]; /* "main", "beat" */
	char program[PAGE_NAME_SIZE]; /* "gunicorn", without arguments */
	enum page_process_state state;
	pid_t pid;         /* in PID 1's namespace; 0 while not running */
	uint32_t starts;
	int exit_code;     /* of the last end, as a shell would say it */
	int64_t since_ms;  /* CLOCK_BOOTTIME, of state */
	char status[PAGE_STATUS_SIZE]; /* what it said of itself by sd_notify, or "" */
};

struct page_check {
	char name[PAGE_NAME_SIZE]; /* "http://localhost:8000/healthz" */
	enum page_check_kind kind;
	enum page_check_state state; /* after thresholds */
	char reason[PAGE_REASON_SIZE]; /* of the last failure; of one that holds, why nobody
					* reaches the app all the same; or "" */
	int64_t last_ok_ms;   /* CLOCK_BOOTTIME; 0: never */
	int64_t last_ok_epoch_ms; /* the same by the wall clock */
	uint32_t failures;    /* in a row */
	uint64_t n_ok, n_failed; /* results, ever */
	int64_t took_ms;         /* all tries together */
};

struct page_wait {
	char name[PAGE_NAME_SIZE]; /* "postgres" */
	int64_t waited_ms;         /* in waits that are over */
	int64_t since_ms;          /* CLOCK_BOOTTIME, of the one that goes on; 0: none */
};

/* So often has this process ended with this code. */
struct page_exit {
	uint32_t process; /* index */
	int code;         /* -1: another one, in the last entry when there is no room for more */
	uint32_t count;   /* 0: the entry is free */
};

struct page_event {
	int64_t at_ms; /* CLOCK_BOOTTIME */
	enum log_level level;
	char text[PAGE_EVENT_SIZE];
};

/* The small things first, so that a writer touches few of its memory's pages. */
struct page_content {
	char role[32];        /* "/run" */
	char state[16];       /* the lifecycle's state: "waiting", "running" */
	int64_t booted_ms;    /* CLOCK_BOOTTIME */
	int64_t state_since_ms;
	bool ready;           /* /readyz is 200 */
	bool live;            /* `live` checks hold (the loop itself is asked) */
	bool started;         /* /startupz: has been ready once */
	uint32_t restarts;    /* of all processes together */
	uint64_t signals_forwarded;
	uint64_t zombies_reaped; /* of children that were not ours */
	uint64_t log_lines_dropped;
	uint32_t n_processes, n_checks;
	uint32_t n_waits;
	uint32_t n_events; /* ever told: the last one is events[(n_events - 1) % PAGE_EVENTS_MAX] */
	char not_ready[PAGE_REASON_SIZE]; /* why ready is false */
	char not_live[PAGE_REASON_SIZE];
	struct page_wait lock;
	struct page_wait waits[PAGE_WAITS_MAX];
	struct page_exit exits[PAGE_EXITS_MAX];
	struct page_process processes[PAGE_PROCESSES_MAX];
	struct page_check checks[PAGE_CHECKS_MAX];
	struct page_event events[PAGE_EVENTS_MAX]; /* lines of the log, lost ones too */
};

struct page {
	_Atomic uint32_t sequence; /* odd while PID 1 writes */
	struct page_content content;
};

struct page *page_new(struct err *err) ATTR_CHECK;
void page_free(struct page *take_page);

/* PID 1 writes between these two; neither blocks. */
struct page_content *page_write_begin(struct page *page);
void page_write_end(struct page *page);

/* A consistent copy. False only when PID 1 stood still in the middle of a
 * write for 200 ms (stopped by SIGSTOP): the caller then answers that the
 * supervisor does not. May block for so long. */
bool page_read(const struct page *page, struct page_content *ret) ATTR_CHECK;
