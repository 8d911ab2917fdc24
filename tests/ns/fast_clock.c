/* For LD_PRELOAD: a world in which time passes FAST_CLOCK times as fast, so that a test
 * sees ten minutes of backoff in ten seconds. What waits in the kernel for a time
 * (epoll, poll) waits that much shorter; sleep(3) does not. */
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int64_t factor = 1, start_ns[2]; /* of CLOCK_MONOTONIC, of CLOCK_BOOTTIME */

static int64_t real_ns(clockid_t clock)
{
	struct timespec now = { 0, 0 };
	(void)syscall(SYS_clock_gettime, clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

__attribute__((constructor)) static void begin(void)
{
	const char *text = getenv("FAST_CLOCK");
	factor = text != NULL ? atoi(text) : 1;
	start_ns[0] = real_ns(CLOCK_MONOTONIC);
	start_ns[1] = real_ns(CLOCK_BOOTTIME);
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	if (clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_COARSE && clock != CLOCK_BOOTTIME)
		return (int)syscall(SYS_clock_gettime, clock, ret);
	int64_t start = start_ns[clock == CLOCK_BOOTTIME];
	int64_t now = start + (real_ns(clock) - start) * factor;
	ret->tv_sec = now / 1000000000;
	ret->tv_nsec = now % 1000000000;
	return 0;
}

static int shorter(int timeout_ms)
{
	return timeout_ms <= 0 ? timeout_ms : (int)((timeout_ms + factor - 1) / factor);
}

int epoll_pwait(int fd, struct epoll_event *events, int n, int timeout_ms, const sigset_t *mask)
{
	return (int)syscall(SYS_epoll_pwait, fd, events, n, shorter(timeout_ms), mask, _NSIG / 8);
}

int epoll_wait(int fd, struct epoll_event *events, int n, int timeout_ms)
{
	return epoll_pwait(fd, events, n, timeout_ms, NULL);
}

int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	int ms = shorter(timeout_ms);
	struct timespec timeout = { ms / 1000, (long)(ms % 1000) * 1000000 };
	return (int)syscall(SYS_ppoll, fds, n, ms < 0 ? NULL : &timeout, NULL, 0);
}
