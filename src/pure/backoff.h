/* How long to wait: before the next attempt at the database (contract §6), and
 * before a child of our own that died is started again. Plain values; the clock
 * and the random bits are given in. */
#pragma once

#include "base/base.h"

struct backoff {
	uint32_t slow_tries; /* in a row that were not quick */
};

/* is_quick: the server is about to come (refused, 57P03): at most 200 ms, after
 * the first minute at most 2 s. Else 100 ms, doubling to 2 s, after the first
 * minute to 15 s. Full jitter: anything from 1 ms to that; elapsed_ms counts
 * from the beginning of the whole wait. */
int64_t backoff_delay_ms(struct backoff *backoff, bool is_quick, int64_t elapsed_ms,
			 uint32_t random);

/* 100 ms, doubling to 5 s with every death in a row (*deaths, at first 0); one that
 * lived for 10 s begins a new row. */
int64_t backoff_restart_ms(uint32_t *deaths, int64_t lived_ms);
