/* Commands: words, quotes, variables, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pure/command.h"

static const char *lookup(const char *name, const void *context)
{
	for (const char *const *pair = context; pair[0] != NULL; pair += 2)
		if (streq(pair[0], name))
			return pair[1];
	return NULL;
}

static const char *const variables[] = {
	"PORT", "8000", "TWO", "a b", "EMPTY", "", "QUOTE", "\"'$PORT\\", "HOME", "/home/app", NULL,
};

/* Words joined with '|', or "! message" for an error. */
static void assert_words(const char *text, const char *expected)
{
	struct list argv = { 0 };
	struct buf got = { 0 };
	struct err err = { 0 };
	if (command_expand(text, lookup, variables, &argv, &err) < 0) {
		buf_format(&got, "! %s", err.msg);
		assert_int_equal(argv.n, 0);
	}
	for (size_t i = 0; i < argv.n; i++)
		buf_format(&got, "%s%s", i > 0 ? "|" : "", argv.items[i]);
	assert_string_equal(buf_text(&got), expected);
	buf_fini(&got);
	list_fini(&argv);
}

static void assert_text(const char *text, const char *expected)
{
	char *value = NULL;
	struct err err = { 0 };
	if (command_expand_text(text, lookup, variables, &value, &err) < 0) {
		assert_null(value);
		assert_string_equal(err.msg, expected);
		return;
	}
	assert_string_equal(value, expected);
	free(value);
}

static void words_are_split_at_blanks(void **state)
{
	(void)state;
	assert_words("gunicorn mysite.wsgi", "gunicorn|mysite.wsgi");
	assert_words("  a\t b\n  c\r\n", "a|b|c");
	assert_words("--bind [::]:8000 *.py a&&b # no comment", "--bind|[::]:8000|*.py|a&&b|#|no|comment");
}

static void quotes_work_as_in_a_shell(void **state)
{
	(void)state;
	assert_words("a 'b c' \"d e\"", "a|b c|d e");
	assert_words("a'b c'd\"e f\"g", "ab cde fg");
	assert_words("'$PORT' \"$PORT\" \"\\$PORT\" \\$PORT", "$PORT|8000|$PORT|$PORT");
	assert_words("a '' \"\" b", "a|||b");
	assert_words("\"a\\\"b\" \"a\\\\b\" \"a\\`b\" \"a\\nb\" \"it's\"", "a\"b|a\\b|a`b|a\\nb|it's");
	assert_words("a\\ b \\\"c\\' \\\\", "a b|\"c'|\\");
	assert_words("a\\\nb \"c\\\nd\" 'e\\\nf'", "ab|cd|e\\\nf");
}

static void variables_are_expanded(void **state)
{
	(void)state;
	assert_words("x $PORT ${PORT}0 a$PORT-b", "x|8000|80000|a8000-b");
	assert_words("$PORT_X x", "x");
	assert_words("${PORT:-1} ${NO:-1} ${EMPTY:-2}", "8000|1|2");
	assert_words("x $NO ${EMPTY} y", "x|y");
	assert_words("x \"$NO\" '' $NO'' y", "x||||y");
	assert_words("x $ $$ $1 a$ $(date) ${PORT}", "x|$|$$|$1|a$|$(date)|8000");
}

static void a_value_is_never_split_or_read_again(void **state)
{
	(void)state;
	assert_words("x $TWO \"$TWO\"", "x|a b|a b");
	assert_words("x $QUOTE", "x|\"'$PORT\\");
}

static void defaults_may_hold_variables_and_quotes(void **state)
{
	(void)state;
	assert_words("x ${NO:-${PORT}}", "x|8000");
	assert_words("x ${NO:-${ALSO:-$HOME/x}}", "x|/home/app/x");
	assert_words("x ${NO:-a b}", "x|a b");
	assert_words("x ${NO:-\"a  b\"} ${NO:-'$PORT'} \"${NO:-it's}\"", "x|a  b|$PORT|it's");
	assert_words("x ${NO:-a\\}b} ${NO:-\"}\"} ${NO:-}", "x|a}b|}");
	assert_words("x \"a\\}b\" ${NO:-\"a\\}b\"} \"${NO:-a\\}b}\"", "x|a\\}b|a\\}b|a}b");
	assert_words("x \"${NO:-}\"", "x|");
	assert_words("x \"${NO:-\"a b\"}\"", "x|a b");
}

