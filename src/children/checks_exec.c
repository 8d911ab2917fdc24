/* exec:COMMAND in a process group of its own, which does not outlive the check:
 * neither at the deadline, nor at a TERM, nor where the command leaves something in
 * the background. */
#include "children/checks_parts.h"

#include "base/parse.h"
#include "base/text.h"
#include "effect/environment.h"
#include "effect/program.h"
#include "pure/command.h"
#include "sys/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/signalfd.h>

#define LINE_SIZE 200

struct running {
	pid_t pid;
	int output_fd; /* its stdout and stderr, non-blocking; -1 at the end */
	int signal_fd; /* CHLD and TERM */
	sigset_t mask; /* before these two were blocked */
	bool told_to_end;     /* TERM has come */
	char line[LINE_SIZE]; /* the first it wrote */
	size_t length;
	bool has_line;
};

static const char *lookup(const char *name, const void *context)
{
	return environment_find(context, name);
}

static ATTR_NORETURN void become(char *const *argv, char *const *variables, int output_fd,
				 pid_t parent)
{
	struct err err;
	struct sigaction by_default = { .sa_handler = SIG_DFL };
	sigset_t none;
	sys_die_with_parent(parent);
	(void)setpgid(0, 0);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		(void)close(STDIN_FILENO);
	(void)dup2(output_fd, STDOUT_FILENO);
	(void)dup2(output_fd, STDERR_FILENO);
	for (int signo = 1; signo < NSIG; signo++)
		(void)sigaction(signo, &by_default, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	environ = (char **)(uintptr_t)variables; /* whose PATH counts */
	int code = program_exec(argv, &err);
	dprintf(STDERR_FILENO, "%s\n", err.msg);
	sys_exit_now(code);
}

static int start(struct running *running, char *const *argv, char *const *variables,
		 struct err *err)
{
	int pipe_fds[2];
	sigset_t signals;
	pid_t parent = getpid();
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGCHLD);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &signals, &running->mask);
	running->signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	if (running->signal_fd < 0)
		return err_set(err, errno, "open a signalfd");
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_set(err, errno, "create a pipe");
	running->output_fd = pipe_fds[0];
	(void)fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK); /* our own pipe, and only this end */
	running->pid = sys_fork();
	if (running->pid == 0)
		become(argv, variables, pipe_fds[1], parent);
	int code = errno;
	(void)close(pipe_fds[1]);
	if (running->pid < 0)
		return err_set(err, code, "fork");
	(void)setpgid(running->pid, running->pid); /* whoever comes first */
	return 0;
}

/* Keeps the first line that is not empty, throws the rest away. */
static void read_output(struct running *running)
{
	char bytes[4096];
	ssize_t got;
	while (running->output_fd >= 0 &&
	       (got = read(running->output_fd, bytes, sizeof(bytes))) != 0) {
		if (got < 0)
			return;
		for (ssize_t i = 0; i < got && !running->has_line; i++) {
			if (bytes[i] == '\n')
				running->has_line = running->length > 0;
			else if (running->length + 1 < sizeof(running->line))
				running->line[running->length++] = bytes[i];
		}
	}
	if (running->output_fd >= 0)
		(void)close(running->output_fd);
	running->output_fd = -1;
}

static void read_signals(struct running *running)
{
	struct signalfd_siginfo info;
	while (read(running->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		running->told_to_end = running->told_to_end || info.ssi_signo == SIGTERM;
}

static bool wait_until_end(struct running *running, int64_t deadline_ms)
{
	while (!sys_has_ended(running->pid)) {
		struct pollfd polls[] = { { .fd = running->signal_fd, .events = POLLIN },
					  { .fd = running->output_fd, .events = POLLIN } };
		int64_t left = deadline_ms - sys_now_ms();
		if (left <= 0 || running->told_to_end)
			return false;
		(void)poll(polls, ARRAY_SIZE(polls), left > INT32_MAX ? INT32_MAX : (int)left);
		read_signals(running);
		read_output(running);
	}
	return true;
}

static int judge(const struct running *running, bool in_time, int code, char *detail,
		 size_t size, struct err *err)
{
	char name[32];
	const char *between = running->length > 0 ? ": " : "";
	if (!in_time)
		return err_set(err, 0, "did not end in time%s%s", between, running->line);
	if (code > EXIT_CODE_SIGNAL)
		return err_set(err, 0, "exit code %d (%s)%s%s", code,
			       signal_name(code - EXIT_CODE_SIGNAL, name, sizeof(name)), between,
			       running->line);
	if (code != 0)
		return err_set(err, 0, "exit code %d%s%s", code, between, running->line);
	(void)snprintf(detail, size, "exit code 0");
	return 0;
}

int checks_exec(const struct check_spec *spec, const struct check_context *context,
		int64_t deadline_ms, char *detail, size_t size, struct err *err)
{
	struct running running = { .output_fd = -1, .signal_fd = -1 };
	struct list argv = { 0 };
	int code = 0, result = -1;
	if (command_expand(spec->path, lookup, context->environment, &argv, err) == 0 &&
	    start(&running, argv.items, context->environment, err) == 0) {
		bool in_time = wait_until_end(&running, deadline_ms);
		(void)sys_kill_group(running.pid, SIGKILL);
		(void)sys_wait_blocking(running.pid, &code);
		read_output(&running);
		result = judge(&running, in_time, code, detail, size, err);
	}
	if (running.output_fd >= 0)
		(void)close(running.output_fd);
	if (running.signal_fd >= 0) {
		(void)close(running.signal_fd);
		(void)sigprocmask(SIG_SETMASK, &running.mask, NULL); /* a TERM acts now */
	}
	list_fini(&argv);
	if (running.told_to_end)
		sys_exit_now(EXIT_CODE_SIGNAL + SIGTERM);
	return result;
}
