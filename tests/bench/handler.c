/* A command that an init starts: writes the time at which its handler of
 * SIGUSR1 runs to standard output, 8 bytes for each signal. Before, one 0 says
 * that it listens. See latency.c. */
#include "bench.h"

#include <signal.h>

static void handle(int sig)
{
	int64_t now = now_ns();
	(void)sig;
	if (write(STDOUT_FILENO, &now, sizeof(now)) != (ssize_t)sizeof(now))
		_exit(1);
}

int main(void)
{
	const struct sigaction action = { .sa_handler = handle, .sa_flags = SA_RESTART };
	const int64_t ready = 0;
	if (sigaction(SIGUSR1, &action, NULL) < 0)
		die("handler", "sigaction");
	if (write(STDOUT_FILENO, &ready, sizeof(ready)) != (ssize_t)sizeof(ready))
		die("handler", "write");
	for (;;)
		(void)pause();
}
