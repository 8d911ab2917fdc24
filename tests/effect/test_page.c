/* The shared page: what a reader gets is never half of one write and half of
 * another, and a writer that stands still in the middle is noticed. */
#include "effect/page.h"
#include "sys/sys.h"

#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <cmocka.h>

static void reads_what_was_written(void **state ATTR_UNUSED)
{
	struct err err;
	struct page_content content;
	struct page *page = page_new(&err);
	assert_non_null(page);
	page_write_begin(page)->restarts = 7;
	page_write_end(page);
	assert_true(page_read(page, &content));
	assert_int_equal(content.restarts, 7);
	page_free(page);
}

/* The writer, another process, fills the ends of the page with one number per
 * write; a mixed copy would show two. */
static void never_mixes_two_writes(void **state ATTR_UNUSED)
{
	struct err err;
	struct page *page = page_new(&err);
	assert_non_null(page);
	pid_t parent = getpid(), writer = sys_fork();
	if (writer == 0) {
		sys_die_with_parent(parent);
		for (uint32_t i = 1;; i++) {
			struct page_content *content = page_write_begin(page);
			content->booted_ms = i;
			content->restarts = i;
			content->checks[PAGE_CHECKS_MAX - 1].failures = i;
			page_write_end(page);
			(void)sched_yield(); /* or no reader would ever find it at rest */
		}
	}
	uint32_t good = 0, last = 0, changes = 0;
	int64_t end_ms = sys_now_ms() + 20000;
	while (changes < 200 && sys_now_ms() < end_ms) {
		struct page_content content;
		if (!page_read(page, &content))
			continue;
		good++;
		assert_int_equal(content.booted_ms, content.restarts);
		assert_int_equal(content.restarts, content.checks[PAGE_CHECKS_MAX - 1].failures);
		changes += content.restarts != last;
		last = content.restarts;
	}
	assert_int_equal(sys_kill(writer, SIGKILL), 0);
	int code = 0;
	assert_int_equal(sys_wait_blocking(writer, &code), 0);
	assert_true(good >= changes && changes == 200); /* or nothing was tested */
	page_free(page);
}

static void notices_a_writer_that_stands_still(void **state ATTR_UNUSED)
{
	struct err err;
	struct page_content content;
	struct page *page = page_new(&err);
	assert_non_null(page);
	(void)page_write_begin(page);
	assert_false(page_read(page, &content));
	page_write_end(page);
	assert_true(page_read(page, &content));
	page_free(page);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_was_written),
		cmocka_unit_test(never_mixes_two_writes),
		cmocka_unit_test(notices_a_writer_that_stands_still),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
