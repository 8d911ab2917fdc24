/* The probe server as a forked child on loopback and a unix socket; this program
 * plays PID 1: it writes the page and answers, or does not answer, the asking. */
#include "children/probe_server.h"
#include "effect/http_client.h"
#include "effect/listen.h"
#include "effect/stream.h"
#include "sys/sys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#define MAX_CONNECTIONS 64
#define LONG_MS 20000

static struct {
	struct page *page;
	struct listen_sockets sockets;
	int ask_fds[2];
	uint16_t port;
	char directory[64];
	pid_t server, answerer;
} world;

static void start_server(int64_t request_ms, int64_t ask_ms)
{
	struct probe_server_options options = {
		.n_listeners = world.sockets.n,
		.ask_fd = world.ask_fds[1],
		.page = world.page,
		.max_connections = MAX_CONNECTIONS,
		.request_ms = request_ms,
		.ask_ms = ask_ms,
	};
	pid_t parent = getpid();
	memcpy(options.listeners, world.sockets.fds, sizeof(options.listeners));
	world.server = fork();
	assert_true(world.server >= 0);
	if (world.server == 0) {
		sys_die_with_parent(parent);
		_exit(probe_server_main(&options));
	}
}

static void end(pid_t *pid)
{
	int code = 0;
	if (*pid <= 0)
		return;
	(void)kill(*pid, SIGKILL);
	(void)sys_wait_blocking(*pid, &code);
	*pid = 0;
}

/* The loop of PID 1, as far as it concerns the probe server. */
static void start_answering(void)
{
	pid_t parent = getpid();
	world.answerer = fork();
	assert_true(world.answerer >= 0);
	if (world.answerer != 0)
		return;
	sys_die_with_parent(parent);
	for (;;) {
		char byte;
		struct pollfd poll_fd = { .fd = world.ask_fds[0], .events = POLLIN };
		(void)poll(&poll_fd, 1, -1);
		if (recv(world.ask_fds[0], &byte, 1, MSG_DONTWAIT) == 1)
			(void)send(world.ask_fds[0], &byte, 1, MSG_DONTWAIT);
	}
}

static int set_up(void **state ATTR_UNUSED)
{
	struct err err;
	struct sockaddr_in address;
	socklen_t size = sizeof(address);
	char path[100];
	memset(&world, 0, sizeof(world));
	(void)snprintf(world.directory, sizeof(world.directory), "/tmp/pidone-test-XXXXXX");
	if (mkdtemp(world.directory) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/run.sock", world.directory);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	address = (struct sockaddr_in){ .sin_family = AF_INET,
					.sin_addr = { htonl(INADDR_LOOPBACK) } };
	if (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 128) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return -1;
	world.port = ntohs(address.sin_port);
	world.sockets.fds[world.sockets.n++] = fd;
	if (listen_open_unix(&world.sockets, path, "run", &err) != LISTEN_OPEN ||
	    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, world.ask_fds) < 0)
		return -1;
	world.page = page_new(&err);
	struct page_content *page = page_write_begin(world.page);
	page->booted_ms = page->state_since_ms = sys_now_ms() - 3725000;
	(void)snprintf(page->role, sizeof(page->role), "/run");
	(void)snprintf(page->state, sizeof(page->state), "running");
	page->ready = page->live = page->started = true;
	page->n_processes = 1;
	page->processes[0] = (struct page_process){ .name = "main",
						    .program = "guni\"corn",
						    .state = PAGE_PROCESS_RUNNING,
						    .pid = 7,
						    .starts = 3,
						    .exit_code = 137,
						    .since_ms = page->booted_ms,
						    .status = "serving \"it\"" };
	page->n_checks = 2;
	page->checks[0] = (struct page_check){ .name = "http://localhost:8000/",
					       .kind = PAGE_CHECK_READY, .state = PAGE_CHECK_OK };
	page->checks[1] = (struct page_check){ .name = "notify", .kind = PAGE_CHECK_LIVE,
					       .state = PAGE_CHECK_FAILED, .failures = 4,
					       .reason = "no \"WATCHDOG=1\"\nfor 60 s" };
	page_write_end(world.page);
	return 0;
}

