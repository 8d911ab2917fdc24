/* The message format: nothing unchecked passes into PID 1. */
#include "pure/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct message good(void)
{
	struct message message = { .type = MESSAGE_CHECK_FAILED, .code = -3 };
	strcpy(message.text, "connection refused");
	return message;
}

static void takes_a_good_one(void **state ATTR_UNUSED)
{
	struct message in = good(), out;
	assert_int_equal(message_decode(&in, sizeof(in), &out), 0);
	assert_memory_equal(&in, &out, sizeof(in));
}

static void refuses_every_other_length(void **state ATTR_UNUSED)
{
	char bytes[sizeof(struct message) + 1] = { 0 };
	struct message in = good(), out;
	memcpy(bytes, &in, sizeof(in));
	for (size_t length = 0; length <= sizeof(bytes); length++)
		assert_int_equal(message_decode(bytes, length, &out),
				 length == sizeof(in) ? 0 : -1);
}

static void refuses_unknown_types(void **state ATTR_UNUSED)
{
	static const uint32_t bad[] = { 0, MESSAGE_TYPE_END, MESSAGE_TYPE_END + 1, UINT32_MAX };
	struct message in = good(), out;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		in.type = bad[i];
		assert_int_equal(message_decode(&in, sizeof(in), &out), -1);
	}
	for (uint32_t type = MESSAGE_EXEC_FAILED; type < MESSAGE_TYPE_END; type++) {
		in.type = type;
		assert_int_equal(message_decode(&in, sizeof(in), &out), 0);
	}
}

static void refuses_text_without_end(void **state ATTR_UNUSED)
{
	struct message in = good(), out;
	memset(in.text, 'x', sizeof(in.text));
	assert_int_equal(message_decode(&in, sizeof(in), &out), -1);
	in.text[sizeof(in.text) - 1] = '\0';
	assert_int_equal(message_decode(&in, sizeof(in), &out), 0);
}

static void makes_one_line_of_text(void **state ATTR_UNUSED)
{
	struct message in = good(), out;
	strcpy(in.text, "a\nb\r\tc\x1b[31m\x7f");
	assert_int_equal(message_decode(&in, sizeof(in), &out), 0);
	assert_string_equal(out.text, "a b  c [31m ");
}

static void leaves_out_the_name(void **state ATTR_UNUSED)
{
	struct message in = good();
	strcpy(in.text, "postgres: refused");
	assert_string_equal(message_detail(&in, "postgres"), "refused");
	assert_string_equal(message_detail(&in, "post"), "postgres: refused");
	assert_string_equal(message_detail(&in, "redis"), "postgres: refused");
	strcpy(in.text, "postgres");
	assert_string_equal(message_detail(&in, "postgres"), "postgres");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_a_good_one),
		cmocka_unit_test(refuses_every_other_length),
		cmocka_unit_test(refuses_unknown_types),
		cmocka_unit_test(refuses_text_without_end),
		cmocka_unit_test(makes_one_line_of_text),
		cmocka_unit_test(leaves_out_the_name),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
