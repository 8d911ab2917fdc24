/* Signals as data: everything is blocked from the first statement of main on
 * and read from one descriptor. No handler is ever installed, so a forked child
 * has nothing to undo but the mask. */
#pragma once

#include "base/err.h"

#include <signal.h>

/* What pidone was given, and what its children shall get again. */
struct signals_given {
	sigset_t mask;
	bool chld_ignored; /* SIGCHLD was ignored: we must not, the kernel would reap for us */
};

/* The first statement of main(). -1 with errno only where a sandbox forbids it. */
int signals_block_all(struct signals_given *ret_given) ATTR_CHECK;

/* In a forked child, right before exec (or before a child of ours goes to
 * work): dispositions first, the mask last. What came meanwhile acts now. */
void signals_give_back(const struct signals_given *given);
/* For a child of ours: all signals unblocked, all at their defaults. */
void signals_set_default(void);

int signals_open(int *ret_fd, struct err *err) ATTR_CHECK; /* non-blocking, close-on-exec */

/* Were we started with this one ignored, of HUP, INT and QUIT? So does nohup, and a shell
 * for what it starts with & : whoever then sends it does not mean us. */
bool signals_is_ignored(int signo);

/* The next pending signal's number; 0 when there is none. Our own (SIGPIPE on
 * a dead stderr) are dropped here. */
int signals_read(int fd);