static int tear_down(void **state ATTR_UNUSED)
{
	end(&world.server);
	end(&world.answerer);
	listen_unlink(&world.sockets);
	listen_close(&world.sockets);
	page_free(world.page);
	close(world.ask_fds[0]);
	close(world.ask_fds[1]);
	return rmdir(world.directory);
}

static int dial(void)
{
	struct err err = { .msg = "" };
	int fd = stream_connect_tcp("127.0.0.1", world.port, sys_now_ms() + LONG_MS, &err);
	if (fd < 0)
		fail_msg("connect: %s", err.msg);
	return fd;
}

static void say(int fd, const char *text)
{
	struct err err = { .msg = "" };
	if (stream_send(fd, text, strlen(text), sys_now_ms() + LONG_MS, &err) < 0)
		fail_msg("send: %s", err.msg);
}

/* Everything until the server closes. */
static const char *hear_all(int fd)
{
	static char text[65536];
	size_t length = 0;
	struct err err = { .msg = "" };
	ssize_t got;
	while ((got = stream_receive(fd, text + length, sizeof(text) - 1 - length,
				     sys_now_ms() + LONG_MS, &err)) > 0)
		length += (size_t)got;
	if (got < 0)
		fail_msg("receive: %s", err.msg);
	text[length] = '\0';
	close(fd);
	return text;
}

/* Until the text ends so. */
static void hear_until(int fd, const char *ending)
{
	char text[8192];
	size_t length = 0;
	struct err err = { .msg = "" };
	do {
		ssize_t got = stream_receive(fd, text + length, 1, sys_now_ms() + LONG_MS, &err);
		if (got != 1)
			fail_msg("waiting for '%s': %.*s %s", ending, (int)length, text, err.msg);
		text[++length] = '\0';
	} while (length < strlen(ending) || !streq(text + length - strlen(ending), ending));
}

static void get_is(const char *path, unsigned expected_status, const char *expected_body)
{
	for (int way = 0; way < 2; way++) {
		struct buf body = { 0 };
		struct err err = { .msg = "" };
		unsigned status = 0;
		const struct http_client_request request = {
			.unix_path = way == 0 ? world.sockets.path : NULL,
			.host = "127.0.0.1",
			.port = world.port,
			.path = path,
			.host_header = "localhost",
			.deadline_ms = sys_now_ms() + LONG_MS,
		};
		if (http_client_get(&request, &status, &body, &err) < 0)
			fail_msg("%s: %s", path, err.msg);
		if (expected_body != NULL)
			assert_string_equal(buf_text(&body), expected_body);
		assert_int_equal(status, expected_status);
		buf_fini(&body);
	}
}

static void test_endpoints(void **state ATTR_UNUSED)
{
	start_server(0, LONG_MS);
	start_answering();
	get_is("/livez", 200, "ok\n");
	get_is("/readyz", 200, "ok\n");
	get_is("/startupz", 200, "ok\n");
	get_is("/nothing", 404, "not here: /livez /readyz /startupz /metrics /status\n");
	get_is("/readyz?verbose", 200,
	       "[+]running ok\n[+]http://localhost:8000/ ok\nreadyz check passed\n");
	struct page_content *page = page_write_begin(world.page);
	(void)snprintf(page->checks[0].reason, sizeof(page->checks[0].reason), "by loopback only");
	page_write_end(world.page);
	get_is("/readyz?verbose", 200,
	       "[+]running ok\n[+]http://localhost:8000/ ok: by loopback only\n"
	       "readyz check passed\n");
	page = page_write_begin(world.page);
	page->checks[0].failures = 1; /* too few of them, so far */
	page->ready = page->live = page->started = false;
	(void)snprintf(page->state, sizeof(page->state), "waiting");
	(void)snprintf(page->not_ready, sizeof(page->not_ready), "waiting for postgres");
	(void)snprintf(page->not_live, sizeof(page->not_live), "notify is silent");
	page_write_end(world.page);
	get_is("/readyz", 503, "waiting for postgres\n");
	get_is("/startupz", 503, "waiting for postgres\n");
	get_is("/livez", 503, "notify is silent\n");
	get_is("/livez?verbose", 503,
	       "[+]supervisor ok\n[-]notify failed: no \"WATCHDOG=1\"\nfor 60 s\n"
	       "livez check failed: notify is silent\n");
	get_is("/readyz?verbose", 503,
	       "[-]running failed: waiting\n[+]http://localhost:8000/ ok\n"
	       "readyz check failed: waiting for postgres\n");
}

