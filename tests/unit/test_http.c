/* The HTTP parser: every case is fed whole, byte by byte and cut in two at every
 * place, always from a buffer that ends at an unmapped page. */
#include "pure/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

#include <cmocka.h>

#define ROOM_SIZE (256U * 1024)

static char *room_end; /* nothing is mapped behind it */

static int map_room(void **state ATTR_UNUSED)
{
	char *room = mmap(NULL, ROOM_SIZE + 65536, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room == MAP_FAILED || mprotect(room + ROOM_SIZE, 65536, PROT_NONE) < 0)
		return -1;
	room_end = room + ROOM_SIZE;
	return 0;
}

struct outcome {
	enum http_progress progress;
	size_t used;
	struct http_parser parser;
};

static void feed(struct outcome *outcome, const char *bytes, size_t length)
{
	size_t used = 0;
	if (outcome->progress != HTTP_MORE)
		return;
	char *guarded = room_end - length;
	memcpy(guarded, bytes, length);
	outcome->progress = http_parser_feed(&outcome->parser, guarded, length, &used);
	assert_true(used <= length);
	if (outcome->progress == HTTP_MORE)
		assert_int_equal(used, length);
	outcome->used += used;
}

static void assert_same(const struct outcome *a, const struct outcome *b)
{
	assert_int_equal(a->progress, b->progress);
	assert_int_equal(a->used, b->used);
	assert_int_equal(a->parser.bad_status, b->parser.bad_status);
	assert_memory_equal(&a->parser.request, &b->parser.request, sizeof(a->parser.request));
}

static struct outcome parse_bytes(const char *bytes, size_t length)
{
	struct outcome whole = { 0 }, single = { 0 };
	http_parser_init(&whole.parser);
	feed(&whole, bytes, length);
	http_parser_init(&single.parser);
	for (size_t i = 0; i < length; i++)
		feed(&single, bytes + i, 1);
	assert_same(&whole, &single);
	for (size_t cut = 1; cut < length && length < 1000; cut++) {
		struct outcome split = { 0 };
		http_parser_init(&split.parser);
		feed(&split, bytes, cut);
		feed(&split, bytes + cut, length - cut);
		assert_same(&whole, &split);
	}
	return whole;
}

static struct http_request good(const char *text)
{
	struct outcome outcome = parse_bytes(text, strlen(text));
	if (outcome.progress != HTTP_REQUEST)
		fail_msg("no request (%d, %u): %s", outcome.progress, outcome.parser.bad_status,
			 text);
	assert_int_equal(outcome.used, strlen(text));
	return outcome.parser.request;
}

static void is_bad(unsigned status, size_t used, const char *text)
{
	struct outcome outcome = parse_bytes(text, strlen(text));
	if (outcome.progress != HTTP_BAD || outcome.parser.bad_status != status ||
	    outcome.used != used)
		fail_msg("progress %d, status %u, used %zu: %s", outcome.progress,
			 outcome.parser.bad_status, outcome.used, text);
}

static void bad_line(unsigned status, const char *line)
{
	char text[300];
	int length = snprintf(text, sizeof(text), "%s\r\nHost: a\r\n\r\n", line);
	is_bad(status, strlen(line) + 2, text);
	assert_true(length > 0 && (size_t)length < sizeof(text));
}

static void bad_header(const char *header)
{
	char text[300];
	int before = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%s\r\n", header);
	assert_true(before > 0);
	(void)snprintf(text + before, sizeof(text) - (size_t)before, "X: y\r\n\r\n");
	is_bad(400, (size_t)before, text);
}