static void required_variables_stop(void **state)
{
	(void)state;
	assert_words("x ${PORT:?set it}", "x|8000");
	assert_words("x ${NO:?set it}", "! NO: set it");
	assert_words("x ${EMPTY:?set it to $PORT}", "! EMPTY: set it to 8000");
	assert_words("x ${NO:?}", "! NO: is not set");
	assert_words("x ${PORT:-${NO:?never asked}}", "x|8000");
	assert_words("x ${NO:-${ALSO:?asked}}", "! ALSO: asked");
}

static void what_is_malformed_is_refused(void **state)
{
	static const struct { const char *text, *message; } cases[] = {
		{ "", "the command is empty" },
		{ "  \t ", "the command is empty" },
		{ "a 'b", "a single quote (') is never closed" },
		{ "a \"b", "a double quote (\") is never closed" },
		{ "a \"${NO:-x\"", "a double quote (\") is never closed" },
		{ "a b\\", "a backslash at the end escapes nothing: remove it, or write \\\\" },
		{ "a ${PORT", "a ${ is never closed: write } behind it, or \\$ for a dollar" },
		{ "a ${", "a ${ is never closed: write } behind it, or \\$ for a dollar" },
		{ "a ${PORT:-b", "a ${ is never closed: write } behind it, or \\$ for a dollar" },
		{ "a ${}", "${ needs a variable's name, as in ${PORT}; write \\$ for a dollar" },
		{ "a ${1}", "${ needs a variable's name, as in ${PORT}; write \\$ for a dollar" },
		{ "a ${PORT-1}", "${PORT…} is not understood: there are ${PORT}, ${PORT:-default} "
				 "and ${PORT:?message}" },
		{ "a ${PORT:}", "${PORT…} is not understood: there are ${PORT}, ${PORT:-default} "
				"and ${PORT:?message}" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = { 0 };
		assert_int_equal(command_check(cases[i].text, &err), -1);
		assert_string_equal(err.msg, cases[i].message);
	}
	assert_words("a 'b", "! a single quote (') is never closed");
	assert_words("$NO $EMPTY", "! the command is empty once its variables are expanded");
}

static void well_formed_commands_pass_the_check(void **state)
{
	struct err err;
	(void)state;
	assert_int_equal(command_check("a ${NO:?needed} ${B:-'c d'} \"$E\" \\\" $(x)", &err), 0);
	assert_int_equal(command_check("$COMMAND", &err), 0);
}

static void nesting_has_a_bound(void **state)
{
	struct buf text = { 0 };
	struct err err;
	(void)state;
	for (int i = 0; i < 16; i++)
		buf_add_text(&text, "${A:-");
	for (int i = 0; i < 16; i++)
		buf_add_char(&text, '}');
	assert_int_equal(command_check(buf_text(&text), &err), 0);
	buf_fini(&text);
	for (int i = 0; i < 100000; i++)
		buf_add_text(&text, i % 2 == 0 ? "${A:-" : "\"");
	assert_int_equal(command_check(buf_text(&text), &err), -1);
	buf_fini(&text);
}

static void words_before_an_error_are_not_added(void **state)
{
	struct list argv = { 0 };
	struct err err;
	(void)state;
	list_add(&argv, "kept");
	assert_int_equal(command_expand("a b ${NO:?x}", lookup, variables, &argv, &err), -1);
	assert_int_equal(argv.n, 1);
	assert_int_equal(command_expand("a b", lookup, variables, &argv, &err), 0);
	assert_int_equal(argv.n, 3);
	assert_string_equal(argv.items[2], "b");
	list_fini(&argv);
}

static void texts_keep_blanks_and_quotes(void **state)
{
	(void)state;
	assert_text("", "");
	assert_text(" a  'b' \"c\" ", " a  'b' \"c\" ");
	assert_text("http://h:${PORT}/$NO", "http://h:8000/");
	assert_text("\\$PORT \\x \\\\ \\", "$PORT \\x \\\\ \\");
	assert_text("${NO:-it's \"x\"} }", "it's \"x\" }");
	assert_text("${NO:-a\\}b}", "a}b");
	assert_text("a ${NO", "a ${ is never closed: write } behind it, or \\$ for a dollar");
	assert_text("${NO:?give it}", "NO: give it");
}

static void assert_program(const char *text, const char *expected)
{
	char buffer[16];
	assert_string_equal(command_program(text, buffer, sizeof(buffer)), expected);
}

static void the_program_is_named_shortly(void **state)
{
	(void)state;
	assert_program("gunicorn a", "gunicorn");
	assert_program(" /venv/bin/gunicorn a/b c", "gunicorn");
	assert_program("\"/my apps/run it\" now", "run it");
	assert_program("/my\\ apps/run\\ it now", "run it");
	assert_program("${VENV:-/venv}/bin/python x", "python");
	assert_program("${PROGRAM:-/a/b} x", "${PROGRAM:-/a/b");
	assert_program("/bin/", "bin/");
	assert_program("", "");
	assert_program("/bin/abcdefghijklmnopqrstuvwxyz", "abcdefghijklmno");
}

static void assert_name(const char *text, const char *expected)
{
	char buffer[24];
	assert_string_equal(command_name(text, buffer, sizeof(buffer)), expected);
}

static void a_step_is_named_after_djangos_command(void **state)
{
	(void)state;
	assert_name("python manage.py createsuperuser --noinput", "createsuperuser");
	assert_name("/venv/bin/python /app/manage.py warm_cache", "warm_cache");
	assert_name("./manage.py loaddata2", "loaddata2");
	/* no other word: it may be a secret */
	assert_name("./setup --password s3cret", "setup");
	assert_name("python manage.py --password=s3cret x", "python");
	assert_name("python manage.py s3cret! x", "python");
	assert_name("sh -c 'python manage.py migrate'", "sh");
	assert_name("python manage.py", "python");
	assert_name("python manage.py abcdefghijklmnopqrstuvwxyz", "python");
}

static void assert_operator(const char *text, const char *expected)
{
	const char *got = command_shell_operator(text);
	if (expected == NULL)
		assert_null(got);
	else
		assert_string_equal(got != NULL ? got : "(none)", expected);
}

static void shell_operators_are_found_outside_quotes(void **state)
{
	(void)state;
	assert_operator("a && b", "&&");
	assert_operator("a || b", "||");
	assert_operator("a & b", "&");
	assert_operator("a | b", "|");
	assert_operator("a; b", ";");
	assert_operator("a >> log", ">");
	assert_operator("a 2>&1", ">");
	assert_operator("a < b", "<");
	assert_operator("(a)", "(");
	assert_operator("a *.py", "*");
	assert_operator("a $(date)", "$(");
	assert_operator("a \"$(date)\"", "$(");
	assert_operator("a `date`", "`");
	assert_operator("A=1 b", "NAME=value");
	assert_operator("a '&&' \"|\" \\; x", NULL);
	assert_operator("a '$(x)' \"'\" b", NULL);
	assert_operator("a --x=1 ${B:-c|d\\}|${E:-;}} [::]:80 http://h/?x=1", NULL);
	assert_operator("a \"b\" | c", "|");
	assert_operator("a 'b", NULL);
	assert_operator("a ${b", NULL);
	assert_operator("", NULL);
}

static void quoted_words_come_back(void **state)
{
	static const char *const words[] = { "plain", "", "a b", "it's", "$PORT", "a;b", "\\", "\"",
					     "''", "a\nb", "é", "#", "[::]:80" };
	struct buf text = { 0 };
	struct list argv = { 0 };
	struct err err;
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		command_quote(&text, words[i]);
		buf_add_char(&text, ' ');
	}
	assert_true(starts_with(buf_text(&text), "plain '' 'a b' 'it'\\''s' '$PORT' "));
	assert_int_equal(command_expand(buf_text(&text), lookup, variables, &argv, &err), 0);
	assert_int_equal(argv.n, ARRAY_SIZE(words));
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		assert_string_equal(argv.items[i], words[i]);
	list_fini(&argv);
	buf_fini(&text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_split_at_blanks),
		cmocka_unit_test(quotes_work_as_in_a_shell),
		cmocka_unit_test(variables_are_expanded),
		cmocka_unit_test(a_value_is_never_split_or_read_again),
		cmocka_unit_test(defaults_may_hold_variables_and_quotes),
		cmocka_unit_test(required_variables_stop),
		cmocka_unit_test(what_is_malformed_is_refused),
		cmocka_unit_test(well_formed_commands_pass_the_check),
		cmocka_unit_test(nesting_has_a_bound),
		cmocka_unit_test(words_before_an_error_are_not_added),
		cmocka_unit_test(texts_keep_blanks_and_quotes),
		cmocka_unit_test(the_program_is_named_shortly),
		cmocka_unit_test(a_step_is_named_after_djangos_command),
		cmocka_unit_test(shell_operators_are_found_outside_quotes),
		cmocka_unit_test(quoted_words_come_back),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
