/* Signals as data. */
#include "effect/signals.h"

#include "sys/sys.h"

#include <errno.h>
#include <sys/signalfd.h>

int signals_block_all(struct signals_given *ret_given)
{
	struct sigaction chld;
	if (sys_signals_block_all(&ret_given->mask) < 0)
		return -1;
	ret_given->chld_ignored = false;
	if (sigaction(SIGCHLD, NULL, &chld) == 0 && chld.sa_handler == SIG_IGN) {
		ret_given->chld_ignored = true;
		(void)signal(SIGCHLD, SIG_DFL);
	}
	return 0;
}

void signals_give_back(const struct signals_given *given)
{
	if (given->chld_ignored)
		(void)signal(SIGCHLD, SIG_IGN);
	(void)sys_signals_set_mask(&given->mask);
}

void signals_set_default(void)
{
	sigset_t none;
	for (int signo = 1; signo <= SIGRTMAX; signo++)
		(void)signal(signo, SIG_DFL); /* KILL, STOP and libc's own refuse: fine */
	(void)sigemptyset(&none);
	(void)sys_signals_set_mask(&none);
}

int signals_open(int *ret_fd, struct err *err)
{
	*ret_fd = sys_signals_open();
	if (*ret_fd < 0)
		return err_set(err, errno, "create the signal descriptor");
	return 0;
}

bool signals_is_ignored(int signo)
{
	struct sigaction given; /* we never change these */
	return (signo == SIGHUP || signo == SIGINT || signo == SIGQUIT) &&
	       sigaction(signo, NULL, &given) == 0 && given.sa_handler == SIG_IGN;
}

int signals_read(int fd)
{
	struct signalfd_siginfo info;
	for (;;) {
		ssize_t got = read(fd, &info, sizeof(info));
		if (got < 0 && errno == EINTR)
			continue;
		if (got != (ssize_t)sizeof(info))
			return 0;
		if (info.ssi_pid == (uint32_t)getpid() && info.ssi_signo != SIGCHLD)
			continue;
		return (int)info.ssi_signo;
	}
}
