/* What the supervisor was given when it started and hands to its children as it
 * was: signals, working directory, descriptors, the terminal. Noted first thing,
 * before anything is changed. */
#pragma once

#include "effect/signals.h"

struct given {
	struct signals_given signals;
	char **environment;       /* as the kernel gave it; see environment_base() */
	int cwd_fd;               /* the working directory (O_PATH); the supervisor sits in "/".
				   * -1: it may not be opened (a user who may not search it), and
				   * is never left */
	char cwd[512];            /* its name, for messages */
	bool is_pid1;
	int terminal_fd;          /* our controlling terminal, or -1 */
	bool foreground;          /* it is on stdin, and its foreground is ours to give away: no
				   * pipe to another of the same job begins at our stdout */
	int *fds;                 /* inherited ones from 3 on that an exec keeps */
	size_t n_fds;
};

/* After signals_block_all(), before any descriptor is opened. All else is zero. */
int given_note(struct given *given, char **environment, struct err *err) ATTR_CHECK;
/* Is the process group of the supervisor in the foreground of its terminal now? */
bool given_has_foreground(const struct given *given);
/* In the supervisor: to "/", so that no mount is kept busy. */
void given_leave_cwd(const struct given *given);
/* In a child of it: back. */
int given_return_to_cwd(const struct given *given, struct err *err) ATTR_CHECK;
/* In the supervisor, after the last start that could need them. The working
 * directory, which keeps its mount busy, too, unless a check still needs it. */
void given_close_fds(struct given *given, bool keep_cwd);
