/* Listening sockets on the real kernel: families, stale files, live neighbours. */
#include "effect/listen.h"
#include "effect/stream.h"
#include "sys/sys.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>


#define DEADLINE (sys_now_ms() + 5000)

/* A port that was free a moment ago. */
static uint16_t free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	close(fd);
	return ntohs(address.sin_port);
}

static bool connects(const char *host, uint16_t port)
{
	struct err err;
	int fd = stream_connect_tcp(host, port, DEADLINE, &err);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool has_ipv6(void)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	bool has = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	close(fd);
	return has;
}

static void open_tcp(struct listen_sockets *sockets, const char *form, uint16_t port)
{
	char text[64];
	struct err err = { .msg = "" };
	(void)snprintf(text, sizeof(text), "%s%u", form, port);
	if (listen_open_tcp(sockets, text, true, &err) != LISTEN_OPEN)
		fail_msg("%s: %s", text, err.msg);
}

static void test_both_families(void **state ATTR_UNUSED)
{
	static const char *const forms[] = { "[::]:", ":", "", "localhost:" };
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct listen_sockets sockets = { 0 };
		uint16_t port = free_port();
		open_tcp(&sockets, forms[i], port);
		assert_true(connects("127.0.0.1", port));
		assert_int_equal(connects("::1", port), has_ipv6());
		listen_close(&sockets);
		assert_false(connects("127.0.0.1", port));
	}
}

static void test_one_family(void **state ATTR_UNUSED)
{
	struct listen_sockets sockets = { 0 };
	uint16_t port = free_port();
	open_tcp(&sockets, "0.0.0.0:", port);
	assert_int_equal(sockets.n, 1);
	assert_true(connects("127.0.0.1", port));
	assert_false(connects("::1", port));
	assert_int_equal(fcntl(sockets.fds[0], F_GETFD), FD_CLOEXEC);
	assert_true((fcntl(sockets.fds[0], F_GETFL) & O_NONBLOCK) != 0);
	listen_close(&sockets);
}

static void test_port_in_use(void **state ATTR_UNUSED)
{
	struct listen_sockets first = { 0 }, second = { 0 };
	char text[64], message[200];
	struct err err;
	uint16_t port = free_port();
	open_tcp(&first, "[::]:", port);
	(void)snprintf(text, sizeof(text), "[::]:%u", port);
	(void)snprintf(message, sizeof(message),
		       "listen on %s (containers of a pod share their ports): "
		       "Address already in use", text);
	assert_int_equal(listen_open_tcp(&second, text, true, &err), LISTEN_FAILED);
	assert_string_equal(err.msg, message);
	assert_int_equal(listen_open_tcp(&second, text, false, &err), LISTEN_DEGRADED);
	assert_string_equal(err.msg, message);
	assert_int_equal(second.n, 0);
	listen_close(&first);
}

static void test_bad_texts(void **state ATTR_UNUSED)
{
	struct listen_sockets sockets = { 0 };
	struct err err;
	assert_int_equal(listen_open_tcp(&sockets, "none", true, &err), LISTEN_OPEN);
	assert_int_equal(sockets.n, 0);
	assert_int_equal(listen_open_tcp(&sockets, "shop.example:80", true, &err), LISTEN_FAILED);
	assert_string_equal(err.msg, "'shop.example' is not an address: names are not resolved "
				     "here, write '[::]:80' or an address");
	assert_int_equal(listen_open_tcp(&sockets, "9480x", true, &err), LISTEN_FAILED);
	assert_string_equal(err.msg, "'9480x' is no address to listen on: write '[::]:9480', "
				     "'0.0.0.0:9480' or '9480'");
}

static void test_unix(void **state ATTR_UNUSED)
{
	char directory[64] = "/tmp/pidone-test-XXXXXX", path[100], message[300];
	struct listen_sockets first = { 0 }, second = { 0 };
	struct stat st;
	struct err err = { .msg = "" };
	assert_non_null(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/run.sock", directory);
	assert_int_equal(listen_open_unix(&first, path, "run", &err), LISTEN_OPEN);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0666);

	assert_int_equal(listen_open_unix(&second, path, "run", &err), LISTEN_FAILED);
	(void)snprintf(message, sizeof(message),
		       "'%s' belongs to a running supervisor: choose another path", path);
	assert_string_equal(err.msg, message);

	assert_int_equal(unlink(path), 0); /* by somebody else */
	assert_int_equal(listen_open_unix(&second, path, "run", &err), LISTEN_OPEN);
	listen_unlink(&first); /* another inode: not its own */
	assert_int_equal(access(path, F_OK), 0);
	listen_close(&first);

	listen_close(&second); /* without unlinking: it was killed */
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(listen_open_unix(&first, path, "run", &err), LISTEN_OPEN);
	listen_unlink(&first);
	assert_int_equal(access(path, F_OK), -1);
	listen_close(&first);

	int file = open(path, O_CREAT | O_WRONLY, 0600);
	close(file);
	assert_int_equal(listen_open_unix(&second, path, "run", &err), LISTEN_FAILED);
	(void)snprintf(message, sizeof(message),
		       "'%s' is there already and is not a socket: choose another path", path);
	assert_string_equal(err.msg, message);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(directory), 0);
}

static void test_unix_paths(void **state ATTR_UNUSED)
{
	struct listen_sockets sockets = { 0 };
	struct err err;
	char path[109];
	memset(path, '/', 108);
	path[108] = '\0';
	assert_int_equal(listen_open_unix(&sockets, path, "run", &err), LISTEN_FAILED);
	assert_string_equal(err.msg, "a socket's path has at most 107 bytes, this one has 108: "
				     "'////////////////////////////////////////...'");
	assert_int_equal(listen_open_unix(&sockets, "run.sock", "run", &err), LISTEN_FAILED);
	assert_string_equal(err.msg, "'run.sock' is not an absolute path");
	assert_int_equal(listen_open_unix(&sockets, "none", "run", &err), LISTEN_OPEN);
	assert_int_equal(sockets.n, 0);
}

static void test_default_places(void **state ATTR_UNUSED)
{
	char role[32], first[64], second[64];
	struct listen_sockets sockets = { 0 }, other = { 0 }, third = { 0 };
	struct err err = { .msg = "" };
	(void)snprintf(role, sizeof(role), "test%d", getpid());
	(void)snprintf(first, sizeof(first), "/run/pidone/%s.sock", role);
	(void)snprintf(second, sizeof(second), "/tmp/pidone-%s.sock", role);
	assert_int_equal(listen_open_unix(&sockets, NULL, role, &err), LISTEN_OPEN);
	if (streq(sockets.path, first)) { /* else /run/pidone is not ours to make */
		assert_int_equal(listen_open_unix(&other, NULL, role, &err), LISTEN_OPEN);
		assert_string_equal(other.path, second);
	} else {
		assert_string_equal(sockets.path, second);
	}
	assert_int_equal(listen_open_unix(&third, NULL, role, &err), LISTEN_DEGRADED);
	assert_non_null(strstr(err.msg, second));
	listen_unlink(&sockets);
	listen_unlink(&other);
	listen_close(&sockets);
	listen_close(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_families), cmocka_unit_test(test_one_family),
		cmocka_unit_test(test_port_in_use),   cmocka_unit_test(test_bad_texts),
		cmocka_unit_test(test_unix),	      cmocka_unit_test(test_unix_paths),
		cmocka_unit_test(test_default_places),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
