/* The sources of connection information, in their order, with real files. */
#include "effect/pg_source.h"

#include "base/mem.h"

#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

struct world {
	char directory[64];
	struct config config;
	const char *const *environment; /* name, value, …, NULL */
	struct conninfo conninfo;
	char origin[160];
	struct err err;
};

static const char *lookup(const char *name, const void *context)
{
	const char *const *item = ((const struct world *)context)->environment;
	for (; item != NULL && *item != NULL; item += 2)
		if (streq(item[0], name))
			return item[1];
	return NULL;
}

static int set_up(void **state)
{
	struct world *world = mem_alloc(sizeof(*world));
	(void)snprintf(world->directory, sizeof(world->directory), "/tmp/test-pg-source-XXXXXX");
	assert_non_null(mkdtemp(world->directory));
	*state = world;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int tear_down(void **state)
{
	struct world *world = *state;
	(void)nftw(world->directory, remove_one, 4, FTW_DEPTH | FTW_PHYS);
	conninfo_fini(&world->conninfo);
	config_fini(&world->config);
	free(world);
	return 0;
}

static void configure(struct world *world, const char *text)
{
	struct config_problems problems = { 0 };
	config_read(&world->config, text, strlen(text), "test.ini", &problems);
	assert_int_equal(problems.n_errors, 0);
	config_problems_fini(&problems);
}

static char *file(struct world *world, const char *name, const char *text)
{
	char *path = mem_format("%s/%s", world->directory, name);
	FILE *stream = fopen(path, "we");
	assert_non_null(stream);
	assert_true(fputs(text, stream) >= 0);
	assert_int_equal(fclose(stream), 0);
	return path;
}

static enum pg_source_result find(struct world *world)
{
	conninfo_fini(&world->conninfo);
	return pg_source_find(&world->config, lookup, world, &world->conninfo, world->origin,
			      sizeof(world->origin), &world->err);
}

static const char *get(const struct world *world, const char *keyword)
{
	const char *value = conninfo_get(&world->conninfo, keyword);
	return value != NULL ? value : "(none)";
}

static void test_none(void **state)
{
	struct world *world = *state;
	static const char *const environment[] = { "DATABASE_URL", "", "PGPORT", "5433",
						   "POSTGRES_PORT", "tcp://10.0.0.1:5432", NULL };
	world->environment = environment;
	assert_int_equal(find(world), PG_SOURCE_NONE);
	assert_int_equal(world->conninfo.n, 0);
}

static void test_order(void **state)
{
	struct world *world = *state;
	CLEANUP_FREE char *twin = file(world, "url", "postgres://u@twin/db\n\n");
	const char *environment[] = { "DATABASE_URL", "postgres://u@variable/db",
				      "DATABASE_URL_FILE", twin, "PGHOST", "pghost", NULL };
	CLEANUP_FREE char *ini = mem_format("[postgres]\nsecret-dir = %s\n", world->directory);
	free(file(world, "host", "secret\n"));
	world->environment = environment;
	configure(world, ini);
	assert_int_equal(find(world), PG_SOURCE_FOUND);
	assert_string_equal(world->origin, "DATABASE_URL");
	assert_string_equal(get(world, "host"), "variable");

	environment[0] = "X";
	CLEANUP_FREE char *twin_origin = mem_format("DATABASE_URL_FILE (%s)", twin);
	assert_int_equal(find(world), PG_SOURCE_FOUND);
	assert_string_equal(world->origin, twin_origin);
	assert_string_equal(get(world, "host"), "twin");

	environment[2] = "Y";
	CLEANUP_FREE char *secret_origin = mem_format("%s (secret-dir)", world->directory);
	assert_int_equal(find(world), PG_SOURCE_FOUND);
	assert_string_equal(world->origin, secret_origin);
	assert_string_equal(get(world, "host"), "secret");

	config_fini(&world->config);
	assert_int_equal(find(world), PG_SOURCE_FOUND);
	assert_string_equal(world->origin, "PGHOST");
	assert_string_equal(get(world, "host"), "pghost");

	environment[0] = "DATABASE_URL";
	configure(world, "[postgres]\nurl = postgres://u@setting/db\n");
	assert_int_equal(find(world), PG_SOURCE_FOUND);
	assert_string_equal(world->origin, "url (test.ini:2)");
	assert_string_equal(get(world, "host"), "setting");
}

static void test_other_engine_ends_the_search(void **state)
{
	struct world *world = *state;
	static const char *const environment[] = { "DATABASE_URL", "sqlite:///x", "PGHOST", "h", NULL };
	world->environment = environment;
	assert_int_equal(find(world), PG_SOURCE_OTHER_ENGINE);
	assert_string_equal(world->err.msg, "DATABASE_URL: sqlite:// is not PostgreSQL");
	assert_int_equal(world->conninfo.n, 0);
}

static void test_url_env(void **state)
{
	struct world *world = *state;
	static const char *const environment[] = { "DATABASE_URL", "sqlite:///x", "SHOP_DB",
						   "postgress://u:secret@h", NULL };
	world->environment = environment;
	configure(world, "[postgres]\nurl-env = SHOP_DB\n");
	assert_int_equal(find(world), PG_SOURCE_INVALID);
	assert_string_equal(world->err.msg,
			    "SHOP_DB: unknown scheme postgress://: did you mean postgres://?");
}

static void test_file_twin(void **state)
{
	struct world *world = *state;
	CLEANUP_FREE char *path = mem_format("%s/late", world->directory);
	const char *environment[] = { "DATABASE_URL_FILE", path, NULL };
	world->environment = environment;
	assert_int_equal(find(world), PG_SOURCE_NOT_YET);
	CLEANUP_FREE char *late = mem_format(
		"DATABASE_URL_FILE (%s): the file is not there yet, or empty", path);
	assert_string_equal(world->err.msg, late);
	free(file(world, "late", "\n"));
	assert_int_equal(find(world), PG_SOURCE_NOT_YET);
	free(file(world, "late", "postgres://u:p%40@h/db\r\n"));
	assert_int_equal(find(world), PG_SOURCE_FOUND);
	assert_string_equal(get(world, "password"), "p@");
	assert_string_equal(get(world, "dbname"), "db");

	environment[1] = world->directory;
	assert_int_equal(find(world), PG_SOURCE_INVALID);
	CLEANUP_FREE char *bad = mem_format(
		"DATABASE_URL_FILE (%s): cannot read the file: Is a directory", world->directory);
	assert_string_equal(world->err.msg, bad);
}

static void test_secret_dir(void **state)
{
	struct world *world = *state;
	CLEANUP_FREE char *ini = mem_format("[postgres]\nsecret-dir = %s\n", world->directory);
	configure(world, ini);
	CLEANUP_FREE char *empty = mem_format(
		"secret-dir %s has none of the files uri, host, port, dbname, user, password yet: is "
		"the secret mounted there?", world->directory);
	assert_int_equal(find(world), PG_SOURCE_NOT_YET);
	assert_string_equal(world->err.msg, empty);

	/* Zalando: credentials only */
	free(file(world, "username", "shop"));
	free(file(world, "password", "p w\n"));
	CLEANUP_FREE char *no_host = mem_format(
		"secret-dir %s has neither uri nor host: set PGHOST as well", world->directory);
	assert_int_equal(find(world), PG_SOURCE_NOT_YET);
	assert_string_equal(world->err.msg, no_host);
	static const char *const environment[] = { "PGHOST", "acid", "PGDATABASE", "shopdb",
						   "PGUSER", "other", NULL };
	world->environment = environment;
	assert_int_equal(find(world), PG_SOURCE_FOUND);
	assert_string_equal(get(world, "host"), "acid");
	assert_string_equal(get(world, "dbname"), "shopdb");
	assert_string_equal(get(world, "user"), "shop");
	assert_string_equal(get(world, "password"), "p w");

	/* CloudNativePG: single keys, then uri */
	world->environment = NULL;
	free(file(world, "host", "cluster-rw"));
	free(file(world, "port", "5433"));
	free(file(world, "dbname", "app"));
	assert_int_equal(find(world), PG_SOURCE_FOUND);
	assert_string_equal(get(world, "host"), "cluster-rw");
	assert_string_equal(get(world, "port"), "5433");
	assert_string_equal(get(world, "dbname"), "app");
	free(file(world, "uri", "postgresql://app:x@cluster-rw.ns:5432/app"));
	assert_int_equal(find(world), PG_SOURCE_FOUND);
	assert_string_equal(get(world, "host"), "cluster-rw.ns");
	CLEANUP_FREE char *origin = mem_format("%s/uri (secret-dir)", world->directory);
	assert_string_equal(world->origin, origin);
}

static void test_pg_variables(void **state)
{
	struct world *world = *state;
	static const char *const environment[] = {
		"PGDATABASE", "shop",    "PGPORT",  "tcp://10.0.0.1:6543",   "PGUSER",  "u",
		"PGPASSWORD", "p",       "PGSSLMODE", "require", "PGAPPNAME", "x", NULL,
	};
	world->environment = environment;
	assert_int_equal(find(world), PG_SOURCE_FOUND);
	assert_string_equal(world->origin, "PGDATABASE");
	assert_string_equal(get(world, "dbname"), "shop");
	assert_string_equal(get(world, "port"), "6543");
	assert_string_equal(get(world, "user"), "u");
	assert_string_equal(get(world, "password"), "p");
	assert_string_equal(get(world, "sslmode"), "require");
	assert_string_equal(get(world, "application_name"), "(none)");
	assert_string_equal(get(world, "host"), "(none)");
}

static void test_variables_complete_a_url(void **state)
{
	struct world *world = *state;
	static const char *const environment[] = { "DATABASE_URL", "postgres://h/db", "PGPASSWORD",
						   "p", "PGHOST", "other", "PGPORT", "7", NULL };
	world->environment = environment;
	assert_int_equal(find(world), PG_SOURCE_FOUND);
	assert_string_equal(get(world, "host"), "h");
	assert_string_equal(get(world, "port"), "7");
	assert_string_equal(get(world, "password"), "p");
	const struct passwd *entry = getpwuid(geteuid());
	assert_string_equal(get(world, "user"), entry != NULL ? entry->pw_name : "postgres");
}

static void test_service_keeps_its_user(void **state)
{
	struct world *world = *state;
	static const char *const environment[] = { "PGSERVICE", "shop", NULL };
	world->environment = environment;
	assert_int_equal(find(world), PG_SOURCE_FOUND);
	assert_string_equal(get(world, "service"), "shop");
	assert_string_equal(get(world, "user"), "(none)");
}

static void test_port_that_is_none(void **state)
{
	struct world *world = *state;
	static const char *const bad[] = { "abc", "0", "5432x", "tcp://10.0.0.1:x", "5432,abc" };
	const char *environment[] = { "PGHOST", "h", "PGPORT", "5432,,5433", NULL };
	world->environment = environment;
	assert_int_equal(find(world), PG_SOURCE_FOUND);
	assert_string_equal(get(world, "port"), "5432,,5433");
	conninfo_fini(&world->conninfo);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		environment[3] = bad[i];
		assert_int_equal(find(world), PG_SOURCE_INVALID);
		assert_int_equal(world->conninfo.n, 0);
		assert_string_equal(world->origin, "");
		assert_string_equal(world->err.msg,
				    "PGPORT: this is not a port: write a number from 1 to 65535");
	}
}