static void test_status_and_metrics(void **state ATTR_UNUSED)
{
	start_server(0, 0);
	int fd = dial();
	say(fd, "GET /status HTTP/1.0\r\n\r\n");
	const char *text = hear_all(fd);
	assert_non_null(strstr(text, "Content-Type: application/json\r\n"));
	assert_non_null(strstr(text, "\"role\":\"/run\",\"state\":\"running\""));
	assert_non_null(strstr(text, "\"program\":\"guni\\\"corn\",\"state\":\"running\""));
	assert_non_null(strstr(text, ",\"pid\":7,\"status\":\"serving \\\"it\\\"\",\"starts\":3,"
				     "\"last_exit_code\":137}"));
	assert_non_null(strstr(text, "\"reason\":\"no \\\"WATCHDOG=1\\\"\\u000afor 60 s\""));
	fd = dial();
	say(fd, "GET /status?format=text HTTP/1.0\r\n\r\n");
	text = hear_all(fd);
	assert_non_null(strstr(text, "/run is running for 1h 2m (pidone "));
	assert_non_null(strstr(text, "  7    3       137        serving \"it\"\n"));
	assert_null(strchr(text, '\033'));
	fd = dial();
	say(fd, "GET /status?format=text&color HTTP/1.0\r\n\r\n");
	assert_non_null(strstr(hear_all(fd), "ready  \033[32myes\033[0m\n"));
	fd = dial();
	say(fd, "GET /metrics HTTP/1.0\r\n\r\n");
	text = hear_all(fd);
	assert_non_null(strstr(text, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
	assert_non_null(strstr(text, "\npidone_state{state=\"running\"} 1\n"));
	assert_non_null(strstr(text, "\npidone_state{state=\"boot\"} 0\n"));
	assert_non_null(strstr(text, "\npidone_process_starts_total{process=\"main\","
				     "program=\"guni\\\"corn\"} 3\n"));
	assert_non_null(strstr(text, "\npidone_check_state{check=\"notify\",kind=\"live\","
				     "state=\"failed\"} 1\n"));
}

static void test_methods(void **state ATTR_UNUSED)
{
	start_server(0, 0);
	int fd = dial();
	say(fd, "HEAD /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	const char *text = hear_all(fd);
	assert_true(starts_with(text, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(text, "\r\nContent-Length: 3\r\nCache-Control: no-store\r\n"));
	assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
	fd = dial();
	say(fd, "POST /readyz HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nunread...");
	text = hear_all(fd);
	assert_true(starts_with(text, "HTTP/1.1 405 Method Not Allowed\r\n"));
	assert_non_null(strstr(text, "\r\nAllow: GET, HEAD\r\n"));
	fd = dial();
	say(fd, "\x16\x03\x01");
	assert_true(starts_with(hear_all(fd), "HTTP/1.1 400 Bad Request\r\n"));
}

static void test_keep_alive_and_pipelining(void **state ATTR_UNUSED)
{
	start_server(0, LONG_MS);
	start_answering();
	int fd = dial();
	for (int i = 0; i < 3; i++) {
		say(fd, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
		hear_until(fd, "\r\n\r\nok\n");
	}
	say(fd, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
		"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	hear_until(fd, "\r\n\r\nok\n");
	hear_until(fd, "/status\n");
	hear_until(fd, "\r\n\r\nok\n");
	assert_string_equal(hear_all(fd), "");
}

/* Until the server has closed so many of them. */
static void wait_until_closed(const int *fds, size_t n, size_t n_closed)
{
	struct pollfd polls[3 * MAX_CONNECTIONS];
	assert_true(n <= ARRAY_SIZE(polls));
	for (size_t i = 0; i < n; i++)
		polls[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	for (size_t closed = 0; closed < n_closed;) {
		assert_true(poll(polls, (nfds_t)n, LONG_MS) > 0);
		for (size_t i = 0; i < n; i++)
			if (polls[i].revents != 0) {
				polls[i].fd = -1; /* not looked at again */
				polls[i].revents = 0;
				closed++;
			}
	}
}

static void test_half_open_clients(void **state ATTR_UNUSED)
{
	int fds[3 * MAX_CONNECTIONS];
	start_server(LONG_MS, LONG_MS);
	start_answering();
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = dial();
		if (i % 2 == 0)
			say(fds[i], "GET /live");
	}
	wait_until_closed(fds, ARRAY_SIZE(fds), 2 * MAX_CONNECTIONS); /* all were accepted */
	int64_t before_ms = sys_now_ms();
	get_is("/livez", 200, "ok\n");
	assert_true(sys_now_ms() - before_ms < LONG_MS / 2); /* no deadline came to help */
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	get_is("/livez", 200, "ok\n");
}

static void test_total_deadline(void **state ATTR_UNUSED)
{
	start_server(200, 0);
	int fd = dial();
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	int64_t before_ms = sys_now_ms();
	/* a byte every 20 ms: no pause is long, the whole is */
	while (poll(&poll_fd, 1, 20) == 0 && sys_now_ms() - before_ms < LONG_MS)
		(void)send(fd, "G", 1, MSG_NOSIGNAL);
	int64_t lasted_ms = sys_now_ms() - before_ms;
	char byte;
	assert_true(recv(fd, &byte, 1, MSG_DONTWAIT) <= 0 && errno != EAGAIN);
	assert_in_range(lasted_ms, 190, LONG_MS / 2);
	close(fd);
}

static void test_livez_when_nobody_answers(void **state ATTR_UNUSED)
{
	start_server(0, 100);
	get_is("/livez", 503, "the supervisor does not answer\n");
	get_is("/readyz", 200, "ok\n");
	get_is("/livez?verbose", 503,
	       "[-]supervisor failed: the supervisor does not answer\n"
	       "[-]notify failed: no \"WATCHDOG=1\"\nfor 60 s\n"
	       "livez check failed: the supervisor does not answer\n");
	end(&world.server);
	start_server(0, LONG_MS); /* what its predecessor asked is answered late */
	start_answering();
	get_is("/livez", 200, "ok\n");
}

static void test_stale_answers(void **state ATTR_UNUSED)
{
	/* answers to bytes that this server never sent, and more than one */
	for (unsigned byte = 0; byte < 8; byte++) {
		char stale = (char)(uint8_t)((uint64_t)sys_now_ms() + 100 + byte);
		(void)send(world.ask_fds[0], &stale, 1, MSG_DONTWAIT);
	}
	start_server(0, 100);
	get_is("/livez", 503, "the supervisor does not answer\n");
}

static void test_page_stuck_in_a_write(void **state ATTR_UNUSED)
{
	start_server(0, LONG_MS);
	start_answering();
	(void)page_write_begin(world.page);
	get_is("/readyz", 503, "the supervisor does not answer\n");
	get_is("/livez", 503, "the supervisor does not answer\n");
	get_is("/metrics", 503, "the supervisor does not answer\n");
	page_write_end(world.page);
	get_is("/readyz", 200, "ok\n");
}

static void test_killed_and_restarted(void **state ATTR_UNUSED)
{
	start_server(0, 0);
	get_is("/readyz", 200, "ok\n");
	end(&world.server);
	int fd = dial(); /* the listener is PID 1's: it waits in the queue */
	say(fd, "GET /readyz HTTP/1.0\r\n\r\n");
	start_server(0, 0);
	assert_true(starts_with(hear_all(fd), "HTTP/1.1 200 OK\r\n"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_endpoints),
		TEST(test_status_and_metrics),
		TEST(test_methods),
		TEST(test_keep_alive_and_pipelining),
		TEST(test_half_open_clients),
		TEST(test_total_deadline),
		TEST(test_livez_when_nobody_answers),
		TEST(test_stale_answers),
		TEST(test_page_stuck_in_a_write),
		TEST(test_killed_and_restarted),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
