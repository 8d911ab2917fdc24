/* The configuration file on a real file system, and `pidone check` on it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "cmd/cmd.h"
#include "effect/config_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define VARIABLES(...) ((char *const *)(const char *const[]){ __VA_ARGS__, NULL })

static char directory[] = "/tmp/pidone-test-XXXXXX";

static char *path_of(const char *name)
{
	return mem_format("%s/%s", directory, name);
}

static int write_file(const char *name, const char *text)
{
	CLEANUP_FREE char *path = path_of(name);
	FILE *file = fopen(path, "w");
	if (file == NULL)
		return -1;
	int result = fputs(text, file) < 0 ? -1 : 0;
	return fclose(file) == 0 ? result : -1;
}

static int set_up(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL || write_file("good.ini", "[run]\ncommand = x\n[web]\n") < 0 ||
	    write_file("bad.ini", "[run]\ncomand = x\ndrain = 5\n") < 0 ||
	    write_file("warns.ini", "[run]\nrestart-max = 3\n") < 0 || write_file("empty.ini", "") < 0)
		return -1;
	CLEANUP_FREE char *fifo = path_of("fifo");
	return mkfifo(fifo, 0600);
}

static int tear_down(void **state)
{
	static const char *const names[] = { "good.ini", "bad.ini", "warns.ini", "empty.ini", "fifo", "out" };
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		CLEANUP_FREE char *path = path_of(names[i]);
		(void)unlink(path);
	}
	return rmdir(directory);
}

/* Loads and compares the first problem ("" for none); %s in it is the path. */
static void assert_load(const char *path, char *const *environment, int expected, const char *problem)
{
	struct config config = { 0 };
	struct config_problems problems = { 0 };
	assert_int_equal(config_file_load(&config, path, environment, &problems), expected);
	assert_string_equal(problems.n > 0 ? problems.items[0].message : "", problem);
	config_problems_fini(&problems);
	config_fini(&config);
}

static void what_cannot_be_a_file_is_refused(void **state)
{
	CLEANUP_FREE char *missing = path_of("missing");
	CLEANUP_FREE char *below = path_of("good.ini/x");
	CLEANUP_FREE char *fifo = path_of("fifo");
	(void)state;
	assert_load(missing, VARIABLES("HOME=/"), -1,
		    "cannot open the configuration: No such file or directory");
	assert_load(below, VARIABLES("HOME=/"), -1,
		    "cannot open the configuration: Not a directory");
	assert_load(directory, VARIABLES("HOME=/"), -1, "not a configuration file: Is a directory");
	assert_load(fifo, VARIABLES("HOME=/"), -1,
		    "not a configuration file: it must be a regular file");
}

static void the_option_wins_over_the_variable(void **state)
{
	CLEANUP_FREE char *good = path_of("good.ini");
	CLEANUP_FREE char *bad = path_of("bad.ini");
	CLEANUP_FREE char *good_variable = mem_format("PIDONE_CONFIG=%s", good);
	CLEANUP_FREE char *bad_variable = mem_format("PIDONE_CONFIG=%s", bad);
	bool exists;
	(void)state;
	assert_load(good, VARIABLES(bad_variable), 0, "");
	assert_load(bad, VARIABLES(good_variable), -1,
		    "unknown key 'comand' in [run]: did you mean 'command'?");
	assert_load(NULL, VARIABLES(good_variable), 0, "");
	assert_load(NULL, VARIABLES(bad_variable), -1,
		    "unknown key 'comand' in [run]: did you mean 'command'?");
	assert_load(NULL, VARIABLES("PIDONE_CONFIG=/nonexistent/x"), -1,
		    "cannot open the configuration: No such file or directory (PIDONE_CONFIG names "
		    "this file)");
	assert_load("/nonexistent/x", VARIABLES("PIDONE_CONFIG=/nonexistent/x"), -1,
		    "cannot open the configuration: No such file or directory");
	assert_string_equal(config_file_path(good, VARIABLES(bad_variable), &exists), good);
	assert_true(exists);
	assert_string_equal(config_file_path(NULL, VARIABLES(bad_variable), &exists), bad);
	assert_string_equal(config_file_path(NULL, VARIABLES("PIDONE_CONFIG="), &exists),
			    "/etc/pidone.ini");
}

static void variables_are_read_behind_the_file(void **state)
{
	CLEANUP_FREE char *good = path_of("good.ini");
	struct config config = { 0 };
	struct config_problems problems = { 0 };
	const char *origin;
	(void)state;
	assert_int_equal(config_file_load(&config, good, VARIABLES("PIDONE_RUN_COMMAND=y"), &problems),
			 0);
	assert_string_equal(config_get(&config, "run", "command", &origin), "y");
	assert_string_equal(origin, "PIDONE_RUN_COMMAND");
	config_problems_fini(&problems);
	config_fini(&config);
}

