/* Delays between attempts. */
#include "pure/backoff.h"

#define EAGER_GROWTH  10 /* a tenth of the time that it has taken longer */
#define QUICK_FOR_MS  10000
#define QUICK_MS      200
#define QUICK_MOST_MS 2000

#define FIRST_MINUTE_MS 60000
#define SLOW_START_MS   100
#define SLOW_TRIES_MAX  16 /* 100 ms doubled so often is beyond every ceiling */

#define RESTART_MIN_MS 100
#define RESTART_MAX_MS 5000
#define STEADY_MS      10000

int64_t backoff_eager_ms(int64_t first_ms, int64_t most_ms, int64_t eager_for_ms,
			 int64_t elapsed_ms)
{
	int64_t over_ms = elapsed_ms > eager_for_ms ? elapsed_ms - eager_for_ms : 0;
	int64_t delay = first_ms + over_ms / EAGER_GROWTH;
	return delay < most_ms ? delay : most_ms;
}

static int64_t slow_ceiling_ms(struct backoff *backoff, int64_t elapsed_ms)
{
	int64_t most = elapsed_ms < FIRST_MINUTE_MS ? 2000 : 15000;
	int64_t delay = (int64_t)SLOW_START_MS << backoff->slow_tries;
	if (backoff->slow_tries < SLOW_TRIES_MAX)
		backoff->slow_tries++;
	return delay < most ? delay : most;
}

static int64_t between(int64_t least, int64_t most, uint32_t random)
{
	return least + (int64_t)((uint64_t)random * (uint64_t)(most - least + 1) >> 32);
}

int64_t backoff_delay_ms(struct backoff *backoff, bool is_quick, int64_t elapsed_ms,
			 uint32_t random)
{
	if (!is_quick)
		return between(1, slow_ceiling_ms(backoff, elapsed_ms), random);
	backoff->slow_tries = 0;
	int64_t ceiling = backoff_eager_ms(QUICK_MS, QUICK_MOST_MS, QUICK_FOR_MS, elapsed_ms);
	return between(ceiling / 2, ceiling, random);
}

int64_t backoff_restart_ms(uint32_t *deaths, int64_t lived_ms)
{
	int64_t pause_ms = RESTART_MIN_MS;
	*deaths = lived_ms >= STEADY_MS ? 1 : *deaths + 1;
	for (uint32_t i = 1; i < *deaths && pause_ms < RESTART_MAX_MS; i++)
		pause_ms *= 2;
	return pause_ms < RESTART_MAX_MS ? pause_ms : RESTART_MAX_MS;
}
