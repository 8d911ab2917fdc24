/* Checks and wait targets: what is taken, what is refused and how. */
#include "pure/check_spec.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct check_spec parse(const char *text, enum check_use use)
{
	struct check_spec spec;
	struct err err = { .msg = "" };
	if (check_spec_parse(text, use, &spec, &err) < 0)
		fail_msg("'%s': %s", text, err.msg);
	return spec;
}

static void refused(const char *text, enum check_use use, const char *message)
{
	struct check_spec spec;
	struct err err = { .msg = "" };
	assert_int_equal(check_spec_parse(text, use, &spec, &err), -1);
	assert_string_equal(err.msg, message);
}

static void name_is(const struct check_spec *spec, const char *name)
{
	char buffer[512];
	assert_string_equal(check_spec_name(spec, buffer, sizeof(buffer)), name);
}

static void test_http(void **state ATTR_UNUSED)
{
	struct check_spec spec = parse("http://localhost:8000/healthz?full=1", CHECK_FOR_READY);
	assert_int_equal(spec.kind, CHECK_HTTP);
	assert_string_equal(spec.host, "localhost");
	assert_int_equal(spec.port, 8000);
	assert_string_equal(spec.path, "/healthz?full=1");
	assert_int_equal(spec.max_status, 400);
	name_is(&spec, "http://localhost:8000/healthz?full=1");

	spec = parse("http://[::1]:8000", CHECK_FOR_LIVE);
	assert_string_equal(spec.host, "::1");
	assert_string_equal(spec.path, "/");
	name_is(&spec, "http://[::1]:8000/");

	spec = parse("http://web?x", CHECK_FOR_WAIT);
	assert_int_equal(spec.port, 80);
	assert_string_equal(spec.path, "/?x");

	refused("https://web/", CHECK_FOR_READY,
		"TLS is not spoken by checks: ask the app's own port: write for instance "
		"'http://localhost:8000/healthz'");
	refused("http://user:secret@web/", CHECK_FOR_READY,
		"a check's URL takes no user or password: write for instance "
		"'http://localhost:8000/healthz'");
	refused("http://web/a\r\nX: y", CHECK_FOR_READY,
		"a URL has no blanks: write for instance 'http://localhost:8000/healthz'");
	refused("http://web/#top", CHECK_FOR_READY,
		"a check's URL takes no #fragment: write for instance "
		"'http://localhost:8000/healthz'");
	const char *const bad[] = { "http://", "http:///x", "http://:80/", "http://[::1/",
				    "http://[]:80/", "http://::1:80/", "http://web:0/",
				    "http://web:65536/", "http://web:/", "http://we\"b/",
				    "http://[::1]80/" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refused(bad[i], CHECK_FOR_READY,
			"not a URL with a host and a port: write for instance "
			"'http://localhost:8000/healthz'");
}

static void test_http_length(void **state ATTR_UNUSED)
{
	char text[1100] = "http://h";
	struct check_spec spec;
	struct err err;
	memset(text + 8, '/', 1023);
	text[8 + 1023] = '\0';
	assert_int_equal(check_spec_parse(text, CHECK_FOR_READY, &spec, &err), 0);
	assert_int_equal(strlen(spec.path), 1023);
	text[8 + 1023] = '/';
	text[8 + 1024] = '\0';
	refused(text, CHECK_FOR_READY,
		"the URL is too long: write for instance 'http://localhost:8000/healthz'");
}

static void test_tcp(void **state ATTR_UNUSED)
{
	struct check_spec spec = parse("tcp://broker.example:5672", CHECK_FOR_WAIT);
	assert_int_equal(spec.kind, CHECK_TCP);
	assert_string_equal(spec.host, "broker.example");
	assert_int_equal(spec.port, 5672);
	name_is(&spec, "tcp://broker.example:5672");
	spec = parse("tcp://[fe80::1%eth0]:1", CHECK_FOR_WAIT);
	name_is(&spec, "tcp://[fe80::1%eth0]:1");
	refused("tcp://broker", CHECK_FOR_WAIT,
		"not a host and a port: write for instance 'tcp://localhost:8000'");
	refused("tcp://broker:1/x", CHECK_FOR_WAIT,
		"not a host and a port: write for instance 'tcp://localhost:8000'");
}

static void test_unix(void **state ATTR_UNUSED)
{
	char text[128] = "unix:";
	struct check_spec spec = parse("unix:/run/app.sock", CHECK_FOR_READY);
	assert_int_equal(spec.kind, CHECK_UNIX);
	assert_string_equal(spec.path, "/run/app.sock");
	name_is(&spec, "unix:/run/app.sock");
	memset(text + 5, '/', 108);
	text[5 + 107] = '\0';
	spec = parse(text, CHECK_FOR_READY);
	assert_int_equal(strlen(spec.path), 107);
	text[5 + 107] = '/';
	refused(text, CHECK_FOR_READY,
		"a socket's path has at most 107 bytes: write for instance 'unix:/run/app.sock'");
	refused("unix:app.sock", CHECK_FOR_READY,
		"a socket needs an absolute path: write for instance 'unix:/run/app.sock'");
}

static void test_exec(void **state ATTR_UNUSED)
{
	struct check_spec spec = parse("exec: celery inspect ping --token x", CHECK_FOR_LIVE);
	assert_int_equal(spec.kind, CHECK_EXEC);
	assert_string_equal(spec.path, "celery inspect ping --token x");
	name_is(&spec, "exec:celery"); /* arguments may hold secrets */
	refused("exec: ", CHECK_FOR_LIVE,
		"no command: write for instance 'exec:python manage.py check'");
}

static void test_words(void **state ATTR_UNUSED)
{
	struct check_spec spec = parse("notify", CHECK_FOR_LIVE);
	assert_int_equal(spec.kind, CHECK_NOTIFY);
	name_is(&spec, "notify");
	spec = parse("migrations", CHECK_FOR_WAIT);
	assert_int_equal(spec.kind, CHECK_MIGRATIONS);
	name_is(&spec, "migrations");
	spec = parse("postgres", CHECK_FOR_READY);
	assert_int_equal(spec.kind, CHECK_POSTGRES);
	assert_string_equal(spec.path, "");
	name_is(&spec, "postgres");
}

static void test_heartbeat(void **state ATTR_UNUSED)
{
	struct check_spec spec = parse("heartbeat:/tmp/my beat \t60s", CHECK_FOR_LIVE);
	assert_int_equal(spec.kind, CHECK_HEARTBEAT);
	assert_string_equal(spec.path, "/tmp/my beat");
	assert_int_equal(spec.age_ms, 60000);
	name_is(&spec, "heartbeat:/tmp/my beat 1m");
	refused("heartbeat:/tmp/beat", CHECK_FOR_LIVE,
		"a heartbeat needs an absolute path and an age: write for instance "
		"'heartbeat:/tmp/beat 60s'");
	refused("heartbeat:beat 60s", CHECK_FOR_LIVE,
		"a heartbeat needs an absolute path and an age: write for instance "
		"'heartbeat:/tmp/beat 60s'");
	const char *const bad[] = { "heartbeat:/tmp/beat 60", "heartbeat:/tmp/beat none",
				    "heartbeat:/tmp/beat 0s", "heartbeat:/tmp/beat " };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refused(bad[i], CHECK_FOR_LIVE,
			"the heartbeat's age is no duration above zero: write for instance "
			"'heartbeat:/tmp/beat 60s'");
}

static void test_file(void **state ATTR_UNUSED)
{
	struct check_spec spec = parse("file:/run/key", CHECK_FOR_WAIT);
	assert_int_equal(spec.kind, CHECK_FILE);
	name_is(&spec, "file:/run/key");
	refused("file:key", CHECK_FOR_WAIT,
		"a file needs an absolute path: write for instance 'file:/run/secrets/app/key'");
}

static void test_postgres_url(void **state ATTR_UNUSED)
{
	static const char *const pairs[][2] = {
		{ "postgresql://u:s3cret@db:5432/shop?sslmode=require",
		  "postgresql://db:5432/shop" },
		{ "postgis://u:s3?cret@db/shop", "postgis://***" },
		{ "psql://db/shop?password=s3@cret", "psql://***" },
		{ "pgsql://u:s3@cret@db/shop", "pgsql://db/shop" },
		{ "postgres://u:s3cret", "postgres://***" },
		{ "postgres://db:5432/shop", "postgres://db:5432/shop" },
		{ "postgres://[::1]:5432/shop", "postgres://[::1]:5432/shop" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct check_spec spec = parse(pairs[i][0], CHECK_FOR_WAIT);
		assert_int_equal(spec.kind, CHECK_POSTGRES);
		assert_string_equal(spec.path, pairs[i][0]);
		name_is(&spec, pairs[i][1]);
	}
	refused("postgresql://u:s3 cret@db", CHECK_FOR_WAIT,
		"a URL has no blanks (write %20): write for instance "
		"'postgresql://user@db.example:5432/shop'");
	refused("postgresql://", CHECK_FOR_WAIT,
		"no host: write for instance 'postgresql://user@db.example:5432/shop'");
}

static void test_redis(void **state ATTR_UNUSED)
{
	struct check_spec spec = parse("redis://broker", CHECK_FOR_WAIT);
	assert_int_equal(spec.kind, CHECK_REDIS);
	assert_int_equal(spec.port, 6379);
	assert_string_equal(spec.user, "");
	assert_string_equal(spec.password, "");

	spec = parse("redis://:p%40ss%2f@[::1]:6380/2", CHECK_FOR_READY);
	assert_string_equal(spec.user, "");
	assert_string_equal(spec.password, "p@ss/");
	assert_string_equal(spec.host, "::1");
	name_is(&spec, "redis://[::1]:6380");

	spec = parse("redis://app:a@b:c@broker:1", CHECK_FOR_READY);
	assert_string_equal(spec.user, "app");
	assert_string_equal(spec.password, "a@b:c");
	assert_string_equal(spec.host, "broker");

	const char *const bad[] = { "redis://:a%zz@b", "redis://:a%4@b", "redis://:a%@b",
				    "redis://:a%00@b" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refused(bad[i], CHECK_FOR_READY,
			"the password is too long or has a broken %-escape: write for instance "
			"'redis://broker:6379'");
	spec = parse("redis://:a%41@b", CHECK_FOR_READY);
	assert_string_equal(spec.password, "aA");
	refused("redis://broker/zero", CHECK_FOR_READY,
		"behind the host stands nothing but a database's number: write for instance "
		"'redis://broker:6379'");
	refused("rediss://broker", CHECK_FOR_READY,
		"TLS is not spoken by checks: ask whether the port is open: write for instance "
		"'tcp://broker:6379'");
}

static void test_use(void **state ATTR_UNUSED)
{
	refused("postgres", CHECK_FOR_LIVE,
		"'live' must not ask the database: its outage would restart every pod and cure "
		"nothing; use it in 'ready'");
	refused("redis://:s3cret@broker", CHECK_FOR_LIVE,
		"'live' must not ask redis: its outage would restart every pod and cure nothing; "
		"use it in 'ready'");
	refused("notify", CHECK_FOR_WAIT,
		"'notify' cannot stand in 'wait', only in 'ready' and 'live'");
	refused("heartbeat:/x 1s", CHECK_FOR_WAIT,
		"'heartbeat:' cannot stand in 'wait', only in 'ready' and 'live'");
	refused("file:/x", CHECK_FOR_READY, "'file:' cannot stand in 'ready', only in 'wait'");
	refused("migrations", CHECK_FOR_LIVE, "'migrations' cannot stand in 'live', only in 'wait'");
}

static void test_unknown(void **state ATTR_UNUSED)
{
	refused("postgers", CHECK_FOR_WAIT, "not a check: did you mean 'postgres'?");
	refused("htpp://localhost", CHECK_FOR_READY,
		"not a check: did you mean 'http://localhost:8000/healthz'?");
	refused("tcp:broker:1", CHECK_FOR_READY,
		"not a check: did you mean 'tcp://localhost:8000'?");
	refused("/run/app.sock", CHECK_FOR_READY,
		"a path alone is no check: write 'unix:/PATH' or 'heartbeat:/PATH 60s'");
	refused("/run/key", CHECK_FOR_WAIT,
		"a path alone is no check: write 'unix:/PATH' or 'file:/PATH'");
	refused("", CHECK_FOR_LIVE,
		"not a check: write http://HOST:PORT/PATH, tcp://HOST:PORT, unix:/PATH, "
		"exec:COMMAND or heartbeat:/PATH AGE");
	refused("s3cret-of-mine", CHECK_FOR_WAIT,
		"not a check: write http://HOST:PORT/PATH, tcp://HOST:PORT, unix:/PATH, "
		"exec:COMMAND, file:/PATH, postgres or redis://HOST:PORT");
}

static void test_name_is_cut(void **state ATTR_UNUSED)
{
	char buffer[12];
	struct check_spec spec = parse("http://localhost:8000/", CHECK_FOR_READY);
	assert_string_equal(check_spec_name(&spec, buffer, sizeof(buffer)), "http://loca");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http),	     cmocka_unit_test(test_http_length),
		cmocka_unit_test(test_tcp),	     cmocka_unit_test(test_unix),
		cmocka_unit_test(test_exec),	     cmocka_unit_test(test_words),
		cmocka_unit_test(test_heartbeat),    cmocka_unit_test(test_file),
		cmocka_unit_test(test_postgres_url), cmocka_unit_test(test_redis),
		cmocka_unit_test(test_use),	     cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_name_is_cut),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
