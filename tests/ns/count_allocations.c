/* For LD_PRELOAD: says on stderr when the process passes the line (its first
 * epoll_wait) and each allocation that it, not a child of it, makes behind it. Before
 * the line the allocation of number $FAIL_ALLOCATION fails, and that is said, too. */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static pid_t behind_the_line; /* the process that has passed it */
static pid_t first_process;
static unsigned long to_fail, made;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *pointer, size_t size);

static void tell(const char *text)
{
	int saved = errno;
	(void)!write(STDERR_FILENO, text, strlen(text));
	errno = saved;
}

__attribute__((constructor)) static void begin(void)
{
	const char *text = getenv("FAIL_ALLOCATION");
	/* in pidone, not in what starts it or what it starts */
	if (text != NULL && strcmp(program_invocation_short_name, "pidone") == 0)
		to_fail = strtoul(text, NULL, 10);
	first_process = getpid();
}

/* Shall this one fail? */
static int fails(void)
{
	char text[64];
	if (to_fail == 0 || behind_the_line != 0 || getpid() != first_process || ++made != to_fail)
		return 0;
	(void)snprintf(text, sizeof(text), "ALLOCATION %lu failed\n", made);
	tell(text);
	errno = ENOMEM;
	return 1;
}

static void count(void)
{
	if (behind_the_line != 0 && getpid() == behind_the_line)
		tell("ALLOCATION behind the line\n");
}

void *malloc(size_t size)
{
	count();
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	count();
	return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *pointer, size_t size)
{
	count();
	return fails() ? NULL : __libc_realloc(pointer, size);
}

static void at_the_line(void)
{
	if (behind_the_line != 0)
		return;
	tell("LINE passed\n");
	behind_the_line = getpid();
	if (getenv("COUNT_ALLOCATIONS_PROVE") != NULL)
		free((void *volatile){ malloc(1) }); /* the counter counts */
}

/* libuv takes the one or the other, depending on its version. */
int epoll_pwait(int fd, struct epoll_event *events, int n, int timeout, const sigset_t *mask)
{
	static int (*real)(int, struct epoll_event *, int, int, const sigset_t *);
	if (real == NULL)
		real = (int (*)(int, struct epoll_event *, int, int, const sigset_t *))dlsym(
			RTLD_NEXT, "epoll_pwait");
	at_the_line();
	return real(fd, events, n, timeout, mask);
}

int epoll_wait(int fd, struct epoll_event *events, int n, int timeout)
{
	return epoll_pwait(fd, events, n, timeout, NULL);
}
