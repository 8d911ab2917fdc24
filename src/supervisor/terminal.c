/* The terminal's foreground: who has it, and what a stopped command means. A plain command
 * has it from its start, in a process group of its own, so the keys reach it and not us. A
 * role keeps it, so that Ctrl-C stops the role and does not look like a crash, until an app
 * reads the terminal: a debugger, a question. */
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

/* Is there a shell with job control that can continue us? What shares a group with the
 * session's leader has none above it. */
static bool is_job(const struct supervisor *s)
{
	return !s->options->given->is_pid1 && s->options->given->terminal_fd >= 0 &&
	       getppid() > 0 && getpgrp() != getsid(0) && getsid(getppid()) == getsid(0);
}

/* All of them: whose stop was not reported yet would else stop us once more. */
static void continue_all(struct supervisor *s)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (s->children[i].pid != 0 && supervisor_is_app(&s->children[i]))
			(void)sys_kill_group(s->children[i].pid, SIGCONT);
}

/* The shell sees its job stop, a script around us with it, and says so; `fg` or `bg`
 * continues us. */
static void stop_with(struct supervisor *s, const struct child *child)
{
	bool had_foreground = supervisor_take_terminal_back(s, child);
	(void)sys_stop_own_group();
	if (had_foreground && given_has_foreground(s->options->given))
		give_foreground(s, child->pid); /* `fg`, not `bg` */
	continue_all(s);
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
