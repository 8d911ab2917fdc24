/* Checks against scripted servers on loopback, real commands and real files. */
#include "children/checks.h"
#include "effect/messages.h"
#include "sys/sys.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

/* A server in a forked child: it accepts, reads until `until` has come, then
 * sends `reply`; with `mute` it never answers, with `reset` it drops the caller. */
struct server {
	const char *until, *reply;
	bool mute, reset;
	int family;
	uint16_t port;
	pid_t pid;
	int seen_fd; /* what it was sent */
};

static ATTR_NORETURN void serve(const struct server *server, int listener, int seen)
{
	char bytes[2048];
	size_t length = 0;
	struct linger drop = { .l_onoff = 1 };
	int fd = accept(listener, NULL, NULL);
	bytes[0] = '\0';
	while (length < sizeof(bytes) - 1 && strstr(bytes, server->until) == NULL) {
		ssize_t got = read(fd, bytes + length, sizeof(bytes) - 1 - length);
		if (got <= 0)
			break;
		length += (size_t)got;
		bytes[length] = '\0';
	}
	(void)!write(seen, bytes, length);
	(void)close(seen);
	if (server->mute)
		(void)pause();
	if (server->reset)
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &drop, sizeof(drop));
	else
		(void)!write(fd, server->reply, strlen(server->reply));
	(void)close(fd);
	_exit(0);
}

static void start(struct server *server)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address = { .any = { .sa_family = server->family != 0 ? (sa_family_t)server->family :
								  AF_INET } };
	int on = 1, seen[2];
	socklen_t size = address.any.sa_family == AF_INET6 ? sizeof(address.v6) :
							     sizeof(address.v4);
	if (address.any.sa_family == AF_INET6)
		address.v6.sin6_addr = in6addr_loopback;
	else
		address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int listener = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(listener, &address.any, size), 0);
	assert_int_equal(listen(listener, 5), 0);
	assert_int_equal(getsockname(listener, &address.any, &size), 0);
	assert_int_equal(pipe2(seen, O_CLOEXEC), 0);
	server->port = ntohs(address.v4.sin_port); /* at the same place in both */
	server->pid = fork();
	assert_true(server->pid >= 0);
	if (server->pid == 0)
		serve(server, listener, seen[1]);
	close(listener);
	close(seen[1]);
	server->seen_fd = seen[0];
}

/* Ends the server; what it was sent. */
static const char *stop(struct server *server)
{
	static char bytes[2048];
	int code = 0;
	ssize_t got = server->mute ? 0 : read(server->seen_fd, bytes, sizeof(bytes) - 1);
	bytes[got > 0 ? got : 0] = '\0';
	close(server->seen_fd);
	(void)kill(server->pid, SIGKILL);
	assert_int_equal(sys_wait_blocking(server->pid, &code), 0);
	return bytes;
}

static struct config config;

