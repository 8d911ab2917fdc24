/* Delays between attempts. */
#include "pure/backoff.h"

#define FIRST_MINUTE_MS 60000
#define SLOW_START_MS   100
#define SLOW_TRIES_MAX  16 /* 100 ms doubled so often is beyond every ceiling */

#define RESTART_MIN_MS 100
#define RESTART_MAX_MS 5000
#define STEADY_MS      10000

static int64_t ceiling_ms(struct backoff *backoff, bool is_quick, bool is_first_minute)
{
	if (is_quick) {
		backoff->slow_tries = 0;
		return is_first_minute ? 200 : 2000;
	}
	int64_t most = is_first_minute ? 2000 : 15000;
	int64_t delay = (int64_t)SLOW_START_MS << backoff->slow_tries;
	if (backoff->slow_tries < SLOW_TRIES_MAX)
		backoff->slow_tries++;
	return delay < most ? delay : most;
}

int64_t backoff_delay_ms(struct backoff *backoff, bool is_quick, int64_t elapsed_ms,
			 uint32_t random)
{
	int64_t ceiling = ceiling_ms(backoff, is_quick, elapsed_ms < FIRST_MINUTE_MS);
	return 1 + (int64_t)((uint64_t)random * (uint64_t)ceiling >> 32);
}

int64_t backoff_restart_ms(uint32_t *deaths, int64_t lived_ms)
{
	int64_t pause_ms = RESTART_MIN_MS;
	*deaths = lived_ms >= STEADY_MS ? 1 : *deaths + 1;
	for (uint32_t i = 1; i < *deaths && pause_ms < RESTART_MAX_MS; i++)
		pause_ms *= 2;
	return pause_ms < RESTART_MAX_MS ? pause_ms : RESTART_MAX_MS;
}
