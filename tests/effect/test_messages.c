/* The report socket: the sender's pid comes from the kernel, messages are
 * bounded, and malformed ones are thrown away. */
#include "effect/messages.h"
#include "sys/sys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <cmocka.h>

static struct messages messages;

static int open_socket(void **state ATTR_UNUSED)
{
	struct err err;
	return messages_open(&messages, &err);
}

static int close_socket(void **state ATTR_UNUSED)
{
	messages_close(&messages);
	return 0;
}

static void nothing_is_nothing(void **state ATTR_UNUSED)
{
	struct message message;
	pid_t sender = 0;
	assert_int_equal(messages_receive(&messages, &message, &sender), 0);
}

static void names_the_child_that_sent(void **state ATTR_UNUSED)
{
	struct message message;
	pid_t sender = 0;
	int code = -1;
	pid_t child = sys_fork();
	if (child == 0) {
		messages_send(messages.send_fd, MESSAGE_WAIT_REASON, 42, "refused by %s", "db");
		sys_exit_now(0);
	}
	assert_int_equal(sys_wait_blocking(child, &code), 0);
	assert_int_equal(messages_receive(&messages, &message, &sender), 1);
	assert_int_equal(sender, child);
	assert_int_equal(message.type, MESSAGE_WAIT_REASON);
	assert_int_equal(message.code, 42);
	assert_string_equal(message.text, "refused by db");
}

static void cuts_long_texts(void **state ATTR_UNUSED)
{
	struct message message;
	pid_t sender = 0;
	messages_send(messages.send_fd, MESSAGE_CHECK_FAILED, 0, "%01000d", 7);
	assert_int_equal(messages_receive(&messages, &message, &sender), 1);
	assert_int_equal(strlen(message.text), MESSAGE_TEXT_SIZE - 1);
	assert_int_equal(sender, getpid());
}

static void throws_malformed_ones_away(void **state ATTR_UNUSED)
{
	static const char junk[2 * sizeof(struct message)];
	struct message message;
	pid_t sender = 0;
	static const size_t lengths[] = { 1, sizeof(message) - 1, sizeof(message),
					  sizeof(message) + 1, sizeof(junk) };
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		assert_int_equal(send(messages.send_fd, junk, lengths[i], 0), lengths[i]);
		assert_int_equal(messages_receive(&messages, &message, &sender), -1);
	}
	messages_send(messages.send_fd, MESSAGE_WAIT_DONE, 0, "%s", "");
	assert_int_equal(messages_receive(&messages, &message, &sender), 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_nothing, open_socket, close_socket),
		cmocka_unit_test_setup_teardown(names_the_child_that_sent, open_socket,
						close_socket),
		cmocka_unit_test_setup_teardown(cuts_long_texts, open_socket, close_socket),
		cmocka_unit_test_setup_teardown(throws_malformed_ones_away, open_socket,
						close_socket),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
