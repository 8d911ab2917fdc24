/* `pidone explain`: what is shown, what never is, and that --ini reads back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture.h"
#include "cmd/cmd.h"
#include "pure/config.h"
#include "temp_dir.h"

#define TEXT(literal) ((char *)(uintptr_t)(literal))
#define LIST(...) ((char *[]){ __VA_ARGS__, NULL })

static int explain(struct capture *capture, char *const *environment, char *const *args)
{
	struct cmd_options options = {
		.config_path = "pidone.ini", .environment = environment, .args = args
	};
	capture_begin(capture);
	int code = cmd_explain(&options);
	capture_end(capture);
	return code;
}

static void assert_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		print_error("no '%s' in:\n%s\n", part, text);
	assert_non_null(strstr(text, part));
}

static const char hostile_ini[] =
	"[postgres]\nwait-timeout = 3m\nproject = \"a ; b\"\n"
	"[probes]\ncheck-host = shop.example.org\n"
	"[env]\nA = \" outer blanks \"\nB = it's ; cut\nC = \"say ; 'x'\"\nfrom-files = K\n"
	"D = ${A}-${NONE:-d}\n"
	"[init]\nstep = a 'b ; c'\nstep = d\nstep = e\nlock = none\n"
	"[run]\ncommand = gunicorn \"my site\" --bind [::]:${PORT:-8000}\n"
	"ready = http://localhost:8000/healthz\nready = exec:test 'a ; b'\nsignal.HUP = none\n"
	"stop-grace = 5s\n"
	"[async]\ncommand = celery worker\nprocess.beat = celery beat\nessential.beat = no\n"
	"[command]\nstop-signal = INT\n";

static void assert_same_settings(const struct config *a, const struct config *b)
{
	for (size_t i = 0; i < a->n; i++) {
		bool found = false;
		for (size_t j = 0; j < b->n; j++)
			found = found || (streq(a->entries[i].section, b->entries[j].section) &&
					  streq(a->entries[i].name, b->entries[j].name) &&
					  streq(a->entries[i].value, b->entries[j].value));
		if (!found)
			print_error("[%s] %s = %s is only in one of them\n", a->entries[i].section,
				    a->entries[i].name, a->entries[i].value);
		assert_true(found);
	}
}

static void ini_reads_back(void **state ATTR_UNUSED)
{
	struct capture capture;
	struct config before = { 0 }, after = { 0 };
	struct config_problems problems = { 0 };
	temp_dir_write("pidone.ini", hostile_ini, 0644);
	config_read(&before, hostile_ini, sizeof(hostile_ini) - 1, "pidone.ini", &problems);
	assert_int_equal(problems.n, 0);
	assert_int_equal(explain(&capture, LIST(TEXT("PATH=/nowhere")), LIST(TEXT("--ini"))), 0);
	assert_string_equal(capture.err, "");
	config_read(&after, capture.out, strlen(capture.out), "explained", &problems);
	for (size_t i = 0; i < problems.n; i++)
		print_error("%s: %s\n", problems.items[i].origin, problems.items[i].message);
	assert_int_equal(problems.n, 0);
	assert_same_settings(&before, &after);
	assert_same_settings(&after, &before);
	assert_int_equal(before.n, after.n);
	capture_free(&capture);
	config_fini(&before);
	config_fini(&after);
	config_problems_fini(&problems);
}

static void detection_becomes_settings(void **state ATTR_UNUSED)
{
	struct capture capture;
	temp_dir_write("pidone.ini", "", 0644);
	temp_dir_write("Procfile", "web: gunicorn a.wsgi\nbeat: celery beat\n", 0644);
	assert_int_equal(explain(&capture, LIST(TEXT("PATH=/nowhere")), LIST(TEXT("--ini"))), 0);
	assert_has(capture.out, "\n[run]\n; from Procfile:1 (web)\ncommand = gunicorn a.wsgi\n");
	assert_has(capture.out, "\n[beat]\n; from Procfile:2 (beat)\ncommand = celery beat\n");
	assert_has(capture.out, "\n; /async: not defined\n");
	assert_has(capture.out, "; stop-grace = 20s\n");
	capture_free(&capture);
}

/* The check that comes with a server is found anew in what --ini wrote. */
static void readiness_survives_the_ini(void **state ATTR_UNUSED)
{
	static const char ready[] = "; ready = http://localhost:${PORT:-8000}/  "
				    "(this server's default: any answer below 500)\n";
	struct capture before, after;
	temp_dir_write("pidone.ini", "", 0644);
	temp_dir_write("Procfile", "web: gunicorn a.wsgi --bind [::]:${PORT:-8000}\n", 0644);
	assert_int_equal(explain(&before, LIST(TEXT("PATH=/nowhere")), LIST(TEXT("--ini"))), 0);
	assert_has(before.out, ready);
	assert_int_equal(unlink("Procfile"), 0);
	temp_dir_write("pidone.ini", before.out, 0644);
	assert_int_equal(explain(&after, LIST(TEXT("PATH=/nowhere")), LIST(TEXT("--ini"))), 0);
	assert_has(after.out, ready);
	capture_free(&before);
	capture_free(&after);
	/* a wish of one's own replaces it */
	temp_dir_write("pidone.ini", "[run]\ncommand = gunicorn a.wsgi\nready = tcp://localhost:1\n",
		       0644);
	assert_int_equal(explain(&after, LIST(TEXT("PATH=/nowhere")), LIST(TEXT("/run"))), 0);
	assert_null(strstr(after.out, "http://localhost"));
	capture_free(&after);
}

