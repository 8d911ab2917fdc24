/* The seam: descriptors are closed but for those to keep, ends are told as a
 * shell does, and nobody can be signalled by a pid that means "everybody". */
#include "sys/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void closes_all_but(void **state ATTR_UNUSED)
{
	int code = -1;
	pid_t child = sys_fork();
	if (child == 0) {
		int keep[4];
		for (int fd = 10; fd < 40; fd++)
			(void)dup2(2, fd);
		keep[0] = 33;
		keep[1] = -1;
		keep[2] = 12;
		keep[3] = 33;
		sys_close_all_but(keep, ARRAY_SIZE(keep));
		bool right = true;
		for (int fd = 0; fd < 64; fd++) {
			bool is_open = fcntl(fd, F_GETFD) >= 0;
			bool kept = fd <= 2 || fd == 12 || fd == 33;
			right = right && is_open == kept;
		}
		sys_exit_now(right ? 0 : 1);
	}
	assert_int_equal(sys_wait_blocking(child, &code), 0);
	assert_int_equal(code, 0);
}

static pid_t wait_for_news(void)
{
	pid_t pid = 0;
	while (sys_wait_peek(&pid) == SYS_WAIT_NOTHING) {
	}
	return pid;
}

static void tells_ends_as_a_shell_does(void **state ATTR_UNUSED)
{
	pid_t pid = 0;
	int code = 0, signo = 0;
	assert_int_equal(sys_wait_peek(&pid), SYS_WAIT_NO_CHILDREN);
	pid_t child = sys_fork();
	if (child == 0)
		sys_exit_now(7);
	assert_int_equal(wait_for_news(), child);
	assert_int_equal(wait_for_news(), child); /* a look takes nothing */
	assert_int_equal(sys_wait_take(child, &code, &signo), SYS_WAIT_ENDED);
	assert_int_equal(code, 7);
	assert_int_equal(signo, 0);
	assert_int_equal(sys_wait_take(child, &code, &signo), SYS_WAIT_NO_CHILDREN);
	child = sys_fork();
	if (child == 0)
		for (;;)
			(void)pause();
	assert_int_equal(sys_wait_peek(&pid), SYS_WAIT_NOTHING);
	assert_int_equal(sys_kill(child, SIGSTOP), 0);
	assert_int_equal(wait_for_news(), child);
	assert_int_equal(sys_wait_take(child, &code, &signo), SYS_WAIT_STOPPED);
	assert_int_equal(signo, SIGSTOP);
	assert_int_equal(sys_kill(child, SIGKILL), 0);
	assert_int_equal(wait_for_news(), child);
	assert_int_equal(sys_wait_take(child, &code, &signo), SYS_WAIT_ENDED);
	assert_int_equal(code, 137);
	assert_int_equal(signo, SIGKILL);
}

static void signals_nobody_by_mistake(void **state ATTR_UNUSED)
{
	static const pid_t bad[] = { -1, 0, 1, -2 };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(sys_kill(bad[i], SIGKILL), -1);
		assert_int_equal(errno, ESRCH);
		assert_int_equal(sys_kill_group(bad[i], SIGKILL), -1);
		assert_int_equal(errno, ESRCH);
	}
	assert_int_equal(sys_kill_everybody(SIGKILL), -1); /* we are not PID 1 */
	assert_int_equal(errno, EPERM);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(closes_all_but),
		cmocka_unit_test(tells_ends_as_a_shell_does),
		cmocka_unit_test(signals_nobody_by_mistake),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
