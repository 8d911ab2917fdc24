/* Connection information: every dialect of a database URL. */
#include "pure/conninfo.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* "keyword=value" lines in the order in which they were set. */
static char *flatten(const struct conninfo *conninfo)
{
	struct buf text = { 0 };
	for (size_t i = 0; i < conninfo->n; i++)
		buf_format(&text, "%s%s=%s", i > 0 ? "\n" : "", conninfo->keywords[i],
			   conninfo->values[i]);
	return buf_take(&text);
}

static const struct {
	const char *url;
	const char *expected;
} good[] = {
	{ "postgres://", "" },
	{ "postgresql://db", "host=db" },
	{ "postgres://shop:pw@db:5433/shop", "user=shop\npassword=pw\nhost=db\nport=5433\ndbname=shop" },
	{ "POSTGRESQL://shop@DB.Example/shop", "user=shop\nhost=DB.Example\ndbname=shop" },
	/* schemes of Django projects, with and without a driver */
	{ "postgis://db/gis", "host=db\ndbname=gis" },
	{ "psql://db/a", "host=db\ndbname=a" },
	{ "pgsql://db/a", "host=db\ndbname=a" },
	{ "timescale://db/a", "host=db\ndbname=a" },
	{ "timescalegis://db/a", "host=db\ndbname=a" },
	{ "postgresql+psycopg://db/a", "host=db\ndbname=a" },
	{ "postgresql+asyncpg://db/a?ssl=verify-full", "host=db\ndbname=a\nsslmode=verify-full" },
	{ "postgresql_psycopg2://db/a", "host=db\ndbname=a" },
	/* passwords as people generate them */
	{ "postgres://u:p#w@h/db", "user=u\npassword=p#w\nhost=h\ndbname=db" },
	{ "postgres://u:p@ss@h/db", "user=u\npassword=p@ss\nhost=h\ndbname=db" },
	{ "postgres://u:p:w@h/db", "user=u\npassword=p:w\nhost=h\ndbname=db" },
	{ "postgres://u:p+x@h/db", "user=u\npassword=p+x\nhost=h\ndbname=db" },
	{ "postgres://u:p[x]@h/db", "user=u\npassword=p[x]\nhost=h\ndbname=db" },
	{ "postgres://u:pa%2Fss%3F%40@h/db", "user=u\npassword=pa/ss?@\nhost=h\ndbname=db" },
	{ "postgres://u:100%@h/db", "user=u\npassword=100%\nhost=h\ndbname=db" },
	{ "postgres://u:%zz%4@h/db", "user=u\npassword=%zz%4\nhost=h\ndbname=db" },
	{ "postgres://u:@h/db", "user=u\nhost=h\ndbname=db" },
	{ "postgres://me%40tenant:pw@h/db", "user=me@tenant\npassword=pw\nhost=h\ndbname=db" },
	/* hosts */
	{ "postgres://h1:5432,h2:5433/db", "host=h1,h2\nport=5432,5433\ndbname=db" },
	{ "postgres://h1,h2/db", "host=h1,h2\ndbname=db" },
	{ "postgres://h1,h2:5433/db", "host=h1,h2\nport=,5433\ndbname=db" },
	{ "postgres://u@[::1]:5433/db", "user=u\nhost=::1\nport=5433\ndbname=db" },
	{ "postgres://[2001:db8::1],[::1]:1/db", "host=2001:db8::1,::1\nport=,1\ndbname=db" },
	{ "postgres://h:/db", "host=h\ndbname=db" },
	/* sockets */
	{ "postgres://u@%2FVar%2Frun%2Fpg/db", "user=u\nhost=/Var/run/pg\ndbname=db" },
	{ "postgres:///db?host=/sock", "dbname=db\nhost=/sock" },
	{ "postgres://u:p@/db?host=/sock&port=5433",
	  "user=u\npassword=p\ndbname=db\nhost=/sock\nport=5433" },
	{ "postgres:////run/postgresql/db", "host=/run/postgresql\ndbname=db" },
	{ "psql://u:p@//run/pg/db", "user=u\npassword=p\nhost=/run/pg\ndbname=db" },
	/* paths */
	{ "postgres://h/", "host=h" },
	{ "postgres://h/db/", "host=h\ndbname=db" },
	{ "postgres://h/a%2Fb%20c", "host=h\ndbname=a/b c" },
	{ "postgres://h?sslmode=require", "host=h\nsslmode=require" },
	/* the query */
	{ "postgres://h/db?sslmode=verify-full&sslrootcert=%2Fca.pem",
	  "host=h\ndbname=db\nsslmode=verify-full\nsslrootcert=/ca.pem" },
	{ "postgres://h/db?conn_max_age=600&ATOMIC_REQUESTS=True&engine=x", "host=h\ndbname=db" },
	{ "postgres://h/db?something_new=1", "host=h\ndbname=db" },
	{ "postgres://h/db?replication=database", "host=h\ndbname=db" },
	{ "postgres://h/db?ssl=true", "host=h\ndbname=db\nsslmode=require" },
	{ "postgres://h/db?ssl=false", "host=h\ndbname=db\nsslmode=disable" },
	{ "postgres://h/db?ssl_require=True", "host=h\ndbname=db\nsslmode=require" },
	{ "postgres://h/db?ssl=true&sslmode=verify-ca", "host=h\ndbname=db\nsslmode=verify-ca" },
	{ "postgres://h/db?currentSchema=foo", "host=h\ndbname=db\noptions=-c search_path=foo" },
	{ "postgres://h/db?currentSchema=a%20b,c&options=-c+geqo%3Doff",
	  "host=h\ndbname=db\noptions=-c geqo=off -c search_path=a\\ b,c" },
	{ "postgres://h/db?options=a+b%2B", "host=h\ndbname=db\noptions=a b+" },
	{ "postgres://h/db?password=a+b%26", "host=h\ndbname=db\npassword=a+b&" },
	{ "postgres://h/db?&sslmode=allow&", "host=h\ndbname=db\nsslmode=allow" },
	{ "postgres://h/db?user=me@tenant", "host=h\ndbname=db\nuser=me@tenant" },
	{ "postgres://h/db?sslmode=", "host=h\ndbname=db" },
	{ "postgres://h/db?load_balance_hosts=random", "host=h\ndbname=db\nload_balance_hosts=random" },
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct conninfo conninfo;
		struct err err = { 0 };
		if (conninfo_parse_url(&conninfo, good[i].url, &err) != CONNINFO_POSTGRES)
			fail_msg("%s: %s", good[i].url, err.msg);
		CLEANUP_FREE char *got = flatten(&conninfo);
		if (!streq(got, good[i].expected))
			fail_msg("%s: got <%s>, expected <%s>", good[i].url, got, good[i].expected);
		assert_null(conninfo.keywords[conninfo.n]);
		assert_null(conninfo.values[conninfo.n]);
		conninfo_fini(&conninfo);
	}
}

