/* Notes what we were started with. */
#include "effect/given.h"

#include "base/parse.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

static void note_fds(struct given *given)
{
	DIR *dir = opendir("/proc/self/fd");
	if (dir == NULL)
		return; /* without /proc they simply stay open */
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		unsigned long fd = 0;
		if (parse_uint(entry->d_name, INT32_MAX, &fd) < 0 || fd < 3 ||
		    (int)fd == dirfd(dir) || given->n_fds == GIVEN_FDS_MAX)
			continue;
		int flags = fcntl((int)fd, F_GETFD);
		if (flags >= 0 && (flags & FD_CLOEXEC) == 0)
			given->fds[given->n_fds++] = (int)fd;
	}
	(void)closedir(dir);
}

int given_note(struct given *given, char *const *environment, struct err *err)
{
	/* A missing 0, 1 or 2 would be taken by a descriptor of ours, and the app's
	 * output would go there. */
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) < 0)
			return err_set(err, errno,
				       "open /dev/null in place of a closed descriptor %d", fd);
	given->environment = environment;
	given->is_pid1 = getpid() == 1;
	given->n_fds = 0;
	note_fds(given);
	given->cwd_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (given->cwd_fd < 0)
		return err_set(err, errno, "open the working directory");
	if (getcwd(given->cwd, sizeof(given->cwd)) == NULL)
		given->cwd[0] = '\0';
	given->foreground = isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp();
	return 0;
}

void given_leave_cwd(void)
{
	(void)!chdir("/");
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
