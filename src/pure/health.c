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

bool health_result(struct health *health, const struct health_limits *limits, bool ok)
{
	enum health_verdict before = health->verdict;
	if (ok) {
		health->verdict = HEALTH_GOOD;
		health->failures = 0;
		health->tries = 0;
	} else {
		if (health->failures < UINT32_MAX)
			health->failures++;
		if (is_starting(health) && health->tries < UINT32_MAX)
			health->tries++;
		/* Unknown stays unknown until the threshold too: an app that is still
		 * starting is not sick yet. */
		if (health->failures >= limits->failures_max)
			health->verdict = HEALTH_BAD;
	}
	return health->verdict != before;
}

int64_t health_delay_ms(const struct health *health, const struct health_limits *limits,
			uint32_t random)
{
	int64_t delay = limits->interval_ms;
	if (is_starting(health)) {
		int64_t quick = FIRST_DELAY_MS;
		for (uint32_t i = 0; i < health->tries && quick < delay; i++)
			quick *= 2;
		if (quick < delay)
			delay = quick;
	}
	return delay * (900 + (int64_t)(random % 201)) / 1000;
}