static void test_get(void **state ATTR_UNUSED)
{
	struct http_request request = good("GET /livez HTTP/1.1\r\nHost: pod:9480\r\n"
					   "User-Agent: kube-probe/1.31\r\nAccept: */*\r\n\r\n");
	assert_int_equal(request.method, HTTP_GET);
	assert_string_equal(request.path, "/livez");
	assert_true(request.keep_alive);
	assert_false(request.verbose);
	assert_false(request.text);
	request = good("HEAD / HTTP/1.1\nHost:a\n\n"); /* bare line ends */
	assert_int_equal(request.method, HTTP_HEAD);
	assert_string_equal(request.path, "/");
	request = good("\r\n\nGET / HTTP/1.1\r\nhOST: a\r\n\r\n"); /* left-over empty lines */
	assert_string_equal(request.path, "/");
	request = good("GET / HTTP/1.9\r\nHost: a\r\nX:\ty\tz\r\nEmpty:\r\n\r\n");
	assert_true(request.keep_alive);
}

static void test_other_methods(void **state ATTR_UNUSED)
{
	static const char *const lines[] = { "POST /livez", "OPTIONS *", "CONNECT a:1", "get /",
					     "PRIX /", "GETS /", "HEA /" };
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		char text[100];
		(void)snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: a\r\n\r\n", lines[i]);
		struct http_request request = good(text);
		assert_int_equal(request.method, HTTP_OTHER);
		assert_false(request.keep_alive);
	}
}

