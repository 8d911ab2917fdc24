/* A command that an init starts: makes orphans, which the init inherits:
 *
 *   orphans N
 *
 * They all wait for the end of one pipe, standard input: who closes its other
 * end ends them all at once. When the last of them is the init's, one line with
 * their number is written to standard output, and another one when the last of
 * them has ended. See reap.c.
 *
 * Each is a process of its own, but all share one address space: so they are
 * made in a second, and what is measured afterwards is the work of the init, not
 * how the kernel takes 20,000 address spaces apart. */
#include "bench.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define PROGRAM    "orphans"
#define STACK_SIZE 1024 /* two system calls, and no signal handler */

static int wait_for_the_end(void *unused)
{
	char byte;
	(void)unused;
	while (syscall(SYS_read, STDIN_FILENO, &byte, 1) < 0 && errno == EINTR)
		;
	(void)syscall(SYS_exit_group, 0);
	return 0;
}

/* In the parent of the orphans, which leaves them. */
__attribute__((noreturn)) static void make_orphans(size_t n)
{
	char *stacks = mmap(NULL, n * STACK_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stacks == MAP_FAILED)
		die(PROGRAM, "mmap");
	/* once here: the loader looks a function up at its first call, for which the
	 * orphans' stacks are too small */
	(void)syscall(SYS_getpid);
	for (size_t i = 1; i <= n; i++)
		if (clone(wait_for_the_end, stacks + i * STACK_SIZE, CLONE_VM | SIGCHLD, NULL) < 0)
			die(PROGRAM, "clone");
	_exit(0);
}

static void tell(const char *text, size_t n)
{
	(void)printf("%s %zu\n", text, n);
	if (fflush(stdout) != 0)
		die(PROGRAM, "write");
}

int main(int argc, char **argv)
{
	char byte;
	size_t n = count_of(PROGRAM, argc > 1 ? argv[1] : NULL);
	int status = 0, held[2]; /* the orphans hold the writing end, each until its end */
	if (pipe(held) < 0)
		die(PROGRAM, "pipe");
	pid_t parent = fork();
	if (parent < 0)
		die(PROGRAM, "fork");
	if (parent == 0)
		make_orphans(n);
	while (waitpid(parent, &status, 0) < 0)
		if (errno != EINTR)
			die(PROGRAM, "wait");
	if (status != 0)
		return 1;
	(void)close(held[1]);
	tell("made", n);
	while (read(held[0], &byte, 1) < 0 && errno == EINTR)
		;
	tell("ended", n);
	for (;;)
		(void)pause();
}
