/* PIDONE_<SECTION>_<KEY>: variables that replace what the file says. No section
 * has an underscore in its name, so the first one ends SECTION. Dots and dashes
 * of a key are underscores here; where that leaves a choice (process.NAME), a
 * name that the file has wins.
 *
 * A cluster puts variables of its own into every container, so what is unknown
 * here is a warning at most: a Service called "pidone" brings PIDONE_PORT. */
#include "pure/config_internal.h"

#include "base/mem.h"
#include "base/parse.h"

#include <ctype.h>
#include <stdio.h>

#define PREFIX       "PIDONE_"
#define SECTION_SIZE 50

/* Read elsewhere, or set by pidone itself for its children. */
static const char *const not_settings[] = { "PIDONE_CONFIG", "PIDONE_RELEASE", "PIDONE_CPUS" };

struct variable {
	const char *name; /* the whole name: the origin */
	const char *value;
	char section[SECTION_SIZE]; /* "run" */
	const char *rest;           /* "STOP_GRACE" */
};

/* ---- names ---- */

/* "stop-grace" is STOP_GRACE; "process." is PROCESS_. */
static char *as_variable(const char *key_name)
{
	char *text = mem_dup(key_name);
	for (char *p = text; *p != '\0'; p++)
		*p = *p == '-' || *p == '.' ? '_' : (char)toupper((unsigned char)*p);
	return text;
}

static bool is_spelled(const char *key_name, const char *rest, bool is_prefix)
{
	CLEANUP_FREE char *text = as_variable(key_name);
	return is_prefix ? starts_with(rest, text) && rest[strlen(text)] != '\0'
			 : streq(rest, text);
}

static const struct config_key *find_key(enum config_where where, const char *rest)
{
	const struct config_key *family = NULL;
	size_t n;
	const struct config_key *keys = config_keys(&n);
	for (size_t i = 0; i < n; i++) {
		if (keys[i].where != where)
			continue;
		if (!config_key_is_family(&keys[i]) && is_spelled(keys[i].name, rest, false))
			return &keys[i];
		if (config_key_is_family(&keys[i]) && is_spelled(keys[i].name, rest, true))
			family = &keys[i];
	}
	return family; /* only now: SIGNAL_SCOPE is a key of its own */
}

/* "process." and PROCESS_BEAT → "process.beat", or as an entry spells it. */
static char *family_member(const struct config *config, const struct variable *variable,
			   const struct config_key *family)
{
	const struct config_entry *entry = NULL;
	while ((entry = config_next(config, variable->section, family->name, entry)) != NULL)
		if (is_spelled(entry->name, variable->rest, false))
			return mem_dup(entry->name);
	/* essential.NAME is spelled as the process is */
	while ((entry = config_next(config, variable->section, "process.", entry)) != NULL) {
		CLEANUP_FREE char *name = mem_join(family->name, config_entry_suffix(entry));
		if (is_spelled(name, variable->rest, false))
			return mem_dup(name);
	}
	char *name = mem_join(family->name, variable->rest + strlen(family->name));
	if (streq(family->name, "signal."))
		return name;
	for (char *p = name; *p != '\0'; p++)
		*p = *p == '_' ? '-' : (char)tolower((unsigned char)*p);
	return name;
}

/* Splits PIDONE_<SECTION>_<KEY>; false: not of that form. */
static bool split(struct variable *variable)
{
	const char *section = variable->name + strlen(PREFIX);
	size_t length = strcspn(section, "_");
	if (section[length] == '\0' || section[length + 1] == '\0' ||
	    length >= sizeof(variable->section) || !isupper((unsigned char)section[0]))
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!isupper((unsigned char)section[i]) && !isdigit((unsigned char)section[i]))
			return false;
		variable->section[i] = (char)tolower((unsigned char)section[i]);
	}
	variable->section[length] = '\0';
	variable->rest = section + length + 1;
	return true;
}

/* ---- what is not ours ---- */

/* NAME_SERVICE_HOST, NAME_SERVICE_PORT[_X], NAME_PORT, NAME_PORT_80_TCP[_ADDR] */
static bool is_from_service(const struct variable *variable)
{
	static const char *const schemes[] = { "tcp://", "udp://", "sctp://" };
	const char *service = strstr(variable->name, "_SERVICE_");
	if (service != NULL &&
	    (streq(service, "_SERVICE_HOST") || streq(service, "_SERVICE_PORT") ||
	     starts_with(service, "_SERVICE_PORT_")))
		return true;
	const char *port = strstr(variable->name, "_PORT_");
	if (port != NULL && isdigit((unsigned char)port[6])) {
		port += 6 + strspn(port + 6, "0123456789");
		return starts_with(port, "_TCP") || starts_with(port, "_UDP") ||
		       starts_with(port, "_SCTP");
	}
	size_t length = strlen(variable->name);
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (streq(variable->name + length - 5, "_PORT") &&
		    starts_with(variable->value, schemes[i]))
			return true;
	return false;
}

/* The section that was most likely meant: one that exists, or NULL. */
static const char *known_section(const struct config *config, const char *section)
{
	static const char *const own[] = { "run",    "init", "async",   "postgres",
					   "probes", "env",  "command", "log" };
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (streq(own[i], section))
			return own[i];
	if (config_has_role(config, section))
		return section;
	const char *meant = parse_suggest(section, own, ARRAY_SIZE(own));
	if (meant == NULL)
		meant = parse_suggest(section, (const char *const *)config->sections.items,
				      config->sections.n);
	return meant;
}

