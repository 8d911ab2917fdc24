/* From single results to a verdict: thresholds and the delay until the next
 * try. A plain value per check, without clock or timers (random bits are given
 * in). Checks start quickly (100 ms doubling up to the interval) until the
 * first success after a (re)start of the process, so that ready is told soon. What
 * fails meanwhile is starting, not sick: it has as long as a sick one has, and more. */
#pragma once

#include "base/base.h"

enum health_verdict { HEALTH_UNKNOWN, HEALTH_GOOD, HEALTH_BAD };

struct health {
	enum health_verdict verdict;
	uint32_t failures;  /* in a row; the quick tries of a start do not count */
	uint32_t tries;     /* since the start, until the first success */
};

struct health_limits {
	int64_t interval_ms;
	uint32_t failures_max; /* so many in a row make a good check bad */
};

/* The process was started (again). */
void health_reset(struct health *health);
/* What the app says of itself is no matter of thresholds; true when it is new. */
bool health_decide(struct health *health, bool good);
/* Takes a result; returns true when the verdict changed. */
bool health_result(struct health *health, const struct health_limits *limits, bool ok);
/* Delay before the next try, jittered by ±10 % with `random`. */
int64_t health_delay_ms(const struct health *health, const struct health_limits *limits,
			uint32_t random);
