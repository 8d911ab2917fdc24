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

static void a_copy_is_cut_and_terminated(void **state)
{
	char buffer[4];
	(void)state;
	text_copy(buffer, sizeof(buffer), "ab");
	assert_string_equal(buffer, "ab");
	text_copy(buffer, sizeof(buffer), "abcdef");
	assert_string_equal(buffer, "abc");
	text_copy(buffer, sizeof(buffer), "ab\xc3\xa4");
	assert_string_equal(buffer, "ab");
	text_copy(buffer, sizeof(buffer), "a\xe2\x82\xac");
	assert_string_equal(buffer, "a");
	text_copy(buffer, sizeof(buffer),
		  "a\xc3\xa4"
		  "b");
	assert_string_equal(buffer, "a\xc3\xa4");
	text_copy(buffer, 1, "abc");
	assert_string_equal(buffer, "");
	assert_string_equal(text_append(buffer, sizeof(buffer), "a"), "a");
	assert_string_equal(text_append(buffer, sizeof(buffer), "bcd"), "abc");
	assert_string_equal(text_append(buffer, sizeof(buffer), "e"), "abc");
}

static void numbers_are_appended(void **state)
{
	char buffer[16] = "n=";
	(void)state;
	assert_string_equal(text_append_uint(buffer, sizeof(buffer), 0), "n=0");
	assert_string_equal(text_append_uint(buffer, sizeof(buffer), 4294967295U), "n=04294967295");
	assert_string_equal(text_append_uint(buffer, sizeof(buffer), 12345), "n=0429496729512");
}

static void a_strangers_text_is_made_printable(void **state)
{
	static const struct {
		const char *given, *shown;
	} texts[] = {
		{ "", "" },
		{ "a\tb\x7f\x1b[m", "a b  [m" },
		{ "h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x8d",
		  "h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x8d" },
		{ "\xff\xc3", "??" }, /* no sequence; one that is cut */
		{ "\xc0\xaf", "??" }, /* overlong */
		{ "\xe0\x80\x80", "???" },
		{ "\xed\xa0\x80", "???" },      /* a surrogate */
		{ "\xf4\x90\x80\x80", "????" }, /* above U+10FFFF */
		{ "\xe2\x82", "??" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		char text[32];
		text_copy(text, sizeof(text), texts[i].given);
		text_make_printable(text);
		assert_string_equal(text, texts[i].shown);
	}
}

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
		cmocka_unit_test(a_copy_is_cut_and_terminated),
		cmocka_unit_test(numbers_are_appended),
		cmocka_unit_test(a_strangers_text_is_made_printable),
		cmocka_unit_test(errors_are_one_bounded_line),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
