/* What a child that waits is busy with. What takes longer than a second is told, so that
 * nobody looks at a silent log, and what takes far longer than it may is a hang (a resolver's
 * module, a file on a mount that does not answer): SIGALRM ends the child then, which costs a
 * retry as a crash does. One for each process; it uses ITIMER_REAL. */
#pragma once

#include "base/base.h"

/* To be called once. Without it, as in a check that PID 1 gives a deadline, the functions
 * below do nothing. prefix (borrowed) goes before each text; deadline_ms is what a piece of
 * work that can have a deadline has: sixty times as long, counted from when it is told, is a
 * hang. Not even a resolver takes that long. */
void busy_start(int message_fd, const char *prefix, int64_t deadline_ms);

/* The next piece of work begins: "shop-db: the name server has not answered yet". Told as
 * MESSAGE_WAIT_REASON after a second, but not after busy_told(). */
void busy_with(const char *format, ...) ATTR_PRINTF(1, 2);

/* It is over; what follows has deadlines of its own. */
void busy_done(void);

/* A reason was told that says more than this could. */
void busy_told(void);

/* For whoever waits for that child: end_text(), or that it hung. */
const char *busy_describe_end(int code, int signo, char *buffer, size_t size);
