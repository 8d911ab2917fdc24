/* The terminal's foreground: who has it, and what a stopped command means. A command
 * has a process group of its own, so the keys reach it and not us. */
#include "supervisor/state.h"

#include "sys/sys.h"

#include <signal.h>

/* TTOU is blocked here, so that we may from the background. */
static void give_foreground(const struct supervisor *s, pid_t group)
{
	(void)tcsetpgrp(s->options->given->terminal_fd, group);
}

bool supervisor_take_terminal_back(const struct supervisor *s, const struct child *child)
{
	int fd = s->options->given->terminal_fd;
	if (fd < 0 || tcgetpgrp(fd) != child->pid)
		return false;
	give_foreground(s, getpgrp());
	return true;
}

/* Is there a shell with job control that can continue us? */
static bool is_job(const struct supervisor *s)
{
	return !s->options->given->is_pid1 && s->options->given->terminal_fd >= 0 &&
	       getppid() > 1 && getsid(0) != getpid() && getsid(getppid()) == getsid(0);
}

/* The shell sees us stop, and says so; its `fg` or `bg` continues us. */
static void stop_with(struct supervisor *s, const struct child *child)
{
	bool had_foreground = supervisor_take_terminal_back(s, child);
	(void)raise(SIGSTOP);
	if (had_foreground && given_has_foreground(s->options->given))
		give_foreground(s, child->pid); /* `fg`, not `bg` */
	(void)sys_kill_group(child->pid, SIGCONT);
}

void supervisor_app_stopped(struct supervisor *s, const struct child *child, int signo)
{
	bool wants_terminal = signo == SIGTTIN || signo == SIGTTOU;
	if (signo == SIGTSTP && !is_job(s)) {
		/* the parent is PID 1, or a terminal's leader: nobody could ever */
		(void)sys_kill_group(child->pid, SIGCONT);
	} else if (wants_terminal && given_has_foreground(s->options->given)) {
		give_foreground(s, child->pid);
		(void)sys_kill_group(child->pid, SIGCONT);
	} else if (signo == SIGTSTP || (wants_terminal && is_job(s))) {
		stop_with(s, child);
	} /* SIGSTOP is somebody's wish */
}