static void test_lock_url(void **state)
{
	struct world *world = *state;
	static const char *const environment[] = { "PGHOST", "pooler", "PGPORT", "6432",
						   "PGPASSWORD", "p", NULL };
	world->environment = environment;
	assert_int_equal(pg_source_find_lock(&world->config, lookup, world, &world->conninfo,
					     world->origin, sizeof(world->origin), &world->err),
			 PG_SOURCE_FOUND);
	assert_string_equal(get(world, "port"), "6432");
	conninfo_fini(&world->conninfo);
	configure(world, "[postgres]\nlock-url = postgres://u@direct/db\n");
	assert_int_equal(pg_source_find_lock(&world->config, lookup, world, &world->conninfo,
					     world->origin, sizeof(world->origin), &world->err),
			 PG_SOURCE_FOUND);
	assert_string_equal(world->origin, "lock-url (test.ini:2)");
	assert_string_equal(get(world, "host"), "direct");
	assert_string_equal(get(world, "port"), "(none)");
	assert_string_equal(get(world, "password"), "p");
}

static void assert_disagrees(struct world *world, const char *const *environment,
			     const char *expected)
{
	world->environment = environment;
	bool disagrees = pg_source_disagrees(&world->config, lookup, world, &world->err);
	assert_int_equal(disagrees, expected != NULL);
	if (expected != NULL)
		assert_string_equal(world->err.msg, expected);
}

