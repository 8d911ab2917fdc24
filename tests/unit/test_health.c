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
	assert_true(health_result(&health, &limits, true, 0));
	assert_int_equal(health.verdict, HEALTH_GOOD);
	assert_false(health_result(&health, &limits, true, 0));
	assert_false(health_result(&health, &limits, false, 0));
	assert_false(health_result(&health, &limits, false, 0));
	assert_int_equal(health.verdict, HEALTH_GOOD);
	assert_int_equal(health.failures, 2);
	assert_true(health_result(&health, &limits, false, 0));
	assert_int_equal(health.verdict, HEALTH_BAD);
	assert_false(health_result(&health, &limits, false, 0));
	assert_int_equal(health.failures, 4);
	assert_true(health_result(&health, &limits, true, 0));
	assert_int_equal(health.verdict, HEALTH_GOOD);
	assert_int_equal(health.failures, 0);
}

static void test_success_between_failures_counts_anew(void **state ATTR_UNUSED)
{
	struct health health = { 0 };
	assert_true(health_result(&health, &limits, true, 0));
	for (int i = 0; i < 10; i++) {
		assert_false(health_result(&health, &limits, false, 0));
		assert_false(health_result(&health, &limits, false, 0));
		assert_false(health_result(&health, &limits, true, 0));
	}
	assert_int_equal(health.verdict, HEALTH_GOOD);
}

/* What never held is starting: a failure counts once in each interval. */
static void test_unknown_until_the_threshold(void **state ATTR_UNUSED)
{
	struct health health = { 0 };
	for (int64_t ms = 0; ms < 9000; ms += 150)
		assert_false(health_result(&health, &limits, false, ms));
	assert_int_equal(health.failures, 0);
	assert_false(health_result(&health, &limits, false, 9000));
	assert_false(health_result(&health, &limits, false, 17999));
	assert_int_equal(health.failures, 1);
	assert_false(health_result(&health, &limits, false, 18000));
	assert_int_equal(health.verdict, HEALTH_UNKNOWN);
	assert_true(health_result(&health, &limits, false, 60000));
	assert_int_equal(health.verdict, HEALTH_BAD);
	health_reset(&health);
	assert_int_equal(health.verdict, HEALTH_UNKNOWN);
	assert_int_equal(health.failures, 0);
}

/* From the first success on each failure counts, however soon it comes. */
static void test_every_failure_counts_later(void **state ATTR_UNUSED)
{
	struct health health = { 0 };
	assert_true(health_result(&health, &limits, true, 100));
	assert_false(health_result(&health, &limits, false, 101));
	assert_false(health_result(&health, &limits, false, 102));
	assert_true(health_result(&health, &limits, false, 103));
}

static void test_quick_until_the_first_success(void **state ATTR_UNUSED)
{
	static const struct {
		int64_t elapsed_ms, delay_ms;
	} steps[] = { { 0, 150 },      { 5000, 150 },     { 60000, 150 },   { 61000, 250 },
		      { 80000, 2150 }, { 158500, 10000 }, { 999999, 10000 } };
	struct health health = { 0 };
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		assert_int_equal(health_delay_ms(&health, &limits, steps[i].elapsed_ms, 0, MIDDLE),
				 steps[i].delay_ms);
		(void)health_result(&health, &limits, false, steps[i].elapsed_ms);
	}
	(void)health_result(&health, &limits, false, 2000000);
	assert_int_equal(health.verdict, HEALTH_BAD); /* and still no success */
	assert_int_equal(health_delay_ms(&health, &limits, 0, 0, MIDDLE), 150);
	(void)health_result(&health, &limits, true, 0);
	assert_int_equal(health_delay_ms(&health, &limits, 0, 0, MIDDLE), 10000);
	(void)health_result(&health, &limits, false, 0);
	assert_int_equal(health_delay_ms(&health, &limits, 0, 0, MIDDLE), 10000);
	health_reset(&health);
	assert_int_equal(health_delay_ms(&health, &limits, 0, 0, MIDDLE), 150);
}

/* One that is dear leaves the app four fifths of the time that it starts in. */
static void test_dear_checks(void **state ATTR_UNUSED)
{
	struct health health = { 0 };
	assert_int_equal(health_delay_ms(&health, &limits, 0, 37, MIDDLE), 150);
	assert_int_equal(health_delay_ms(&health, &limits, 0, 38, MIDDLE), 152);
	assert_int_equal(health_delay_ms(&health, &limits, 0, 500, MIDDLE), 2000);
	assert_int_equal(health_delay_ms(&health, &limits, 0, 5000, MIDDLE), 10000);
	(void)health_result(&health, &limits, true, 0);
	assert_int_equal(health_delay_ms(&health, &limits, 0, 1, MIDDLE), 10000);
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
	struct health health = { .verdict = HEALTH_GOOD, .has_succeeded = true };
	assert_int_equal(health_delay_ms(&health, &limits, 0, 0, 0), 9000);
	assert_int_equal(health_delay_ms(&health, &limits, 0, 0, 200), 11000);
	assert_int_equal(health_delay_ms(&health, &limits, 0, 0, 201), 9000);
	for (uint32_t random = UINT32_MAX; random > UINT32_MAX - 500; random--) {
		int64_t delay = health_delay_ms(&health, &limits, 0, 0, random);
		assert_in_range(delay, 9000, 11000);
	}
}

static void test_extremes(void **state ATTR_UNUSED)
{
	struct health health = { .failures = UINT32_MAX };
	struct health_limits ten_years = { .interval_ms = INT64_C(316224000000),
					   .failures_max = 1 };
	struct health_limits hasty = { .interval_ms = 50, .failures_max = 1 };
	int64_t century = 10 * ten_years.interval_ms;
	assert_int_equal(health_delay_ms(&health, &ten_years, century, century, MIDDLE),
			 ten_years.interval_ms);
	assert_true(health_result(&health, &ten_years, false, century));
	assert_int_equal(health.failures, UINT32_MAX);
	health_reset(&health);
	assert_int_equal(health_delay_ms(&health, &hasty, 0, 0, MIDDLE), 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_success_between_failures_counts_anew),
		cmocka_unit_test(test_unknown_until_the_threshold),
		cmocka_unit_test(test_every_failure_counts_later),
		cmocka_unit_test(test_dear_checks),
		cmocka_unit_test(test_quick_until_the_first_success),
		cmocka_unit_test(test_one_word_decides),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_extremes),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
