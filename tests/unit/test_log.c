/* One line per event, never blocking, nothing lost in silence. Each test puts a
 * pipe in the place of stderr and reads what comes out. */
#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <cmocka.h>

static int real_stderr = -1;

static int capture(bool socket)
{
	int fds[2];
	if (socket)
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	else
		assert_int_equal(pipe(fds), 0);
	real_stderr = dup(STDERR_FILENO);
	(void)dup2(fds[1], STDERR_FILENO);
	(void)close(fds[1]);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	log_open();
	return fds[0];
}

static void restore(int fd)
{
	if (log_fd() >= 0)
		(void)close(log_fd());
	(void)dup2(real_stderr, STDERR_FILENO);
	(void)close(real_stderr);
	(void)close(fd);
	log_open();
	log_set_format(LOG_TEXT);
	log_set_role("");
	log_set_level(LOG_INFO);
}

static const char *line_from(int fd)
{
	static char text[65536];
	ssize_t got = read(fd, text, sizeof(text) - 1);
	text[got > 0 ? got : 0] = '\0';
	return text;
}

static void text_lines(void **state ATTR_UNUSED)
{
	int fd = capture(false);
	log_set_role("/run");
	log_info("started", "started %s (pid %d)", "gunicorn", 7);
	char first[256];
	(void)strcpy(first, line_from(fd));
	log_warning("x", "two\nlines\x1b");
	char second[256];
	(void)strcpy(second, line_from(fd));
	log_debug("x", "not shown");
	char third[256];
	(void)strcpy(third, line_from(fd));
	restore(fd);
	assert_string_equal(first, "pidone[/run]: started gunicorn (pid 7)\n");
	assert_string_equal(second, "pidone[/run]: warning: two lines \n");
	assert_string_equal(third, "");
}

static void json_lines(void **state ATTR_UNUSED)
{
	int fd = capture(false);
	log_set_role("/run");
	log_set_format(LOG_JSON);
	log_error("exec", "say \"hi\"\\ \t");
	char line[512];
	(void)strcpy(line, line_from(fd));
	restore(fd);
	assert_true(starts_with(line, "{\"ts\":\"20"));
	assert_non_null(strstr(line, "Z\",\"level\":\"error\",\"role\":\"/run\",\"event\":\"exec\","
				     "\"msg\":\"say \\\"hi\\\"\\\\  \"}\n"));
}

static void long_lines_are_cut_and_stay_one_line(void **state ATTR_UNUSED)
{
	static char big[5000];
	memset(big, '"', sizeof(big) - 1);
	for (int json = 0; json < 2; json++) {
		int fd = capture(false);
		log_set_format(json ? LOG_JSON : LOG_TEXT);
		log_info("x", "%s", big);
		char line[8192];
		(void)strcpy(line, line_from(fd));
		restore(fd);
		assert_true(strlen(line) < 2048);
		assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
		if (json)
			assert_non_null(strstr(line, "\"}\n"));
	}
}

/* The reader sleeps; the writer must not. What was lost is counted and told. */
static void a_full_stderr_costs_lines_not_time(void **state ATTR_UNUSED)
{
	for (int socket = 0; socket < 2; socket++) {
		uint64_t before = log_dropped();
		int fd = capture(socket != 0);
		for (int i = 0; i < 100000 && log_dropped() == before; i++)
			log_info("x", "line %d of many, to fill what holds them", i);
		uint64_t lost = log_dropped() - before;
		bool app_blocks = (fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK) == 0;
		while (line_from(fd)[0] != '\0') {
		}
		log_info("x", "the next one");
		char text[512];
		(void)strcpy(text, line_from(fd));
		restore(fd);
		assert_int_equal(lost, 1);
		assert_true(app_blocks); /* the flag of the shared open file was left alone */
		assert_non_null(strstr(text, "warning: 1 log lines were lost: stderr was full\n"));
		assert_non_null(strstr(text, "pidone: the next one\n"));
	}
}

static void errors_carry_their_cause(void **state ATTR_UNUSED)
{
	struct err err;
	assert_int_equal(err_set(&err, ENOENT, "open '%s'", "/x"), -1);
	assert_string_equal(err.msg, "open '/x': No such file or directory");
	assert_int_equal(err.code, ENOENT);
	assert_int_equal(err_prefix(&err, "line %d", 3), -1);
	assert_string_equal(err.msg, "line 3: open '/x': No such file or directory");
	(void)err_set(&err, 0, "%0300d", 1);
	assert_int_equal(strlen(err.msg), ERR_MSG_SIZE - 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_lines),
		cmocka_unit_test(json_lines),
		cmocka_unit_test(long_lines_are_cut_and_stay_one_line),
		cmocka_unit_test(a_full_stderr_costs_lines_not_time),
		cmocka_unit_test(errors_carry_their_cause),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