static struct http_request target(const char *text)
{
	char line[300];
	(void)snprintf(line, sizeof(line), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", text);
	return good(line);
}

static void test_query(void **state ATTR_UNUSED)
{
	static const struct {
		const char *target;
		bool verbose, text, color;
	} cases[] = {
		{ "/x?verbose", true, false, false },
		{ "/x?verbose=1", true, false, false },
		{ "/x?verbose&format=text", true, true, false },
		{ "/x?format=text", false, true, false },
		{ "/x?format=json&verbose", true, false, false },
		{ "/x?format=texts&verbosely&averbose", false, false, false },
		{ "/x?&&&verbose&", true, false, false },
		{ "/x?", false, false, false },
		{ "/x?=verbose", false, false, false },
		{ "/x?verbos", false, false, false },
		{ "/x?format=text&color", false, true, true },
		{ "/x?colors&colo", false, false, false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct http_request request = target(cases[i].target);
		assert_string_equal(request.path, "/x");
		assert_int_equal(request.verbose, cases[i].verbose);
		assert_int_equal(request.text, cases[i].text);
		assert_int_equal(request.color, cases[i].color);
	}
}

static void test_paths(void **state ATTR_UNUSED)
{
	static const char *const pairs[][2] = {
		{ "http://pod:9480/livez?verbose", "/livez" },
		{ "HTTP://[::1]/livez", "/livez" },
		{ "http://pod", "/" },
		{ "http://pod?verbose", "/" },
		{ "/%6civez", "/%6civez" },
		{ "/http://pod/livez", "/http://pod/livez" },
		{ "//livez", "//livez" },
		{ "/livez/", "/livez/" },
		{ "/./livez", "/./livez" },
		{ "/123456789012345678901234567890", "/123456789012345678901234567890" },
		{ "/1234567890123456789012345678901", "" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		assert_string_equal(target(pairs[i][0]).path, pairs[i][1]);
	assert_true(target("http://pod?verbose").verbose);
}

static void test_bad_request_lines(void **state ATTR_UNUSED)
{
	static const char *const lines[] = {
		"GET",		      "GET /",		   "GET  / HTTP/1.1",
		"GET / HTTP/1.1 ",    "GET / x HTTP/1.1",  " GET / HTTP/1.1",
		"G(T / HTTP/1.1",     "GET livez HTTP/1.1", "GET * HTTP/1.1",
		"GET / http/1.1",     "GET / HTTP/1.",	   "GET / HTTP/11",
		"GET / HTTP/1.x",     "GET / HTTP/x.1",	   "GET / HTTP/1.10",
		"GET http:// HTTP/1.1", "GET http:///x HTTP/1.1", "G\xc3\xa4T / HTTP/1.1",
	};
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		bad_line(400, lines[i]);
	bad_line(505, "GET / HTTP/0.9");
	bad_line(505, "GET / HTTP/3.0");
	is_bad(505, 16, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
}

static void test_bad_headers(void **state ATTR_UNUSED)
{
	bad_header("Host");
	bad_header("Host : a");
	bad_header(": a");
	bad_header(" folded");
	bad_header("Host: a\r\n\tfolded: b");
	bad_header("Host: a\r\nHost: a");
	bad_header("Ho st: a");
	bad_header("H\xc3\xb6st: a");
	is_bad(400, 22, "GET / HTTP/1.1\r\nX: y\r\r\n\r\n");
	is_bad(400, 16, "GET / HTTP/1.1\rHost: a\r\n\r\n");
	is_bad(400, 20, "GET / HTTP/1.1\r\nX: \x7f\r\n\r\n");
	is_bad(400, 24, "GET / HTTP/1.1\r\nX: y\r\n\r\n"); /* no Host */
}

static void test_host(void **state ATTR_UNUSED)
{
	static const char *const good_hosts[] = { "",        "a",   "pod:9480 \t", "[::1]:9480",
						  "a_b.c-d", "%41", "10.0.0.1" };
	static const char *const bad_hosts[] = { "a b", "a/b", "http://a/", "me@a",
						 "a?b", "a#b", "\xc3\xa4",  "a\"" };
	char text[100];
	for (size_t i = 0; i < ARRAY_SIZE(good_hosts); i++) {
		(void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n",
			       good_hosts[i]);
		assert_true(good(text).keep_alive);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad_hosts); i++) {
		(void)snprintf(text, sizeof(text), "Host: %s", bad_hosts[i]);
		bad_header(text);
	}
}

static void test_control_bytes(void **state ATTR_UNUSED)
{
	static const char nul_in_path[] = "GET /livez\0x HTTP/1.1\r\nHost: a\r\n\r\n";
	struct outcome outcome = parse_bytes(nul_in_path, sizeof(nul_in_path) - 1);
	assert_int_equal(outcome.progress, HTTP_BAD);
	assert_int_equal(outcome.parser.bad_status, 400);
	assert_int_equal(outcome.used, 11);
	static const char nul_in_header[] = "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n";
	outcome = parse_bytes(nul_in_header, sizeof(nul_in_header) - 1);
	assert_int_equal(outcome.progress, HTTP_BAD);
	assert_int_equal(outcome.used, 24);
	static const char tls_hello[] = "\x16\x03\x01\x02\x00\x01";
	outcome = parse_bytes(tls_hello, sizeof(tls_hello) - 1);
	assert_int_equal(outcome.progress, HTTP_BAD);
	assert_int_equal(outcome.parser.bad_status, 400);
	assert_int_equal(outcome.used, 1);
	is_bad(400, 4, "GET\t/ HTTP/1.1\r\n");
}

static bool keeps(const char *headers)
{
	char text[400];
	(void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", headers);
	return good(text).keep_alive;
}

static void test_keep_alive(void **state ATTR_UNUSED)
{
	assert_true(keeps(""));
	assert_true(keeps("Connection: keep-alive\r\n"));
	assert_true(keeps("Connection: closed, Upgrade\r\n"));
	assert_false(keeps("Connection: close\r\n"));
	assert_false(keeps("connection:CLOSE\r\n"));
	assert_false(keeps("Connection: Upgrade , close \t, x\r\n"));
	assert_false(keeps("Connection: keep-alive\r\nConnection: close\r\n"));
	assert_false(good("GET / HTTP/1.0\r\n\r\n").keep_alive);
	assert_false(good("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive);
}

/* No body is read, so a connection that has one is not kept. */
static void test_bodies(void **state ATTR_UNUSED)
{
	assert_true(keeps("Content-Length: 0\r\n"));
	assert_true(keeps("Content-Length: 00 , 0\r\nContent-Length: 0\r\n"));
	assert_false(keeps("Content-Length: 5\r\n"));
	assert_false(keeps("Content-Length: 5,5\r\n"));
	assert_false(keeps("Content-Length: 999999999999999999\r\n"));
	assert_false(keeps("Transfer-Encoding: chunked\r\n"));
	assert_false(keeps("Transfer-Encoding: gzip\r\nTransfer-Encoding: x , CHUNKED \r\n"));
	assert_false(keeps("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"));
	assert_false(keeps("Expect: 100-continue\r\nContent-Length: 5\r\n"));
	assert_true(keeps("Expect: 100-continue\r\n"));
}

static void test_bad_bodies(void **state ATTR_UNUSED)
{
	static const char *const lengths[] = { "",
					       "-1",
					       "+1",
					       "0x5",
					       "5 5",
					       "5,",
					       ",5",
					       "0,5",
					       "5;5",
					       "5, 6",
					       "1000000000000000000" };
	static const char *const codings[] = { "",         "identity", "chunked, gzip",
					       "chunked,", "xchunked", "chunked;q=1" };
	char text[200];
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		(void)snprintf(text, sizeof(text), "Content-Length: %s", lengths[i]);
		bad_header(text);
	}
	bad_header("Content-Length: 0\r\nContent-Length: 5");
	for (size_t i = 0; i < ARRAY_SIZE(codings); i++) {
		int length = snprintf(text, sizeof(text),
				      "GET / HTTP/1.1\r\nHost: a\r\n"
				      "Transfer-Encoding: %s\r\n\r\n",
				      codings[i]);
		is_bad(400, (size_t)length, text);
	}
}

static void test_request_line_limit(void **state ATTR_UNUSED)
{
	char text[400];
	int length = snprintf(text, sizeof(text), "GET /%0*d HTTP/1.1\r\nHost: a\r\n\r\n", 241, 0);
	assert_int_equal(length, 255 + 2 + 11);
	assert_string_equal(good(text).path, "");
	(void)snprintf(text, sizeof(text), "GET /%0*d HTTP/1.1\r\nHost: a\r\n\r\n", 242, 0);
	is_bad(414, 256, text);
	(void)snprintf(text, sizeof(text), "%0*d / HTTP/1.1\r\nHost: a\r\n\r\n", 254, 0);
	assert_int_equal(good(text + 10).method, HTTP_OTHER);
	(void)snprintf(text, sizeof(text), "%0*d / HTTP/1.1\r\nHost: a\r\n\r\n", 256, 0);
	is_bad(501, 256, text);
}

static void test_long_headers(void **state ATTR_UNUSED)
{
	static char text[20000];
	static const struct {
		const char *name;
		unsigned bad_status;
		bool keep_alive;
	} cases[] = { { "Cookie", 0, true },
		      { "Connection", 0, false }, /* it may have said "close" */
		      { "Content-Length", 431, false },
		      { "Transfer-Encoding", 431, false } };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int before = snprintf(text, sizeof(text), "GET /x HTTP/1.1\r\n%s: %08000d\r\n",
				      cases[i].name, 0);
		(void)snprintf(text + before, sizeof(text) - (size_t)before, "Host: a\r\n\r\n");
		if (cases[i].bad_status != 0) {
			is_bad(cases[i].bad_status, (size_t)before, text);
			continue;
		}
		struct http_request request = good(text);
		assert_string_equal(request.path, "/x");
		assert_int_equal(request.keep_alive, cases[i].keep_alive);
	}
}

static void test_head_limit(void **state ATTR_UNUSED)
{
	static char text[HTTP_HEAD_MAX + 100];
	size_t length = (size_t)snprintf(text, sizeof(text), "GET /x HTTP/1.1\r\nHost: a\r\n");
	while (length + 6 <= HTTP_HEAD_MAX - 2) {
		memcpy(text + length, "X: y\r\n", 6);
		length += 6;
	}
	while (length < HTTP_HEAD_MAX - 2) { /* a longer Host until it fits exactly */
		memmove(text + 24, text + 23, length - 23);
		length++;
	}
	memcpy(text + length, "\r\n", 3);
	struct outcome outcome = parse_bytes(text, HTTP_HEAD_MAX);
	assert_int_equal(outcome.progress, HTTP_REQUEST);
	memcpy(text + length, "X: y\r\n\r\n", 9);
	is_bad(431, HTTP_HEAD_MAX + 1, text);
}

static void test_pipelining(void **state ATTR_UNUSED)
{
	static const char text[] = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
				   "HEAD /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP";
	struct http_parser parser;
	size_t used = 0, at = 0;
	http_parser_init(&parser);
	assert_int_equal(http_parser_feed(&parser, text, sizeof(text) - 1, &used), HTTP_REQUEST);
	assert_string_equal(parser.request.path, "/1");
	at += used;
	http_parser_init(&parser);
	assert_int_equal(http_parser_feed(&parser, text + at, sizeof(text) - 1 - at, &used),
			 HTTP_REQUEST);
	assert_string_equal(parser.request.path, "/2");
	assert_int_equal(parser.request.method, HTTP_HEAD);
	at += used;
	http_parser_init(&parser);
	assert_int_equal(http_parser_feed(&parser, text + at, sizeof(text) - 1 - at, &used),
			 HTTP_MORE);
}

static void test_format(void **state ATTR_UNUSED)
{
	char head[512];
	struct http_answer answer = { .status = 200,
				      .content_type = "text/plain; charset=utf-8",
				      .length = 3,
				      .keep_alive = true,
				      .now_s = 784111777 };
	size_t length = http_format_head(&answer, head, sizeof(head));
	assert_string_equal(head, "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
				  "Content-Type: text/plain; charset=utf-8\r\n"
				  "Content-Length: 3\r\nCache-Control: no-store\r\n\r\n");
	assert_int_equal(length, strlen(head));
	answer.status = 405;
	answer.keep_alive = false;
	(void)http_format_head(&answer, head, sizeof(head));
	assert_string_equal(head, "HTTP/1.1 405 Method Not Allowed\r\n"
				  "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
				  "Content-Type: text/plain; charset=utf-8\r\n"
				  "Content-Length: 3\r\nCache-Control: no-store\r\n"
				  "Allow: GET, HEAD\r\nConnection: close\r\n\r\n");
	char small[10];
	assert_int_equal(http_format_head(&answer, small, sizeof(small)), 9);
}

static void test_status_line(void **state ATTR_UNUSED)
{
	static const struct {
		const char *line;
		int result;
		unsigned status;
	} cases[] = {
		{ "HTTP/1.1 200 OK", 0, 200 },	 { "HTTP/1.0 503", 0, 503 },
		{ "HTTP/1.1 301 \r", 0, 301 },	 { "HTTP/1.1 204\r", 0, 204 },
		{ "HTTP/1.1 2000 OK", -1, 0 },	 { "HTTP/1.1 20", -1, 0 },
		{ "HTTP/2 200 OK xx", -1, 0 },	 { "HTTP/1.1 099 x", -1, 0 },
		{ "SSH-2.0-OpenSSH_9", -1, 0 },	 { "", -1, 0 },
		{ "HTTP/1.1  200 OK", -1, 0 },	 { "HTTP/1.1 2x0 OK", -1, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned status = 0;
		size_t length = strlen(cases[i].line);
		char *guarded = room_end - length;
		memcpy(guarded, cases[i].line, length);
		assert_int_equal(http_parse_status_line(guarded, length, &status), cases[i].result);
		assert_int_equal(status, cases[i].status);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_other_methods),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_bad_request_lines),
		cmocka_unit_test(test_bad_headers),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_control_bytes),
		cmocka_unit_test(test_keep_alive),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_bad_bodies),
		cmocka_unit_test(test_request_line_limit),
		cmocka_unit_test(test_long_headers),
		cmocka_unit_test(test_head_limit),
		cmocka_unit_test(test_pipelining),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_status_line),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, map_room, NULL);
}
