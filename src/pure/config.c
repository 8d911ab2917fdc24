/* Entries and problems: keeping them, and reading them back. What is right and
 * what is wrong is decided in config_value.c, config_read.c and
 * config_validate.c. */
#include "pure/config_internal.h"

#include "base/mem.h"
#include "base/parse.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- problems ---- */

void config_problem_add(struct config_problems *problems, bool is_error, const char *origin,
			const char *format, ...)
{
	char *message = NULL;
	va_list args;
	va_start(args, format);
	if (vasprintf(&message, format, args) < 0)
		message = mem_dup("out of memory");
	va_end(args);
	problems->items =
		mem_resize(problems->items, (problems->n + 1) * sizeof(problems->items[0]));
	problems->items[problems->n++] = (struct config_problem){
		.is_error = is_error,
		.origin = mem_dup(origin),
		.message = message,
	};
	if (is_error)
		problems->n_errors++;
}

void config_problems_fini(struct config_problems *problems)
{
	for (size_t i = 0; i < problems->n; i++) {
		free(problems->items[i].origin);
		free(problems->items[i].message);
	}
	free(problems->items);
	*problems = (struct config_problems){ 0 };
}

/* ---- entries ---- */

void config_entry_fini(struct config_entry *entry)
{
	free(entry->section);
	free(entry->name);
	free(entry->value);
	free(entry->origin);
}

void config_fini(struct config *config)
{
	for (size_t i = 0; i < config->n; i++)
		config_entry_fini(&config->entries[i]);
	free(config->entries);
	list_fini(&config->sections);
	*config = (struct config){ 0 };
}

void config_mention(struct config *config, const char *section)
{
	for (size_t i = 0; i < config->sections.n; i++)
		if (streq(config->sections.items[i], section))
			return;
	list_add(&config->sections, section);
}

const struct config_entry *config_find(const struct config *config, const char *section,
				       const char *name)
{
	for (size_t i = 0; i < config->n; i++)
		if (streq(config->entries[i].section, section) &&
		    streq(config->entries[i].name, name))
			return &config->entries[i];
	return NULL;
}

char *config_canonical_name(const struct config_key *key, const char *name)
{
	char buffer[16];
	int signo = 0;
	if (key != NULL && streq(key->name, "signal.") &&
	    parse_signal(name + strlen("signal."), &signo) == 0)
		return mem_join("signal.", signal_name(signo, buffer, sizeof(buffer)));
	return mem_dup(name);
}

const struct config_entry *config_next(const struct config *config, const char *section,
				       const char *key, const struct config_entry *after)
{
	for (size_t i = after != NULL ? (size_t)(after - config->entries) + 1 : 0; i < config->n;
	     i++) {
		const struct config_entry *entry = &config->entries[i];
		if (!streq(entry->section, section))
			continue;
		if (key == NULL ? entry->key == NULL
				: entry->key != NULL && streq(entry->key->name, key))
			return entry;
	}
	return NULL;
}

const char *config_entry_suffix(const struct config_entry *entry)
{
	const char *dot = strchr(entry->name, '.');
	return dot != NULL ? dot + 1 : "";
}

/* ---- values ---- */

const char *config_get(const struct config *config, const char *section, const char *key,
		       const char **ret_origin)
{
	const struct config_key *found = config_key_find(config_section_where(section), key);
	const struct config_entry *entry = config_find(config, section, key);
	if (entry == NULL && config_is_role_name(section) &&
	    (streq(key, "listen") || streq(key, "socket")))
		entry = config_find(config, "probes", key);
	if (ret_origin != NULL)
		*ret_origin = entry != NULL ? entry->origin : "default";
	if (entry != NULL)
		return entry->value;
	return found != NULL ? config_key_default(found, section) : NULL;
}

/* These read what config_value_check() has let pass; were it not so, the safe
 * answer is "not set". */

int64_t config_duration(const struct config *config, const char *section, const char *key)
{
	const char *value = config_get(config, section, key, NULL);
	int64_t ms = 0;
	return value != NULL && parse_duration_ms(value, &ms) == 0 ? ms : DURATION_NONE;
}

bool config_bool(const struct config *config, const char *section, const char *key)
{
	const char *value = config_get(config, section, key, NULL);
	bool flag = false;
	return value != NULL && parse_bool(value, &flag) == 0 && flag;
}

int config_signal(const struct config *config, const char *section, const char *key)
{
	const char *value = config_get(config, section, key, NULL);
	int signo = 0;
	return value != NULL && parse_signal(value, &signo) == 0 ? signo : 0;
}

size_t config_uint(const struct config *config, const char *section, const char *key)
{
	const char *value = config_get(config, section, key, NULL);
	unsigned long number = 0;
	return value != NULL && parse_uint(value, SIZE_MAX, &number) == 0 ? number : SIZE_MAX;
}

/* ---- roles ---- */

bool config_has_role(const struct config *config, const char *role)
{
	for (size_t i = 0; i < config->sections.n; i++)
		if (streq(config->sections.items[i], role))
			return config_is_role_name(role);
	return false;
}

void config_roles(const struct config *config, struct list *ret_roles)
{
	for (size_t i = 0; i < config->sections.n; i++)
		if (config_is_role_name(config->sections.items[i]))
			list_add(ret_roles, config->sections.items[i]);
}
