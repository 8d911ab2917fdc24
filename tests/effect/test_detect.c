/* Facts: what a working directory and PATH tell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "effect/detect_parts.h"
#include "temp_dir.h"

#define TEXT(literal) ((char *)(uintptr_t)(literal))
#define ENVIRONMENT(...) ((char *[]){ __VA_ARGS__, NULL })
#define NO_PATH TEXT("PATH=/nowhere")

static const char manage_py[] =
	"#!/usr/bin/env python\n"
	"    # os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'old.settings')\n"
	"    os.environ.setdefault(\"DJANGO_SETTINGS_MODULE\", \"mysite.settings\")\n";

static void empty_directory(void **state ATTR_UNUSED)
{
	struct plan_facts facts;
	detect_facts(&facts, "run", ENVIRONMENT(NO_PATH));
	assert_false(facts.role_file);
	assert_false(facts.has_manage_py);
	assert_null(facts.procfile);
	assert_null(facts.python);
	assert_null(facts.uwsgi);
	assert_null(facts.wsgi);
	assert_false(facts.has_gunicorn || facts.has_uvicorn || facts.has_daphne ||
		     facts.has_celery);
	assert_int_equal(facts.static_root, PLAN_STATIC_NONE);
	assert_int_equal(facts.has_shell, access("/bin/sh", X_OK) == 0);
	detect_facts_fini(&facts);
}

static void programs_on_path(void **state ATTR_UNUSED)
{
	struct plan_facts facts;
	temp_dir_write("a/uwsgi", "", 0755);
	temp_dir_write("a/gunicorn", "", 0644); /* not executable */
	temp_dir_write("a/celery/x", "", 0755); /* a directory */
	temp_dir_write("b/uwsgi_python3", "", 0755);
	temp_dir_write("b/python3", "", 0755);
	temp_dir_write("b/uvicorn", "", 0755);
	temp_dir_write("daphne", "", 0755);
	detect_facts(&facts, "run", ENVIRONMENT(TEXT("PATH=a:b")));
	assert_string_equal(facts.uwsgi, "uwsgi");
	assert_string_equal(facts.python, "python3");
	assert_true(facts.has_uvicorn);
	assert_false(facts.has_gunicorn || facts.has_celery || facts.has_daphne);
	detect_facts_fini(&facts);
	temp_dir_write("a/python", "", 0755);
	detect_facts(&facts, "run", ENVIRONMENT(TEXT("PATH=b::a")));
	assert_string_equal(facts.uwsgi, "uwsgi_python3");
	assert_string_equal(facts.python, "python");
	assert_true(facts.has_daphne); /* by the empty item */
	detect_facts_fini(&facts);
}

static bool reloads(const char *file, const char *directory, char *variable)
{
	struct list words = { 0 };
	list_add(&words, "uwsgi");
	list_add(&words, "--ini");
	list_add(&words, file);
	bool found = detect_uwsgi_reloads(&words, directory, ENVIRONMENT(variable));
	list_fini(&words);
	return found;
}

static void uwsgi_and_its_files(void **state ATTR_UNUSED)
{
	temp_dir_write("d/plain.ini", "[uwsgi]\nmaster = true\n", 0644);
	temp_dir_write("d/told.ini", "[uwsgi]\ndie-on-term = true\n", 0644);
	assert_true(reloads("d/plain.ini", NULL, NO_PATH));
	assert_true(reloads("plain.ini", "d", NO_PATH));
	assert_true(reloads("plain.ini:uwsgi", "d", NO_PATH));
	assert_false(reloads("told.ini", "d", NO_PATH));
	assert_false(reloads("told.ini:uwsgi", "d", NO_PATH));
	assert_false(reloads("d/plain.ini", NULL, TEXT("UWSGI_DIE_ON_TERM=1")));
	assert_false(reloads("d/elsewhere.ini", NULL, NO_PATH)); /* it may be in the image */
}

static void other_programs(void **state ATTR_UNUSED)
{
	temp_dir_write("program", "", 0755);
	temp_dir_write("text", "", 0644);
	assert_true(detect_is_other_program("program"));
	assert_false(detect_is_other_program("text"));
	assert_false(detect_is_other_program("."));
	assert_false(detect_is_other_program("nothing"));
	assert_false(detect_is_other_program("/proc/self/exe"));
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	assert_true(n > 0);
	self[n] = '\0';
	assert_int_equal(symlink(self, "link"), 0);
	assert_false(detect_is_other_program("link"));
}

