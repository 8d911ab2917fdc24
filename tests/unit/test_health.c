/* Thresholds and delays of checks. */
#include "pure/health.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MIDDLE 100 /* random bits that mean: no jitter */

static const struct health_limits limits = { .interval_ms = 10000, .failures_max = 3 };

static void test_verdicts(void **state ATTR_UNUSED)
{
	struct health health = { 0 };
	assert_int_equal(health.verdict, HEALTH_UNKNOWN);
	assert_true(health_result(&health, &limits, true));
	assert_int_equal(health.verdict, HEALTH_GOOD);
	assert_false(health_result(&health, &limits, true));
	assert_false(health_result(&health, &limits, false));
	assert_false(health_result(&health, &limits, false));
	assert_int_equal(health.verdict, HEALTH_GOOD);
	assert_int_equal(health.failures, 2);
	assert_true(health_result(&health, &limits, false));
	assert_int_equal(health.verdict, HEALTH_BAD);
	assert_false(health_result(&health, &limits, false));
	assert_int_equal(health.failures, 4);
	assert_true(health_result(&health, &limits, true));
	assert_int_equal(health.verdict, HEALTH_GOOD);
	assert_int_equal(health.failures, 0);
}

static void test_success_between_failures_counts_anew(void **state ATTR_UNUSED)
{
	struct health health = { 0 };
	assert_true(health_result(&health, &limits, true));
	for (int i = 0; i < 10; i++) {
		assert_false(health_result(&health, &limits, false));
		assert_false(health_result(&health, &limits, false));
		assert_false(health_result(&health, &limits, true));
	}
	assert_int_equal(health.verdict, HEALTH_GOOD);
}

/* What never held is starting: the quick tries do not count. */
static void test_unknown_until_the_threshold(void **state ATTR_UNUSED)
{
	struct health health = { 0 };
	for (int quick = 0; quick < 7; quick++) /* 100 ms, 200 ms, … 6.4 s */
		assert_false(health_result(&health, &limits, false));
	assert_int_equal(health.failures, 0);
	assert_false(health_result(&health, &limits, false));
	assert_false(health_result(&health, &limits, false));
	assert_int_equal(health.verdict, HEALTH_UNKNOWN);
	assert_true(health_result(&health, &limits, false));
	assert_int_equal(health.verdict, HEALTH_BAD);
	health_reset(&health);
	assert_int_equal(health.verdict, HEALTH_UNKNOWN);
	assert_int_equal(health.failures, 0);
}

static void test_quick_until_the_first_success(void **state ATTR_UNUSED)
{
	static const int64_t delays[] = { 100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000 };
	struct health health = { 0 };
	for (size_t i = 0; i < ARRAY_SIZE(delays); i++) {
		assert_int_equal(health_delay_ms(&health, &limits, MIDDLE), delays[i]);
		(void)health_result(&health, &limits, false);
	}
	(void)health_result(&health, &limits, false);
	assert_int_equal(health.verdict, HEALTH_BAD); /* and still no success */
	(void)health_result(&health, &limits, true);
	assert_int_equal(health_delay_ms(&health, &limits, MIDDLE), 10000);
	for (int i = 0; i < 5; i++) {
		(void)health_result(&health, &limits, false);
		assert_int_equal(health_delay_ms(&health, &limits, MIDDLE), 10000);
	}
	health_reset(&health);
	assert_int_equal(health_delay_ms(&health, &limits, MIDDLE), 100);
}

static void test_one_word_decides(void **state ATTR_UNUSED)
{
	struct health health = { 0 };
	assert_true(health_decide(&health, false));
	assert_int_equal(health.verdict, HEALTH_BAD);
	assert_int_equal(health.failures, 1);
	assert_false(health_decide(&health, false));
	assert_true(health_decide(&health, true));
	assert_int_equal(health.verdict, HEALTH_GOOD);
	assert_int_equal(health.failures, 0);
	assert_false(health_decide(&health, true));
	assert_true(health_decide(&health, false));
}

static void test_jitter(void **state ATTR_UNUSED)
{
	struct health health = { .verdict = HEALTH_GOOD };
	assert_int_equal(health_delay_ms(&health, &limits, 0), 9000);
	assert_int_equal(health_delay_ms(&health, &limits, 200), 11000);
	assert_int_equal(health_delay_ms(&health, &limits, 201), 9000);
	for (uint32_t random = UINT32_MAX; random > UINT32_MAX - 500; random--) {
		int64_t delay = health_delay_ms(&health, &limits, random);
		assert_in_range(delay, 9000, 11000);
	}
}

static void test_extremes(void **state ATTR_UNUSED)
{
	struct health health = { .tries = UINT32_MAX, .failures = UINT32_MAX };
	struct health_limits ten_years = { .interval_ms = INT64_C(316224000000),
					   .failures_max = 1 };
	struct health_limits hasty = { .interval_ms = 50, .failures_max = 1 };
	assert_int_equal(health_delay_ms(&health, &ten_years, MIDDLE), INT64_C(316224000000));
	assert_true(health_result(&health, &ten_years, false));
	assert_int_equal(health.failures, UINT32_MAX);
	health_reset(&health);
	assert_int_equal(health_delay_ms(&health, &hasty, MIDDLE), 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_success_between_failures_counts_anew),
		cmocka_unit_test(test_unknown_until_the_threshold),
		cmocka_unit_test(test_quick_until_the_first_success),
		cmocka_unit_test(test_one_word_decides),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_extremes),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
