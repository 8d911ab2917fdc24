/* Forking our own children. */
#include "effect/own_child.h"

#include "base/log.h"
#include "effect/identity.h"
#include "effect/signals.h"
#include "sys/sys.h"

pid_t own_child_fork(const struct own_child *own)
{
	struct err err;
	pid_t parent = getpid();
	pid_t pid = sys_fork();
	if (pid > 0)
		(void)setpgid(pid, pid); /* whoever comes first */
	if (pid != 0)
		return pid;
	sys_die_with_parent(parent);
	sys_title_set(own->title);
	sys_close_all_but(own->keep_fds, own->n_keep_fds);
	(void)setpgid(0, 0);
	if (identity_assume(own->user, own->group, &err) < 0) {
		log_error("identity", "%s: %s", own->title, err.msg);
		sys_exit_now(EXIT_CODE_CONFIG);
	}
	sys_die_with_parent(parent); /* changing the user forgets it */
	signals_set_default();
	(void)signal(SIGPIPE, SIG_IGN); /* a dead stderr costs log lines, not the child */
	return 0;
}
