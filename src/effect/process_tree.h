/* Who is whose child, by /proc. It opens and reads, so it is for forked children. */
#pragma once

#include "base/base.h"

/* The parent of the process whose directory in /proc this is; 0 for one that was put
 * into the pid namespace from outside; -1: it is gone. *ret_state is the letter that
 * ps shows. */
pid_t process_parent(int proc_fd, const char *name, char *ret_state);

#define PROCESS_STRANGER (-1) /* not below root */
#define PROCESS_ORPHAN   (-2) /* below root, and below none of the others */
#define PROCESS_GONE     (-3) /* it has ended, or there is no /proc: nothing is known */

/* The index of the one of these pids that it is or descends from; or one of those. */
int process_ancestor(pid_t descendant, pid_t root, const pid_t *pids, size_t n);
