/* nsrun --faults LOG [--fault NUMBER]: traces PID 1, and only it, from the first
 * statement of its main() on (which blocks all signals), writes the name of each
 * system call to LOG, one a line, and has the one of that number fail: it is not
 * carried out, and returns what a kernel in trouble would say. The failure's line
 * says so. Not counted, and not logged, are calls that cannot fail. Nor is
 * epoll_pwait(), whose failure libuv takes for a bug of its own: its first call, which
 * is the line between boot and life, is logged as "# line". */
#include "nsrun_parts.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

static const struct {
	unsigned long number;
	const char *name;
	int code; /* 0: cannot fail, or must not */
} calls[] = {
#ifdef __x86_64__
	{ SYS_epoll_wait, "epoll_wait", 0 },
	{ SYS_fork, "fork", EAGAIN },
	{ SYS_poll, "poll", EINTR },
	{ SYS_access, "access", EACCES },
	{ SYS_readlink, "readlink", EACCES },
	{ SYS_unlink, "unlink", EROFS },
	{ SYS_mkdir, "mkdir", EROFS },
	{ SYS_open, "open", EMFILE },
	{ SYS_stat, "stat", EACCES },
	{ SYS_lstat, "lstat", EACCES },
	{ SYS_getpgrp, "getpgrp", 0 },
	{ SYS_dup2, "dup2", EMFILE },
	{ SYS_arch_prctl, "arch_prctl", 0 },
#endif
	{ SYS_ppoll, "ppoll", EINTR },
	{ SYS_epoll_pwait, "epoll_pwait", 0 },
	{ SYS_exit, "exit", 0 },
	{ SYS_exit_group, "exit_group", 0 },
	{ SYS_rt_sigreturn, "rt_sigreturn", 0 },
	{ SYS_restart_syscall, "restart_syscall", 0 },
	{ SYS_getpid, "getpid", 0 },
	{ SYS_gettid, "gettid", 0 },
	{ SYS_getppid, "getppid", 0 },
	{ SYS_getuid, "getuid", 0 },
	{ SYS_geteuid, "geteuid", 0 },
	{ SYS_getgid, "getgid", 0 },
	{ SYS_getegid, "getegid", 0 },
	{ SYS_umask, "umask", 0 },
	{ SYS_futex, "futex", 0 },
	{ SYS_set_robust_list, "set_robust_list", 0 },
	{ SYS_munmap, "munmap", 0 },
	{ SYS_brk, "brk", ENOMEM }, /* turned into brk(0), which is how it fails */
	{ SYS_mmap, "mmap", ENOMEM },
	{ SYS_mprotect, "mprotect", ENOMEM },
	{ SYS_rt_sigprocmask, "rt_sigprocmask", EPERM },
	{ SYS_rt_sigaction, "rt_sigaction", EPERM },
	{ SYS_clone, "clone", EAGAIN },
	{ SYS_kill, "kill", EPERM },
	{ SYS_waitid, "waitid", EINTR },
	{ SYS_wait4, "wait4", EINTR },
	{ SYS_setpgid, "setpgid", EPERM },
	{ SYS_getpgid, "getpgid", EPERM },
	{ SYS_prctl, "prctl", EPERM },
	{ SYS_openat, "openat", EMFILE },
	{ SYS_read, "read", EIO },
	{ SYS_pread64, "pread64", EIO },
	{ SYS_write, "write", EAGAIN },
	{ SYS_pwrite64, "pwrite64", EIO },
	{ SYS_close, "close", EIO },
	{ SYS_fcntl, "fcntl", EPERM },
	{ SYS_ioctl, "ioctl", ENOTTY },
	{ SYS_getdents64, "getdents64", EIO },
	{ SYS_newfstatat, "newfstatat", EACCES },
	{ SYS_fstat, "fstat", EIO },
	{ SYS_lseek, "lseek", EIO },
	{ SYS_ftruncate, "ftruncate", EIO },
	{ SYS_getcwd, "getcwd", ENOENT },
	{ SYS_chdir, "chdir", EACCES },
	{ SYS_fchdir, "fchdir", EACCES },
	{ SYS_socket, "socket", EMFILE },
	{ SYS_socketpair, "socketpair", EMFILE },
	{ SYS_bind, "bind", EADDRINUSE },
	{ SYS_connect, "connect", ECONNREFUSED },
	{ SYS_listen, "listen", EADDRINUSE },
	{ SYS_setsockopt, "setsockopt", EPERM },
	{ SYS_getsockname, "getsockname", ENOBUFS },
	{ SYS_sendto, "sendto", ENOBUFS },
	{ SYS_recvfrom, "recvfrom", ENOBUFS },
	{ SYS_recvmsg, "recvmsg", ENOBUFS },
	{ SYS_signalfd4, "signalfd4", EMFILE },
	{ SYS_eventfd2, "eventfd2", EMFILE },
	{ SYS_epoll_create1, "epoll_create1", EMFILE },
	{ SYS_epoll_ctl, "epoll_ctl", ENOSPC },
	{ SYS_pipe2, "pipe2", EMFILE },
	{ SYS_uname, "uname", EPERM },
	{ SYS_getrandom, "getrandom", ENOSYS },
	{ SYS_sched_getaffinity, "sched_getaffinity", EPERM },
	{ SYS_prlimit64, "prlimit64", EPERM },
	{ SYS_clock_gettime, "clock_gettime", 0 },
};