/* Two places for one thing: the one that counts may be the forgotten one. */
static void test_sources_that_disagree(void **state)
{
	struct world *world = *state;
	static const char url[] = "postgres://shop:sesame@db1:5432/shop";
#define BOTH(...) ((const char *const[]){ "DATABASE_URL", url, __VA_ARGS__, NULL })
	assert_disagrees(
		world, BOTH("PGHOST", "db2", "PGUSER", "shop", "PGPASSWORD", "sesame"),
		"DATABASE_URL says shop@db1:5432/shop, and PGHOST says shop@db2: the first "
		"counts");
	assert_disagrees(world, BOTH("PGHOST", "db1", "PGPORT", "5433", "PGUSER", "shop"),
			 "DATABASE_URL says shop@db1:5432/shop, and PGHOST says shop@db1:5433: "
			 "the first counts");
	/* the same, or left open */
	assert_disagrees(world, BOTH("PGHOST", "DB1", "PGPORT", "5432", "PGDATABASE", "shop"),
			 NULL);
	assert_disagrees(world, BOTH("PGHOST", "db1", "PGUSER", "other"), NULL);
	assert_disagrees(world, BOTH("PGSSLMODE", "require"), NULL);
	assert_disagrees(world, (const char *const[]){ "PGHOST", "db2", NULL }, NULL);
	assert_disagrees(
		world, (const char *const[]){ "DATABASE_URL", "sqlite:///x", "PGHOST", "a", NULL },
		NULL);
	configure(world, "[postgres]\nurl = postgres://shop@db0/shop\n");
	assert_disagrees(world, BOTH("PGHOST", "db0"),
			 "url (test.ini:2) says shop@db0/shop, and DATABASE_URL says "
			 "shop@db1:5432/shop: the first counts");
#undef BOTH
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_none),
		CASE(test_order),
		CASE(test_other_engine_ends_the_search),
		CASE(test_url_env),
		CASE(test_file_twin),
		CASE(test_secret_dir),
		CASE(test_pg_variables),
		CASE(test_variables_complete_a_url),
		CASE(test_service_keeps_its_user),
		CASE(test_port_that_is_none),
		CASE(test_lock_url),
		CASE(test_sources_that_disagree),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("pg_source", tests, NULL, NULL);
}
