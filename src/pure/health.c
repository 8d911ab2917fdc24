/* Thresholds and delays. */
#include "pure/health.h"

#define FIRST_DELAY_MS 100

void health_reset(struct health *health)
{
	*health = (struct health){ .verdict = HEALTH_UNKNOWN };
}

/* No success yet since the start, whatever the verdict is by now. */
static bool is_starting(const struct health *health)
{
	return health->verdict == HEALTH_UNKNOWN || health->tries > 0;
}

/* The delay before the next try of a start; 0: it is no quick one. */
static int64_t quick_delay_ms(const struct health *health, const struct health_limits *limits)
{
	int64_t delay = FIRST_DELAY_MS;
	if (!is_starting(health))
		return 0;
	for (uint32_t i = 0; i < health->tries && delay < limits->interval_ms; i++)
		delay *= 2;
	return delay < limits->interval_ms ? delay : 0;
}

bool health_decide(struct health *health, bool good)
{
	enum health_verdict before = health->verdict;
	health->verdict = good ? HEALTH_GOOD : HEALTH_BAD;
	health->failures = !good;
	health->tries = 0;
	return health->verdict != before;
}

bool health_result(struct health *health, const struct health_limits *limits, bool ok)
{
	enum health_verdict before = health->verdict;
	if (ok)
		return health_decide(health, true);
	if (quick_delay_ms(health, limits) == 0 && health->failures < UINT32_MAX)
		health->failures++;
	if (is_starting(health) && health->tries < UINT32_MAX)
		health->tries++;
	if (health->failures >= limits->failures_max)
		health->verdict = HEALTH_BAD;
	return health->verdict != before;
}

int64_t health_delay_ms(const struct health *health, const struct health_limits *limits,
			uint32_t random)
{
	int64_t delay = quick_delay_ms(health, limits);
	if (delay == 0)
		delay = limits->interval_ms;
	return delay * (900 + (int64_t)(random % 201)) / 1000;
}
