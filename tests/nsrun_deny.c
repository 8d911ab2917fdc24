/* nsrun --deny SYSCALL[:ARGUMENT][=ERRNO]: what a sandbox or an old kernel refuses,
 * to PID 1 and to all that it starts. With an argument only calls whose first one
 * is that number are refused: prctl:36 is PR_SET_CHILD_SUBREAPER, socket:10 is all
 * of IPv6. Without an errno it is EPERM. */
#include "nsrun_parts.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
	const char *name;
	uint32_t number;
} calls[] = {
	{ "clone", SYS_clone },
#ifdef SYS_fork
	{ "fork", SYS_fork }, /* musl's fork() */
#endif
	{ "close_range", SYS_close_range },
	{ "getdents64", SYS_getdents64 },
	{ "getrandom", SYS_getrandom },
	{ "ioctl", SYS_ioctl },
	{ "kill", SYS_kill },
	{ "pidfd_open", SYS_pidfd_open },
	{ "prctl", SYS_prctl },
	{ "sched_getaffinity", SYS_sched_getaffinity },
	{ "setpgid", SYS_setpgid },
	{ "setsockopt", SYS_setsockopt },
	{ "socket", SYS_socket },
	{ "uname", SYS_uname },
};

static const struct {
	const char *name;
	uint32_t code;
} errors[] = {
	{ "EPERM", EPERM },
	{ "ENOSYS", ENOSYS },
	{ "EAGAIN", EAGAIN },
	{ "EINVAL", EINVAL },
	{ "EAFNOSUPPORT", EAFNOSUPPORT },
};

static uint32_t number_of(const char *text, size_t length)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strlen(calls[i].name) == length && strncmp(calls[i].name, text, length) == 0)
			return calls[i].number;
	errno = EINVAL;
	die("--deny %s", text);
}

static uint32_t code_of(const char *text)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strcmp(errors[i].name, text) == 0)
			return errors[i].code;
	errno = EINVAL;
	die("--deny ...=%s", text);
}

void deny(const char *text)
{
	const char *equals = strchr(text, '='), *colon = strchr(text, ':');
	uint32_t number = number_of(text, strcspn(text, ":="));
	uint32_t code = equals != NULL ? code_of(equals + 1) : EPERM;
	uint32_t argument = colon != NULL ? (uint32_t)strtoul(colon + 1, NULL, 10) : 0;
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 3),
		/* the low half: both of our machines are little-endian */
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, argument, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | code),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	if (colon == NULL) /* whatever the argument is */
		filter[3] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0, 0, 0);
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };
	/* root may without no_new_privs; a user has to have it */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0)
		return;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		die("--deny %s", text);
}