static int run_context(const char *text, const struct check_context *context, char *detail)
{
	struct check_spec spec;
	struct err err;
	enum check_use use = starts_with(text, "heartbeat") ? CHECK_FOR_LIVE : CHECK_FOR_WAIT;
	if (check_spec_parse(text, use, &spec, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	return check_run(&spec, context, detail, ERR_MSG_SIZE);
}

static char path_variable[] = "PATH=/usr/bin:/bin", word_variable[] = "WORD=a b";
static char *environment[] = { path_variable, word_variable, NULL };

static const struct check_context plain = { .config = &config,
					    .environment = environment,
					    .timeout_ms = 5000 };

static void holds(const char *text, const char *expected)
{
	char detail[ERR_MSG_SIZE];
	if (run_context(text, &plain, detail) != 0)
		fail_msg("%s: %s", text, detail);
	assert_string_equal(detail, expected);
}

static void fails_within(const char *text, int64_t timeout_ms, const char *expected)
{
	char detail[ERR_MSG_SIZE];
	struct check_context context = plain;
	context.timeout_ms = timeout_ms;
	assert_int_equal(run_context(text, &context, detail), -1);
	assert_string_equal(detail, expected);
}

static void fails(const char *text, const char *expected)
{
	fails_within(text, 5000, expected);
}

/* form with the server's port in the place of "PORT" */
static const char *url(const char *form, const struct server *server)
{
	static char text[300];
	const char *place = strstr(form, "PORT");
	assert_non_null(place);
	(void)snprintf(text, sizeof(text), "%.*s%u%s", (int)(place - form), form, server->port,
		       place + 4);
	return text;
}

static void test_http_statuses(void **state ATTR_UNUSED)
{
	static const struct {
		const char *reply, *detail;
		bool ok;
	} cases[] = {
		{ "HTTP/1.1 200 OK\r\n\r\n", "HTTP 200", true },
		{ "HTTP/1.0 302 Found\r\n", "HTTP 302", true },
		{ "HTTP/1.1 204", "HTTP 204", true },
		{ "HTTP/1.1 404 Not Found\r\n\r\n", "HTTP 404", false },
		{ "HTTP/1.1 503 x\r\n\r\n", "HTTP 503", false },
		{ "HTTP/1.1 400 x\r\n\r\n",
		  "HTTP 400: does ALLOWED_HOSTS have 'localhost:PORT'? ([probes] check-host sets "
		  "another)", false },
		{ "SSH-2.0-OpenSSH_9.2\r\n", "the answer is not HTTP", false },
		{ "", "closed the connection without an answer", false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct server server = { .until = "\r\n\r\n", .reply = cases[i].reply };
		char expected[200];
		start(&server);
		(void)snprintf(expected, sizeof(expected), "%s",
			       strstr(cases[i].detail, "PORT") != NULL ?
				       url(cases[i].detail, &server) : cases[i].detail);
		(cases[i].ok ? holds : fails)(url("http://localhost:PORT/healthz?a=b", &server),
					      expected);
		(void)stop(&server);
	}
}

static void test_http_request(void **state ATTR_UNUSED)
{
	struct server server = { .until = "\r\n\r\n", .reply = "HTTP/1.1 200 OK\r\n\r\n" };
	struct check_context context = plain;
	char detail[ERR_MSG_SIZE];
	context.check_host = "shop.example.org";
	start(&server);
	assert_int_equal(run_context(url("http://127.0.0.1:PORT/x?y", &server), &context, detail), 0);
	const char *seen = stop(&server);
	assert_true(starts_with(seen, "GET /x?y HTTP/1.1\r\nHost: shop.example.org\r\n"));
	assert_non_null(strstr(seen, "\r\nX-Forwarded-Proto: https\r\n"));
	assert_non_null(strstr(seen, "\r\nConnection: close\r\n"));
}

static void test_http_max_status(void **state ATTR_UNUSED)
{
	struct server server = { .until = "\r\n\r\n", .reply = "HTTP/1.1 400 x\r\n\r\n" };
	struct check_spec spec;
	struct err err;
	char detail[ERR_MSG_SIZE];
	start(&server);
	assert_int_equal(check_spec_parse(url("http://localhost:PORT/", &server), CHECK_FOR_READY,
					  &spec, &err), 0);
	spec.max_status = 500;
	assert_int_equal(check_run(&spec, &plain, detail, sizeof(detail)), 0);
	assert_string_equal(detail, "HTTP 400");
	(void)stop(&server);
}

static void test_localhost_is_both_families(void **state ATTR_UNUSED)
{
	int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in6 loopback = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	bool has_ipv6 = probe >= 0 && bind(probe, (struct sockaddr *)&loopback,
					   sizeof(loopback)) == 0;
	close(probe);
	if (!has_ipv6)
		skip();
	struct server server = { .until = "\r\n\r\n", .reply = "HTTP/1.1 200 OK\r\n\r\n",
				 .family = AF_INET6 };
	start(&server);
	holds(url("http://localhost:PORT/", &server), "HTTP 200");
	(void)stop(&server);
}

static void test_mute_and_reset(void **state ATTR_UNUSED)
{
	struct server mute = { .until = "\r\n\r\n", .reply = "", .mute = true };
	start(&mute);
	fails_within(url("http://localhost:PORT/", &mute), 100, "no answer in time");
	(void)stop(&mute);
	struct server reset = { .until = "\r\n\r\n", .reply = "", .reset = true };
	start(&reset);
	fails(url("http://localhost:PORT/", &reset), "connection reset by peer");
	(void)stop(&reset);
}

static void test_tcp_and_unix(void **state ATTR_UNUSED)
{
	struct server server = { .until = "x", .reply = "" };
	start(&server);
	holds(url("tcp://localhost:PORT", &server), "accepted");
	(void)stop(&server);
	fails(url("tcp://localhost:PORT", &server), "connection refused");
	fails("unix:/nowhere/app.sock", "no such file or directory");
}

static void test_redis(void **state ATTR_UNUSED)
{
	static const struct {
		const char *form, *until, *reply, *detail, *seen;
		bool ok;
	} cases[] = {
		{ "redis://localhost:PORT", "PING\r\n", "+PONG\r\n", "PONG",
		  "*1\r\n$4\r\nPING\r\n", true },
		{ "redis://:s3cret@localhost:PORT", "s3cret\r\n", "+OK\r\n+PONG\r\n", "PONG",
		  "*2\r\n$4\r\nAUTH\r\n$6\r\ns3cret\r\n", true },
		{ "redis://app:s3cret@localhost:PORT", "s3cret\r\n",
		  "-WRONGPASS invalid username-password pair\r\n", "wrong user or password",
		  "*3\r\n$4\r\nAUTH\r\n$3\r\napp\r\n$6\r\ns3cret\r\n", false },
		{ "redis://:s3cret@localhost:PORT", "s3cret\r\n", "-ERR what is s3cret?\r\n",
		  "refused (ERR)", NULL, false },
		{ "redis://localhost:PORT", "PING\r\n", "-LOADING Redis is loading\r\n",
		  "refused: LOADING Redis is loading", NULL, false },
		{ "redis://localhost:PORT", "PING\r\n", "HTTP/1.1 400 Bad\r\n",
		  "the answer is not redis's", NULL, false },
		{ "redis://localhost:PORT", "PING\r\n", "+PON",
		  "closed the connection without an answer", NULL, false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct server server = { .until = cases[i].until, .reply = cases[i].reply };
		start(&server);
		(cases[i].ok ? holds : fails)(url(cases[i].form, &server), cases[i].detail);
		const char *seen = stop(&server);
		if (cases[i].seen != NULL)
			assert_string_equal(seen, cases[i].seen);
	}
	struct server server = { .until = "PING\r\n", .reply = "-NOAUTH Authentication\r\n" };
	char expected[100];
	start(&server);
	(void)snprintf(expected, sizeof(expected), "%s",
		       url("it wants a password: write redis://:PASSWORD@localhost:PORT", &server));
	fails(url("redis://localhost:PORT", &server), expected);
	(void)stop(&server);
}

static void test_exec(void **state ATTR_UNUSED)
{
	holds("exec:true", "exit code 0");
	holds("exec:test '$WORD' != \"$WORD\"", "exit code 0");
	holds("exec:sh -c '! read x'", "exit code 0"); /* stdin is empty */
	fails("exec:sh -c 'echo; echo first >&2; echo second; exit 7'", "exit code 7: first");
	fails("exec:sh -c 'kill -SEGV $$'", "exit code 139 (SEGV)");
	fails("exec:/nowhere/to/be/found", "exit code 127: cannot run '/nowhere/to/be/found': "
					   "there is no such program: check the spelling "
					   "and that the image installs it");
	fails("exec:/etc/passwd", "exit code 126: cannot run '/etc/passwd': it is not an "
				  "executable file for this user: chmod +x in the Dockerfile");
	fails("exec:${MISSING:?set it}", "MISSING: set it");
	/* more output than a pipe holds does not stop it */
	holds("exec:sh -c 'head -c 300000 /dev/zero'", "exit code 0");
}

/* True once the process group has nobody left (zombies of init's aside). */
static bool group_is_gone(pid_t group)
{
	int64_t deadline_ms = sys_now_ms() + 5000;
	while (kill(-group, 0) == 0 && sys_now_ms() < deadline_ms)
		(void)poll(NULL, 0, 1);
	return kill(-group, 0) < 0;
}

static pid_t pid_in(const char *path)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	(void)!read(fd, text, sizeof(text) - 1);
	close(fd);
	return (pid_t)strtol(text, NULL, 10);
}

static void test_exec_leaves_nobody(void **state ATTR_UNUSED)
{
	char path[64] = "/tmp/pidone-test-XXXXXX", text[200];
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	(void)snprintf(text, sizeof(text),
		       "exec:sh -c 'echo $$ >%s; sleep 100 & echo hanging; wait'", path);
	fails_within(text, 500, "did not end in time: hanging");
	assert_true(pid_in(path) > 1);
	assert_true(group_is_gone(pid_in(path)));
	(void)snprintf(text, sizeof(text), "exec:sh -c 'echo $$ >%s; sleep 100 & exit 0'", path);
	holds(text, "exit code 0"); /* at once, although the pipe is still open */
	assert_true(group_is_gone(pid_in(path)));
	assert_int_equal(unlink(path), 0);
}

static void test_files(void **state ATTR_UNUSED)
{
	char path[64] = "/tmp/pidone-test-XXXXXX", text[100];
	int fd = mkstemp(path);
	(void)snprintf(text, sizeof(text), "file:%s", path);
	holds(text, "is there");
	(void)snprintf(text, sizeof(text), "heartbeat:%s 60s", path);
	holds(text, "0 s old");
	struct timespec times[2] = { { .tv_sec = time(NULL) - 90 }, { .tv_sec = time(NULL) - 90 } };
	assert_int_equal(futimens(fd, times), 0);
	char detail[ERR_MSG_SIZE];
	assert_int_equal(run_context(text, &plain, detail), -1);
	assert_true(starts_with(detail, "last heartbeat 9"));
	assert_non_null(strstr(detail, " s ago, allowed are 60 s"));
	close(fd);
	assert_int_equal(unlink(path), 0);
	fails(text, "the file is not there");
	(void)snprintf(text, sizeof(text), "file:%s", path);
	fails(text, "the file is not there");
}

static void test_messages(void **state ATTR_UNUSED)
{
	struct messages messages;
	struct message message;
	struct check_spec spec;
	struct err err;
	pid_t sender = 0;
	assert_int_equal(messages_open(&messages, &err), 0);
	assert_int_equal(check_spec_parse("exec:sh -c 'echo why; exit 1'", CHECK_FOR_WAIT, &spec,
					  &err), 0);
	assert_int_equal(check_main(&spec, &plain, messages.send_fd), 1);
	assert_int_equal(messages_receive(&messages, &message, &sender), 1);
	assert_int_equal(message.type, MESSAGE_CHECK_FAILED);
	assert_string_equal(message.text, "exit code 1: why");
	assert_int_equal(check_spec_parse("exec:true", CHECK_FOR_WAIT, &spec, &err), 0);
	assert_int_equal(check_main(&spec, &plain, messages.send_fd), 0);
	assert_int_equal(messages_receive(&messages, &message, &sender), 1);
	assert_int_equal(message.type, MESSAGE_CHECK_OK);
	messages_close(&messages);
}

static void test_wait(void **state ATTR_UNUSED)
{
	char directory[64] = "/tmp/pidone-test-XXXXXX", text[200];
	struct messages messages;
	struct message message;
	struct check_spec spec;
	struct err err;
	pid_t sender = 0;
	assert_non_null(mkdtemp(directory));
	assert_int_equal(messages_open(&messages, &err), 0);
	/* fails twice in the same way, then in another, then holds */
	(void)snprintf(text, sizeof(text),
		       "exec:sh -c 'cd %s; for i in 1 2 3; do mkdir $i 2>/dev/null && "
		       "exit $((i / 3 + 1)); done; rmdir 1 2 3'", directory);
	assert_int_equal(check_spec_parse(text, CHECK_FOR_WAIT, &spec, &err), 0);
	assert_int_equal(check_wait_main(&spec, &plain, messages.send_fd), 0);
	static const struct {
		enum message_type type;
		const char *text;
	} expected[] = { { MESSAGE_WAIT_REASON, "exit code 1" },
			 { MESSAGE_WAIT_REASON, "exit code 2" },
			 { MESSAGE_WAIT_DONE, "exit code 0" } };
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		assert_int_equal(messages_receive(&messages, &message, &sender), 1);
		assert_int_equal(message.type, expected[i].type);
		assert_string_equal(message.text, expected[i].text);
	}
	assert_int_equal(messages_receive(&messages, &message, &sender), 0);
	messages_close(&messages);
	assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http_statuses),
		cmocka_unit_test(test_http_request),
		cmocka_unit_test(test_http_max_status),
		cmocka_unit_test(test_localhost_is_both_families),
		cmocka_unit_test(test_mute_and_reset),
		cmocka_unit_test(test_tcp_and_unix),
		cmocka_unit_test(test_redis),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_exec_leaves_nobody),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_wait),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