#define ENCODE "percent-encode @ : / ? % in user and password (for instance / as %2F)"
#define BAD_PORT                                                                                   \
	"the URL's port is not a number from 1 to 65535; if this is a part of the password: " ENCODE

#define KEYWORD_FORM                                                                               \
	"that is libpq's keyword form: write postgresql://user:password@host:port/name"
#define QUOTED "it begins with a quote: remove the quotes"
#define BLANKS "there are blanks or a newline around it: remove them"

static const struct {
	const char *url;
	enum conninfo_kind kind;
	const char *message;
} bad[] = {
	{ "sqlite:///db.sqlite3", CONNINFO_OTHER_ENGINE, "sqlite:// is not PostgreSQL" },
	{ "sqlite://:memory:", CONNINFO_OTHER_ENGINE, "sqlite:// is not PostgreSQL" },
	{ "spatialite:///x", CONNINFO_OTHER_ENGINE, "spatialite:// is not PostgreSQL" },
	{ "mysql://u:secret@h/db", CONNINFO_OTHER_ENGINE, "mysql:// is not PostgreSQL" },
	{ "mysql-connector://h/db", CONNINFO_OTHER_ENGINE, "mysql-connector:// is not PostgreSQL" },
	{ "mysql+pymysql://h/db", CONNINFO_OTHER_ENGINE, "mysql+pymysql:// is not PostgreSQL" },
	{ "mariadb://h", CONNINFO_OTHER_ENGINE, "mariadb:// is not PostgreSQL" },
	{ "oracle://h", CONNINFO_OTHER_ENGINE, "oracle:// is not PostgreSQL" },
	{ "mssql://h", CONNINFO_OTHER_ENGINE, "mssql:// is not PostgreSQL" },
	{ "redshift://h", CONNINFO_OTHER_ENGINE, "redshift:// is not PostgreSQL" },
	{ "cockroachdb://h", CONNINFO_OTHER_ENGINE, "cockroachdb:// is not PostgreSQL" },
	{ "", CONNINFO_INVALID,
	  "not a database URL: write postgresql://user:password@host:5432/name" },
	{ "u:secret@h/db", CONNINFO_INVALID,
	  "not a database URL: write postgresql://user:password@host:5432/name" },
	{ "secret!://h", CONNINFO_INVALID,
	  "not a database URL: write postgresql://user:password@host:5432/name" },
	{ "host=h password=secret", CONNINFO_INVALID, KEYWORD_FORM },
	{ "user = secret", CONNINFO_INVALID, KEYWORD_FORM },
	{ "secret=x", CONNINFO_INVALID,
	  "not a database URL: write postgresql://user:password@host:5432/name" },
	{ "\"postgres://u:secret@h/db\"", CONNINFO_INVALID, QUOTED },
	{ "'postgres://u:secret@h/db'", CONNINFO_INVALID, QUOTED },
	{ " postgres://u:secret@h/db", CONNINFO_INVALID, BLANKS },
	{ "postgres://u:secret@h/db ", CONNINFO_INVALID, BLANKS },
	{ "postgres://u:secret@h/db\r\n", CONNINFO_INVALID, BLANKS },
	{ "postgres://u:secret@h?sslmode=require\n", CONNINFO_INVALID, BLANKS },
	{ " ", CONNINFO_INVALID, BLANKS },
	{ "postgress://u:secret@h", CONNINFO_INVALID,
	  "unknown scheme postgress://: did you mean postgres://?" },
	{ "http://h", CONNINFO_INVALID, "unknown scheme http://: did you mean postgresql://?" },
	{ "postgres://u:sec/ret@h/db", CONNINFO_INVALID, BAD_PORT },
	{ "postgres://u:12/secret@h/db", CONNINFO_INVALID,
	  "the URL has an '@' behind a '/': " ENCODE },
	{ "postgres://u:12?secret@h/db", CONNINFO_INVALID,
	  "the URL has an '@' behind a '?': " ENCODE },
	{ "postgres://u:p@h/secret/b", CONNINFO_INVALID,
	  "the URL's database name has a '/': write "
	  "postgresql://user:password@host:port/name, and " ENCODE },
	{ "postgres://h:0/db", CONNINFO_INVALID, BAD_PORT },
	{ "postgres://h:65536/db", CONNINFO_INVALID, BAD_PORT },
	{ "postgres://h:123456789012/db", CONNINFO_INVALID, BAD_PORT },
	{ "postgres:///db?host=h&port=1,x", CONNINFO_INVALID, BAD_PORT },
	{ "postgres://h/db?port=123456789", CONNINFO_INVALID, BAD_PORT },
	{ "postgres://::1/db", CONNINFO_INVALID, BAD_PORT },
	{ "postgres://[::1/db", CONNINFO_INVALID,
	  "the URL has an IPv6 address with unmatched brackets: write [2001:db8::1]:5432" },
	{ "postgres://[::1]5/db", CONNINFO_INVALID,
	  "the URL has an IPv6 address with unmatched brackets: write [2001:db8::1]:5432" },
	{ "postgres://u:a%00b@h/db", CONNINFO_INVALID,
	  "the URL has %00 in password: a value cannot contain a NUL byte" },
	{ "postgres://a%00b/db", CONNINFO_INVALID, "the URL has %00 in its host" },
	{ "postgres://a%2Cb/db", CONNINFO_INVALID, "the URL has an encoded comma in a host's name" },
	{ "postgres://h/db?secret", CONNINFO_INVALID,
	  "the URL's query has a key without '=': write ?key=value, and " ENCODE },
	{ "postgres://h/db?a=%00", CONNINFO_INVALID, "the URL has %00 in its query" },
	{ "postgres://h/db?sslmod=verify-full", CONNINFO_INVALID,
	  "the URL's query has an unknown key: did you mean 'sslmode'?" },
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct conninfo conninfo;
		struct err err = { 0 };
		if (conninfo_parse_url(&conninfo, bad[i].url, &err) != bad[i].kind)
			fail_msg("%s: another kind than expected", bad[i].url);
		assert_string_equal(err.msg, bad[i].message);
		assert_null(strstr(err.msg, "secret"));
		assert_int_equal(conninfo.n, 0);
		assert_null(conninfo.keywords[0]);
	}
}

