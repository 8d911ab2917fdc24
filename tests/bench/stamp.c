/* A command that an init starts: writes the time of the first statement of its
 * main() to standard output, 8 bytes, and ends. See spawn.c. */
#include "bench.h"

int main(void)
{
	int64_t started = now_ns();
	return write(STDOUT_FILENO, &started, sizeof(started)) == (ssize_t)sizeof(started) ? 0 : 1;
}
