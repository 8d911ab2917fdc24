/* The configuration: what is read, what is refused, and in which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/parse.h"
#include "pure/config.h"

#include <signal.h>
#include <stdio.h>

/* Everything that came of a text and an environment, as text. */
struct result {
	struct config config;
	struct config_problems problems;
	char *entries;  /* "[run] command = x @f:2\n" */
	char *messages; /* "E f:2: …\n", "W …" */
};

static char *const no_variables[] = { NULL };
#define VARIABLES(...) ((char *const *)(const char *const[]){ __VA_ARGS__, NULL })

static void result_make(struct result *result, const char *text, size_t length,
			char *const *environment)
{
	struct buf entries = { 0 }, messages = { 0 };
	*result = (struct result){ 0 };
	config_read(&result->config, text, length, "f", &result->problems);
	config_read_environment(&result->config, environment, &result->problems);
	config_validate(&result->config, &result->problems);
	for (size_t i = 0; i < result->config.n; i++) {
		const struct config_entry *entry = &result->config.entries[i];
		buf_format(&entries, "[%s] %s = %s @%s\n", entry->section, entry->name, entry->value,
			   entry->origin);
	}
	for (size_t i = 0; i < result->problems.n; i++) {
		const struct config_problem *problem = &result->problems.items[i];
		buf_format(&messages, "%c %s: %s\n", problem->is_error ? 'E' : 'W', problem->origin,
			   problem->message);
	}
	result->entries = buf_take(&entries);
	result->messages = buf_take(&messages);
}

static void result_fini(struct result *result)
{
	config_fini(&result->config);
	config_problems_fini(&result->problems);
	free(result->entries);
	free(result->messages);
}

static void assert_result(const char *text, char *const *environment, const char *entries,
			  const char *messages)
{
	struct result result;
	result_make(&result, text, strlen(text), environment);
	if (messages != NULL)
		assert_string_equal(result.messages, messages);
	if (entries != NULL)
		assert_string_equal(result.entries, entries);
	result_fini(&result);
}

static void assert_read(const char *text, const char *entries)
{
	assert_result(text, no_variables, entries, "");
}

static void assert_messages(const char *text, const char *messages)
{
	assert_result(text, no_variables, NULL, messages);
}

/* ---- lines ---- */

static void settings_are_read(void **state)
{
	(void)state;
	assert_read("", "");
	assert_read("# c\n; c\n\n[run]\ncommand = a b\nready=tcp://h:1\n[env]\nX=1\nY =\n",
		    "[run] command = a b @f:5\n[run] ready = tcp://h:1 @f:6\n"
		    "[env] X = 1 @f:8\n[env] Y =  @f:9\n");
	assert_read("[run]\ncommand: x a=b:c", "[run] command = x a=b:c @f:2\n");
	assert_read("[ run ]  ; comment\ncommand = a", "[run] command = a @f:2\n");
}

static void bom_and_crlf_are_taken(void **state)
{
	(void)state;
	assert_read("\xef\xbb\xbf[run]\r\ncommand = a \r\n\r\n[env]\r\nX = y\r\n",
		    "[run] command = a @f:2\n[env] X = y @f:5\n");
}

static void sections_may_be_repeated(void **state)
{
	(void)state;
	assert_read("[run]\nstep = a\n[init]\nstep = b\n[run]\nstep = c\n",
		    "[run] step = a @f:2\n[init] step = b @f:4\n[run] step = c @f:6\n");
	assert_messages("[run]\ncommand = a\n[run]\ncommand = c\n",
			"E f:4: 'command' in [run] is set twice, in line 2 and in line 4: keep one\n");
}

static void comments_stop_at_quotes(void **state)
{
	(void)state;
	assert_read("[env]\nA = b ; c\nB = b;c\nC = x \";\" y ; z\nD = ; only\nE = it's ; c\n"
		    "F = a\t; c\nG = http://h/#x\nH = a # b\nI = 'a ; b' ; c\nJ = \"a\\\" ; b\" ; c\n",
		    "[env] A = b @f:2\n[env] B = b;c @f:3\n[env] C = x \";\" y @f:4\n[env] D =  @f:5\n"
		    "[env] E = it's @f:6\n[env] F = a @f:7\n[env] G = http://h/#x @f:8\n"
		    "[env] H = a # b @f:9\n[env] I = a ; b @f:10\n[env] J = \"a\\\" ; b\" @f:11\n");
	assert_read("[run]\ncommand = sh -c 'a ; b' ; c\n", "[run] command = sh -c 'a ; b' @f:2\n");
}

static void quotes_around_a_whole_value_go(void **state)
{
	(void)state;
	assert_read("[env]\nA = \" a \"\nB = '$X'\nC = \"a\" \"b\"\nD = \"\"\nE = \"\nF = \"$X\"\n",
		    "[env] A =  a  @f:2\n[env] B = \\$X @f:3\n[env] C = \"a\" \"b\" @f:4\n"
		    "[env] D =  @f:5\n[env] E = \" @f:6\n[env] F = $X @f:7\n");
	assert_read("[probes]\ncheck-host = 'h.example'\n[run]\ncommand = 'a b'\n",
		    "[probes] check-host = h.example @f:2\n[run] command = 'a b' @f:4\n");
}