static void test_set(void **state)
{
	(void)state;
	struct conninfo conninfo = { .n = 0 };
	struct err err = { 0 };
	assert_int_equal(conninfo_set(&conninfo, "host", "a", &err), 0);
	assert_int_equal(conninfo_set(&conninfo, "user", "u", &err), 0);
	assert_int_equal(conninfo_set(&conninfo, "host", "b", &err), 0);
	assert_string_equal(conninfo_get(&conninfo, "host"), "b");
	assert_int_equal(conninfo_set(&conninfo, "host", conninfo_get(&conninfo, "host"), &err), 0);
	assert_string_equal(conninfo_get(&conninfo, "host"), "b");
	assert_int_equal(conninfo_set(&conninfo, "host", "", &err), 0);
	assert_null(conninfo_get(&conninfo, "host"));
	assert_string_equal(conninfo_get(&conninfo, "user"), "u");
	assert_int_equal(conninfo_set(&conninfo, "port", "", &err), 0);
	assert_int_equal(conninfo.n, 1);
	assert_int_equal(conninfo_set(&conninfo, "replication", "1", &err), -1);
	assert_string_equal(err.msg, "not a connection parameter of libpq");
	conninfo_fini(&conninfo);
	assert_int_equal(conninfo.n, 0);
}

static void parse(struct conninfo *conninfo, const char *url)
{
	struct err err = { 0 };
	if (conninfo_parse_url(conninfo, url, &err) != CONNINFO_POSTGRES)
		fail_msg("%s: %s", url, err.msg);
}

