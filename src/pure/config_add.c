/* One setting, from a file or a variable, to an entry: is there such a key, is
 * its name whole, is its value right? */
#include "pure/config_internal.h"

#include "base/mem.h"
#include "base/parse.h"

#include <ctype.h>
#include <signal.h>

/* A variable of [env]: its value may be empty, and may hold ${…}. */
static const struct config_key variable_key = { .where = CONFIG_IN_ENV, .type = CONFIG_VALUE };

/* The first section but this one that takes a key of exactly this name. */
static const char *other_section(enum config_where where, const char *name)
{
	static const struct {
		enum config_where where;
		const char *text;
	} sections[] = {
		{ CONFIG_IN_POSTGRES, "[postgres]" },
		{ CONFIG_IN_PROBES, "[probes]" },
		{ CONFIG_IN_LOG, "[log]" },
		{ CONFIG_IN_ENV, "[env]" },
		{ CONFIG_IN_ROLE, "the section of a role, such as [run]" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		if (sections[i].where != where && config_key_find(sections[i].where, name) != NULL)
			return sections[i].text;
	return NULL;
}

static void refuse_unknown(const char *section, const char *name, const char *origin,
			   struct config_problems *problems)
{
	char buffer[192];
	enum config_where where = config_section_where(section);
	const char *belongs = other_section(where, name);
	const char *meant = config_key_suggest(where, name, buffer, sizeof(buffer));
	if (belongs != NULL)
		config_problem_add(problems, true, origin,
				   "'%s' does not stand in [%s]: it belongs in %s", name, section,
				   belongs);
	else if (meant != NULL)
		config_problem_add(problems, true, origin,
				   "unknown key '%s' in [%s]: did you mean '%s'?", name, section,
				   meant);
	else if (where == CONFIG_IN_ENV)
		config_problem_add(problems, true, origin,
				   "'%s' in [env] is no name of a variable: letters, digits and _",
				   name);
	else if (where == CONFIG_IN_ROLE && config_is_variable_name(name) &&
		 isupper((unsigned char)name[0]))
		config_problem_add(problems, true, origin,
				   "unknown key '%s' in [%s]: variables belong in [env]", name,
				   section);
	else
		config_problem_add(problems, true, origin, "unknown key '%s' in [%s]", name,
				   section);
}

/* The NAME of process.NAME: also a part of metrics and messages. */
static bool is_process_name(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_");
	return islower((unsigned char)name[0]) && name[length] == '\0' && length <= 32;
}

static bool family_name_is_right(const struct config_key *key, const char *section,
				 const char *name, const char *origin,
				 struct config_problems *problems)
{
	const char *suffix = name + strlen(key->name);
	int signo = 0;
	if (streq(key->name, "signal.")) {
		if (parse_signal(suffix, &signo) < 0)
			config_problem_add(
				problems, true, origin,
				"'%s' in [%s]: '%s' is not a signal: write its name, such as "
				"signal.TERM",
				name, section, suffix);
		else if (signo == SIGKILL || signo == SIGSTOP)
			config_problem_add(
				problems, true, origin,
				"'%s' in [%s]: no process ever sees this signal, so it cannot be "
				"forwarded as another",
				name, section);
		else
			return true;
		return false;
	}
	if (!is_process_name(suffix)) {
		config_problem_add(
			problems, true, origin,
			"'%s' in [%s] needs a name of at most 32 small letters, digits, - and _ "
			"behind the dot, such as %sbeat",
			name, section, key->name);
		return false;
	}
	if (streq(suffix, "main")) {
		config_problem_add(
			problems, true, origin,
			"'%s' in [%s]: main is the process of 'command', and always essential",
			name, section);
		return false;
	}
	return true;
}

static void insert(struct config *config, size_t at, struct config_entry entry)
{
	config->entries = mem_resize(config->entries, (config->n + 1) * sizeof(entry));
	memmove(config->entries + at + 1, config->entries + at, (config->n - at) * sizeof(entry));
	config->entries[at] = entry;
	config->n++;
}

bool config_add(struct config *config, size_t at, const char *section, const char *name,
		const char *value, const char *origin, struct config_problems *problems)
{
	struct err err = { 0 };
	const struct config_key *key = config_key_find(config_section_where(section), name);
	bool is_variable = key == NULL && streq(section, "env") && config_is_variable_name(name);
	if (key == NULL && !is_variable) {
		refuse_unknown(section, name, origin, problems);
		return false;
	}
	if (key != NULL && config_key_is_family(key) &&
	    !family_name_is_right(key, section, name, origin, problems))
		return false;
	const struct config_key *type = key != NULL ? key : &variable_key;
	char *plain = config_value_unquote(type, value);
	if (config_value_check(type, plain, &err) < 0) {
		config_problem_add(problems, true, origin, "'%s' in [%s]: %s", name, section,
				   err.msg);
		free(plain);
		return false;
	}
	insert(config, at,
	       (struct config_entry){
		       .key = key,
		       .section = mem_dup(section),
		       .name = config_canonical_name(key, name),
		       .value = plain,
		       .origin = mem_dup(origin),
	       });
	return true;
}
