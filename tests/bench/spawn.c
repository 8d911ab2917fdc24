/* Starts commands in turn, each once in a round and in a new order each time,
 * and prints for each start what it cost:
 *
 *   spawn ROUNDS COMMAND [ARG...] [, COMMAND [ARG...]]...
 *
 *   INDEX MAIN-NS END-NS FAULTS CPU-US
 *
 * From the moment before the start until main() of the command (what it wrote
 * to its standard output, see stamp.c; 0 when it wrote nothing) and until the
 * end was seen here; minor page faults and CPU time of the init with all that
 * it waited for. Not as PID 1: making a namespace costs more than any init. */
#include "bench.h"

#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define PROGRAM       "spawn"
#define MANY_COMMANDS 8

extern char **environ;

struct run {
	int64_t main_ns, end_ns, cpu_us;
	long faults;
};

/* 0 when the command ended without writing one. */
static int64_t read_stamp(int fd)
{
	int64_t stamp = 0;
	size_t have = 0;
	while (have < sizeof(stamp)) {
		ssize_t n = read(fd, (char *)&stamp + have, sizeof(stamp) - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			die(PROGRAM, "read from the command");
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return have == sizeof(stamp) ? stamp : 0;
}

static int64_t in_us(struct timeval time)
{
	return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

static struct run run_once(char **command)
{
	posix_spawn_file_actions_t actions;
	struct rusage usage;
	int ends[2], status;
	pid_t pid;
	if (pipe2(ends, O_CLOEXEC) < 0)
		die(PROGRAM, "pipe");
	if (posix_spawn_file_actions_init(&actions) != 0 ||
	    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO) != 0)
		die(PROGRAM, "prepare the start");
	int64_t began = now_ns();
	errno = posix_spawn(&pid, command[0], &actions, NULL, command, environ);
	if (errno != 0)
		die(PROGRAM, command[0]);
	(void)close(ends[1]);
	int64_t stamp = read_stamp(ends[0]);
	while (wait4(pid, &status, 0, &usage) < 0)
		if (errno != EINTR)
			die(PROGRAM, "wait");
	int64_t ended = now_ns();
	(void)close(ends[0]);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (status != 0) {
		errno = ECHILD;
		die(PROGRAM, command[0]);
	}
	return (struct run){
		.main_ns = stamp != 0 ? stamp - began : 0,
		.end_ns = ended - began,
		.cpu_us = in_us(usage.ru_utime) + in_us(usage.ru_stime),
		.faults = usage.ru_minflt,
	};
}

/* Cuts the words at each ","; how many commands there are. */
static size_t split_commands(char **words, char **commands[static MANY_COMMANDS])
{
	size_t n = 0;
	for (bool first = true; *words != NULL; words++) {
		if (strcmp(*words, ",") == 0) {
			*words = NULL;
			first = true;
			continue;
		}
		if (first && n == MANY_COMMANDS)
			return 0;
		if (first)
			commands[n++] = words;
		first = false;
	}
	return n;
}

int main(int argc, char **argv)
{
	char **commands[MANY_COMMANDS];
	size_t order[MANY_COMMANDS];
	size_t rounds = count_of(PROGRAM, argc > 1 ? argv[1] : NULL);
	size_t n = split_commands(argv + 2, commands);
	if (n == 0) {
		(void)fprintf(stderr, PROGRAM ": 1 to %d commands are wanted\n", MANY_COMMANDS);
		return 2;
	}
	for (size_t i = 0; i < n; i++)
		order[i] = i;
	for (size_t round = 0; round < rounds; round++) {
		shuffle(order, n);
		for (size_t i = 0; i < n; i++) {
			struct run run = run_once(commands[order[i]]);
			(void)printf("%zu %" PRId64 " %" PRId64 " %ld %" PRId64 "\n", order[i],
				     run.main_ns, run.end_ns, run.faults, run.cpu_us);
		}
	}
	return 0;
}
