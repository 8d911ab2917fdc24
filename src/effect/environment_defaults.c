/* The variables of [env]: defaults whose values may name each other in any
 * order. A variable that is being expanded and names itself gets what the
 * container has, which is nothing (else it would not be expanded); a longer
 * circle has no answer and is an error. */
#include "base/mem.h"
#include "effect/environment_parts.h"
#include "pure/command.h"

struct expansion {
	const struct environment *known;
	const struct config *config;
	char **values;   /* by entry; NULL: not expanded (yet) */
	bool *visiting;  /* by entry: names that are being expanded right now */
	size_t current;  /* the entry whose value is being read */
	bool failed;
	struct err *err;
};

static bool is_variable(const struct config_entry *entry)
{
	return entry->key == NULL && streq(entry->section, "env");
}

static const char *expand(struct expansion *expansion, size_t i);

static const char *lookup(const char *name, const void *context)
{
	/* The one place where a command_lookup changes its context: it remembers
	 * what it has expanded. */
	struct expansion *expansion = *(struct expansion *const *)context;
	const char *known = environment_get(expansion->known, name);
	if (known != NULL || expansion->failed)
		return known;
	for (size_t i = 0; i < expansion->config->n; i++) {
		const struct config_entry *entry = &expansion->config->entries[i];
		if (is_variable(entry) && streq(entry->name, name))
			return i == expansion->current ? NULL : expand(expansion, i);
	}
	return NULL;
}

static const char *expand(struct expansion *expansion, size_t i)
{
	const struct config_entry *entry = &expansion->config->entries[i];
	if (expansion->values[i] != NULL)
		return expansion->values[i];
	if (expansion->visiting[i]) {
		expansion->failed = true;
		(void)err_set(expansion->err, 0,
			      "%s: %s needs its own value (through %s): give one of them a value "
			      "without ${…}",
			      entry->origin, entry->name,
			      expansion->config->entries[expansion->current].name);
		return NULL;
	}
	size_t before = expansion->current;
	struct err err;
	char *value = NULL;
	expansion->visiting[i] = true;
	expansion->current = i;
	int result = command_expand_text(entry->value, lookup, &expansion, &value, &err);
	expansion->current = before;
	expansion->visiting[i] = false;
	if (expansion->failed || result < 0) {
		if (result == 0)
			free(value);
		else if (!expansion->failed)
			(void)err_set(expansion->err, 0, "%s: [env] %s: %s", entry->origin,
				      entry->name, err.msg);
		expansion->failed = true;
		return NULL;
	}
	expansion->values[i] = value;
	return value;
}

int environment_add_defaults(struct environment *environment, const struct config *config,
			     bool tentative, struct err *err)
{
	struct expansion expansion = {
		.known = environment,
		.config = config,
		.values = mem_alloc(config->n * sizeof(char *)),
		.visiting = mem_alloc(config->n * sizeof(bool)),
		.err = err,
	};
	bool failed = false;
	for (size_t i = 0; i < config->n && (tentative || !failed); i++) {
		expansion.failed = false;
		if (is_variable(&config->entries[i]) &&
		    environment_get(environment, config->entries[i].name) == NULL)
			failed = expand(&expansion, i) == NULL || failed;
	}
	for (size_t i = 0; i < config->n; i++) {
		if (expansion.values[i] == NULL)
			continue;
		if (tentative || !failed)
			environment_set(environment, config->entries[i].name, expansion.values[i]);
		explicit_bzero(expansion.values[i], strlen(expansion.values[i]));
		free(expansion.values[i]);
	}
	free(expansion.values);
	free(expansion.visiting);
	return failed && !tentative ? -1 : 0;
}