static void test_masked(void **state)
{
	static const char *const cases[][2] = {
		{ "postgres://shop:secret@db.example:5432/shop", "shop@db.example:5432/shop" },
		{ "postgres://h1:1,[::1]:2/shop", "h1:1,[::1]:2/shop" },
		{ "postgres://h1,h2/shop?port=7", "h1:7,h2:7/shop" },
		{ "postgres:///db?host=/sock", "/sock/db" },
		{ "postgres:///db?service=x&password=secret", "(service x)/db" },
		{ "postgres://u%0Av@/", "u?v@localhost" },
		{ "postgres:///?hostaddr=::1", "[::1]" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct conninfo conninfo;
		char buffer[64];
		parse(&conninfo, cases[i][0]);
		assert_string_equal(conninfo_masked(&conninfo, buffer, sizeof(buffer)), cases[i][1]);
		conninfo_fini(&conninfo);
	}
}

static void test_mask_url(void **state)
{
	static const char *const cases[][2] = {
		{ "postgres://u:secret@h:1/db", "postgres://u:***@h:1/db" },
		{ "postgres://u:sec@ret@h/db", "postgres://u:***@h/db" },
		{ "postgres://u@h/db?sslmode=require", "postgres://u@h/db?sslmode=require" },
		{ "postgres:///db?password=secret&sslpassword=secret&host=h",
		  "postgres:///db?password=***&sslpassword=***&host=h" },
		{ "postgres:///db?p%61ssword=secret", "postgres:///db?p%61ssword=***" },
		{ "postgres://u:sec/ret@h/db", "postgres://***" },
		{ "postgres://u:12?sec=ret@h/db", "postgres://***" },
		{ "mysql://u:secret@h/db", "mysql://u:***@h/db" },
		{ "mysql://u:sec/ret@h/db", "mysql://***" },
		{ "sqlite:///db.sqlite3", "sqlite:///db.sqlite3" },
		{ "what://u:secret@h", "what://***" },
		{ "secret", "***" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_FREE char *masked = conninfo_mask_url(cases[i][0]);
		assert_string_equal(masked, cases[i][1]);
	}
}

static void test_to_url(void **state)
{
	static const char *const cases[][2] = {
		{ "psql://u:p@s%2F+#%@DB:5433/na%20me?ssl=true&conn_max_age=1",
		  "postgresql://u:p%40s%2F%2B%23%25@DB:5433/na%20me?sslmode=require" },
		{ "postgres://[::1]:2/db", "postgresql://[::1]:2/db" },
		{ "postgres://a,b:2/db", "postgresql:///db?host=a%2Cb&port=%2C2" },
		{ "postgres://u@%2Fsock/db", "postgresql://u@/db?host=%2Fsock" },
		{ "postgres:///db?password=x", "postgresql:///db?password=x" },
		{ "postgres://[fe80::1%25eth0]:1/db",
		  "postgresql:///db?host=fe80%3A%3A1%25eth0&port=1" },
		{ "postgres://u@a%2Fb/db", "postgresql://u@/db?host=a%2Fb" },
		{ "postgres://", "postgresql:///" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct conninfo conninfo, again;
		parse(&conninfo, cases[i][0]);
		CLEANUP_FREE char *url = conninfo_to_url(&conninfo);
		assert_string_equal(url, cases[i][1]);
		parse(&again, url);
		for (size_t k = 0; k < conninfo.n; k++)
			assert_string_equal(conninfo_get(&again, conninfo.keywords[k]),
					    conninfo.values[k]);
		assert_int_equal(again.n, conninfo.n);
		conninfo_fini(&conninfo);
		conninfo_fini(&again);
	}
}

static void test_to_environment(void **state)
{
	(void)state;
	struct conninfo conninfo;
	struct list variables = { 0 };
	parse(&conninfo, "postgres://u:p%40@h:1/db?sslmode=require&keepalives=1");
	conninfo_to_environment(&conninfo, &variables);
	static const char *const expected[] = { "PGUSER=u", "PGPASSWORD=p@", "PGHOST=h",
						"PGPORT=1", "PGDATABASE=db", "PGSSLMODE=require" };
	assert_int_equal(variables.n, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		assert_string_equal(variables.items[i], expected[i]);
	list_fini(&variables);
	conninfo_fini(&conninfo);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_masked),
		cmocka_unit_test(test_mask_url),
		cmocka_unit_test(test_to_url),
		cmocka_unit_test(test_to_environment),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("conninfo", tests, NULL, NULL);
}