static void indented_lines_continue(void **state)
{
	(void)state;
	assert_result("[run]\ncommand = a ; x\n  b   c ; y\n; comment\n  # comment\n\t--d=1\nstep = e\n",
		      no_variables, "[run] command = a b   c --d=1 @f:2\n[run] step = e @f:7\n", "");
	assert_read("[env]\nX =\n  a\nY = b\n", "[env] X = a @f:2\n[env] Y = b @f:4\n");
	assert_read("[env]\nX = a\n  ;b\n  #c\n  d;e\n", "[env] X = a d;e @f:2\n");
}

static void strange_indentation_is_told(void **state)
{
	(void)state;
	assert_messages("[run]\n  command = a\n",
			"E f:2: an indented line continues the value above it, but there is none: "
			"remove the blanks in front\n");
	assert_messages("[run]\ncommand = a\n\n  b\n",
			"E f:4: an indented line continues the value above it, but there is none: "
			"remove the blanks in front\n");
	assert_result("[run]\ncommand = a\n  drain = 5s\n  [init]\n  x = y\n", no_variables,
		      "[run] command = a drain = 5s [init] x = y @f:2\n",
		      "W f:3: this line continues the value of 'command', because it is indented: "
		      "remove the blanks in front if it is a setting\n"
		      "W f:4: this line continues the value of 'command', because it is indented: "
		      "remove the blanks in front if it is a setting\n");
}

static void malformed_lines_are_refused(void **state)
{
	(void)state;
	assert_result("x = 1\n[run\n[run] x\n[]\nnot told\n[run]\nneither\n= x\n", no_variables, "",
		      "E f:1: 'x' stands in no section: put [run], [env] or another above it\n"
		      "E f:2: a section's name needs a closing bracket: [run]\n"
		      "E f:3: text behind a section's name: put it on a line of its own\n"
		      "E f:4: a section's name has 1 to 49 characters\n"
		      "E f:7: neither [section] nor key = value\n"
		      "E f:8: a key is missing in front of '='\n");
	assert_messages("[run]\na b = c\n\"a ;b\" = c\n\xc3\xa9 : c\n[\"a ;b\"]\nx = y\n",
			"E f:2: what stands in front of '=' is not a key: no blanks, no quotes, only "
			"letters, digits, '.', '-' and '_'\n"
			"E f:3: what stands in front of '=' is not a key: no blanks, no quotes, only "
			"letters, digits, '.', '-' and '_'\n"
			"E f:4: what stands in front of ':' is not a key: no blanks, no quotes, only "
			"letters, digits, '.', '-' and '_'\n"
			"E f:5: a section's name has letters and digits only, such as [run]\n");
	assert_messages("[run]\nstep = a\rb\nstep = \x01\n",
			"E f:2: a control character (0x0d): remove it\n"
			"E f:3: a control character (0x01): remove it\n");
}

static void nul_bytes_are_refused(void **state)
{
	static const char text[] = "[run]\nstep = a\0b\nstep = c\n";
	struct result result;
	(void)state;
	result_make(&result, text, sizeof(text) - 1, no_variables);
	assert_string_equal(result.entries, "[run] step = c @f:3\n");
	assert_string_equal(result.messages, "E f:2: a NUL byte: the file must be plain text "
					     "(UTF-8, not UTF-16)\n");
	result_fini(&result);
}

/* inih's buffer has 200 bytes here and 50 for sections; no boundary of them may
 * be seen, whatever byte stands on it. */
static void long_values_arrive_whole(void **state)
{
	static const char *const fillers[] = { "x", " ;x", "\t ", "\"a ; b\" ", "#", "[", "\xc3\xa9" };
	(void)state;
	for (size_t f = 0; f < ARRAY_SIZE(fillers); f++) {
		for (size_t n = 150; n < 450; n++) {
			struct buf text = { 0 }, value = { 0 }, expected = { 0 };
			buf_add_text(&value, "'");
			while (value.length < n)
				buf_add_text(&value, fillers[f]);
			buf_add_text(&value, "'y");
			buf_format(&text, "[run]\nstep = %s ; comment\nstep = z\n", buf_text(&value));
			buf_format(&expected, "[run] step = %s @f:2\n[run] step = z @f:3\n",
				   buf_text(&value));
			assert_read(buf_text(&text), buf_text(&expected));
			buf_fini(&text);
			buf_fini(&value);
			buf_fini(&expected);
		}
	}
}

