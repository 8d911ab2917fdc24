/* uWSGI and TERM: when is there something to warn of? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pure/command.h"
#include "pure/plan.h"

static const char *no_variable(const char *name ATTR_UNUSED, const void *context ATTR_UNUSED)
{
	return NULL;
}

/* files: the names that are to be looked into, with a blank behind each; NULL: nothing to say. */
static void assert_reloads(const char *command, const char *files)
{
	struct list words = { 0 }, found = { 0 };
	struct buf text = { 0 };
	struct err err;
	assert_int_equal(command_expand(command, no_variable, NULL, &words, &err), 0);
	if (plan_uwsgi_reloads(&words, &found) != (files != NULL))
		fail_msg("'%s': %s", command, files != NULL ? "no warning" : "a warning");
	for (size_t i = 0; i < found.n; i++)
		buf_format(&text, "%s ", found.items[i]);
	if (files != NULL)
		assert_string_equal(buf_text(&text), files);
	buf_fini(&text);
	list_fini(&words);
	list_fini(&found);
}

static void words_of_the_command(void **state ATTR_UNUSED)
{
	assert_reloads("uwsgi --http-socket :8000 --module a.wsgi --master", "");
	assert_reloads("uwsgi_python3 --module a.wsgi", "");
	assert_reloads("/venv/bin/uwsgi --ini a.ini", "a.ini ");
	assert_reloads("uwsgi --ini=/etc/a.conf --module die-on-term", "/etc/a.conf ");
	assert_reloads("uwsgi a.ini:web b.ini", "a.ini:web b.ini ");
	assert_reloads("uwsgi --ini", "");
	assert_reloads("uwsgi --module a.wsgi --die-on-term", NULL);
	assert_reloads("uwsgi --master --hook-master-start "
		       "'unix_signal:15 gracefully_kill_them_all'",
		       NULL);
	assert_reloads("uwsgi --hook-master-start=unix_signal:15\\ gracefully_kill_them_all", NULL);
	assert_reloads("uwsgi --hook-master-start 'unix_signal:1 gracefully_kill_them_all'", "");
	/* told where nobody looks here */
	assert_reloads("uwsgi --yaml a.yaml", NULL);
	assert_reloads("uwsgi a.xml", NULL);
	assert_reloads("uwsgi --emperor /etc/vassals", NULL);
	/* others */
	assert_reloads("gunicorn a.wsgi", NULL);
	assert_reloads("uwsgitop /run/stats", NULL);
	assert_reloads("env A=b uwsgi --module a.wsgi", NULL);
	assert_reloads("python3 -m", NULL);
}

static void an_ini_file(void **state ATTR_UNUSED)
{
	assert_true(plan_uwsgi_ini_tells("[uwsgi]\nmaster = true\ndie-on-term = true\n"));
	assert_true(plan_uwsgi_ini_tells("[uwsgi]\r\n\tdie-on-term=1\r\n"));
	assert_true(plan_uwsgi_ini_tells("die-on-term"));
	assert_true(plan_uwsgi_ini_tells(
		"hook-master-start = unix_signal:15 gracefully_kill_them_all\n"));
	assert_true(plan_uwsgi_ini_tells("[uwsgi]\nini = other.ini\n"));
	assert_false(plan_uwsgi_ini_tells(""));
	assert_false(plan_uwsgi_ini_tells("[uwsgi]\nmaster = true\n"));
	assert_false(plan_uwsgi_ini_tells("; die-on-term = true\n#die-on-term = true\n"));
	assert_false(plan_uwsgi_ini_tells("die-on-term = false\n\n\ndie-on-term = 0\n"));
	assert_false(plan_uwsgi_ini_tells("die-on-term = off\r\n"));
	assert_false(plan_uwsgi_ini_tells("die-on-terminal = true\n"));
	assert_false(plan_uwsgi_ini_tells("module = x ; die-on-term\n"));
	assert_false(plan_uwsgi_ini_tells("hook-master-start = unix_signal:1 exit\n"));
}

static void a_variable(void **state ATTR_UNUSED)
{
	assert_true(plan_uwsgi_variable_tells("UWSGI_DIE_ON_TERM=1"));
	assert_true(plan_uwsgi_variable_tells("UWSGI_DIE_ON_TERM=true"));
	assert_true(plan_uwsgi_variable_tells("UWSGI_INI=/etc/a.ini"));
	assert_true(plan_uwsgi_variable_tells(
		"UWSGI_HOOK_MASTER_START=unix_signal:15 gracefully_kill_them_all"));
	assert_false(plan_uwsgi_variable_tells("UWSGI_DIE_ON_TERM=false"));
	assert_false(plan_uwsgi_variable_tells("UWSGI_MASTER=true"));
	assert_false(plan_uwsgi_variable_tells("DIE_ON_TERM=1"));
}

static void assert_term(const char *ini, bool expected)
{
	struct config config = { 0 };
	struct config_problems problems = { 0 };
	config_read(&config, ini, strlen(ini), "pidone.ini", &problems);
	assert_int_equal(problems.n, 0);
	if (plan_stops_by_term(&config, "run") != expected)
		fail_msg("'%s': %s", ini, expected ? "another signal" : "TERM");
	config_problems_fini(&problems);
	config_fini(&config);
}

static void the_stop_signal(void **state ATTR_UNUSED)
{
	assert_term("", true);
	assert_term("[run]\nstop-signal = TERM\n", true);
	assert_term("[run]\nsignal.HUP = USR1\n", true);
	assert_term("[async]\nstop-signal = INT\n", true);
	assert_term("[run]\nstop-signal = INT\n", false);
	assert_term("[run]\nstop-signal = SIGQUIT\n", false);
	assert_term("[run]\nsignal.TERM = QUIT\n", false);
}

static void what_is_said(void **state ATTR_UNUSED)
{
	char *text = plan_uwsgi_warning("pidone.ini:7");
	assert_true(starts_with(text, "pidone.ini:7: TERM reloads uWSGI instead of stopping it"));
	assert_non_null(strstr(text, "--die-on-term"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_of_the_command), cmocka_unit_test(an_ini_file),
		cmocka_unit_test(a_variable),           cmocka_unit_test(the_stop_signal),
		cmocka_unit_test(what_is_said),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