/* Runs `pidone check` with stdout and stderr in a file; returns its exit code,
 * and what it wrote, with the directory's name removed. */
static int run_check(const char *path, char *const *environment, char *const *args, char *ret,
		     size_t size)
{
	CLEANUP_FREE char *out = path_of("out");
	const struct cmd_options options = { .config_path = path,
					     .environment = environment,
					     .args = args };
	char *at;
	(void)fflush(stdout);
	int saved_out = dup(STDOUT_FILENO), saved_err = dup(STDERR_FILENO);
	int fd = open(out, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0);
	int exit_code = cmd_check(&options);
	(void)dup2(saved_out, STDOUT_FILENO);
	(void)dup2(saved_err, STDERR_FILENO);
	(void)close(saved_out);
	(void)close(saved_err);
	ssize_t got = pread(fd, ret, size - 1, 0);
	(void)close(fd);
	assert_true(got >= 0);
	ret[got] = '\0';
	while ((at = strstr(ret, directory)) != NULL)
		memmove(at, at + strlen(directory), strlen(at + strlen(directory)) + 1);
	return exit_code;
}

/* What /run would refuse with the same code. */
static void check_looks_at_the_database(void **state)
{
	static char *const none[] = { NULL };
	CLEANUP_FREE char *good = path_of("good.ini");
	char out[1024];
	(void)state;
	assert_int_equal(run_check(good, VARIABLES("DATABASE_URL=hunter2"), none, out, sizeof(out)),
			 78);
	assert_string_equal(out, "pidone: error: DATABASE_URL: not a database URL: write "
				 "postgresql://user:password@host:5432/name\n");
	assert_int_equal(run_check(good, VARIABLES("DATABASE_URL=postgres://u@h/d"), none, out,
				   sizeof(out)),
			 0);
	assert_int_equal(run_check(good, VARIABLES("DATABASE_URL=sqlite:///d"), none, out,
				   sizeof(out)),
			 0);
	assert_int_equal(run_check(good, VARIABLES("DATABASE_URL_FILE=/nowhere/url"), none, out,
				   sizeof(out)),
			 0);
	assert_string_equal(out, "/good.ini is fine; roles: /run, /web\n");
}

static void check_tells_what_is_fine_and_what_is_not(void **state)
{
	static char *const none[] = { NULL };
	static char extra[] = "x";
	static char *const one[] = { extra, NULL };
	CLEANUP_FREE char *good = path_of("good.ini");
	CLEANUP_FREE char *bad = path_of("bad.ini");
	CLEANUP_FREE char *warns = path_of("warns.ini");
	CLEANUP_FREE char *empty = path_of("empty.ini");
	char out[1024];
	(void)state;
	assert_int_equal(run_check(good, none, none, out, sizeof(out)), 0);
	assert_string_equal(out, "/good.ini is fine; roles: /run, /web\n");
	assert_int_equal(run_check(empty, none, none, out, sizeof(out)), 0);
	assert_string_equal(out, "/empty.ini is fine; it defines no roles, and none is detected here\n");
	assert_int_equal(run_check(warns, VARIABLES("PIDONE_FOO=1"), none, out, sizeof(out)), 0);
	assert_string_equal(out,
			    "pidone: warning: PIDONE_FOO: unknown variable: it is ignored\n"
			    "pidone: warning: /warns.ini:2: 'restart-max' in [run] does nothing with "
			    "restart = never\n"
			    "/warns.ini is fine; roles: /run; 2 warnings\n");
	assert_int_equal(run_check(bad, none, none, out, sizeof(out)), 78);
	assert_string_equal(out,
			    "pidone: error: /bad.ini:2: unknown key 'comand' in [run]: did you mean "
			    "'command'?\n"
			    "pidone: error: /bad.ini:3: 'drain' in [run]: '5' is not a length of time: "
			    "write a number and its unit, such as 500ms, 10s, 5m or 1h\n");
	assert_int_equal(run_check(good, none, one, out, sizeof(out)), 64);
	assert_string_equal(out, "pidone: error: check: 'x' is not understood; the file is named with "
				 "--config; usage: pidone check [/ROLE ...]\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_a_file_is_refused),
		cmocka_unit_test(the_option_wins_over_the_variable),
		cmocka_unit_test(variables_are_read_behind_the_file),
		cmocka_unit_test(check_looks_at_the_database),
		cmocka_unit_test(check_tells_what_is_fine_and_what_is_not),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("config_file", tests, set_up, tear_down);
}
