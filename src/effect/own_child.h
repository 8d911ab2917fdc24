/* A child of pidone's own, forked without exec: what each of them is from its
 * first moment on, whoever started it. */
#pragma once

#include "base/base.h"

struct own_child {
	const char *title;         /* in ps: "pidone: wait" */
	const int *keep_fds;       /* stay open beside 0 to 2; -1 is skipped */
	size_t n_keep_fds;
	const char *user, *group;  /* whom it becomes; NULL: as we are */
};

/* As fork(2): the pid in the parent, or -1 with errno. 0 in the child, which dies
 * with its parent and has its title, a process group of its own (a Ctrl-C is not
 * for it, and a deadline ends it with all that it started), these descriptors
 * only, and all signals unblocked at their defaults but SIGPIPE, ignored. It ends
 * with sys_exit_now(). A child that cannot become its user says so and ends with
 * EXIT_CODE_CONFIG. */
pid_t own_child_fork(const struct own_child *own) ATTR_CHECK;
