/* Signals whatever is left: orphans in other sessions included, which no
 * process group reaches. Runs in a forked child, since it opens and reads. */
#pragma once

#include "base/base.h"

enum sweep_result {
	SWEEP_NOBODY,
	SWEEP_SOMEBODY, /* at least one was signalled, or (signo 0) is there */
	SWEEP_BLIND,    /* there is no /proc of this pid namespace to look at */
};

/* Is /proc there, and of our own pid namespace? */
bool sweep_can_see(void);

/* Sends signo (0: none, it only looks), and CONT behind a TERM, so that stopped
 * ones can act on it, to every descendant of root except the caller and the spared.
 * (Who came in from outside, by `kubectl exec`, descends from nobody here.) A KILL is
 * logged with the process's name. Goes on until a pass finds nobody new, so that those
 * forked meanwhile are met, for at most a second. ret_denied: somebody may not be
 * signalled by us. */
enum sweep_result sweep(pid_t root, int signo, const pid_t *spared, size_t n_spared,
			bool *ret_denied) ATTR_CHECK;
