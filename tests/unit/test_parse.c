/* Strict scalars: what is taken, what is refused, and how it is spelled back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/parse.h"

#include <signal.h>
#include <stdio.h>

static void durations(void **state)
{
	static const struct { const char *text; int64_t ms; } good[] = {
		{ "0s", 0 }, { "0ms", 0 }, { "1ms", 1 }, { "500ms", 500 }, { "10s", 10000 },
		{ "5m", 300000 }, { "1h", 3600000 }, { "90s", 90000 }, { "007s", 7000 },
		{ "none", DURATION_NONE }, { "87840h", INT64_C(316224000000) },
	};
	static const char *const bad[] = { "", "5", "s", "-1s", "+1s", " 1s", "1s ", "1 s", "1.5s", "1S",
					   "1d", "1sec", "None", "87841h", "99999999999999999999s",
					   "1s1", "0x1s" };
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		int64_t ms = -2;
		assert_int_equal(parse_duration_ms(good[i].text, &ms), 0);
		assert_true(ms == good[i].ms);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int64_t ms = -2;
		assert_int_equal(parse_duration_ms(bad[i], &ms), -1);
		assert_true(ms == -2);
	}
}

static void durations_are_spelled_shortly(void **state)
{
	static const struct { int64_t ms; const char *text; } cases[] = {
		{ 0, "0s" }, { 1, "1ms" }, { 1500, "1500ms" }, { 1000, "1s" }, { 90000, "90s" },
		{ 60000, "1m" }, { 3600000, "1h" }, { 5400000, "90m" }, { DURATION_NONE, "none" },
	};
	char buffer[32];
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t again = -2;
		const char *text = duration_text(cases[i].ms, buffer, sizeof(buffer));
		assert_string_equal(text, cases[i].text);
		assert_int_equal(parse_duration_ms(text, &again), 0);
		assert_true(again == cases[i].ms);
	}
}

static void signals(void **state)
{
	static const char *const bad[] = { "", "0", "65", "-1", "SIG", "TERMX", "RTMIN-1", "RTMIN+",
					   "RTMIN+99", "SIGSIGTERM", " TERM", "15 " };
	int signo = 0;
	char buffer[16];
	(void)state;
	assert_int_equal(parse_signal("TERM", &signo), 0);
	assert_int_equal(signo, SIGTERM);
	assert_int_equal(parse_signal("sigquit", &signo), 0);
	assert_int_equal(signo, SIGQUIT);
	assert_int_equal(parse_signal("15", &signo), 0);
	assert_int_equal(signo, 15);
	assert_int_equal(parse_signal("64", &signo), 0);
	assert_int_equal(signo, 64);
	assert_int_equal(parse_signal("RTMIN", &signo), 0);
	assert_int_equal(signo, SIGRTMIN);
	assert_int_equal(parse_signal("SIGRTMIN+2", &signo), 0);
	assert_int_equal(signo, SIGRTMIN + 2);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(parse_signal(bad[i], &signo), -1);
	assert_string_equal(signal_name(SIGIO, buffer, sizeof(buffer)), "IO");
	assert_string_equal(signal_name(32, buffer, sizeof(buffer)), "signal 32");
	for (int i = SIGRTMIN; i <= SIGRTMAX; i++) {
		assert_int_equal(parse_signal(signal_name(i, buffer, sizeof(buffer)), &signo), 0);
		assert_int_equal(signo, i);
	}
}

static void numbers(void **state)
{
	unsigned long value = 7;
	uint16_t port = 7;
	mode_t mode = 7;
	(void)state;
	assert_int_equal(parse_uint("0", 10, &value), 0);
	assert_int_equal(value, 0);
	assert_int_equal(parse_uint("10", 10, &value), 0);
	assert_int_equal(value, 10);
	assert_int_equal(parse_uint("11", 10, &value), -1);
	assert_int_equal(parse_uint("", 10, &value), -1);
	assert_int_equal(parse_uint("-0", 10, &value), -1);
	assert_int_equal(parse_uint("+1", 10, &value), -1);
	assert_int_equal(parse_uint(" 1", 10, &value), -1);
	assert_int_equal(parse_uint("1x", 10, &value), -1);
	assert_int_equal(parse_uint("99999999999999999999", ~0UL, &value), -1);
	assert_int_equal(value, 10);
	assert_int_equal(parse_port("65535", &port), 0);
	assert_int_equal(port, 65535);
	assert_int_equal(parse_port("0", &port), -1);
	assert_int_equal(parse_port("65536", &port), -1);
	assert_int_equal(parse_octal("022", 0777, &mode), 0);
	assert_int_equal(mode, 022);
	assert_int_equal(parse_octal("777", 0777, &mode), 0);
	assert_int_equal(parse_octal("1000", 0777, &mode), -1);
	assert_int_equal(parse_octal("8", 0777, &mode), -1);
	assert_int_equal(parse_octal("", 0777, &mode), -1);
	assert_int_equal(parse_octal("0000022", 0777, &mode), -1);
}

static void booleans(void **state)
{
	static const char *const yes[] = { "yes", "true", "on", "1", "YES" };
	static const char *const no[] = { "no", "false", "off", "0", "Off" };
	static const char *const bad[] = { "", "y", "2", "yes ", "none" };
	bool value;
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		value = false;
		assert_int_equal(parse_bool(yes[i], &value), 0);
		assert_true(value);
		value = true;
		assert_int_equal(parse_bool(no[i], &value), 0);
		assert_false(value);
		assert_int_equal(parse_bool(bad[i], &value), -1);
	}
}

static void hosts_and_ports(void **state)
{
	static const struct { const char *text, *host; uint16_t port; } good[] = {
		{ "[::]:9480", "::", 9480 }, { "0.0.0.0:80", "0.0.0.0", 80 }, { "host:1", "host", 1 },
		{ ":80", "", 80 }, { "80", "", 80 }, { "[fe80::1%eth0]:1", "fe80::1%eth0", 1 },
		{ "1234567:1", "1234567", 1 },
	};
	static const char *const bad[] = { "", ":", "host", "host:", "host:0", "host:65536", "::1", "::1:80",
					   "[::1]", "[::1]80", "[]:80", "[::1:80", "host:80x", "a:b:c" };
	char host[32];
	uint16_t port;
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(parse_host_port(good[i].text, host, sizeof(host), &port), 0);
		assert_string_equal(host, good[i].host);
		assert_int_equal(port, good[i].port);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(parse_host_port(bad[i], host, sizeof(host), &port), -1);
	assert_int_equal(parse_host_port("1234567:1", host, 7, &port), -1);
	assert_int_equal(parse_host_port("1234567:1", host, 8, &port), 0);
}

static void suggestions(void **state)
{
	static const char *const words[] = { "command", "check-interval", "ready", "run" };
	static const char *const near[] = { "umask" };
	(void)state;
	assert_string_equal(parse_suggest("comand", words, 4), "command");
	assert_string_equal(parse_suggest("ocmmand", words, 4), "command");
	assert_string_equal(parse_suggest("check_intervall", words, 4), "check-interval");
	assert_string_equal(parse_suggest("rn", words, 4), "run");
	assert_string_equal(parse_suggest("rnu", words, 4), "run");
	assert_null(parse_suggest("xyz", words, 4));
	assert_null(parse_suggest("", words, 4));
	assert_null(parse_suggest("ask", near, 1));
	assert_null(parse_suggest("comand", words, 0));
	assert_null(parse_suggest("an-unlikely-word-that-is-far-longer-than-any-key-is", words, 4));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations),
		cmocka_unit_test(durations_are_spelled_shortly),
		cmocka_unit_test(signals),
		cmocka_unit_test(numbers),
		cmocka_unit_test(booleans),
		cmocka_unit_test(hosts_and_ports),
		cmocka_unit_test(suggestions),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
