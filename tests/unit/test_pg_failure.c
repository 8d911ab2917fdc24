/* libpq's texts, as it writes them, → class, code, reason. */
#include "pure/pg_failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define TO "connection to server at \"db\" (10.0.0.7), port 5432 failed: "

static const struct {
	const char *message;
	enum pg_class class;
	const char *sqlstate;
	const char *reason;
} cases[] = {
	{ TO "Network unreachable\n", PG_RETRY, "",
	  "S: Network unreachable: there is no way to it from here: an IPv4 address in a pod that "
	  "has only IPv6, or the other way round? a name in O may have both" },
	{ TO "Connection refused\n\tIs the server running on that host?\n", PG_RETRY_QUICKLY, "",
	  "S: Connection refused: is PostgreSQL running there? see O" },
	{ "connection to server on socket \"/s/.s.PGSQL.5432\" failed: No such file or directory\n",
	  PG_RETRY_QUICKLY, "",
	  "S: No such file or directory: is PostgreSQL running there? see O" },
	{ TO "FATAL:  57P03: the database system is starting up\nLOCATION:  x, y.c:1\n",
	  PG_RETRY_QUICKLY, "57P03", "S: the database system is starting up (57P03)" },
	{ TO "FATAL:  28P01: password authentication failed for user \"shop\"\nLOCATION:  a, b:1\n",
	  PG_GRACE, "28P01",
	  "S: password authentication failed for user \"shop\" (28P01): check user and password in "
	  "O" },
	/* another language, and prefer's second attempt */
	{ TO "FATALE:  28P01: autenticazione fallita\n" TO "FATALE:  28000: niente pg_hba\n",
	  PG_GRACE, "28P01", "S: autenticazione fallita (28P01): check user and password in O" },
	{ TO "FATAL:  57P03: x\n" TO "FATAL:  3D000: database \"a\" does not exist\n", PG_GRACE,
	  "3D000",
	  "S: database \"a\" does not exist (3D000): create the database or correct its "
	  "name in O" },
	{ TO "FATAL:  53300: too many\n", PG_RETRY, "53300",
	  "S: too many (53300): raise max_connections or close connections" },
	{ TO "FATAL:  53100: disk full\n", PG_RETRY, "53100", "S: disk full (53100)" },
	{ TO "FATAL:  57P01: x\n", PG_RETRY, "57P01", "S: x (57P01)" },
	{ TO "FATAL:  08P01: no such user\n", PG_GRACE, "08P01",
	  "S: no such user (08P01): check user, password and database in O, and the pooler's log" },
	{ TO "FATAL:  08006: x\n", PG_RETRY, "08006", "S: x (08006)" },
	{ TO "FATAL:  42704: unrecognized configuration parameter\n", PG_GRACE, "42704",
	  "S: unrecognized configuration parameter (42704): check the parameters in O" },
	{ TO "fe_sendauth: no password supplied\n", PG_GRACE, "",
	  "S: fe_sendauth: no password supplied: put the password into O" },
	{ TO "server does not support SSL, but SSL was required\n", PG_GRACE, "",
	  "S: server does not support SSL, but SSL was required: turn TLS on in the server, or set "
	  "sslmode in O" },
	{ TO "SSL error: certificate verify failed\n", PG_GRACE, "",
	  "S: SSL error: certificate verify failed: check sslrootcert in O" },
	{ TO "root certificate file \"/ca\" does not exist\nEither provide the file\n", PG_FATAL,
	  "", "S: root certificate file \"/ca\" does not exist: correct it in O" },
	{ TO "could not open certificate file \"/c\": No such file or directory\n", PG_FATAL, "",
	  "S: could not open certificate file \"/c\": No such file or directory: correct it in O" },
	{ "invalid sslmode value: \"on\"\n", PG_FATAL, "",
	  "S: invalid sslmode value: \"on\": correct it in O" },
	{ TO "server closed the connection unexpectedly\n\tThis probably\n", PG_RETRY, "",
	  "S: server closed the connection unexpectedly" },
	{ TO "Connection timed out\n", PG_RETRY, "", "S: Connection timed out" },
	{ TO "could not receive data from server: Connection reset by peer\n", PG_RETRY, "",
	  "S: could not receive data from server: Connection reset by peer" },
	{ "", PG_FATAL, "", "S: no reason given: correct it in O" },
};

