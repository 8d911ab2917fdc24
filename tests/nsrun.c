/* Starts a command as PID 1 of a new pid namespace, for tests and for the
 * quickstart: what a container engine does, without an engine.
 *
 * unshare(1) is not enough: it ignores SIGTERM, and turns the SIGKILL of its
 * PID 1 into exit status 1. Here the exit status is the truth (128+N for a
 * signal), and the pid by which the outside can signal PID 1 is told on a
 * descriptor, once the exec has happened.
 *
 *   nsrun [--pid-fd N] [--tmpfs DIR]... [--dev] [--bind FROM:TO]...
 *         [--read-only] [--user UID:GID] [--no-new-privs] [--no-proc] [--terminal]
 *         [--gate N] [--deny SYSCALL[:ARGUMENT][=ERRNO]]... [--faults LOG]
 *         [--fault NUMBER] COMMAND [ARG...]
 *
 * /proc is always the new namespace's own, or empty with --no-proc. --bind shows
 * FROM, as it is outside, at TO, also below a directory that --tmpfs covers.
 * --terminal makes the terminal on stdin the controlling one, with PID 1 as its
 * session's leader, as `docker run -it` does. --gate holds the exec until somebody
 * writes to descriptor N or closes it, so that a tracer can attach first. --deny and
 * --faults: see nsrun_deny.c and nsrun_faults.c. PID 1 is killed when nsrun dies.
 * Without privileges nothing of this works: exit 125, with the reason. */
#include "nsrun_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_OURS  125 /* nsrun itself could not */
#define MANY       16

struct bind {
	int from_fd;
	bool from_directory;
	const char *to;
};

struct options {
	int pid_fd;
	const char *tmpfs[MANY];
	size_t n_tmpfs;
	struct bind binds[MANY];
	size_t n_binds;
	const char *denials[MANY];
	size_t n_denials;
	bool own_dev, read_only, no_new_privs, other_user, no_proc, terminal;
	int gate_fd;
	unsigned uid, gid;
	struct faults faults;
};

void die(const char *format, ...)
{
	int code = errno;
	va_list args;
	va_start(args, format);
	(void)fputs("nsrun: ", stderr);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fprintf(stderr, ": %s\n", strerror(code));
	_exit(EXIT_OURS);
}

static void add_bind(struct options *options, char *text)
{
	struct stat st;
	char *colon = strchr(text, ':');
	if (colon == NULL || options->n_binds == MANY) {
		errno = EINVAL;
		die("--bind %s", text);
	}
	*colon = '\0';
	int fd = open(text, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		die("open '%s'", text);
	options->binds[options->n_binds++] = (struct bind){ fd, S_ISDIR(st.st_mode), colon + 1 };
}

static void parse_options(struct options *options, int argc, char **argv)
{
	enum { PID_FD = 1, TMPFS, DEV, BIND, READ_ONLY, USER, NO_NEW_PRIVS, NO_PROC, TERMINAL,
	       GATE, DENY, FAULTS, FAULT };
	static const struct option known[] = {
		{ "pid-fd", required_argument, NULL, PID_FD },
		{ "tmpfs", required_argument, NULL, TMPFS },
		{ "dev", no_argument, NULL, DEV },
		{ "bind", required_argument, NULL, BIND },
		{ "read-only", no_argument, NULL, READ_ONLY },
		{ "user", required_argument, NULL, USER },
		{ "no-new-privs", no_argument, NULL, NO_NEW_PRIVS },
		{ "no-proc", no_argument, NULL, NO_PROC },
		{ "terminal", no_argument, NULL, TERMINAL },
		{ "gate", required_argument, NULL, GATE },
		{ "deny", required_argument, NULL, DENY },
		{ "faults", required_argument, NULL, FAULTS },
		{ "fault", required_argument, NULL, FAULT },
		{ NULL, 0, NULL, 0 },
	};
	int option;
	while ((option = getopt_long(argc, argv, "+", known, NULL)) != -1) {
		bool good = true;
		switch (option) {
		case PID_FD: options->pid_fd = atoi(optarg); break;
		case TMPFS:
			good = options->n_tmpfs < MANY;
			if (good)
				options->tmpfs[options->n_tmpfs++] = optarg;
			break;
		case DEV: options->own_dev = true; break;
		case BIND: add_bind(options, optarg); break;
		case READ_ONLY: options->read_only = true; break;
		case USER:
			good = sscanf(optarg, "%u:%u", &options->uid, &options->gid) == 2;
			options->other_user = true;
			break;
		case NO_NEW_PRIVS: options->no_new_privs = true; break;
		case NO_PROC: options->no_proc = true; break;
		case TERMINAL: options->terminal = true; break;
		case GATE: options->gate_fd = atoi(optarg); break;
		case DENY:
			good = options->n_denials < MANY;
			if (good)
				options->denials[options->n_denials++] = optarg;
			break;
		case FAULTS: options->faults.log = optarg; break;
		case FAULT: options->faults.number = strtoul(optarg, NULL, 10); break;
		default: good = false;
		}
		if (!good)
			exit(EXIT_OURS);
	}
	if (optind == argc) {
		(void)fputs("nsrun: which command?\n", stderr);
		exit(EXIT_OURS);
	}
}

static void make_parents(const char *path)
{
	char parent[4096];
	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		(void)snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
		if (mkdir(parent, 0755) < 0 && errno != EEXIST)
			die("mkdir '%s'", parent);
	}
}

