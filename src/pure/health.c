/* Thresholds and delays. */
#include "pure/health.h"

#include "pure/backoff.h"

#define STARTING_MS     150
#define STARTING_FOR_MS 60000
#define APPS_SHARE      4 /* of the time, for one that a check takes */

void health_reset(struct health *health)
{
	*health = (struct health){ .verdict = HEALTH_UNKNOWN };
}

bool health_decide(struct health *health, bool good)
{
	enum health_verdict before = health->verdict;
	health->verdict = good ? HEALTH_GOOD : HEALTH_BAD;
	health->failures = !good;
	health->has_succeeded = true;
	return health->verdict != before;
}

/* Tries follow each other with the jitter: hence not the whole interval. */
static bool counts(const struct health *health, const struct health_limits *limits,
		   int64_t elapsed_ms)
{
	return health->has_succeeded ||
	       elapsed_ms - health->counted_ms >= limits->interval_ms - limits->interval_ms / 10;
}

bool health_result(struct health *health, const struct health_limits *limits, bool ok,
		   int64_t elapsed_ms)
{
	enum health_verdict before = health->verdict;
	if (ok)
		return health_decide(health, true);
	if (counts(health, limits, elapsed_ms)) {
		health->counted_ms = elapsed_ms;
		health->failures += health->failures < UINT32_MAX;
	}
	if (health->failures >= limits->failures_max)
		health->verdict = HEALTH_BAD;
	return health->verdict != before;
}

int64_t health_delay_ms(const struct health *health, const struct health_limits *limits,
			int64_t elapsed_ms, int64_t cost_ms, uint32_t random)
{
	int64_t delay = limits->interval_ms;
	if (!health->has_succeeded) {
		delay = backoff_eager_ms(STARTING_MS, limits->interval_ms, STARTING_FOR_MS,
					 elapsed_ms);
		if (delay / APPS_SHARE < cost_ms)
			delay = APPS_SHARE * cost_ms;
		if (delay > limits->interval_ms)
			delay = limits->interval_ms;
	}
	return delay * (900 + (int64_t)(random % 201)) / 1000;
}