static void django_project(void **state ATTR_UNUSED)
{
	struct plan_facts facts;
	temp_dir_write("manage.py", manage_py, 0644);
	temp_dir_write("Procfile", "web: x\n", 0644);
	temp_dir_write("mysite/settings.py",
		       "INSTALLED_APPS = [\n    'a',\n    'django_q',\n]\n"
		       "STATIC_ROOT = BASE_DIR / 'static'\n",
		       0644);
	temp_dir_write("mysite/wsgi.py", "", 0644);
	temp_dir_write("mysite/celery.py", "app.conf.worker_concurrency = 2\n", 0644);
	detect_facts(&facts, "run", ENVIRONMENT(NO_PATH));
	assert_true(facts.has_manage_py);
	assert_string_equal(facts.procfile, "web: x\n");
	assert_string_equal(facts.wsgi, "mysite.wsgi");
	assert_null(facts.asgi);
	assert_string_equal(facts.celery_app, "mysite");
	assert_true(facts.celery_sets_concurrency);
	assert_true(facts.has_django_q);
	char expected[4096];
	assert_non_null(getcwd(expected, sizeof(expected) - 16));
	(void)strcat(expected, "/static");
	assert_string_equal(facts.static_root_path, expected);
	detect_facts_fini(&facts);
}

static void settings_in_a_package(void **state ATTR_UNUSED)
{
	struct plan_facts facts;
	temp_dir_write("manage.py", manage_py, 0644);
	temp_dir_write("config/settings/base.py",
		       "INSTALLED_APPS = [\"django_q\"]\nSTATIC_ROOT = '/a'\n", 0644);
	temp_dir_write("config/settings/prod.py",
		       "from .base import *\nSTATIC_ROOT = '/nowhere/static'\n", 0644);
	temp_dir_write("config/asgi.py", "", 0644);
	temp_dir_write("wsgi.py", "", 0644);
	temp_dir_write("celery.py", "", 0644); /* would hide the library */
	detect_facts(&facts, "run",
		     ENVIRONMENT(NO_PATH, TEXT("DJANGO_SETTINGS_MODULE=config.settings.prod")));
	assert_string_equal(facts.asgi, "config.asgi");
	assert_string_equal(facts.wsgi, "wsgi");
	assert_null(facts.celery_app);
	assert_true(facts.has_django_q);
	assert_string_equal(facts.static_root_path, "/nowhere/static");
	detect_facts_fini(&facts);
	/* no way out of the directory, nothing odd */
	detect_facts(&facts, "run",
		     ENVIRONMENT(NO_PATH, TEXT("DJANGO_SETTINGS_MODULE=../x.settings")));
	assert_null(facts.wsgi);
	detect_facts_fini(&facts);
}

static void commented_out(void **state ATTR_UNUSED)
{
	struct plan_facts facts;
	temp_dir_write("manage.py", manage_py, 0644);
	temp_dir_write("mysite/settings.py",
		       "A = [\n    # 'django_q',\n    'django_qx', 'my.django_q',\n]\n"
		       "# STATIC_ROOT = '/a'\nX_STATIC_ROOT = '/b'\n",
		       0644);
	detect_facts(&facts, "run", ENVIRONMENT(NO_PATH));
	assert_false(facts.has_django_q);
	assert_null(facts.static_root_path);
	assert_null(facts.wsgi);
	detect_facts_fini(&facts);
}

static void static_root_collected(void **state ATTR_UNUSED)
{
	struct plan_facts facts;
	temp_dir_write("manage.py", manage_py, 0644);
	temp_dir_write("mysite/settings.py", "STATIC_ROOT = BASE_DIR / \"static\"\n", 0644);
	detect_facts(&facts, "init", ENVIRONMENT(NO_PATH));
	enum plan_static_root empty = facts.static_root;
	detect_facts_fini(&facts);
	temp_dir_write("static/admin.css", "", 0644);
	detect_facts(&facts, "init", ENVIRONMENT(NO_PATH));
	enum plan_static_root full = facts.static_root;
	detect_facts_fini(&facts);
	if (empty == PLAN_STATIC_ON_VOLUME) { /* /tmp is a mount of its own here */
		assert_int_equal(full, PLAN_STATIC_ON_VOLUME);
		return;
	}
	assert_int_equal(empty, PLAN_STATIC_IN_LAYER);
	assert_int_equal(full, PLAN_STATIC_COLLECTED);
}

static void assert_static_root(const char *settings, const char *expected)
{
	char *path = detect_static_root(settings, "/app");
	if (expected == NULL)
		assert_null(path);
	else
		assert_string_equal(path != NULL ? path : "(none)", expected);
	free(path);
}

