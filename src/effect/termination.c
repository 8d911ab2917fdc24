/* The termination message. */
#include "effect/termination.h"

#include <fcntl.h>

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