static void very_long_values_arrive_whole(void **state)
{
	struct buf text = { 0 };
	struct result result;
	(void)state;
	buf_add_text(&text, "[env]\nX = ");
	for (int i = 0; i < 10000; i++)
		buf_format(&text, "%d ;", i % 10);
	result_make(&result, buf_text(&text), text.length, no_variables);
	assert_string_equal(result.messages, "");
	assert_string_equal(result.config.entries[0].value, "0"); /* a comment follows */
	result_fini(&result);
	buf_fini(&text);
	buf_add_text(&text, "[env]\nX = ");
	for (int i = 0; i < 100000; i++)
		buf_format(&text, "%d", i % 10);
	result_make(&result, buf_text(&text), text.length, no_variables);
	assert_string_equal(result.messages, "");
	assert_int_equal(strlen(result.config.entries[0].value), 100000);
	assert_string_equal(result.config.entries[0].value, buf_text(&text) + 10);
	result_fini(&result);
	buf_fini(&text);
}

static void names_have_a_limit(void **state)
{
	char name[160] = "", text[512], expected[512];
	(void)state;
	memset(name, 'X', 128);
	(void)snprintf(text, sizeof(text), "[env]\n%s = v\n  w\n", name);
	(void)snprintf(expected, sizeof(expected), "[env] %s = v w @f:2\n", name);
	assert_read(text, expected);
	name[128] = 'X';
	(void)snprintf(text, sizeof(text), "[env]\n%s = v\n", name);
	assert_messages(text, "E f:2: the key is longer than 128 characters\n");
	memset(name, '\0', sizeof(name));
	memset(name, 'x', 49);
	(void)snprintf(text, sizeof(text), "[%s]\ncommand = v\n", name);
	(void)snprintf(expected, sizeof(expected), "[%s] command = v @f:2\n", name);
	assert_read(text, expected);
	name[49] = 'x';
	(void)snprintf(text, sizeof(text), "[%s]\ncommand = v\n", name);
	assert_messages(text, "E f:1: a section's name has 1 to 49 characters\n");
}

static void huge_files_are_refused(void **state)
{
	char *text = mem_alloc(CONFIG_SIZE_MAX + 1);
	struct result result;
	(void)state;
	memset(text, '\n', CONFIG_SIZE_MAX + 1);
	result_make(&result, text, CONFIG_SIZE_MAX, no_variables);
	assert_string_equal(result.messages, "");
	result_fini(&result);
	result_make(&result, text, CONFIG_SIZE_MAX + 1, no_variables);
	assert_string_equal(result.messages,
			    "E f: the file is larger than 128 KiB: is it a configuration?\n");
	result_fini(&result);
	free(text);
}

/* ---- keys and sections ---- */

static void unknown_keys_are_told_with_a_remedy(void **state)
{
	(void)state;
	assert_messages("[run]\ncomand = x\nstop_grace = 5s\nREADY = tcp://h:1\nproces.beat = x\n"
			"check-host = h\nurl = x\nfrobnicate = 1\nDEBUG = 1\nprocess = x\n",
			"E f:2: unknown key 'comand' in [run]: did you mean 'command'?\n"
			"E f:3: unknown key 'stop_grace' in [run]: did you mean 'stop-grace'?\n"
			"E f:4: unknown key 'READY' in [run]: did you mean 'ready'?\n"
			"E f:5: unknown key 'proces.beat' in [run]: did you mean 'process.beat'?\n"
			"E f:6: 'check-host' does not stand in [run]: it belongs in [probes]\n"
			"E f:7: 'url' does not stand in [run]: it belongs in [postgres]\n"
			"E f:8: unknown key 'frobnicate' in [run]\n"
			"E f:9: unknown key 'DEBUG' in [run]: variables belong in [env]\n"
			"E f:10: unknown key 'process' in [run]\n");
	assert_messages("[probes]\ndrain = 5s\n[env]\nfrom-file = X\nA-B = 1\n[log]\nlvel = info\n",
			"E f:2: 'drain' does not stand in [probes]: it belongs in the section of a role, "
			"such as [run]\n"
			"E f:4: unknown key 'from-file' in [env]: did you mean 'from-files'?\n"
			"E f:5: 'A-B' in [env] is no name of a variable: letters, digits and _\n"
			"E f:7: unknown key 'lvel' in [log]: did you mean 'level'?\n");
}

static void unknown_sections_are_told_once(void **state)
{
	(void)state;
	assert_messages("[postgre]\nurl = x\n[evn]\nX = y\n[Run]\ncommand = x\n[my-role]\nq = r\n[probs]\n"
			"[PROBES]\n[postgre]\nproject = x\n",
			"E f:1: unknown section [postgre]: did you mean [postgres]? (a role of that name "
			"needs a command here)\n"
			"E f:3: unknown section [evn]: did you mean [env]? (a role of that name needs a "
			"command here)\n"
			"E f:5: unknown section [Run]: did you mean [run]?\n"
			"E f:7: unknown section [my-role]: a role's name is a small letter and then small "
			"letters and digits only\n"
			"E f:9: unknown section [probs]: did you mean [probes]? (a role of that name needs "
			"a command here)\n"
			"E f:10: unknown section [PROBES]: did you mean [probes]?\n");
	assert_read("[logs]\ncommand = x\n", "[logs] command = x @f:2\n");
}