static void bind_fd(int from_fd, bool directory, const char *to)
{
	char from[64];
	(void)snprintf(from, sizeof(from), "/proc/self/fd/%d", from_fd);
	make_parents(to);
	if (directory) {
		if (mkdir(to, 0755) < 0 && errno != EEXIST)
			die("mkdir '%s'", to);
	} else {
		/* not for writing: what is there may be a program that runs (ETXTBSY) */
		int fd = open(to, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
		if (fd < 0)
			die("create '%s'", to);
		(void)close(fd);
	}
	if (mount(from, to, NULL, MS_BIND | MS_REC, NULL) < 0)
		die("bind on '%s'", to);
}

/* What an engine's /dev has, and nothing that a test writes reaches the host's. */
static void mount_dev(void)
{
	static const char *const names[] = { "null", "zero", "full", "random", "urandom",
					     "tty", "ptmx", "pts", "shm" };
	int fds[sizeof(names) / sizeof(names[0])];
	char path[64];
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "/dev/%s", names[i]);
		fds[i] = open(path, O_PATH | O_CLOEXEC);
	}
	if (mount("tmpfs", "/dev", "tmpfs", MS_NOSUID, "mode=755,size=1m") < 0)
		die("mount a tmpfs on '/dev'");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct stat st;
		if (fds[i] < 0 || fstat(fds[i], &st) < 0)
			continue;
		(void)snprintf(path, sizeof(path), "/dev/%s", names[i]);
		bind_fd(fds[i], S_ISDIR(st.st_mode), path);
	}
	if (symlink("/proc/self/fd", "/dev/fd") < 0 || symlink("fd/0", "/dev/stdin") < 0 ||
	    symlink("fd/1", "/dev/stdout") < 0 || symlink("fd/2", "/dev/stderr") < 0)
		die("symlink '/dev/fd'");
}

static void set_up(const struct options *options)
{
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		die("mount '/proc'");
	if (options->terminal && (setsid() < 0 || ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0))
		die("take the terminal");
	if (options->own_dev)
		mount_dev();
	for (size_t i = 0; i < options->n_tmpfs; i++)
		if (mount("tmpfs", options->tmpfs[i], "tmpfs", MS_NOSUID | MS_NODEV,
			  "mode=1777,size=16m") < 0)
			die("mount a tmpfs on '%s'", options->tmpfs[i]);
	for (size_t i = 0; i < options->n_binds; i++)
		bind_fd(options->binds[i].from_fd, options->binds[i].from_directory,
			options->binds[i].to);
	if (options->read_only &&
	    mount("none", "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
		die("make '/' read-only");
	if (options->no_proc && mount("tmpfs", "/proc", "tmpfs", MS_NOSUID | MS_NODEV, NULL) < 0)
		die("cover '/proc'");
	if (options->other_user &&
	    (setgroups(0, NULL) < 0 || setresgid(options->gid, options->gid, options->gid) < 0 ||
	     setresuid(options->uid, options->uid, options->uid) < 0))
		die("become %u:%u", options->uid, options->gid);
	if (options->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		die("set no_new_privs");
	/* after the change of user, which clears it */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		die("ask for the parent's death");
	for (size_t i = 0; i < options->n_denials; i++)
		deny(options->denials[i]);
}

/* Until it is written to or closed. */
static void wait_at(int fd)
{
	char byte;
	while (read(fd, &byte, 1) < 0 && errno == EINTR)
		;
}

int main(int argc, char **argv)
{
	struct options options = { .pid_fd = -1, .gate_fd = -1 };
	int started[2], traced[2];
	/* first: what is opened for --bind must belong to the mounts it is bound in */
	if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0)
		die("make a pid and a mount namespace (root is needed)");
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		die("keep mounts private");
	parse_options(&options, argc, argv);
	if (pipe2(started, O_CLOEXEC) < 0 || pipe2(traced, O_CLOEXEC) < 0)
		die("pipe");
	if (options.gate_fd >= 0 && fcntl(options.gate_fd, F_SETFD, FD_CLOEXEC) < 0)
		die("--gate %d", options.gate_fd);
	if (options.pid_fd >= 0 && fcntl(options.pid_fd, F_SETFD, FD_CLOEXEC) < 0)
		die("--pid-fd %d", options.pid_fd);
	pid_t pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		(void)close(traced[1]);
		set_up(&options);
		wait_at(traced[0]);
		if (options.gate_fd >= 0) {
			(void)close(started[1]); /* so that the pid is told */
			wait_at(options.gate_fd);
		}
		(void)execvp(argv[optind], argv + optind);
		die("execute '%s'", argv[optind]);
	}
	(void)close(started[1]);
	if (options.faults.log != NULL)
		faults_attach(pid);
	(void)close(traced[1]);
	if (options.faults.log == NULL)
		wait_at(started[0]); /* its end says that the exec has happened, or failed */
	if (options.pid_fd >= 0)
		(void)dprintf(options.pid_fd, "%d\n", (int)pid);
	int status;
	if (options.faults.log != NULL)
		status = faults_run(pid, &options.faults);
	else
		while (waitpid(pid, &status, 0) < 0)
			if (errno != EINTR)
				die("wait");
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
