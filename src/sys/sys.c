/* Thin wrappers around the kernel. */
#include "sys/sys.h"

#include "base/parse.h"
#include "base/text.h"
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static int64_t read_clock_ms(clockid_t clock)
{
	struct timespec now;
	(void)clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t sys_now_ms(void)
{
	return read_clock_ms(CLOCK_BOOTTIME);
}

int64_t sys_epoch_ms(void)
{
	return read_clock_ms(CLOCK_REALTIME);
}

/* Not fork(): it runs libuv's handler in the child, which makes pipes for signal
 * handlers that we do not have. One thread holds no lock that a child could miss. */
pid_t sys_fork(void)
{
#ifdef HAVE__FORK
	return _Fork();
#else
	return fork();
#endif
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

int sys_stop_own_group(void)
{
	return kill(0, SIGSTOP);
}

#define TRIES 3

/* What fails without a reason that waitid(2) knows is tried again at once: no
 * second SIGCHLD tells of the same end. */
static enum sys_wait_result wait_change(idtype_t type, pid_t pid, int flags, siginfo_t *info)
{
	int result = -1;
	info->si_pid = 0;
	for (int tries = 0; result < 0 && tries < TRIES; tries++) {
		result = waitid(type, (id_t)pid, info, WEXITED | WSTOPPED | WNOHANG | flags);
		if (result < 0 && errno == ECHILD)
			return SYS_WAIT_NO_CHILDREN;
	}
	if (result < 0)
		return SYS_WAIT_NOTHING;
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

bool sys_is_child(pid_t pid)
{
	siginfo_t info;
	return pid > 1 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

bool sys_group_has_child(pid_t group)
{
	siginfo_t info;
	return group > 1 && waitid(P_PGID, (id_t)group, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
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

void sys_exit(int code)
{
#ifdef EXIT_RUNS_HANDLERS
	exit(code); /* the tool that we are built with writes its report there */
#else
	_exit(code);
#endif
}

static const sigset_t *all_signals(void)
{
	static sigset_t all;
	memset(&all, 0xff, sizeof(all)); /* sigfillset() leaves some out */
	return &all;
}

static int change_mask(const sigset_t *mask, sigset_t *ret_before)
{
	return (int)syscall(SYS_rt_sigprocmask, SIG_SETMASK, mask, ret_before, _NSIG / 8);
}

int sys_signals_block_all(sigset_t *ret_before)
{
	return change_mask(all_signals(), ret_before);
}

int sys_signals_set_mask(const sigset_t *mask)
{
	return change_mask(mask, NULL);
}

int sys_signals_open(void)
{
	return signalfd(-1, all_signals(), SFD_CLOEXEC | SFD_NONBLOCK);
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

/* A dynamic linker does it, and so does the GNU C library where it is linked statically;
 * the start of a static program of musl's does not. */
#ifdef __GLIBC__
void sys_protect_tables(void)
{
}
#else
static int protect_tables_of(struct dl_phdr_info *object, size_t size ATTR_UNUSED,
			     void *context ATTR_UNUSED)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &object->dlpi_phdr[i];
		uintptr_t start = object->dlpi_addr + part->p_vaddr, end = start + part->p_memsz;
		if (part->p_type != PT_GNU_RELRO)
			continue;
		start -= start % page;
		end -= end % page;
		if (end > start) /* else pages are larger here than where it was linked */
			(void)mprotect((void *)start, end - start, PROT_READ);
	}
	return 1; /* the first object is the program */
}

void sys_protect_tables(void)
{
	(void)dl_iterate_phdr(protect_tables_of, NULL);
}
#endif

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
	text_copy(title.start, title.room, text);
}

int sys_each_fd(void (*note)(int fd, void *context), void *context)
{
	struct entry { /* as getdents64(2) lays it out */
		uint64_t inode, offset;
		uint16_t length;
		uint8_t type;
		char name[];
	};
	_Alignas(struct entry) char bytes[2048];
	CLEANUP_CLOSE int dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	long got = dir < 0 ? -1 : syscall(SYS_getdents64, dir, bytes, sizeof(bytes));
	for (; got > 0; got = syscall(SYS_getdents64, dir, bytes, sizeof(bytes)))
		for (long at = 0; at < got;) {
			const struct entry *entry = (const void *)(bytes + at);
			unsigned long fd = 0;
			if (parse_uint(entry->name, INT32_MAX, &fd) == 0 && (int)fd != dir)
				note((int)fd, context);
			at += entry->length;
		}
	return got < 0 ? -1 : 0;
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
