/* From kill(2) at an init until the handler of its command runs:
 *
 *   latency ROUNDS PID FD [PID FD]...
 *
 * PID is an init that runs handler.c, FD its standard output. In each round each
 * init gets one SIGUSR1, in a new order each time; the next one only when the
 * handler has answered and the init sleeps again, so that no init pays for the
 * work of another. Prints a line for each signal, in the order in which they
 * were sent: the init's index and the nanoseconds. */
#include "bench.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>

#define PROGRAM    "latency"
#define MANY_INITS 8
#define PATIENCE   5000 /* ms for an answer: none at all is a bug, and no figure */

struct target {
	pid_t pid;
	int answers, stat;
};

static int64_t read_answer(const struct target *target)
{
	struct pollfd answer = { .fd = target->answers, .events = POLLIN };
	int64_t stamp;
	int n = poll(&answer, 1, PATIENCE);
	if (n == 0)
		errno = ETIMEDOUT;
	if (n != 1 || read(target->answers, &stamp, sizeof(stamp)) != (ssize_t)sizeof(stamp))
		die(PROGRAM, "wait for the handler");
	return stamp;
}

static bool sleeps(const struct target *target)
{
	char text[512];
	ssize_t n = pread(target->stat, text, sizeof(text) - 1, 0);
	if (n <= 0)
		die(PROGRAM, "read the init's state");
	text[n] = '\0';
	const char *name_end = strrchr(text, ')');
	return name_end != NULL && name_end[1] == ' ' && name_end[2] == 'S';
}

static void wait_until_it_sleeps(const struct target *target)
{
	int64_t deadline = now_ns() + (int64_t)PATIENCE * 1000000;
	while (!sleeps(target)) {
		if (now_ns() > deadline) {
			errno = ETIMEDOUT;
			die(PROGRAM, "wait for the init to sleep");
		}
		(void)sched_yield();
	}
}

static int64_t measure(const struct target *target)
{
	int64_t sent = now_ns();
	if (kill(target->pid, SIGUSR1) < 0)
		die(PROGRAM, "kill");
	int64_t handled = read_answer(target);
	wait_until_it_sleeps(target);
	return handled - sent;
}

static struct target open_target(const char *pid, const char *fd)
{
	char path[64];
	struct target target = { .pid = (pid_t)count_of(PROGRAM, pid),
				 .answers = (int)count_of(PROGRAM, fd) };
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)target.pid);
	target.stat = open(path, O_RDONLY | O_CLOEXEC);
	if (target.stat < 0)
		die(PROGRAM, path);
	wait_until_it_sleeps(&target);
	return target;
}

int main(int argc, char **argv)
{
	struct target targets[MANY_INITS];
	size_t order[MANY_INITS], n = argc > 2 ? (size_t)(argc - 2) / 2 : 0;
	size_t rounds = count_of(PROGRAM, argc > 1 ? argv[1] : NULL);
	if (n == 0 || n > MANY_INITS || argc % 2 != 0) {
		(void)fprintf(stderr, PROGRAM ": 1 to %d pairs of PID and FD are wanted\n",
			      MANY_INITS);
		return 2;
	}
	for (size_t i = 0; i < n; i++) {
		targets[i] = open_target(argv[2 + 2 * i], argv[3 + 2 * i]);
		order[i] = i;
	}
	/* printed at the end: a reader that wakes up would disturb */
	struct result {
		size_t target;
		int64_t ns;
	} *results = calloc(rounds * n, sizeof(*results));
	if (results == NULL)
		die(PROGRAM, "calloc");
	for (size_t round = 0; round < rounds; round++) {
		shuffle(order, n);
		for (size_t i = 0; i < n; i++)
			results[round * n + i] =
				(struct result){ order[i], measure(&targets[order[i]]) };
	}
	for (size_t i = 0; i < rounds * n; i++)
		(void)printf("%zu %" PRId64 "\n", results[i].target, results[i].ns);
	free(results);
	return 0;
}