struct tracee {
	pid_t pid;
	const struct faults *faults;
	FILE *log;
	bool in_main;
	unsigned long counted;
	bool over_the_line;
	int failing; /* at its entry this call was taken away; its error */
	unsigned long brk; /* the argument that brk() was called with, and expects back */
};

void faults_attach(pid_t pid)
{
	if (ptrace(PTRACE_SEIZE, pid, NULL,
		   PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) < 0)
		die("trace PID 1");
}

#if defined(__x86_64__)
static void take_away(pid_t pid)
{
	(void)ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, orig_rax), -1L);
}

static void set_first_argument(pid_t pid, unsigned long value)
{
	(void)ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, rdi), value);
}

static void set_result(pid_t pid, long result)
{
	(void)ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, rax), result);
}
#elif defined(__aarch64__)
static void take_away(pid_t pid)
{
	int number = -1;
	struct iovec io = { &number, sizeof(number) };
	(void)ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &io);
}

static void set_first(pid_t pid, long value)
{
	struct user_regs_struct regs;
	struct iovec io = { &regs, sizeof(regs) };
	(void)ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &io);
	regs.regs[0] = (unsigned long)value;
	(void)ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &io);
}

static void set_first_argument(pid_t pid, unsigned long value)
{
	if (value == 0) /* its register is the result's, too: nobody expects it back */
		set_first(pid, 0);
}

static void set_result(pid_t pid, long result)
{
	set_first(pid, result);
}
#else
#error "nsrun --fault knows x86_64 and aarch64"
#endif

static void enter(struct tracee *t, unsigned long number, unsigned long first_argument)
{
	const char *name = NULL;
	int code = EPERM;
	for (size_t i = 0; name == NULL && i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i].number == number) {
			name = calls[i].name;
			code = calls[i].code;
		}
	t->in_main = t->in_main || (number == SYS_rt_sigprocmask && first_argument == SIG_SETMASK);
	if (name != NULL && strncmp(name, "epoll_", 6) == 0 && code == 0 && !t->over_the_line) {
		(void)fputs("# line\n", t->log);
		t->over_the_line = true;
	}
	/* the first is main's; others are of a C library's fork(), which does not look at the
	 * result, for the kernel has no reason to refuse */
	if (!t->in_main || code == 0 || (number == SYS_rt_sigprocmask && t->counted > 0))
		return;
	bool fails = ++t->counted == t->faults->number;
	if (name != NULL)
		(void)fprintf(t->log, "%s%s\n", name, fails ? " failed" : "");
	else
		(void)fprintf(t->log, "call-%lu%s\n", number, fails ? " failed" : "");
	(void)fflush(t->log);
	if (fails && number == SYS_brk) {
		t->brk = first_argument;
		set_first_argument(t->pid, 0);
	} else if (fails) {
		take_away(t->pid);
		t->failing = code;
	}
}

static void on_system_call(struct tracee *t)
{
	struct __ptrace_syscall_info info;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, sizeof(info), &info) < 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		enter(t, info.entry.nr, info.entry.args[0]);
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->failing != 0) {
		set_result(t->pid, -(long)t->failing);
		t->failing = 0;
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->brk != 0) {
		set_first_argument(t->pid, t->brk);
		t->brk = 0;
	}
}

int faults_run(pid_t pid, const struct faults *faults)
{
	struct tracee t = { .pid = pid, .faults = faults, .log = fopen(faults->log, "we") };
	if (t.log == NULL)
		die("create '%s'", faults->log);
	for (;;) {
		int status, signo = 0;
		if (waitpid(pid, &status, 0) < 0) {
			if (errno == EINTR)
				continue;
			die("wait");
		}
		if (!WIFSTOPPED(status)) {
			(void)fclose(t.log);
			return status;
		}
		int event = status >> 16;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			on_system_call(&t);
		else if (event == 0)
			signo = WSTOPSIG(status);
		/* a stop by SIGSTOP lasts until its CONT, as without a tracer */
		(void)ptrace(event == PTRACE_EVENT_STOP && WSTOPSIG(status) != SIGTRAP
				     ? PTRACE_LISTEN
				     : PTRACE_SYSCALL,
			     pid, NULL, (long)signo);
	}
}
