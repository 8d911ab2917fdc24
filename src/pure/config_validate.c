/* What can only be seen with all entries at hand. */
#include "pure/config_internal.h"

#include "base/mem.h"
#include "pure/command.h"

#include <string.h>

static void check_command(const struct config *config, const struct config_entry *entry,
			  struct config_problems *problems)
{
	struct err err = { 0 };
	if (config_bool(config, entry->section, "shell"))
		return; /* /bin/sh reads it by its own rules */
	if (command_check(entry->value, &err) < 0) {
		config_problem_add(problems, true, entry->origin, "'%s' in [%s]: %s", entry->name,
				   entry->section, err.msg);
		return;
	}
	const char *op = command_shell_operator(entry->value);
	if (op != NULL)
		config_problem_add(
			problems, true, entry->origin,
			"'%s' in [%s]: %s needs a shell: set shell = yes, or quote it if it is "
			"meant as it stands",
			entry->name, entry->section, op);
}

static void check_essential(const struct config *config, const struct config_entry *entry,
			    struct config_problems *problems)
{
	CLEANUP_FREE char *process = mem_join("process.", config_entry_suffix(entry));
	if (config_find(config, entry->section, process) == NULL)
		config_problem_add(problems, true, entry->origin,
				   "'%s' in [%s], but there is no '%s'", entry->name,
				   entry->section, process);
}

/* The sources of the database's address are searched in this order (`url`,
 * `url-env`, `secret-dir`), and the first that is there wins. */
static void check_sources(const struct config *config, struct config_problems *problems)
{
	static const char *const later[] = { "url-env", "secret-dir" };
	const struct config_entry *url = config_find(config, "postgres", "url");
	for (size_t i = 0; i < ARRAY_SIZE(later) && url != NULL; i++) {
		const struct config_entry *entry = config_find(config, "postgres", later[i]);
		if (entry != NULL)
			config_problem_add(problems, false, entry->origin,
					   "'%s' in [postgres] is not used: 'url' (%s) comes first",
					   entry->name, url->origin);
	}
}

/* on-live-failure = restart uses the delay and the limit of `restart`, too. */
static bool restarts_by_live(const struct config *config, const struct config_entry *entry)
{
	const char *value = config_get(config, entry->section, "on-live-failure", NULL);
	return starts_with(entry->name, "restart-") && value != NULL && streq(value, "restart") &&
	       config_get(config, entry->section, "live", NULL) != NULL;
}

/* The origin of a line of a file has its number behind a colon. */
static bool is_from_variable(const struct config_entry *entry)
{
	return strchr(entry->origin, ':') == NULL;
}

/* A key that does nothing without another one. A variable may be the pod's, which says
 * it for whatever image comes. */
static void check_companions(const struct config *config, const struct config_entry *entry,
			     struct config_problems *problems)
{
	static const struct {
		const char *key, *needs;
	} companions[] = {
		{ "on-live-failure", "live" },
		{ "lock-timeout", "lock" },
		{ "restart-delay", "restart" },
		{ "restart-max", "restart" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(companions); i++) {
		const char *needs = companions[i].needs;
		if (!streq(entry->name, companions[i].key) || restarts_by_live(config, entry) ||
		    is_from_variable(entry))
			continue;
		const char *value = config_get(config, entry->section, needs, NULL);
		if (value == NULL)
			config_problem_add(problems, false, entry->origin,
					   "'%s' in [%s] does nothing without '%s'", entry->name,
					   entry->section, needs);
		else if (streq(value, "none") || streq(value, "never"))
			config_problem_add(problems, false, entry->origin,
					   "'%s' in [%s] does nothing with %s = %s", entry->name,
					   entry->section, needs, value);
	}
}

void config_validate(const struct config *config, struct config_problems *problems)
{
	for (size_t i = 0; i < config->n; i++) {
		const struct config_entry *entry = &config->entries[i];
		if (entry->key == NULL || entry->key->where != CONFIG_IN_ROLE)
			continue;
		if (entry->key->type == CONFIG_COMMAND)
			check_command(config, entry, problems);
		else if (streq(entry->key->name, "essential."))
			check_essential(config, entry, problems);
		else
			check_companions(config, entry, problems);
	}
	check_sources(config, problems);
}