static void static_root_forms(void **state ATTR_UNUSED)
{
	assert_static_root("STATIC_ROOT = BASE_DIR / 'x'\n", "/app/x");
	assert_static_root("STATIC_ROOT=BASE_DIR / \"x\" / 'y'  # here", "/app/x/y");
	assert_static_root("A = 1\nSTATIC_ROOT = os.path.join(BASE_DIR, 'x', \"y\")\r\n", "/app/x/y");
	assert_static_root("STATIC_ROOT = os.path.join(\n    BASE_DIR,\n    'x'\n)\n", "/app/x");
	assert_static_root("STATIC_ROOT = '/srv/static'\n", "/srv/static");
	assert_static_root("STATIC_ROOT = '/a'\nSTATIC_ROOT = '/b'\n", "/b");
	assert_static_root("STATIC_ROOT = '/a'\nSTATIC_ROOT = env('X')\n", NULL);
	assert_static_root("STATIC_ROOT = 'relative'\n", NULL);
	assert_static_root("STATIC_ROOT = None\n", NULL);
	assert_static_root("STATIC_ROOT == '/a'\n", NULL);
	assert_static_root("STATIC_ROOT = '/a' + SUFFIX\n", NULL);
	assert_static_root("STATIC_ROOT = '/a\\n'\n", NULL);
	assert_static_root("STATIC_ROOT = BASE_DIR / name\n", NULL);
	assert_static_root("STATIC_ROOT = BASE_DIR.parent / 'x'\n", NULL);
	assert_static_root("STATIC_ROOT = os.path.join(ROOT, 'x')\n", NULL);
	assert_static_root("STATIC_ROOT = os.path.join(BASE_DIR, 'x'\n", NULL);
	assert_static_root("STATIC_ROOT = 'open\n", NULL);
	assert_static_root("STATIC_ROOT", NULL);
	assert_static_root("", NULL);
}

static void volumes(void **state ATTR_UNUSED)
{
	static const char mountinfo[] =
		"22 1 0:21 / / rw,relatime - overlay overlay rw\n"
		"23 22 0:22 / /proc rw - proc proc rw\n"
		"24 22 8:1 /pods/x /app/static rw - ext4 /dev/sda1 rw\n"
		"25 22 8:1 / /with\\040blank rw - ext4 /dev/sda1 rw\n";
	assert_true(detect_on_volume("/app/static", mountinfo));
	assert_true(detect_on_volume("/app/static/css", mountinfo));
	assert_true(detect_on_volume("/with blank/x", mountinfo));
	assert_false(detect_on_volume("/app/static2", mountinfo));
	assert_false(detect_on_volume("/app", mountinfo));
	assert_false(detect_on_volume("/app/static", ""));
	assert_false(detect_on_volume("/app/static", "24 22 8:1\nx"));
}

static void gunicorn_settings(void **state ATTR_UNUSED)
{
	struct plan_facts facts;
	temp_dir_write("gunicorn.conf.py", "# bind = 'x'\nbind_x = 1\nthreads=2\n", 0644);
	detect_facts(&facts, "run", ENVIRONMENT(NO_PATH, TEXT("WEB_CONCURRENCY=1")));
	assert_false(facts.gunicorn_sets_bind);
	assert_true(facts.gunicorn_sets_workers);
	assert_false(facts.gunicorn_sets_keep_alive);
	assert_false(facts.several_workers);
	detect_facts_fini(&facts);
	temp_dir_write("gunicorn.conf.py", "import os\nbind  = 'x'\nkeepalive = 75\n", 0644);
	detect_facts(&facts, "run", ENVIRONMENT(NO_PATH, TEXT("WEB_CONCURRENCY=3")));
	assert_true(facts.gunicorn_sets_bind);
	assert_false(facts.gunicorn_sets_workers);
	assert_true(facts.gunicorn_sets_keep_alive);
	assert_true(facts.several_workers);
	detect_facts_fini(&facts);
	assert_int_equal(remove("gunicorn.conf.py"), 0);
	detect_facts(&facts, "run",
		     ENVIRONMENT(NO_PATH, TEXT("GUNICORN_CMD_ARGS=--threads=8 -b 0.0.0.0:80")));
	assert_true(facts.gunicorn_sets_bind);
	assert_true(facts.gunicorn_sets_workers);
	detect_facts_fini(&facts);
	detect_facts(&facts, "run",
		     ENVIRONMENT(NO_PATH, TEXT("GUNICORN_CMD_ARGS=--backlog 5 --threadsx 3 "
					       "--keep-alive 75")));
	assert_true(facts.gunicorn_sets_keep_alive);
	assert_false(facts.gunicorn_sets_bind);
	assert_false(facts.gunicorn_sets_workers);
	detect_facts_fini(&facts);
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
		CASE(empty_directory), CASE(programs_on_path),      CASE(uwsgi_and_its_files),
		CASE(other_programs),  CASE(django_project),        CASE(settings_in_a_package),
		CASE(commented_out),   CASE(static_root_collected), CASE(static_root_forms),
		CASE(volumes),         CASE(gunicorn_settings),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