static void families_have_names(void **state)
{
	(void)state;
	assert_result("[async]\nprocess.beat = a\nessential.beat = no\nsignal.SIGHUP = USR1\n"
		      "signal.15 = none\nprocess.two_2-x = c\n", no_variables,
		      "[async] process.beat = a @f:2\n[async] essential.beat = no @f:3\n"
		      "[async] signal.HUP = USR1 @f:4\n[async] signal.TERM = none @f:5\n"
		      "[async] process.two_2-x = c @f:6\n", "");
	assert_messages("[run]\nprocess. = a\nprocess.Beat = a\nprocess.main = a\nsignal.FOO = TERM\n"
			"signal.KILL = TERM\nsignal.HUP = a\nsignal.1 = none\nessential.x = yes\n",
			"E f:2: 'process.' in [run] needs a name of at most 32 small letters, digits, - "
			"and _ behind the dot, such as process.beat\n"
			"E f:3: 'process.Beat' in [run] needs a name of at most 32 small letters, digits, "
			"- and _ behind the dot, such as process.beat\n"
			"E f:4: 'process.main' in [run]: main is the process of 'command', and always "
			"essential\n"
			"E f:5: 'signal.FOO' in [run]: 'FOO' is not a signal: write its name, such as "
			"signal.TERM\n"
			"E f:6: 'signal.KILL' in [run]: no process ever sees this signal, so it cannot be "
			"forwarded as another\n"
			"E f:7: 'signal.HUP' in [run]: 'a' is not a signal: write its name, such as TERM, "
			"QUIT or RTMIN+3, or none\n"
			"E f:8: 'signal.1' in [run] is set twice, in line 7 and in line 8: keep one\n"
			"E f:9: 'essential.x' in [run], but there is no 'process.x'\n");
}

/* ---- values ---- */

static void assert_value(const char *section, const char *key, const char *value,
			 const char *message)
{
	char text[512], expected[512] = "";
	(void)snprintf(text, sizeof(text), "[%s]\n%s = %s\n", section, key, value);
	if (message != NULL)
		(void)snprintf(expected, sizeof(expected), "E f:2: '%s' in [%s]: %s\n", key, section,
			       message);
	assert_messages(text, expected);
}

