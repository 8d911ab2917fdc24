/* Thin wrappers around the kernel. */
#include "sys/sys.h"

#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

int64_t sys_now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

pid_t sys_fork(void)
{
	return fork();
}

int sys_kill(pid_t pid, int signo)
{
	if (pid <= 1) {
		errno = ESRCH;
		return -1;
	}
	return kill(pid, signo);
}

int sys_kill_group(pid_t group, int signo)
{
	if (group <= 1) {
		errno = ESRCH;
		return -1;
	}
	return kill(-group, signo);
}

int sys_kill_everybody(int signo)
{
	if (getpid() != 1) {
		errno = EPERM;
		return -1;
	}
	return kill(-1, signo);
}

static enum sys_wait_result wait_change(idtype_t type, pid_t pid, int flags, siginfo_t *info)
{
	info->si_pid = 0;
	if (waitid(type, (id_t)pid, info, WEXITED | WSTOPPED | WNOHANG | flags) < 0)
		return errno == ECHILD ? SYS_WAIT_NO_CHILDREN : SYS_WAIT_NOTHING;
	if (info->si_pid == 0)
		return SYS_WAIT_NOTHING;
	return info->si_code == CLD_STOPPED || info->si_code == CLD_TRAPPED ? SYS_WAIT_STOPPED
									    : SYS_WAIT_ENDED;
}

enum sys_wait_result sys_wait_peek(pid_t *ret_pid)
{
	siginfo_t info;
	enum sys_wait_result result = wait_change(P_ALL, 0, WNOWAIT, &info);
	*ret_pid = info.si_pid;
	return result;
}

enum sys_wait_result sys_wait_take(pid_t pid, int *ret_code, int *ret_signo)
{
	siginfo_t info;
	enum sys_wait_result result = wait_change(P_PID, pid, 0, &info);
	bool by_signal = result == SYS_WAIT_STOPPED ||
			 (result == SYS_WAIT_ENDED && info.si_code != CLD_EXITED);
	*ret_signo = by_signal ? info.si_status : 0;
	*ret_code = result != SYS_WAIT_ENDED ? 0
		    : by_signal              ? EXIT_CODE_SIGNAL + info.si_status
					     : info.si_status;
	return result;
}

bool sys_has_ended(pid_t pid)
{
	siginfo_t info = { .si_pid = 0 };
	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == pid;
}

int sys_wait_blocking(pid_t pid, int *ret_code)
{
	int status = 0;
	pid_t got;
	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -1;
	*ret_code = WIFSIGNALED(status) ? EXIT_CODE_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
	return 0;
}

void sys_exit_now(int code)
{
	_exit(code);
}

int sys_become_subreaper(void)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

void sys_die_with_parent(pid_t parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(EXIT_CODE_INTERNAL); /* it died before we could ask */
}

int sys_no_new_privileges(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static struct {
	char *start;
	size_t room;
} title;

void sys_title_init(int argc, char **argv)
{
	if (argc < 1)
		return;
	title.start = argv[0];
	char *end = argv[0];
	for (int i = 0; i < argc && argv[i] == end; i++)
		end = argv[i] + strlen(argv[i]) + 1; /* the kernel lays them side by side */
	title.room = (size_t)(end - argv[0]);
}

void sys_title_set(const char *text)
{
	(void)prctl(PR_SET_NAME, text, 0, 0, 0);
	if (title.room == 0)
		return;
	memset(title.start, 0, title.room);
	(void)snprintf(title.start, title.room, "%s", text);
}

static void close_range_slowly(unsigned first, unsigned last)
{
	long limit = sysconf(_SC_OPEN_MAX);
	if (limit < 0 || limit > 65536)
		limit = 65536;
	for (unsigned fd = first; fd <= last && fd < (unsigned)limit; fd++)
		(void)close((int)fd);
}

void sys_close_all_but(const int *keep, size_t n)
{
	unsigned first = 3;
	for (;;) {
		int next = -1; /* the lowest one to keep that is not below first */
		for (size_t i = 0; i < n; i++)
			if (keep[i] >= (int)first && (next < 0 || keep[i] < next))
				next = keep[i];
		unsigned last = next < 0 ? ~0U : (unsigned)next - 1;
		if ((next < 0 || (unsigned)next > first) &&
		    syscall(SYS_close_range, first, last, 0) < 0)
			close_range_slowly(first, last); /* before Linux 5.9, or refused */
		if (next < 0)
			return;
		first = (unsigned)next + 1;
	}
}
