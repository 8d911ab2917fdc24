/* What is heard of sd_notify(3). */
#include "pure/sd_notify.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct sd_notify hear(const char *text, bool heard)
{
	struct sd_notify what;
	assert_int_equal(sd_notify_parse(text, strlen(text), &what), heard);
	return what;
}

static void hears_each_word(void **state ATTR_UNUSED)
{
	struct sd_notify what = hear("READY=1\nSTATUS=Gunicorn arbiter booted", true);
	assert_true(what.ready && what.has_status && !what.watchdog && !what.stopping);
	assert_string_equal(what.status, "Gunicorn arbiter booted");
	assert_true(hear("WATCHDOG=1\n", true).watchdog);
	assert_true(hear("STOPPING=1", true).stopping);
	assert_int_equal(hear("\n\nMAINPID=4711\n", true).main_pid, 4711);
	assert_true(hear("STATUS=", true).has_status);
}

static void hears_nothing_else(void **state ATTR_UNUSED)
{
	static const char *const texts[] = {
		"",
		"\n",
		"READY=0",
		"READY=1 ",
		"READY=11",
		"ready=1",
		" READY=1",
		"READY",
		"MAINPID=",
		"MAINPID=0",
		"MAINPID=1",
		"MAINPID=-5",
		"MAINPID=7x",
		"MAINPID=99999999999",
		"RELOADING=1",
		"BARRIER=1",
		"FDSTORE=1",
		"WATCHDOG=trigger",
	};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct sd_notify what = hear(texts[i], false);
		assert_false(what.ready || what.stopping || what.watchdog || what.has_status);
		assert_int_equal(what.main_pid, 0);
	}
	assert_true(hear("FDSTORE=1\nREADY=1\nX_OWN=y", true).ready);
}

static void keeps_its_bounds(void **state ATTR_UNUSED)
{
	static char text[SD_NOTIFY_SIZE_MAX + 1];
	struct sd_notify what;
	memset(text, 'x', sizeof(text));
	memcpy(text, "STATUS=", 7);
	assert_true(sd_notify_parse(text, SD_NOTIFY_SIZE_MAX, &what));
	assert_int_equal(strlen(what.status), SD_NOTIFY_STATUS_SIZE - 1);
	assert_false(sd_notify_parse(text, sizeof(text), &what));
	/* a line is read to its end and no further */
	memcpy(text + SD_NOTIFY_SIZE_MAX - 8, "\nREADY=1", 8);
	assert_true(sd_notify_parse(text, SD_NOTIFY_SIZE_MAX, &what));
	assert_true(what.ready);
}

static void is_not_fooled_by_bytes(void **state ATTR_UNUSED)
{
	struct sd_notify what;
	assert_false(sd_notify_parse("READY=1\0", 8, &what));
	assert_false(sd_notify_parse("STATUS=a\0b", 10, &what));
	assert_true(sd_notify_parse("\0\nREADY=1", 9, &what));
	assert_string_equal(hear("STATUS=\x1b[31mred\t\xff", true).status, " [31mred ?");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(hears_each_word),
		cmocka_unit_test(hears_nothing_else),
		cmocka_unit_test(keeps_its_bounds),
		cmocka_unit_test(is_not_fooled_by_bytes),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