static void test_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pg_failure failure;
		pg_failure_from_message(&failure, cases[i].message, "S", "O");
		assert_string_equal(failure.reason, cases[i].reason);
		assert_string_equal(failure.sqlstate, cases[i].sqlstate);
		if (failure.class != cases[i].class)
			fail_msg("%s: class %d", cases[i].message, (int)failure.class);
	}
}

static void test_long(void **state)
{
	char message[2000];
	struct pg_failure failure;
	(void)state;
	memset(message, 'x', sizeof(message));
	memcpy(message, TO, sizeof(TO) - 1);
	message[sizeof(message) - 1] = '\0';
	pg_failure_from_message(&failure, message, "S", "O");
	assert_int_equal(strlen(failure.reason), PG_REASON_SIZE - 1);
}

/* PGHOST is where the source was seen, not where a password belongs. */
static void test_variables(void **state)
{
	static const struct {
		const char *message, *origin, *reason;
	} named[] = {
		{ TO "fe_sendauth: no password supplied\n", "PGHOST",
		  "S: fe_sendauth: no password supplied: put the password into PGPASSWORD" },
		{ TO "fe_sendauth: no password supplied\n", "PGDATABASE",
		  "S: fe_sendauth: no password supplied: put the password into PGPASSWORD" },
		{ TO "fe_sendauth: no password supplied\n", "PGSERVICE",
		  "S: fe_sendauth: no password supplied: put the password into PGSERVICE" },
		{ TO "FATAL:  28P01: x\n", "PGHOST",
		  "S: x (28P01): check user and password in PGUSER and PGPASSWORD" },
		{ TO "FATAL:  3D000: x\n", "PGHOST",
		  "S: x (3D000): create the database or correct its name in PGDATABASE" },
		{ TO "Connection refused\n", "PGDATABASE",
		  "S: Connection refused: is PostgreSQL running there? see PGHOST and PGPORT" },
		{ "invalid sslmode value: \"on\"\n", "PGHOST",
		  "S: invalid sslmode value: \"on\": correct it in the PG* variables" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
		struct pg_failure failure;
		pg_failure_from_message(&failure, named[i].message, "S", named[i].origin);
		assert_string_equal(failure.reason, named[i].reason);
	}
}

static void test_hide(void **state)
{
	struct pg_failure failure;
	(void)state;
	pg_failure_set(&failure, PG_RETRY, "no secret secrets %s", "secret");
	pg_failure_hide(&failure, "secret");
	assert_string_equal(failure.reason, "no *** ***s ***");
	pg_failure_hide(&failure, "no");
	assert_string_equal(failure.reason, "no *** ***s ***");
	pg_failure_hide(&failure, NULL);
	pg_failure_set(&failure, PG_RETRY, "*****");
	pg_failure_hide(&failure, "****");
	assert_string_equal(failure.reason, "****");
}

static void test_says_more(void **state)
{
	struct pg_failure refused = { .class = PG_RETRY_QUICKLY }, password = { .class = PG_GRACE },
			  standby = { .class = PG_GRACE_READ_ONLY }, mute = { .class = PG_RETRY };
	(void)state;
	assert_true(pg_failure_says_more(&password, &refused, false));
	assert_true(pg_failure_says_more(&standby, &refused, false));
	assert_false(pg_failure_says_more(&standby, &refused, true));
	assert_true(pg_failure_says_more(&refused, &standby, true));
	assert_true(pg_failure_says_more(&mute, &refused, false));
	assert_false(pg_failure_says_more(&refused, &refused, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_variables), cmocka_unit_test(test_hide),
		cmocka_unit_test(test_says_more),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("pg_failure", tests, NULL, NULL);
}
