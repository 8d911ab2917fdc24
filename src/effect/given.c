/* Notes what we were started with. */
#include "effect/given.h"

#include "base/mem.h"
#include "sys/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define BLIND_FDS_MAX 65536

/* Is it one from 3 on that is open, and that an exec keeps? */
static void note_fd(int fd, void *context)
{
	struct given *given = context;
	int flags = fd > STDERR_FILENO ? fcntl(fd, F_GETFD) : -1;
	if (flags < 0 || (flags & FD_CLOEXEC) != 0)
		return;
	given->fds = mem_resize(given->fds, (given->n_fds + 1) * sizeof(given->fds[0]));
	given->fds[given->n_fds++] = fd;
}

static void note_fds(struct given *given)
{
	if (sys_each_fd(note_fd, given) == 0)
		return;
	given->n_fds = 0; /* every number is tried */
	long limit = sysconf(_SC_OPEN_MAX);
	for (int fd = 0; fd < (limit >= 0 && limit < BLIND_FDS_MAX ? limit : BLIND_FDS_MAX); fd++)
		note_fd(fd, given);
}

/* A missing 0, 1 or 2 would be taken by a descriptor of ours, and the app's output
 * would go there. In a root without /dev something that is no file at all serves. */
static int fill_standard_fds(struct err *err)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) < 0 &&
		    open("/", O_PATH | O_CLOEXEC) < 0)
			return err_set(err, errno,
				       "open something in place of descriptor %d, "
				       "which is closed",
				       fd);
	return 0;
}

/* In `pidone COMMAND | less` the pager needs the foreground, in `| tee` the command
 * might: it gets the terminal when it asks for it (by TTIN), not before. */
static void note_terminal(struct given *given)
{
	struct stat out;
	bool on_stdin = tcgetpgrp(STDIN_FILENO) >= 0; /* not of another session */
	bool piped = fstat(STDOUT_FILENO, &out) == 0 && S_ISFIFO(out.st_mode);
	given->terminal_fd =
		on_stdin ? STDIN_FILENO : open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	given->foreground = on_stdin && !piped && given_has_foreground(given);
}

bool given_has_foreground(const struct given *given)
{
	return given->terminal_fd >= 0 && tcgetpgrp(given->terminal_fd) == getpgrp();
}

int given_note(struct given *given, char **environment, struct err *err)
{
	if (fill_standard_fds(err) < 0)
		return -1;
	given->environment = environment;
	given->is_pid1 = getpid() == 1;
	note_fds(given);
	given->cwd_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (getcwd(given->cwd, sizeof(given->cwd)) == NULL)
		given->cwd[0] = '\0';
	note_terminal(given);
	return 0;
}

void given_leave_cwd(const struct given *given)
{
	if (given->cwd_fd >= 0)
		(void)!chdir("/");
}

int given_return_to_cwd(const struct given *given, struct err *err)
{
	if (given->cwd_fd >= 0 && fchdir(given->cwd_fd) < 0)
		return err_set(err, errno, "return to the working directory %s", given->cwd);
	return 0;
}

void given_close_fds(struct given *given, bool keep_cwd)
{
	if (!keep_cwd) {
		(void)close(given->cwd_fd);
		given->cwd_fd = -1;
	}
	for (size_t i = 0; i < given->n_fds; i++)
		(void)close(given->fds[i]);
	given->n_fds = 0;
}
