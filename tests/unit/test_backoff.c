/* Delays: ceilings with the largest random number, floors with the smallest. */
#include "pure/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define MOST UINT32_MAX

static void test_quick(void **state)
{
	struct backoff backoff = { 0 };
	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(backoff_delay_ms(&backoff, true, 10000, MOST), 200);
	assert_int_equal(backoff_delay_ms(&backoff, true, 0, 0), 100);
	assert_int_equal(backoff_delay_ms(&backoff, true, 0, MOST / 2), 150);
}

static void test_quick_slows_down(void **state)
{
	static const struct {
		int64_t elapsed_ms, least, most;
	} steps[] = {
		{ 10010, 100, 201 },
		{ 11000, 150, 300 },
		{ 20000, 600, 1200 },
		{ 27990, 999, 1999 },
		{ 28000, 1000, 2000 },
		{ 60000, 1000, 2000 },
		{ 1000 * 60 * 60, 1000, 2000 },
	};
	struct backoff backoff = { 0 };
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		assert_int_equal(backoff_delay_ms(&backoff, true, steps[i].elapsed_ms, 0),
				 steps[i].least);
		assert_int_equal(backoff_delay_ms(&backoff, true, steps[i].elapsed_ms, MOST),
				 steps[i].most);
	}
}

static void test_slow(void **state)
{
	static const int64_t first_minute[] = { 100, 200, 400, 800, 1600, 2000, 2000 };
	static const int64_t later[] = { 12800, 15000, 15000 };
	struct backoff backoff = { 0 };
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(first_minute); i++)
		assert_int_equal(backoff_delay_ms(&backoff, false, 59999, MOST), first_minute[i]);
	for (size_t i = 0; i < ARRAY_SIZE(later); i++)
		assert_int_equal(backoff_delay_ms(&backoff, false, 60000, MOST), later[i]);
	for (int i = 0; i < 100; i++)
		assert_int_equal(backoff_delay_ms(&backoff, false, 60000, MOST), 15000);
	assert_int_equal(backoff_delay_ms(&backoff, false, 60000, 0), 1);
}

static void test_quick_starts_slow_anew(void **state)
{
	struct backoff backoff = { 0 };
	(void)state;
	assert_int_equal(backoff_delay_ms(&backoff, false, 0, MOST), 100);
	assert_int_equal(backoff_delay_ms(&backoff, false, 0, MOST), 200);
	assert_int_equal(backoff_delay_ms(&backoff, true, 0, MOST), 200);
	assert_int_equal(backoff_delay_ms(&backoff, false, 0, MOST), 100);
}

static void test_restart(void **state)
{
	static const int64_t pauses[] = { 100, 200, 400, 800, 1600, 3200, 5000, 5000 };
	uint32_t deaths = 0;
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pauses); i++)
		assert_int_equal(backoff_restart_ms(&deaths, 9999), pauses[i]);
	assert_int_equal(backoff_restart_ms(&deaths, 10000), 100);
	assert_int_equal(backoff_restart_ms(&deaths, 0), 200);
	deaths = UINT32_MAX - 1;
	assert_int_equal(backoff_restart_ms(&deaths, 0), 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quick),   cmocka_unit_test(test_quick_slows_down),
		cmocka_unit_test(test_slow),    cmocka_unit_test(test_quick_starts_slow_anew),
		cmocka_unit_test(test_restart),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
