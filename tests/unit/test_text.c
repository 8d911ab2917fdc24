/* Growing text and lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>

static void an_empty_buf_is_an_empty_text(void **state)
{
	struct buf buf = { 0 };
	(void)state;
	assert_string_equal(buf_text(&buf), "");
	char *taken = buf_take(&buf);
	assert_string_equal(taken, "");
	free(taken);
	buf_add(&buf, "", 0);
	assert_string_equal(buf_text(&buf), "");
	buf_fini(&buf);
	assert_null(buf.data);
}

static void a_buf_grows_over_every_size(void **state)
{
	struct buf buf = { 0 };
	(void)state;
	for (size_t i = 0; i < 5000; i++) {
		buf_add_char(&buf, (char)('a' + i % 26));
		assert_int_equal(buf.length, i + 1);
		assert_int_equal(buf.data[i + 1], '\0');
	}
	for (size_t i = 0; i < 5000; i++)
		assert_int_equal(buf.data[i], 'a' + (int)(i % 26));
	buf_fini(&buf);
}

static void texts_and_formats_are_appended(void **state)
{
	struct buf buf = { 0 };
	(void)state;
	buf_add_text(&buf, "a");
	buf_format(&buf, "%s-%d", "b", 7);
	buf_format(&buf, "%s", "");
	buf_add(&buf, "c\0d", 3);
	assert_int_equal(buf.length, 7);
	assert_memory_equal(buf_text(&buf), "ab-7c\0d", 8);
	buf_fini(&buf);
}

static void a_taken_text_leaves_an_empty_buf(void **state)
{
	struct buf buf = { 0 };
	(void)state;
	buf_add_text(&buf, "abc");
	char *taken = buf_take(&buf);
	assert_string_equal(taken, "abc");
	assert_int_equal(buf.length, 0);
	buf_add_text(&buf, "d");
	assert_string_equal(buf_text(&buf), "d");
	assert_string_equal(taken, "abc");
	free(taken);
	buf_fini(&buf);
}

static void a_list_stays_terminated(void **state)
{
	struct list list = { 0 };
	char text[16];
	(void)state;
	for (size_t i = 0; i < 300; i++) {
		(void)snprintf(text, sizeof(text), "%zu", i);
		list_add(&list, text);
		assert_int_equal(list.n, i + 1);
		assert_null(list.items[i + 1]);
	}
	for (size_t i = 0; i < 300; i++) {
		(void)snprintf(text, sizeof(text), "%zu", i);
		assert_string_equal(list.items[i], text);
	}
	list_fini(&list);
	assert_int_equal(list.n, 0);
	assert_null(list.items);
}

static void errors_are_one_bounded_line(void **state)
{
	struct err err;
	char longer[400];
	(void)state;
	assert_int_equal(err_set(&err, 0, "open '%s'", "x"), -1);
	assert_string_equal(err.msg, "open 'x'");
	assert_int_equal(err_set(&err, ENOENT, "open '%s'", "x"), -1);
	assert_string_equal(err.msg, "open 'x': No such file or directory");
	assert_int_equal(err.code, ENOENT);
	assert_int_equal(err_prefix(&err, "role %s", "run"), -1);
	assert_string_equal(err.msg, "role run: open 'x': No such file or directory");
	assert_int_equal(err.code, ENOENT);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(err_set(&err, ENOENT, "%s", longer), -1);
	assert_int_equal(strlen(err.msg), ERR_MSG_SIZE - 1);
	assert_int_equal(err_prefix(&err, "%s", longer), -1);
	assert_int_equal(strlen(err.msg), ERR_MSG_SIZE - 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_buf_is_an_empty_text),
		cmocka_unit_test(a_buf_grows_over_every_size),
		cmocka_unit_test(texts_and_formats_are_appended),
		cmocka_unit_test(a_taken_text_leaves_an_empty_buf),
		cmocka_unit_test(a_list_stays_terminated),
		cmocka_unit_test(errors_are_one_bounded_line),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