static void warn_unknown(const struct config *config, const struct variable *variable,
			 struct config_problems *problems)
{
	char buffer[192];
	const char *section =
		variable->rest != NULL ? known_section(config, variable->section) : NULL;
	const char *key = NULL;
	if (section != NULL) {
		enum config_where where = config_section_where(section);
		const struct config_key *found = find_key(where, variable->rest);
		if (found != NULL)
			key = variable->rest;
		else
			key = config_key_suggest(where, variable->rest, buffer, sizeof(buffer));
	}
	if (key == NULL) {
		config_problem_add(problems, false, variable->name,
				   "unknown variable: it is ignored");
		return;
	}
	CLEANUP_FREE char *section_part = as_variable(section);
	CLEANUP_FREE char *key_part = as_variable(key);
	config_problem_add(problems, false, variable->name,
			   "unknown variable: it is ignored; did you mean %s%s_%s?", PREFIX,
			   section_part, key_part);
}

/* A role may be defined by variables alone, so this one counts; but so it does
 * when only its name is mistyped. */
static void warn_strange_role(const struct config *config, const struct variable *variable,
			      struct config_problems *problems)
{
	const char *meant = known_section(config, variable->section);
	if (meant == NULL || streq(meant, variable->section))
		return;
	CLEANUP_FREE char *section_part = as_variable(meant);
	config_problem_add(problems, false, variable->name,
			   "this sets up a role /%s: did you mean %s%s_%s?", variable->section,
			   PREFIX, section_part, variable->rest);
}

/* ---- replacing ---- */

/* Removes the entries of that name; returns where the first one stood, or the end. */
static size_t remove_entries(struct config *config, const char *section, const char *name)
{
	size_t kept = 0, first = SIZE_MAX;
	for (size_t i = 0; i < config->n; i++) {
		struct config_entry *entry = &config->entries[i];
		if (streq(entry->section, section) && streq(entry->name, name)) {
			if (first == SIZE_MAX)
				first = kept;
			config_entry_fini(entry);
		} else {
			config->entries[kept++] = *entry;
		}
	}
	config->n = kept;
	return first < kept ? first : kept;
}

/* One item a line; blanks around it and empty lines do not count. */
static void add_items(struct config *config, size_t at, const struct variable *variable,
		      const char *name, struct config_problems *problems)
{
	const char *p = variable->value;
	while (*p != '\0') {
		size_t length = strcspn(p, "\n");
		const char *next = p + length + (p[length] == '\n' ? 1 : 0);
		while (length > 0 && isspace((unsigned char)p[0])) {
			p++;
			length--;
		}
		while (length > 0 && isspace((unsigned char)p[length - 1]))
			length--;
		CLEANUP_FREE char *item = mem_dup_n(p, length);
		if (length > 0 &&
		    config_add(config, at, variable->section, name, item, variable->name, problems))
			at++;
		p = next;
	}
}

/* key: NULL for a variable of [env]. */
static void take_setting(struct config *config, const struct variable *variable,
			 const struct config_key *key, struct config_problems *problems)
{
	CLEANUP_FREE char *member = NULL;
	if (key == NULL)
		member = mem_dup(variable->rest);
	else if (config_key_is_family(key))
		member = family_member(config, variable, key);
	else
		member = mem_dup(key->name);
	CLEANUP_FREE char *name = config_canonical_name(key, member);
	if (config_is_role_name(variable->section))
		warn_strange_role(config, variable, problems);
	size_t at = remove_entries(config, variable->section, name);
	config_mention(config, variable->section);
	if (key != NULL && key->repeats)
		add_items(config, at, variable, name, problems);
	else
		(void)config_add(config, at, variable->section, name, variable->value,
				 variable->name, problems);
}

static bool is_setting(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(not_settings); i++)
		if (streq(name, not_settings[i]))
			return false;
	return true;
}

/* Returns true for a variable that Kubernetes set. */
static bool take_variable(struct config *config, struct variable *variable,
			  struct config_problems *problems)
{
	const struct config_key *key = NULL;
	bool is_env_variable = false;
	if (split(variable)) {
		key = find_key(config_section_where(variable->section), variable->rest);
		is_env_variable = key == NULL && streq(variable->section, "env") &&
				  config_is_variable_name(variable->rest);
	}
	if (key == NULL && is_from_service(variable))
		return true;
	if (key == NULL && !is_env_variable)
		warn_unknown(config, variable, problems);
	else
		take_setting(config, variable, key, problems);
	return false;
}

void config_read_environment(struct config *config, char *const *environment,
			     struct config_problems *problems)
{
	bool told = false;
	for (; *environment != NULL; environment++) {
		const char *equals = strchr(*environment, '=');
		if (!starts_with(*environment, PREFIX) || equals == NULL || equals[1] == '\0')
			continue;
		CLEANUP_FREE char *name = mem_dup_n(*environment, (size_t)(equals - *environment));
		struct variable variable = { .name = name, .value = equals + 1 };
		if (!is_setting(name) || !take_variable(config, &variable, problems) || told)
			continue;
		told = true; /* there are seven of them for each port */
		config_problem_add(
			problems, false, name,
			"Kubernetes set this and others like it for a Service; they are "
			"ignored (enableServiceLinks: false in the pod keeps them away)");
	}
}
