/* The termination message, and an end that leaves one. */
#include "effect/termination.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

static int termination_fd = -1;

void termination_open(void)
{
	if (termination_fd >= 0)
		return;
	termination_fd = open("/dev/termination-log", O_WRONLY | O_CLOEXEC | O_NOCTTY);
}

void termination_write(const char *reason)
{
	char line[1024];
	size_t length = strlen(reason);
	if (termination_fd < 0)
		return;
	if (length > sizeof(line) - 1)
		length = sizeof(line) - 1;
	memcpy(line, reason, length);
	line[length] = '\n';
	(void)!ftruncate(termination_fd, 0);
	(void)!pwrite(termination_fd, line, length + 1, 0);
}

/* Called by libuv where the kernel refuses what it needs at boot (a pipe, a watcher
 * of epoll). The C library's own would raise a signal that PID 1 does not get. */
void __wrap_abort(void);

void __wrap_abort(void)
{
	char reason[128];
	(void)snprintf(reason, sizeof(reason), "exit %d: libuv cannot go on: %s",
		       EXIT_CODE_INTERNAL, strerror(errno));
	log_error("abort", "%s", reason);
	termination_write(reason);
	_exit(EXIT_CODE_INTERNAL);
}
