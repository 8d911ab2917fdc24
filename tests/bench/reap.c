/* Ends the orphans of an init, and waits until it has reaped the last:
 *
 *   reap PID FD [ANSWERS]
 *
 * PID is the init, whose first child is orphans.c; FD the only writing end of
 * the orphans' pipe. Prints the nanoseconds that it took, and how many of the
 * orphans are left (0, or what was there after a minute).
 *
 * With ANSWERS, the standard output of orphans.c, the init is stopped until all
 * have ended, and the time begins when it goes on: then it has the machine for
 * itself, where otherwise it is one of thousands that want a processor.
 *
 * The kernel writes the list of children one by one until the reader's buffer is
 * full, so asking for the first few bytes only costs the init nothing, however
 * many there are. */
#include "bench.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>

#define PROGRAM     "reap"
#define PATIENCE_MS 60000
#define PATIENCE_NS (PATIENCE_MS * INT64_C(1000000))
#define PAUSE_NS    200000 /* the resolution: the whole takes a thousand times as long */

/* The words in what the kernel says, up to the end of the buffer. */
static size_t count_children(int fd, char *text, size_t size)
{
	ssize_t n = pread(fd, text, size, 0);
	size_t words = 0;
	if (n < 0)
		die(PROGRAM, "read the init's children");
	for (ssize_t i = 0; i < n; i++)
		if (text[i] == ' ' || text[i] == '\n')
			words++;
	return words;
}

static size_t count_all_children(int fd)
{
	char text[4096];
	size_t words = 0;
	ssize_t n;
	if (lseek(fd, 0, SEEK_SET) < 0)
		die(PROGRAM, "seek");
	while ((n = read(fd, text, sizeof(text))) > 0)
		for (ssize_t i = 0; i < n; i++)
			if (text[i] == ' ' || text[i] == '\n')
				words++;
	return words;
}

static void end_orphans(size_t fd)
{
	if (close((int)fd) < 0)
		die(PROGRAM, "close the orphans' pipe");
}

/* Ends them while the init is stopped, and lets it go on. */
static void end_behind_its_back(pid_t pid, size_t fd, size_t answers)
{
	char text[64];
	struct pollfd answer = { .fd = (int)answers, .events = POLLIN };
	if (kill(pid, SIGSTOP) < 0)
		die(PROGRAM, "stop the init");
	end_orphans(fd);
	if (poll(&answer, 1, PATIENCE_MS) != 1 || read((int)answers, text, sizeof(text)) <= 0)
		die(PROGRAM, "wait for the orphans' end");
}

int main(int argc, char **argv)
{
	char path[64], few[24];
	size_t pid = count_of(PROGRAM, argc > 1 ? argv[1] : NULL);
	size_t fd = count_of(PROGRAM, argc > 2 ? argv[2] : NULL);
	if (argc > 3)
		end_behind_its_back((pid_t)pid, fd, count_of(PROGRAM, argv[3]));
	(void)snprintf(path, sizeof(path), "/proc/%zu/task/%zu/children", pid, pid);
	int children = open(path, O_RDONLY | O_CLOEXEC);
	if (children < 0)
		die(PROGRAM, path);
	int64_t began = now_ns(), ended;
	if (argc > 3 && kill((pid_t)pid, SIGCONT) < 0)
		die(PROGRAM, "let the init go on");
	else if (argc <= 3)
		end_orphans(fd);
	for (;;) {
		size_t left = count_children(children, few, sizeof(few));
		ended = now_ns();
		if (left <= 1 || ended - began > PATIENCE_NS)
			break;
		(void)nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
	}
	size_t all = count_all_children(children);
	(void)printf("%" PRId64 " %zu\n", ended - began, all > 0 ? all - 1 : 0);
	return 0;
}
