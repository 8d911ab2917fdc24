/* The seam to the kernel: thin wrappers around what only a PID 1 does, so that
 * fork, kill and wait are called in one place each. Nothing here decides. */
#pragma once

#include "base/err.h"

#include <signal.h>

/* ---- time ---- */

int64_t sys_now_ms(void); /* CLOCK_BOOTTIME: goes on while the machine sleeps */
int64_t sys_epoch_ms(void); /* the wall clock; it can be set, so only to be shown */

/* ---- processes ---- */

/* fork(2): 0 in the child, its pid in the parent, -1 with errno. */
pid_t sys_fork(void);

/* One pid > 1, one group > 1. 0, or -1 with errno (ESRCH: gone already). */
int sys_kill(pid_t pid, int signo);
int sys_kill_group(pid_t group, int signo);
/* Everybody in the pid namespace; refused (-1, EPERM) unless we are its PID 1. */
int sys_kill_everybody(int signo);

/* Stops the own process group, ourselves with it; returns when we are continued. */
int sys_stop_own_group(void);

enum sys_wait_result { SYS_WAIT_NOTHING, SYS_WAIT_NO_CHILDREN, SYS_WAIT_ENDED, SYS_WAIT_STOPPED };

/* Has some child ended or stopped? Names it without taking the news from the
 * kernel: it stays a zombie, and what it said before can be heard first. */
enum sys_wait_result sys_wait_peek(pid_t *ret_pid);
/* Takes the news of this child, without blocking. ENDED: it is reaped; *ret_code
 * is its code as a shell says it (128+N for a signal), *ret_signo the signal or
 * 0. STOPPED: *ret_signo is what stopped it. */
enum sys_wait_result sys_wait_take(pid_t pid, int *ret_code, int *ret_signo);

/* Is it a child of ours, also one that has ended? */
bool sys_is_child(pid_t pid);
/* Is a child of ours, also one that has ended, in this process group? Then its number is
 * nobody else's. */
bool sys_group_has_child(pid_t group);
/* Has this child ended? It stays a zombie, so that its number stays its own and
 * its group can still be signalled. */
bool sys_has_ended(pid_t pid);

/* Waits for this child to end; for boot and for children, never after the line. */
int sys_wait_blocking(pid_t pid, int *ret_code);

ATTR_NORETURN void sys_exit_now(int code); /* no atexit handlers, no flushing */
/* The end of PID 1. Unwinding libraries would only touch their pages once more. */
ATTR_NORETURN void sys_exit(int code);

/* ---- signals ---- */

/* The mask, with every one of the 64 signals that the kernel has. The C library's
 * own functions leave out the two or three that it uses for its threads, which we
 * have none of: they would end us when somebody sends them. 0, or -1 with errno. */
int sys_signals_block_all(sigset_t *ret_before);
int sys_signals_set_mask(const sigset_t *mask);
/* A descriptor from which all of them can be read: non-blocking, close-on-exec. */
int sys_signals_open(void);

/* ---- what a process is ---- */

int sys_become_subreaper(void);
/* SIGKILL when the parent dies; checks that it has not done so yet. */
void sys_die_with_parent(pid_t parent);
int sys_no_new_privileges(void);
/* What only the start of the program had to write, tables of functions above all, becomes
 * read-only (RELRO), where nobody has seen to it already. */
void sys_protect_tables(void);

/* Remembers where the arguments lie, so that a forked child can show another
 * title in ps; then the title (cut to the room there is, and 15 bytes for comm). */
void sys_title_init(int argc, char **argv);
void sys_title_set(const char *title);

/* ---- descriptors ---- */

/* Calls note with each open one but its own. -1: there is no /proc to tell. Not
 * opendir(), whose 32 KiB PID 1 would carry for life. */
int sys_each_fd(void (*note)(int fd, void *context), void *context);

/* Closes everything from 3 on but these (sorted or not; -1 is skipped). */
void sys_close_all_but(const int *keep, size_t n);
