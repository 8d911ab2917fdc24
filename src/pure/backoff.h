/* How long to wait: before the next attempt at the database (contract §6), and
 * before a child of our own that died is started again. Plain values; the clock
 * and the random bits are given in. */
#pragma once

#include "base/base.h"

struct backoff {
	uint32_t slow_tries; /* in a row that were not quick */
};

/* For what is about to come: first_ms for so long, then a tenth of the further time more, so
 * that a wait becomes little longer by it; at most most_ms. */
int64_t backoff_eager_ms(int64_t first_ms, int64_t most_ms, int64_t eager_for_ms,
			 int64_t elapsed_ms);

/* is_quick: the server is about to come (refused, 57P03): 200 ms in the first ten
 * seconds, growing to 2 s as above; anything from half of
 * that to all of it, which finds the moment sooner than as many attempts spread
 * from 1 ms on. Else 100 ms, doubling to 2 s, after the first minute to 15 s, with
 * full jitter: anything from 1 ms to that. elapsed_ms counts from the beginning of
 * the whole wait. */
int64_t backoff_delay_ms(struct backoff *backoff, bool is_quick, int64_t elapsed_ms,
			 uint32_t random);

/* 100 ms, doubling to 5 s with every death in a row (*deaths, at first 0); one that
 * lived for 10 s begins a new row. */
int64_t backoff_restart_ms(uint32_t *deaths, int64_t lived_ms);
