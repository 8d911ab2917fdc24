/* From single results to a verdict: thresholds and the delay until the next
 * try. A plain value per check, without clock or timers (times and random bits are
 * given in). Until the first success after a (re)start of the process it is tried
 * every 150 ms, after a minute less and less often, so that ready is told soon.
 * What fails meanwhile is starting, not sick: one failure counts in each interval. */
#pragma once

#include "base/base.h"

enum health_verdict { HEALTH_UNKNOWN, HEALTH_GOOD, HEALTH_BAD };

struct health {
	enum health_verdict verdict;
	bool has_succeeded; /* since the start */
	uint32_t failures;  /* in a row; of those during a start only what counts */
	int64_t counted_ms; /* when, since the start, the last of them counted */
};

struct health_limits {
	int64_t interval_ms;
	uint32_t failures_max; /* so many in a row make a good check bad */
};

/* The process was started (again). */
void health_reset(struct health *health);
/* What the app says of itself is no matter of thresholds; true when it is new. */
bool health_decide(struct health *health, bool good);
/* Takes a result, which came so long after the start; true when the verdict changed. */
bool health_result(struct health *health, const struct health_limits *limits, bool ok,
		   int64_t elapsed_ms);
/* Delay before the next try, jittered by ±10 % with `random`. cost_ms: for so long the last
 * try kept the CPU from the app, which shall have the most of it while it starts. */
int64_t health_delay_ms(const struct health *health, const struct health_limits *limits,
			int64_t elapsed_ms, int64_t cost_ms, uint32_t random);
