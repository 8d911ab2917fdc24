/* The children's environment: what wins, files, the database, ${…}, CPUs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "effect/environment.h"
#include "temp_dir.h"

#define TEXT(literal) ((char *)(uintptr_t)(literal))
#define BASE(...) ((char *[]){ __VA_ARGS__, NULL })

struct fixture {
	struct config config;
	struct environment environment;
	struct err err;
	int result;
};

static void build(struct fixture *f, const char *ini, char *const *base)
{
	struct config_problems problems = { 0 };
	*f = (struct fixture){ .result = 0 };
	config_read(&f->config, ini, strlen(ini), "pidone.ini", &problems);
	for (size_t i = 0; i < problems.n; i++)
		print_error("%s: %s\n", problems.items[i].origin, problems.items[i].message);
	assert_int_equal(problems.n, 0);
	config_problems_fini(&problems);
	f->result = environment_build(&f->environment, &f->config, base, &f->err);
	if (f->result == 0)
		assert_null(f->environment.items.items[f->environment.items.n]);
	else
		assert_int_equal(f->environment.items.n, 0);
}

static void done(struct fixture *f)
{
	environment_fini(&f->environment);
	config_fini(&f->config);
}

/* NULL: not there. */
static void assert_variable(const struct fixture *f, const char *name, const char *expected)
{
	const char *value = environment_get(&f->environment, name);
	if (f->result < 0)
		print_error("%s\n", f->err.msg);
	assert_int_equal(f->result, 0);
	if (expected == NULL) {
		assert_null(value);
		return;
	}
	assert_non_null(value);
	assert_string_equal(value, expected);
}

static void assert_error(const char *ini, char *const *base, const char *message)
{
	struct fixture f;
	build(&f, ini, base);
	assert_int_equal(f.result, -1);
	assert_string_equal(f.err.msg, message);
	done(&f);
}

static void list_of_variables(void **state ATTR_UNUSED)
{
	struct environment e = { 0 };
	environment_set(&e, "AB", "1");
	environment_set(&e, "A", "2");
	environment_set(&e, "B", "");
	list_add(&e.items, "A=second");
	assert_string_equal(environment_get(&e, "AB"), "1");
	assert_string_equal(environment_get(&e, "A"), "2");
	assert_string_equal(environment_lookup("B", &e), "");
	assert_null(environment_get(&e, "C"));
	environment_set(&e, "AB", "x=y");
	assert_string_equal(environment_get(&e, "AB"), "x=y");
	environment_unset(&e, "A"); /* both of them */
	assert_null(environment_get(&e, "A"));
	assert_int_equal(e.items.n, 2);
	assert_string_equal(e.items.items[1], "B=");
	assert_null(e.items.items[2]);
	environment_unset(&e, "none");
	environment_fini(&e);
}

static void container_wins(void **state ATTR_UNUSED)
{
	struct fixture f;
	build(&f, "[env]\nA = default\nB = default\nC = default\n", BASE(TEXT("A=own"), TEXT("B=")));
	assert_variable(&f, "A", "own");
	assert_variable(&f, "B", "");
	assert_variable(&f, "C", "default");
	done(&f);
}

static void from_files(void **state ATTR_UNUSED)
{
	struct fixture f;
	temp_dir_write("key", "s3cret\r\n\n", 0644);
	temp_dir_write("empty", "", 0644);
	build(&f, "[env]\nfrom-files = SECRET_KEY\nfrom-files = OTHER\nfrom-files = NONE\n"
		  "SECRET_KEY = default\nSUM = <${SECRET_KEY}>\n",
	      BASE(TEXT("SECRET_KEY_FILE=key"), TEXT("OTHER_FILE=empty")));
	assert_variable(&f, "SECRET_KEY", "s3cret");
	assert_variable(&f, "SECRET_KEY_FILE", NULL);
	assert_variable(&f, "OTHER", "");
	assert_variable(&f, "NONE", NULL);
	assert_variable(&f, "SUM", "<s3cret>");
	done(&f);
}