static void settings_with_sources(void **state ATTR_UNUSED)
{
	struct capture capture;
	temp_dir_write("pidone.ini", "[run]\ncommand = a\n[init]\nstep = b\n", 0644);
	assert_int_equal(explain(&capture,
				 LIST(TEXT("PATH=/nowhere"), TEXT("PIDONE_RUN_STOP_GRACE=7s")),
				 LIST(TEXT("/run"))),
			 0);
	assert_string_equal(capture.err, "");
	assert_has(capture.out, "\n/run\n    command            a  (pidone.ini:2)\n");
	assert_has(capture.out, "    stop-grace         7s  (PIDONE_RUN_STOP_GRACE)\n");
	assert_has(capture.out, "    restart            never  (default)\n");
	assert_null(strstr(capture.out, "/init"));
	capture_free(&capture);
}

static void no_secrets(void **state ATTR_UNUSED)
{
	static const char ini[] =
		"[postgres]\nurl = postgresql://shop:hunter2@db/shop\n"
		"[env]\nSECRET_KEY = hunter2\nDB = redis://:hunter2@r/0\nAPI_TOKEN = ${X}\n"
		"[run]\ncommand = app --password hunter2\n"
		"wait = redis://:hunter2@broker:6379\n";
	char *const *const ways[] = { LIST(NULL), LIST(TEXT("--ini")), LIST(TEXT("/run")) };
	temp_dir_write("pidone.ini", ini, 0644);
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct capture capture;
		assert_int_equal(explain(&capture, LIST(TEXT("PATH=/nowhere"), TEXT("X=hunter2")),
					 ways[i]),
				 0);
		assert_null(strstr(capture.out, "hunter2"));
		assert_null(strstr(capture.err, "hunter2"));
		assert_has(capture.out, "postgresql://shop:***@db/shop");
		assert_has(capture.out, "app --password ***");
		assert_has(capture.out, "${X}");
		capture_free(&capture);
	}
}

static void nothing_and_mistakes(void **state ATTR_UNUSED)
{
	struct capture capture;
	temp_dir_write("pidone.ini", "", 0644);
	assert_int_equal(explain(&capture, LIST(TEXT("PATH=/nowhere")), LIST(TEXT("/rum"))), 78);
	assert_string_equal(capture.out, "");
	assert_has(capture.err, "pidone: error: no role /rum: did you mean /run? "
				"(roles: /init, /run, /async)\n"
				"The three shortest ways to define /rum:\n");
	capture_free(&capture);
	assert_int_equal(explain(&capture, LIST(TEXT("PATH=/nowhere")), LIST(TEXT("--yaml"))), 64);
	assert_string_equal(capture.err, "pidone: error: explain: '--yaml' is not understood; usage: "
					 "pidone explain [/ROLE] [--ini]\n");
	capture_free(&capture);
	assert_int_equal(explain(&capture, LIST(TEXT("PATH=/nowhere")), LIST(TEXT("run"))), 64);
	assert_string_equal(capture.err, "pidone: error: explain: 'run' is not understood: did you "
					 "mean /run? usage: pidone explain [/ROLE] [--ini]\n");
	capture_free(&capture);
	assert_int_equal(explain(&capture, LIST(TEXT("PATH=/nowhere")), LIST(TEXT("--help"))), 0);
	assert_string_equal(capture.out, "usage: pidone explain [/ROLE] [--ini]\n");
	capture_free(&capture);
	temp_dir_write("pidone.ini", "[run]\ncomand = a\n", 0644);
	assert_int_equal(explain(&capture, LIST(TEXT("PATH=/nowhere")), LIST(NULL)), 78);
	assert_has(capture.err, "pidone.ini:2");
	assert_string_equal(capture.out, "");
	capture_free(&capture);
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
		CASE(ini_reads_back), CASE(detection_becomes_settings), CASE(settings_with_sources),
		CASE(no_secrets),     CASE(nothing_and_mistakes),
		CASE(readiness_survives_the_ini),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
