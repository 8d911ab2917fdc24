/* uWSGI takes TERM for "load everything anew" unless it is told otherwise, so a container
 * with it seems to hang until KILL ends it. Is it told? What it reads that is not looked
 * into here (YAML, an included file …) may tell it: then there is nothing to say. */
#include "base/mem.h"
#include "base/parse.h"
#include "pure/plan_sources.h"

#include <ctype.h>

#include <signal.h>

/* The master runs this at TERM, in place of the reload. */
#define HOOK "unix_signal:15"

/* "app.ini" and "app.ini:section" */
static bool is_ini(const char *word)
{
	const char *found = strstr(word, ".ini");
	return word[0] != '-' && found != NULL && (found[4] == '\0' || found[4] == ':');
}

static bool is_read_elsewhere(const struct list *words, size_t from)
{
	static const char *const options[] = { "--yaml",    "--yml",    "--xml",     "--json",
					       "--emperor", "--config", "--include", "--inherit",
					       "-y",        "-x",       "-j" };
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (plan_words_have(words, from, options[i]))
			return true;
	for (size_t i = from; i < words->n; i++) {
		const char *dot = strrchr(words->items[i], '.');
		if (words->items[i][0] != '-' && dot != NULL &&
		    (streq(dot, ".yaml") || streq(dot, ".yml") || streq(dot, ".xml") ||
		     streq(dot, ".json")))
			return true;
	}
	return false;
}

bool plan_uwsgi_reloads(const struct list *words, struct list *ret_ini_files)
{
	size_t at = plan_words_program(words);
	if (at >= words->n || !plan_is_uwsgi(plan_words_name(words, at)) ||
	    plan_words_have(words, at + 1, "--die-on-term") || is_read_elsewhere(words, at + 1))
		return false;
	for (size_t i = at + 1; i < words->n; i++) {
		const char *word = words->items[i];
		if (strstr(word, HOOK) != NULL)
			return false;
		if (is_ini(word))
			list_add(ret_ini_files, word);
		else if (starts_with(word, "--ini="))
			list_add(ret_ini_files, word + strlen("--ini="));
		else if (streq(word, "--ini") && i + 1 < words->n)
			list_add(ret_ini_files, words->items[++i]);
	}
	return true;
}

/* As uWSGI reads a switch: everything is yes but its words for no. */
static bool is_on(const char *value, size_t length)
{
	static const char *const words[] = { "false", "off", "no", "0" };
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strlen(words[i]) == length && strncasecmp(words[i], value, length) == 0)
			return false;
	return true;
}

static bool is_key(const char *key, size_t length, const char *name)
{
	return strlen(name) == length && strncmp(key, name, length) == 0;
}

/* One setting: "die-on-term = true", "die-on-term". */
static bool line_tells(const char *line, size_t length)
{
	static const char *const elsewhere[] = { "ini", "include", "import", "inherit", "yaml" };
	const char *equals = memchr(line, '=', length);
	size_t key = equals != NULL ? (size_t)(equals - line) : length;
	while (key > 0 && strchr(" \t\r", line[key - 1]) != NULL)
		key--;
	for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++)
		if (is_key(line, key, elsewhere[i]))
			return true;
	if (is_key(line, key, "hook-master-start"))
		return memmem(line, length, HOOK, strlen(HOOK)) != NULL;
	if (!is_key(line, key, "die-on-term"))
		return false;
	const char *value = equals != NULL ? equals + 1 : line + length, *end = line + length;
	while (value < end && strchr(" \t", *value) != NULL)
		value++;
	while (end > value && strchr(" \t\r", end[-1]) != NULL)
		end--;
	return is_on(value, (size_t)(end - value));
}

bool plan_uwsgi_ini_tells(const char *text)
{
	for (const char *line = text; *line != '\0';) {
		line += strspn(line, " \t");
		size_t length = strcspn(line, "\n");
		if (line_tells(line, length))
			return true;
		line += length;
		line += *line == '\n';
	}
	return false;
}

bool plan_uwsgi_variable_tells(const char *variable)
{
	if (!starts_with(variable, "UWSGI_"))
		return false;
	CLEANUP_FREE char *line = mem_dup(variable + strlen("UWSGI_"));
	for (char *c = line; *c != '\0' && *c != '='; c++)
		*c = *c == '_' ? '-' : (char)tolower((unsigned char)*c);
	return line_tells(line, strlen(line));
}

bool plan_stops_by_term(const struct config *config, const char *role)
{
	int signo = config_signal(config, role, "stop-signal");
	if (signo != 0 && signo != SIGTERM)
		return false;
	for (const struct config_entry *entry = NULL;
	     (entry = config_next(config, role, "signal.", entry)) != NULL;) {
		int from = 0;
		if (parse_signal(config_entry_suffix(entry), &from) == 0 && from == SIGTERM)
			return false;
	}
	return true;
}

char *plan_uwsgi_warning(const char *origin)
{
	return mem_format("%s: TERM reloads uWSGI instead of stopping it, until KILL ends it: give "
			  "it --master and --hook-master-start '" HOOK
			  " gracefully_kill_them_all', "
			  "by which requests are answered, or --die-on-term, by which they are cut",
			  origin);
}