static void good_values_pass(void **state)
{
	static const struct { const char *section, *key, *value; } cases[] = {
		{ "postgres", "url", "postgresql://u:p@h/d" }, { "postgres", "url-env", "_DB2" },
		{ "postgres", "url", "sqlite:///db" },         { "postgres", "lock-url", "${DIRECT_URL}" },
		{ "probes", "listen", "localhost:80" },        { "probes", "listen", "127.0.0.1:80" },
		{ "probes", "listen", ":80" },                 { "run", "listen", "[::1]:80" },
		{ "postgres", "wait-timeout", "none" },        { "postgres", "attempt-timeout", "500ms" },
		{ "postgres", "target", "any" },               { "postgres", "target", "read-write" },
		{ "postgres", "secret-dir", "/run/x" },        { "probes", "listen", "none" },
		{ "probes", "listen", "[::]:9480" },           { "probes", "listen", "80" },
		{ "probes", "max-connections", "1" },          { "env", "from-files", "SECRET_KEY" },
		{ "log", "level", "debug" },                   { "run", "drain", "0s" },
		{ "run", "umask", "027" },                     { "run", "stop-signal", "SIGQUIT" },
		{ "run", "stop-signal", "rtmin+3" },           { "run", "success-codes", "0 3  255" },
		{ "run", "no-new-privs", "ON" },               { "run", "step-retries", "0" },
		{ "run", "socket", "none" },                   { "run", "ready", "tcp://h:1" },
		{ "async", "restart-max", "none" },            { "async", "restart-max", "0" },
		{ "async", "live", "heartbeat:/tmp/x 60s" },   { "async", "wait", "redis://broker:6379" },
		{ "env", "X", "${A:-b}" },                     { "run", "stop-grace", "none" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_value(cases[i].section, cases[i].key, cases[i].value, NULL);
}

static void bad_values_are_refused(void **state)
{
	static const struct { const char *section, *key, *value, *message;
	} cases[] = {
		{ "run", "command", "", "the value is empty: write one, or remove the line" },
		{ "run", "drain", "5",
		  "'5' is not a length of time: write a number and its unit, such as "
		  "500ms, 10s, 5m or 1h" },
		{ "run", "drain", "none",
		  "'none' is not a length of time: write a number and its unit, "
		  "such as 500ms, 10s, 5m or 1h" },
		{ "run", "stop-grace", "1 s",
		  "'1 s' is not a length of time: write a number and its "
		  "unit, such as 500ms, 10s, 5m or 1h, or none" },
		{ "run", "check-interval", "0s", "must be longer than 0s" },
		{ "run", "check-failures", "0", "'0' is not a number from 1 to 1000000" },
		{ "run", "step-retries", "-1", "'-1' is not a number from 0 to 1000000" },
		{ "async", "restart-max", "x", "'x' is not a number from 0 to 1000000, or none" },
		{ "run", "shell", "maybe", "'maybe' is not yes or no" },
		{ "run", "umask", "888",
		  "'888' is not an octal number from 000 to 777, such as 027" },
		{ "run", "umask", "1000",
		  "'1000' is not an octal number from 000 to 777, such as 027" },
		{ "run", "stop-signal", "KILL",
		  "KILL comes by itself at the end of stop-grace: to "
		  "have it at once write stop-grace = 0s" },
		{ "run", "stop-signal", "19", "STOP ends nothing: write TERM, INT or QUIT" },
		{ "run", "stop-signal", "none",
		  "'none' is not a signal: write its name, such as TERM, "
		  "QUIT or RTMIN+3" },
		{ "run", "restart", "sometimes", "'sometimes' is not never, on-failure or always" },
		{ "run", "restart", "never always",
		  "'never always' is not never, on-failure or always" },
		{ "run", "restart", "failure", "'failure' is not never, on-failure or always" },
		{ "run", "lock", "redis", "'redis' is not postgres or none" },
		{ "run", "listen", "::1",
		  "this is not an address: write HOST:PORT, such as [::]:9480 or "
		  "127.0.0.1:9480, a port alone, or none" },
		{ "run", "listen", "nohost:99",
		  "the host is not an address, and names are not resolved here: write an address, "
		  "such as [::]:9480 or 127.0.0.1:9480, or localhost" },
		{ "postgres", "url", "bad",
		  "not a database URL: write postgresql://user:password@host:5432/name" },
		{ "postgres", "lock-url", "xx",
		  "not a database URL: write postgresql://user:password@host:5432/name" },
		{ "run", "directory", "app",
		  "this is not an absolute path: it must start with a slash" },
		{ "run", "socket", "x",
		  "this is not an absolute path: it must start with a slash, or be "
		  "none" },
		{ "run", "success-codes", "3, 4",
		  "'3, 4' is not a list of exit codes: write numbers from "
		  "0 to 255 with blanks between, such as 3 143" },
		{ "run", "success-codes", "256",
		  "'256' is not a list of exit codes: write numbers from 0 "
		  "to 255 with blanks between, such as 3 143" },
		{ "env", "from-files", "A, B",
		  "'A, B' is not the name of an environment variable: one "
		  "name, of letters, digits and _" },
		{ "env", "X", "${A",
		  "a ${ is never closed: write } behind it, or \\$ for a dollar" },
		{ "run", "command", "a 'b", "a single quote (') is never closed" },
		{ "run", "command", "a && b",
		  "&& needs a shell: set shell = yes, or quote it if it is "
		  "meant as it stands" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_value(cases[i].section, cases[i].key, cases[i].value, cases[i].message);
}

static void a_secret_in_the_wrong_line_is_not_shown(void **state)
{
	static const char *const texts[] = {
		"[postgres]\nwait-timeout = postgres://u:hunter2@h/d\n",
		"[postgres]\ntarget = hunter2-hunter2-hunter2-hunter2-hunter2\n",
		"[run]\nready = redis://:hunter2@h\n", "[run]\nwait = postgresql://u:hunter2@h:x/d\n",
		"[run]\nhunter2\n", "hunter2\n", "[env]\nX = hunter2 ${\n", "[run]\nlisten = hunter2\n",
		"[run]\nlisten = hunter2:80\n", "[postgres]\nurl = hunter2\n",
		"[postgres]\nurl = postgres://u:hunter2@h:x/d\n",
		"[postgres]\nlock-url = host=h password=hunter2\n",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct result result;
		result_make(&result, texts[i], strlen(texts[i]), no_variables);
		assert_null(strstr(result.messages, "hunter2"));
		result_fini(&result);
	}
}

static void a_shell_reads_its_commands_itself(void **state)
{
	(void)state;
	assert_read("[run]\nshell = yes\ncommand = a && b | \"$((1+2))\" 'x\n",
		    "[run] shell = yes @f:2\n[run] command = a && b | \"$((1+2))\" 'x @f:3\n");
}

static void keys_without_effect_are_warned_about(void **state)
{
	(void)state;
	assert_messages("[postgres]\nurl = postgres://h/d\nsecret-dir = /x\n[run]\nrestart-max = 3\nlock-timeout = 5s\n"
			"on-live-failure = restart\n[async]\nrestart-delay = 5s\n[init]\nlock-timeout = 1m\n",
			"W f:5: 'restart-max' in [run] does nothing with restart = never\n"
			"W f:6: 'lock-timeout' in [run] does nothing with lock = none\n"
			"W f:7: 'on-live-failure' in [run] does nothing without 'live'\n"
			"W f:3: 'secret-dir' in [postgres] is not used: 'url' (f:2) comes first\n");
}

static void all_problems_are_told_at_once_in_order(void **state)
{
	(void)state;
	assert_messages("x = 1\n[run]\ncomand = x\nneither\ndrain = 5\n[probs]\n[env]\nX = ${\n",
			"E f:1: 'x' stands in no section: put [run], [env] or another above it\n"
			"E f:3: unknown key 'comand' in [run]: did you mean 'command'?\n"
			"E f:4: neither [section] nor key = value\n"
			"E f:5: 'drain' in [run]: '5' is not a length of time: write a number and its "
			"unit, such as 500ms, 10s, 5m or 1h\n"
			"E f:6: unknown section [probs]: did you mean [probes]? (a role of that name needs "
			"a command here)\n"
			"E f:8: 'X' in [env]: a ${ is never closed: write } behind it, or \\$ for a "
			"dollar\n");
}

/* ---- variables ---- */

static void variables_replace_the_file(void **state)
{
	(void)state;
	assert_result("[run]\nstep = a\ncommand = c\nstep = b\nready = tcp://h:1\n",
		      VARIABLES("PIDONE_RUN_STEP=x\n\n  y  \n", "PIDONE_RUN_COMMAND=z",
				"PIDONE_RUN_STOP_GRACE=5s", "HOME=/", "PIDONE_CONFIG=/x",
				"PIDONE_RELEASE=1", "PIDONE_CPUS=2", "PIDONE_RUN_DRAIN="),
		      "[run] step = x @PIDONE_RUN_STEP\n[run] step = y @PIDONE_RUN_STEP\n"
		      "[run] command = z @PIDONE_RUN_COMMAND\n[run] ready = tcp://h:1 @f:5\n"
		      "[run] stop-grace = 5s @PIDONE_RUN_STOP_GRACE\n", "");
}

static void variables_reach_every_kind_of_key(void **state)
{
	(void)state;
	assert_result("[async]\nprocess.my_beat = a\nprocess.other-one = b\n[env]\nX = 1\n",
		      VARIABLES("PIDONE_ASYNC_PROCESS_MY_BEAT=c", "PIDONE_ASYNC_PROCESS_NEW_ONE=d",
				"PIDONE_ASYNC_ESSENTIAL_MY_BEAT=no", "PIDONE_ASYNC_SIGNAL_TERM=QUIT",
				"PIDONE_ASYNC_SIGNAL_SCOPE=group", "PIDONE_ENV_X=2",
				"PIDONE_ENV_DJANGO_debug=1", "PIDONE_ENV_FROM_FILES=A\nB",
				"PIDONE_POSTGRES_URL_ENV=DB", "PIDONE_PROBES_CHECK_HOST=h",
				"PIDONE_LOG_LEVEL=debug", "PIDONE_COMMAND_USER=app",
				"PIDONE_WEB2_COMMAND=w", "PIDONE_RUN_WAIT=tcp://h:80"),
		      "[async] process.my_beat = c @PIDONE_ASYNC_PROCESS_MY_BEAT\n"
		      "[async] process.other-one = b @f:3\n[env] X = 2 @PIDONE_ENV_X\n"
		      "[async] process.new-one = d @PIDONE_ASYNC_PROCESS_NEW_ONE\n"
		      "[async] essential.my_beat = no @PIDONE_ASYNC_ESSENTIAL_MY_BEAT\n"
		      "[async] signal.TERM = QUIT @PIDONE_ASYNC_SIGNAL_TERM\n"
		      "[async] signal-scope = group @PIDONE_ASYNC_SIGNAL_SCOPE\n"
		      "[env] DJANGO_debug = 1 @PIDONE_ENV_DJANGO_debug\n"
		      "[env] from-files = A @PIDONE_ENV_FROM_FILES\n"
		      "[env] from-files = B @PIDONE_ENV_FROM_FILES\n"
		      "[postgres] url-env = DB @PIDONE_POSTGRES_URL_ENV\n"
		      "[probes] check-host = h @PIDONE_PROBES_CHECK_HOST\n"
		      "[log] level = debug @PIDONE_LOG_LEVEL\n"
		      "[command] user = app @PIDONE_COMMAND_USER\n"
		      "[web2] command = w @PIDONE_WEB2_COMMAND\n"
		      "[run] wait = tcp://h:80 @PIDONE_RUN_WAIT\n", "");
}

static void bad_variables_are_errors_unknown_ones_warnings(void **state)
{
	(void)state;
	assert_result("[web]\ncommand = x\n",
		      VARIABLES("PIDONE_RUN_DRAIN=5", "PIDONE_RUN_COMAND=x", "PIDONE_FOO=1",
				"PIDONE_POSTGRE_URL=x", "PIDONE_RNU_COMMAND=x", "PIDONE_run_COMMAND=x",
				"PIDONE_WEB_FROB=1", "PIDONE_=x", "PIDONE_RUN_=x"),
		      "[web] command = x @f:2\n[rnu] command = x @PIDONE_RNU_COMMAND\n",
		      "E PIDONE_RUN_DRAIN: 'drain' in [run]: '5' is not a length of time: write a number "
		      "and its unit, such as 500ms, 10s, 5m or 1h\n"
		      "W PIDONE_RUN_COMAND: unknown variable: it is ignored; did you mean "
		      "PIDONE_RUN_COMMAND?\n"
		      "W PIDONE_FOO: unknown variable: it is ignored\n"
		      "W PIDONE_POSTGRE_URL: unknown variable: it is ignored; did you mean "
		      "PIDONE_POSTGRES_URL?\n"
		      "W PIDONE_RNU_COMMAND: this sets up a role /rnu: did you mean PIDONE_RUN_COMMAND?\n"
		      "W PIDONE_run_COMMAND: unknown variable: it is ignored\n"
		      "W PIDONE_WEB_FROB: unknown variable: it is ignored\n"
		      "W PIDONE_: unknown variable: it is ignored\n"
		      "W PIDONE_RUN_: unknown variable: it is ignored\n");
}

static void a_service_of_that_name_is_one_warning(void **state)
{
	(void)state;
	assert_result("", VARIABLES("PIDONE_SERVICE_HOST=10.0.0.1", "PIDONE_SERVICE_PORT=80",
				    "PIDONE_SERVICE_PORT_HTTP=80", "PIDONE_PORT=tcp://10.0.0.1:80",
				    "PIDONE_PORT_80_TCP=tcp://10.0.0.1:80", "PIDONE_PORT_80_TCP_PROTO=tcp",
				    "PIDONE_PORT_80_TCP_PORT=80", "PIDONE_PORT_80_TCP_ADDR=10.0.0.1",
				    "PIDONE_RUN_SERVICE_HOST=10.0.0.1", "PIDONE_RUN_PORT=tcp://10.0.0.1:80"),
		      "", "W PIDONE_SERVICE_HOST: Kubernetes set this and others like it for a Service; "
			  "they are ignored (enableServiceLinks: false in the pod keeps them away)\n");
}

/* ---- reading it ---- */

static void defaults_differ_by_section(void **state)
{
	static const struct { const char *section, *key, *value; } cases[] = {
		{ "init", "lock", "postgres" },      { "run", "lock", "none" },
		{ "web", "lock", "none" },           { "command", "lock", "none" },
		{ "run", "restart", "never" },       { "async", "restart", "always" },
		{ "init", "restart", "never" },      { "run", "listen", "[::]:9480" },
		{ "async", "listen", "[::]:9481" },  { "init", "listen", "none" },
		{ "web", "listen", "none" },         { "command", "listen", "none" },
		{ "run", "stop-grace", "20s" },      { "command", "stop-grace", "none" },
		{ "postgres", "url-env", "DATABASE_URL" }, { "run", "signal-scope", "main" },
		{ "postgres", "project", "default" }, { "log", "format", "text" },
		{ "run", "essential.beat", "yes" },
	};
	struct config config = { 0 };
	const char *origin = NULL;
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *value = config_get(&config, cases[i].section, cases[i].key, &origin);
		assert_string_equal(value, cases[i].value);
		assert_string_equal(origin, "default");
	}
	assert_null(config_get(&config, "run", "command", NULL));
	assert_null(config_get(&config, "run", "frobnicate", NULL));
	assert_null(config_get(&config, "probes", "listen", NULL));
}

static void typed_values_are_read(void **state)
{
	static const char text[] = "[run]\ndrain = 5s\nstop-grace = none\nshell = yes\nstop-signal = QUIT\n"
				   "restart = always\nrestart-max = 7\nlisten = 80\n[probes]\nlisten = 90\n"
				   "socket = /s\n";
	struct result result;
	const char *origin = NULL;
	(void)state;
	result_make(&result, text, sizeof(text) - 1, no_variables);
	const struct config *config = &result.config;
	assert_string_equal(result.messages, "");
	assert_true(config_duration(config, "run", "drain") == 5000);
	assert_true(config_duration(config, "web", "drain") == 0);
	assert_true(config_duration(config, "run", "stop-grace") == DURATION_NONE);
	assert_true(config_duration(config, "command", "stop-grace") == DURATION_NONE);
	assert_true(config_bool(config, "run", "shell"));
	assert_false(config_bool(config, "web", "shell"));
	assert_int_equal(config_signal(config, "run", "stop-signal"), SIGQUIT);
	assert_int_equal(config_signal(config, "web", "stop-signal"), 0);
	assert_int_equal(config_uint(config, "run", "restart-max"), 7);
	assert_true(config_uint(config, "web", "restart-max") == SIZE_MAX);
	assert_string_equal(config_get(config, "run", "listen", &origin), "80");
	assert_string_equal(origin, "f:8");
	assert_string_equal(config_get(config, "async", "listen", &origin), "90");
	assert_string_equal(origin, "f:10");
	assert_string_equal(config_get(config, "command", "listen", NULL), "none");
	assert_string_equal(config_get(config, "init", "socket", NULL), "/s");
	result_fini(&result);
}

static void repeated_keys_and_families_are_walked(void **state)
{
	static const char text[] = "[run]\nstep = a\nprocess.x = p\nstep = b\nprocess.y = q\n"
				   "[init]\nstep = c\n[env]\nfrom-files = F\nA = 1\nB = 2\n";
	struct result result;
	(void)state;
	result_make(&result, text, sizeof(text) - 1, no_variables);
	const struct config *config = &result.config;
	const struct config_entry *entry = config_next(config, "run", "step", NULL);
	assert_string_equal(entry->value, "a");
	entry = config_next(config, "run", "step", entry);
	assert_string_equal(entry->value, "b");
	assert_null(config_next(config, "run", "step", entry));
	entry = config_next(config, "run", "process.", NULL);
	assert_string_equal(config_entry_suffix(entry), "x");
	entry = config_next(config, "run", "process.", entry);
	assert_string_equal(config_entry_suffix(entry), "y");
	assert_null(config_next(config, "run", "process.", entry));
	entry = config_next(config, "env", NULL, NULL);
	assert_string_equal(entry->name, "A");
	assert_null(entry->key);
	entry = config_next(config, "env", NULL, entry);
	assert_string_equal(entry->name, "B");
	assert_null(config_next(config, "env", NULL, entry));
	result_fini(&result);
}

static void roles_are_known_by_name(void **state)
{
	static const char text[] = "[postgres]\n[run]\n[web2]\ncommand = x\n[run]\n[Bad]\n[env]\n";
	struct result result;
	struct list roles = { 0 };
	(void)state;
	result_make(&result, text, sizeof(text) - 1,
		    VARIABLES("PIDONE_MAIL_COMMAND=x", "PIDONE_MAIL_STEP=x", "PIDONE_OTHER_FROB=x"));
	config_roles(&result.config, &roles);
	assert_int_equal(roles.n, 3);
	assert_string_equal(roles.items[0], "run");
	assert_string_equal(roles.items[1], "web2");
	assert_string_equal(roles.items[2], "mail");
	assert_true(config_has_role(&result.config, "run"));
	assert_true(config_has_role(&result.config, "mail"));
	assert_false(config_has_role(&result.config, "async"));
	assert_false(config_has_role(&result.config, "postgres"));
	assert_false(config_has_role(&result.config, "other"));
	assert_true(config_is_role_name("a1"));
	assert_false(config_is_role_name(""));
	assert_false(config_is_role_name("1a"));
	assert_false(config_is_role_name("a-b"));
	assert_false(config_is_role_name("env"));
	list_fini(&roles);
	result_fini(&result);
}

static void the_table_is_sound(void **state)
{
	size_t n;
	const struct config_key *keys = config_keys(&n);
	(void)state;
	for (size_t i = 0; i < n; i++) {
		assert_true(strlen(keys[i].meaning) > 10 && strlen(keys[i].meaning) < 90);
		assert_true(keys[i].meaning[strlen(keys[i].meaning) - 1] != '.');
		assert_true(keys[i].type != CONFIG_CHOICE || keys[i].choices != NULL);
		assert_false(keys[i].repeats && keys[i].fallback != NULL);
		for (size_t j = 0; j < i; j++)
			assert_false(keys[j].where == keys[i].where && streq(keys[j].name, keys[i].name));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_are_read),
		cmocka_unit_test(bom_and_crlf_are_taken),
		cmocka_unit_test(sections_may_be_repeated),
		cmocka_unit_test(comments_stop_at_quotes),
		cmocka_unit_test(quotes_around_a_whole_value_go),
		cmocka_unit_test(indented_lines_continue),
		cmocka_unit_test(strange_indentation_is_told),
		cmocka_unit_test(malformed_lines_are_refused),
		cmocka_unit_test(nul_bytes_are_refused),
		cmocka_unit_test(long_values_arrive_whole),
		cmocka_unit_test(very_long_values_arrive_whole),
		cmocka_unit_test(names_have_a_limit),
		cmocka_unit_test(huge_files_are_refused),
		cmocka_unit_test(unknown_keys_are_told_with_a_remedy),
		cmocka_unit_test(unknown_sections_are_told_once),
		cmocka_unit_test(families_have_names),
		cmocka_unit_test(good_values_pass),
		cmocka_unit_test(bad_values_are_refused),
		cmocka_unit_test(a_secret_in_the_wrong_line_is_not_shown),
		cmocka_unit_test(a_shell_reads_its_commands_itself),
		cmocka_unit_test(keys_without_effect_are_warned_about),
		cmocka_unit_test(all_problems_are_told_at_once_in_order),
		cmocka_unit_test(variables_replace_the_file),
		cmocka_unit_test(variables_reach_every_kind_of_key),
		cmocka_unit_test(bad_variables_are_errors_unknown_ones_warnings),
		cmocka_unit_test(a_service_of_that_name_is_one_warning),
		cmocka_unit_test(defaults_differ_by_section),
		cmocka_unit_test(typed_values_are_read),
		cmocka_unit_test(repeated_keys_and_families_are_walked),
		cmocka_unit_test(roles_are_known_by_name),
		cmocka_unit_test(the_table_is_sound),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
