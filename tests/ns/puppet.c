/* A command for tests that live many short lives: says "up" and READY=1, then each signal
 * that it gets; ends with 7 at TERM. Starts in a millisecond. */
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void say_ready(const char *address)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t length = strlen(address);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || length > sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, address, length);
	if (address[0] == '@')
		to.sun_path[0] = '\0';
	(void)sendto(fd, "READY=1", 7, 0, (struct sockaddr *)&to,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
	(void)close(fd);
}

int main(void)
{
	sigset_t all;
	int signo = 0;
	char line[32];
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, NULL);
	(void)!write(STDOUT_FILENO, "up\n", 3);
	const char *address = getenv("NOTIFY_SOCKET");
	if (address != NULL)
		say_ready(address);
	while (sigwait(&all, &signo) == 0) {
		if (signo == SIGTERM)
			return 7;
		(void)snprintf(line, sizeof(line), "got %d\n", signo);
		(void)!write(STDOUT_FILENO, line, strlen(line));
	}
	return 1;
}