static void from_files_mistakes(void **state ATTR_UNUSED)
{
	static const char ini[] = "[env]\nfrom-files = A\n";
	assert_error(ini, BASE(TEXT("A=1"), TEXT("A_FILE=/nowhere")),
		     "both A and A_FILE are set: keep one");
	assert_error(ini, BASE(TEXT("A_FILE=/nowhere")),
		     "A_FILE: read '/nowhere': No such file or directory");
	assert_error(ini, BASE(TEXT("A_FILE=/")), "A_FILE: '/' is not a regular file");
	char *big = malloc(200000);
	assert_non_null(big);
	memset(big, 'x', 199999);
	big[199999] = '\0';
	temp_dir_write("big", big, 0644);
	free(big);
	assert_error(ini, BASE(TEXT("A_FILE=big")),
		     "A_FILE: 'big' is longer than a variable can be (128 KiB)");
	int fd = open("nul", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(write(fd, "a\0b", 3), 3);
	assert_int_equal(close(fd), 0);
	assert_error(ini, BASE(TEXT("A_FILE=nul")), "A_FILE: 'nul' contains a NUL byte: not a text");
}

static void secrets_dir(void **state)
{
	const struct temp_dir *dir = *state;
	struct fixture f;
	char ini[128];
	/* as the kubelet lays it out: links into ..data, itself a link */
	temp_dir_write("secrets/..2024/TOKEN", "t\n", 0644);
	temp_dir_write("secrets/..2024/OWN", "from file\n", 0644);
	temp_dir_write("secrets/.hidden", "no\n", 0644);
	temp_dir_write("secrets/tls.crt", "no\n", 0644);
	temp_dir_write("secrets/SUB/x", "no\n", 0644);
	assert_int_equal(symlink("..2024", "secrets/..data"), 0);
	assert_int_equal(symlink("..data/TOKEN", "secrets/TOKEN"), 0);
	assert_int_equal(symlink("..data/OWN", "secrets/OWN"), 0);
	assert_int_equal(symlink("..data/GONE", "secrets/GONE"), 0);
	(void)snprintf(ini, sizeof(ini), "[env]\nsecrets-dir = %s/secrets\n", dir->path);
	build(&f, ini, BASE(TEXT("OWN=container")));
	assert_variable(&f, "TOKEN", "t");
	assert_variable(&f, "OWN", "container");
	assert_variable(&f, "SUB", NULL);
	assert_variable(&f, "GONE", NULL);
	assert_int_equal(f.environment.items.n, 3); /* and PIDONE_CPUS */
	done(&f);
	assert_error("[env]\nsecrets-dir = /nowhere\n", BASE(TEXT("A=1")),
		     "pidone.ini:2: secrets-dir: read '/nowhere': No such file or directory");
}

static void expansion_in_any_order(void **state ATTR_UNUSED)
{
	struct fixture f;
	build(&f, "[env]\nA = ${B}-${OWN}\nB = <${C}>\nC = ${NONE:-c}\nPRICE = \\$5\n",
	      BASE(TEXT("OWN=o")));
	assert_variable(&f, "A", "<c>-o");
	assert_variable(&f, "B", "<c>");
	assert_variable(&f, "C", "c");
	assert_variable(&f, "PRICE", "$5");
	done(&f);
}

static void expansion_of_itself(void **state ATTR_UNUSED)
{
	struct fixture f;
	build(&f, "[env]\nA = ${A:-none}/x\nB = ${B}y\n", BASE(TEXT("B=own")));
	assert_variable(&f, "A", "none/x");
	assert_variable(&f, "B", "own");
	done(&f);
	assert_error("[env]\nA = ${B}\nB = ${C}\nC = ${A}\n", BASE(TEXT("X=1")),
		     "pidone.ini:2: A needs its own value (through C): give one of them a value "
		     "without ${…}");
	/* a circle that the container cuts */
	build(&f, "[env]\nA = ${B}\nB = ${A}\n", BASE(TEXT("B=1")));
	assert_variable(&f, "A", "1");
	done(&f);
	assert_error("[env]\nA = ${NONE:?say which}\n", BASE(TEXT("X=1")),
		     "pidone.ini:2: [env] A: NONE: say which");
}

static void database_url_gives_pg(void **state ATTR_UNUSED)
{
	struct fixture f;
	build(&f, "[env]\nDB_HOST = ${PGHOST}\n",
	      BASE(TEXT("DATABASE_URL=postgres://shop:p%40w@db.example:5433/store")));
	assert_variable(&f, "DATABASE_URL", "postgres://shop:p%40w@db.example:5433/store");
	assert_variable(&f, "PGHOST", "db.example");
	assert_variable(&f, "PGPORT", "5433");
	assert_variable(&f, "PGDATABASE", "store");
	assert_variable(&f, "PGUSER", "shop");
	assert_variable(&f, "PGPASSWORD", "p@w");
	assert_variable(&f, "DB_HOST", "db.example");
	done(&f);
}

static void pg_gives_database_url(void **state ATTR_UNUSED)
{
	struct fixture f;
	build(&f, "", BASE(TEXT("PGHOST=db"), TEXT("PGUSER=shop"), TEXT("PGDATABASE=store"),
			   TEXT("PGPASSWORD=a/b")));
	assert_variable(&f, "DATABASE_URL", "postgresql://shop:a%2Fb@db/store");
	assert_variable(&f, "PGPORT", NULL);
	done(&f);
}

/* The password of one database never meets the host of another. */
static void database_groups_do_not_mix(void **state ATTR_UNUSED)
{
	struct fixture f;
	build(&f, "", BASE(TEXT("DATABASE_URL=postgres://shop:pw@db/store"), TEXT("PGHOST=other")));
	assert_variable(&f, "PGHOST", "other");
	assert_variable(&f, "PGPASSWORD", NULL);
	assert_variable(&f, "PGDATABASE", NULL);
	done(&f);
}

static void database_out_of_defaults(void **state ATTR_UNUSED)
{
	struct fixture f;
	build(&f, "[env]\nDATABASE_URL = postgres://${DB_USER}:x@${DB_HOST}/store\n"
		  "DB_HOST = db\n",
	      BASE(TEXT("DB_USER=shop")));
	assert_variable(&f, "DATABASE_URL", "postgres://shop:x@db/store");
	assert_variable(&f, "PGHOST", "db");
	assert_variable(&f, "PGUSER", "shop");
	done(&f);
}

static void no_database(void **state ATTR_UNUSED)
{
	struct fixture f;
	build(&f, "", BASE(TEXT("DATABASE_URL=sqlite:///db.sqlite3")));
	assert_variable(&f, "DATABASE_URL", "sqlite:///db.sqlite3");
	assert_variable(&f, "PGDATABASE", NULL);
	done(&f);
	build(&f, "", BASE(TEXT("DATABASE_URL_FILE=/not/there/yet")));
	assert_variable(&f, "DATABASE_URL", NULL);
	done(&f);
}

static void cpus(void **state)
{
	const struct temp_dir *dir = *state;
	static const char v2[] = "0::/pod/container\n";
	static const char v1[] = "5:memory:/m\n3:cpu,cpuacct:/pod\n0::/\n";
	assert_int_equal(environment_cpu_limit(dir->path, v2), 0);
	temp_dir_write("pod/container/cpu.max", "max 100000\n", 0644);
	assert_int_equal(environment_cpu_limit(dir->path, v2), 0);
	temp_dir_write("pod/cpu.max", "250000 100000\n", 0644);
	assert_int_equal(environment_cpu_limit(dir->path, v2), 3);
	temp_dir_write("pod/container/cpu.max", "50000 100000\n", 0644);
	assert_int_equal(environment_cpu_limit(dir->path, v2), 1);
	temp_dir_write("cpu.max", "200000 100000\n", 0644); /* a namespace, or the host's path */
	assert_int_equal(environment_cpu_limit(dir->path, "0::/\n"), 2);
	assert_int_equal(environment_cpu_limit(dir->path, "0::/../elsewhere\n"), 2);
	temp_dir_write("cpu/pod/cpu.cfs_quota_us", "-1\n", 0644);
	temp_dir_write("cpu/pod/cpu.cfs_period_us", "100000\n", 0644);
	assert_int_equal(remove("cpu.max"), 0);
	assert_int_equal(environment_cpu_limit(dir->path, v1), 0);
	temp_dir_write("cpu/pod/cpu.cfs_quota_us", "300001\n", 0644);
	assert_int_equal(environment_cpu_limit(dir->path, v1), 4);
	assert_int_equal(environment_cpu_limit(dir->path, "garbage\n\n::\n"), 0);
	assert_true(environment_cpus() >= 1);
}

static void cpus_as_variable(void **state ATTR_UNUSED)
{
	struct fixture f;
	char expected[16];
	(void)snprintf(expected, sizeof(expected), "%u", environment_cpus());
	build(&f, "", BASE(TEXT("A=1")));
	assert_variable(&f, "PIDONE_CPUS", expected);
	done(&f);
	build(&f, "", BASE(TEXT("PIDONE_CPUS=7")));
	assert_variable(&f, "PIDONE_CPUS", "7");
	done(&f);
}

static int setup(void **state)
{
	static struct temp_dir dir;
	temp_dir_enter(&dir);
	*state = &dir;
	return 0;
}

static int teardown(void **state)
{
	temp_dir_leave(*state);
	return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(list_of_variables),
		CASE(container_wins),
		CASE(from_files),
		CASE(from_files_mistakes),
		CASE(secrets_dir),
		CASE(expansion_in_any_order),
		CASE(expansion_of_itself),
		CASE(database_url_gives_pg),
		CASE(pg_gives_database_url),
		CASE(database_groups_do_not_mix),
		CASE(database_out_of_defaults),
		CASE(no_database),
		CASE(cpus),
		CASE(cpus_as_variable),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
