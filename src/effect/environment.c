/* The environment as a list of variables, and the order of what is added. */
#include "effect/environment.h"

#include "base/mem.h"
#include "effect/environment_parts.h"

#include <ctype.h>

#define CPUS "PIDONE_CPUS"

bool environment_is_name(const char *name)
{
	if (!isalpha((unsigned char)name[0]) && name[0] != '_')
		return false;
	for (; *name != '\0'; name++)
		if (!isalnum((unsigned char)*name) && *name != '_')
			return false;
	return true;
}

/* The place of NAME=…, or items.n. Of two with one name the first counts, as
 * it does for getenv(). */
static size_t find(const struct environment *environment, const char *name)
{
	size_t length = strlen(name), i = 0;
	for (; i < environment->items.n; i++)
		if (strncmp(environment->items.items[i], name, length) == 0 &&
		    environment->items.items[i][length] == '=')
			break;
	return i;
}

const char *environment_find(char *const *base, const char *name)
{
	size_t length = strlen(name);
	for (; *base != NULL; base++)
		if (strncmp(*base, name, length) == 0 && (*base)[length] == '=')
			return *base + length + 1;
	return NULL;
}

const char *environment_get(const struct environment *environment, const char *name)
{
	return environment->items.n > 0 ? environment_find(environment->items.items, name) : NULL;
}

const char *environment_lookup(const char *name, const void *context)
{
	return environment_get(context, name);
}

static void wipe_item(struct environment *environment, size_t i)
{
	explicit_bzero(environment->items.items[i], strlen(environment->items.items[i]));
	free(environment->items.items[i]);
}

void environment_set(struct environment *environment, const char *name, const char *value)
{
	size_t i = find(environment, name);
	char *item = mem_format("%s=%s", name, value);
	if (i == environment->items.n) {
		list_add_take(&environment->items, item);
		return;
	}
	wipe_item(environment, i);
	environment->items.items[i] = item;
}

void environment_unset(struct environment *environment, const char *name)
{
	struct list *items = &environment->items;
	for (size_t i; (i = find(environment, name)) < items->n;) {
		wipe_item(environment, i);
		/* the final NULL moves along */
		memmove(items->items + i, items->items + i + 1,
			(items->n - i) * sizeof(items->items[0]));
		items->n--;
	}
}

void environment_fini(struct environment *environment)
{
	for (size_t i = 0; i < environment->items.n; i++)
		explicit_bzero(environment->items.items[i], strlen(environment->items.items[i]));
	list_fini(&environment->items);
}

static char *cpus_variable(void)
{
	char text[32] = CPUS "=";
	return mem_dup(text_append_uint(text, sizeof(text), environment_cpus()));
}

char **environment_base(char *const *given)
{
	size_t n = 0;
	bool has_cpus = false;
	for (; given[n] != NULL; n++)
		has_cpus = has_cpus || starts_with(given[n], CPUS "=");
	char **base = mem_alloc((n + 2 + ENVIRONMENT_ROOM) * sizeof(base[0]));
	memcpy(base, given, n * sizeof(base[0]));
	if (!has_cpus)
		base[n] = cpus_variable();
	return base;
}

const char *environment_take(char **base, const char *name)
{
	size_t length = strlen(name);
	const char *value = NULL;
	char **kept = base;
	for (; *base != NULL; base++) {
		bool is_it = strncmp(*base, name, length) == 0 && (*base)[length] == '=';
		if (!is_it)
			*kept++ = *base;
		else if (value == NULL) /* of two with one name the first counts */
			value = *base + length + 1;
	}
	*kept = NULL;
	return value;
}

void environment_put(char **base, const char *name, const char *value)
{
	(void)environment_take(base, name);
	while (*base != NULL)
		base++;
	base[0] = mem_format("%s=%s", name, value);
	base[1] = NULL;
}

/* Everything that does not depend on the database. */
static int add_own(struct environment *environment, const struct config *config, char *const *base,
		   struct err *err)
{
	*environment = (struct environment){ 0 };
	for (; *base != NULL; base++)
		list_add(&environment->items, *base);
	if (environment_get(environment, CPUS) == NULL)
		list_add_take(&environment->items, cpus_variable());
	if (environment_add_files(environment, config, err) < 0)
		return -1;
	return environment_add_secrets(environment, config, err);
}

int environment_build(struct environment *environment, const struct config *config,
		      char *const *base, struct err *err)
{
	if (add_own(environment, config, base, err) == 0 &&
	    environment_add_database(environment, config, err) == 0 &&
	    environment_add_defaults(environment, config, false, err) == 0)
		return 0;
	environment_fini(environment);
	return -1;
}

int environment_build_sources(struct environment *environment, const struct config *config,
			      char *const *base, struct err *err)
{
	if (add_own(environment, config, base, err) == 0 &&
	    environment_add_defaults(environment, config, true, err) == 0)
		return 0;
	environment_fini(environment);
	return -1;
}
