/* The database in the app's environment. Two groups, each added whole or not at
 * all, so that the host of one database never meets the password of another:
 * the URL, and the PG* variables. */
#include "base/mem.h"
#include "effect/environment_parts.h"
#include "effect/pg_source.h"

/* One of these, and PG* is the app's own affair. */
static const char *const identity[] = {
	"PGHOST", "PGHOSTADDR", "PGPORT",     "PGDATABASE",  "PGUSER",
	"PGPASSWORD", "PGPASSFILE", "PGSERVICE", "PGSERVICEFILE",
};

static bool has(const struct environment *environment, const char *name)
{
	const char *value = environment_get(environment, name);
	return value != NULL && value[0] != '\0';
}

/* full: what the app will have, with [env]. */
static void add_variables(struct environment *environment, const struct environment *full,
			  const struct conninfo *conninfo)
{
	struct list variables = { 0 };
	for (size_t i = 0; i < ARRAY_SIZE(identity); i++)
		if (has(full, identity[i]))
			return;
	conninfo_to_environment(conninfo, &variables);
	for (size_t i = 0; i < variables.n; i++) {
		char *equals = strchr(variables.items[i], '=');
		*equals = '\0';
		if (!has(full, variables.items[i]))
			environment_set(environment, variables.items[i], equals + 1);
		explicit_bzero(equals + 1, strlen(equals + 1));
	}
	list_fini(&variables);
}

static void add_url(struct environment *environment, const struct environment *full,
		    const char *name, const struct conninfo *conninfo)
{
	if (has(full, name))
		return;
	char *url = conninfo_to_url(conninfo);
	environment_set(environment, name, url);
	explicit_bzero(url, strlen(url));
	free(url);
}

static int add_found(struct environment *environment, const struct environment *full,
		     const struct config *config, struct err *err)
{
	struct conninfo conninfo = { .n = 0 };
	char origin[256];
	switch (pg_source_find(config, environment_lookup, full, &conninfo, origin, sizeof(origin),
			       err)) {
	case PG_SOURCE_FOUND:
		add_variables(environment, full, &conninfo);
		add_url(environment, full, "DATABASE_URL", &conninfo);
		add_url(environment, full, config_get(config, "postgres", "url-env", NULL),
			&conninfo);
		conninfo_fini(&conninfo);
		return 0;
	case PG_SOURCE_INVALID:
		return -1;
	case PG_SOURCE_NONE:
	case PG_SOURCE_OTHER_ENGINE:
	case PG_SOURCE_NOT_YET:
		break;
	}
	return 0;
}

int environment_add_database(struct environment *environment, const struct config *config,
			     struct err *err)
{
	struct environment full = { 0 };
	if (config_next(config, "env", NULL, NULL) == NULL) /* nothing will be added to it */
		return add_found(environment, environment, config, err);
	for (size_t i = 0; i < environment->items.n; i++)
		list_add(&full.items, environment->items.items[i]);
	int result = environment_add_defaults(&full, config, true, err);
	if (result == 0)
		result = add_found(environment, &full, config, err);
	environment_fini(&full);
	return result;
}
