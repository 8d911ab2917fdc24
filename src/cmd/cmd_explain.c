/* `pidone explain [/ROLE] [--ini]`: what would run and why, and every setting
 * with its source. With --ini as a configuration file that reads back to the
 * same settings: what was detected is written out, defaults are comments, and so
 * is what must not be printed. Exit 0; 64; 78 when a role cannot be run, or the
 * configuration is wrong (its problems are printed as `check` does). */
#include "cmd/cmd.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "effect/config_file.h"
#include "effect/detect.h"
#include "effect/environment.h"
#include "effect/pg_source.h"
#include "pure/config.h"
#include "pure/mask.h"
#include "pure/plan.h"

#include <stdio.h>

#define EXPLAIN_USAGE "pidone explain [/ROLE] [--ini]"

struct explain {
	const struct config *config;
	const struct environment *environment;
	char *const *base; /* the environment as it was given */
	bool as_ini;
};

static const struct {
	const char *name;
	enum config_where where;
} shared_sections[] = {
	{ "postgres", CONFIG_IN_POSTGRES }, { "probes", CONFIG_IN_PROBES },
	{ "env", CONFIG_IN_ENV },           { "log", CONFIG_IN_LOG },
	{ "command", CONFIG_IN_ROLE },
};

static const char *const step_names[] = {
	[PLAN_STEP] = "step",
	[PLAN_ONCE] = "once",
	[PLAN_ONCE_PER_RELEASE] = "once-per-release",
};

/* ---- one setting ---- */

static char *masked_value(const char *section, const char *name, const char *value)
{
	bool is_variable =
		streq(section, "env") && !streq(name, "from-files") && !streq(name, "secrets-dir");
	if (!is_variable || !mask_is_secret_name(name, strlen(name)))
		return mask_text(value);
	/* as if it stood behind its name, so that ${NAME} stays readable */
	CLEANUP_FREE char *pair = mem_format("%s=%s", name, value);
	CLEANUP_FREE char *masked = mask_text(pair);
	bool is_reference = value[0] == '$' && streq(pair, masked);
	return mem_dup(is_reference || value[0] == '\0' ? value : "***");
}

/* Would the file's reader take a part of it for a comment? Such a value came
 * from a variable. */
static bool looks_commented(const char *value)
{
	for (const char *p = value; *p != '\0'; p++) {
		const char *end = *p == '\'' || *p == '"' ? strchr(p + 1, *p) : NULL;
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if (end != NULL)
			p = end;
		else if (*p == ';' && (p == value || p[-1] == ' ' || p[-1] == '\t'))
			return true;
	}
	return false;
}

/* The value as a file must have it, or NULL where no file can. Quotes around
 * the whole of it keep what is in them, but for commands and checks, which read
 * their quotes themselves. */
static char *ini_value(enum config_type type, const char *value)
{
	size_t length = strlen(value);
	bool has_outer = length == 0 || strchr(" \t\"'", value[0]) != NULL ||
			 strchr(" \t", value[length - 1]) != NULL;
	if (strpbrk(value, "\n\r") != NULL)
		return NULL;
	if (type == CONFIG_COMMAND || type == CONFIG_CHECK)
		return looks_commented(value) ? NULL : mem_dup(value);
	if (!has_outer && !looks_commented(value))
		return mem_dup(value);
	if (strchr(value, '"') == NULL)
		return mem_format("\"%s\"", value);
	return strchr(value, '\'') == NULL && type != CONFIG_VALUE ? mem_format("'%s'", value)
								   : NULL;
}

static void print_ini(const char *name, enum config_type type, const char *value, const char *shown,
		      const char *origin)
{
	CLEANUP_FREE char *written = ini_value(type, value);
	if (!streq(shown, value))
		(void)printf("; from %s, secret: not printed\n; %s = %s\n", origin, name, shown);
	else if (written == NULL)
		(void)printf("; from %s, a value that no file can hold\n; %s =\n", origin, name);
	else if (streq(origin, "default"))
		(void)printf("; %s = %s\n", name, written);
	else
		(void)printf("; from %s\n%s = %s\n", origin, name, written);
}

static void print_setting(const struct explain *explain, const char *section, const char *name,
			  enum config_type type, const char *value, const char *origin)
{
	CLEANUP_FREE char *shown = masked_value(section, name, value);
	if (explain->as_ini)
		print_ini(name, type, value, shown, origin);
	else
		(void)printf("    %-18s %s  (%s)\n", name, shown, origin);
}

/* ---- a section ---- */

static bool is_of_key(const struct config_entry *entry, const char *section,
		      const struct config_key *key)
{
	return entry->key == key && streq(entry->section, section);
}

/* Commands are the plan's: it prints those that count, whatever their source. */
static bool is_planned(const struct config_key *key)
{
	static const char *const names[] = { "command", "process.", "step", "once",
					     "once-per-release" };
	for (size_t i = 0; key->where == CONFIG_IN_ROLE && i < ARRAY_SIZE(names); i++)
		if (streq(key->name, names[i]))
			return true;
	return false;
}

static void print_key(const struct explain *explain, const char *section,
		      const struct config_key *key)
{
	bool found = false;
	for (size_t i = 0; i < explain->config->n; i++) {
		const struct config_entry *entry = &explain->config->entries[i];
		if (!is_of_key(entry, section, key))
			continue;
		print_setting(explain, section, entry->name, key->type, entry->value,
			      entry->origin);
		found = true;
	}
	const char *origin = "default";
	const char *value = found || key->name[strlen(key->name) - 1] == '.'
				    ? NULL
				    : config_get(explain->config, section, key->name, &origin);
	if (value != NULL)
		print_setting(explain, section, key->name, key->type, value, origin);
}

static void print_keys(const struct explain *explain, const char *section, enum config_where where)
{
	size_t n = 0;
	const struct config_key *keys = config_keys(&n);
	for (size_t i = 0; i < n; i++)
		if (keys[i].where == where && (streq(section, "command") || !is_planned(&keys[i])))
			print_key(explain, section, &keys[i]);
}

/* Which database, and from where: what most people come for. */
static void print_database(const struct explain *explain)
{
	struct environment sources;
	struct conninfo conninfo = { .n = 0 };
	struct err err = { 0 };
	char origin[256], shown[512];
	const char *name = explain->as_ini ? "; database:" : "    database          ";
	if (environment_build_sources(&sources, explain->config, explain->base, &err) < 0)
		return; /* told already, when the whole environment was built */
	switch (pg_source_find(explain->config, environment_lookup, &sources, &conninfo, origin,
			       sizeof(origin), &err)) {
	case PG_SOURCE_FOUND:
		(void)printf("%s %s  (%s)\n", name,
			     conninfo_masked(&conninfo, shown, sizeof(shown)), origin);
		conninfo_fini(&conninfo);
		break;
	case PG_SOURCE_NONE:
		(void)printf("%s none: no wait and no lock\n", name);
		break;
	case PG_SOURCE_OTHER_ENGINE:
	case PG_SOURCE_NOT_YET:
	case PG_SOURCE_INVALID:
		(void)printf("%s %s\n", name, err.msg);
		break;
	}
	environment_fini(&sources);
}

static void print_shared(const struct explain *explain)
{
	for (size_t s = 0; s < ARRAY_SIZE(shared_sections); s++) {
		const char *name = shared_sections[s].name;
		(void)printf("\n[%s]\n", name);
		print_keys(explain, name, shared_sections[s].where);
		if (shared_sections[s].where == CONFIG_IN_POSTGRES)
			print_database(explain);
		for (size_t i = 0; i < explain->config->n; i++) {
			const struct config_entry *entry = &explain->config->entries[i];
			if (entry->key == NULL && streq(entry->section, name))
				print_setting(explain, name, entry->name, CONFIG_VALUE,
					      entry->value, entry->origin);
		}
	}
}

/* ---- a role ---- */

static void print_plan(const struct explain *explain, const struct plan *plan)
{
	const char *role = plan->role;
	for (size_t i = 0; i < plan->n_steps; i++)
		print_setting(explain, role, step_names[plan->steps[i].kind], CONFIG_COMMAND,
			      plan->steps[i].command, plan->steps[i].origin);
	for (size_t i = 0; i < plan->n_processes; i++) {
		const struct plan_process *process = &plan->processes[i];
		CLEANUP_FREE char *name =
			i == 0 ? mem_dup("command") : mem_format("process.%s", process->name);
		print_setting(explain, role, name, CONFIG_COMMAND, process->command,
			      process->origin);
	}
	if (plan->default_ready != NULL &&
	    config_next(explain->config, role, "ready", NULL) == NULL) {
		(void)printf("%s ready%s %s  (this server's default: any answer below 500)\n",
			     explain->as_ini ? ";" : "   ",
			     explain->as_ini ? " =" : "             ", plan->default_ready);
	}
	print_keys(explain, role, CONFIG_IN_ROLE);
	for (size_t i = 0; i < plan->notes.n; i++)
		(void)printf("%s %s\n",
			     explain->as_ini ? "; hint:" : "    hint:", plan->notes.items[i]);
}

/* asked: for this very role; of the others one may well be missing. */
static int explain_role(const struct explain *explain, const char *role, bool asked)
{
	struct plan plan;
	struct plan_facts facts;
	struct err err = { 0 };
	char *help = NULL;
	detect_facts(&facts, role, explain->environment->items.items);
	enum plan_result result =
		plan_make(&plan, explain->config, role, NULL, &facts, &help, &err);
	detect_facts_fini(&facts);
	if (result == PLAN_OK) {
		if (explain->as_ini)
			(void)printf("\n[%s]\n", role);
		else
			(void)printf("\n/%s%s\n", role,
				     plan.one_shot ? ": steps, then it ends" : "");
		print_plan(explain, &plan);
		plan_fini(&plan);
	} else if (result == PLAN_NOTHING && !asked) {
		(void)printf("\n%s/%s: not defined\n", explain->as_ini ? "; " : "", role);
	} else {
		(void)fflush(stdout);
		(void)fprintf(stderr, "pidone: error: %s\n%s", err.msg, help != NULL ? help : "");
	}
	free(help);
	return result == PLAN_OK || (result == PLAN_NOTHING && !asked) ? EXIT_CODE_OK
								       : EXIT_CODE_CONFIG;
}

static int explain_roles(const struct explain *explain, const char *role)
{
	struct plan_facts facts;
	struct list roles = { 0 };
	int code = EXIT_CODE_OK;
	if (role != NULL) {
		code = explain_role(explain, role, true);
	} else {
		detect_facts(&facts, "", explain->environment->items.items);
		plan_roles(explain->config, &facts, &roles);
		detect_facts_fini(&facts);
		for (size_t i = 0; i < roles.n; i++)
			if (explain_role(explain, roles.items[i], false) != EXIT_CODE_OK)
				code = EXIT_CODE_CONFIG;
		list_fini(&roles);
	}
	return code;
}

static int explain_config(const struct cmd_options *options, const struct config *config,
			  const char *role, bool as_ini)
{
	struct environment environment;
	struct err err = { 0 };
	if (environment_build(&environment, config, options->environment, &err) < 0) {
		(void)fprintf(stderr, "pidone: error: %s\n", err.msg);
		return EXIT_CODE_CONFIG;
	}
	struct explain explain = { .config = config,
				   .environment = &environment,
				   .base = options->environment,
				   .as_ini = as_ini };
	int code = explain_roles(&explain, role);
	if (code == EXIT_CODE_OK || role == NULL)
		print_shared(&explain);
	environment_fini(&environment);
	return code;
}

static int not_understood(const char *word)
{
	char hint[CMD_HINT_SIZE];
	bool is_hinted = cmd_meant_role(hint, sizeof(hint), word)[0] != '\0';
	(void)fprintf(stderr,
		      "pidone: error: explain: '%s' is not understood%s usage: " EXPLAIN_USAGE "\n",
		      word, is_hinted ? hint : ";");
	return EXIT_CODE_USAGE;
}

int cmd_explain(const struct cmd_options *options)
{
	const char *role = NULL;
	bool as_ini = false;
	if (cmd_asks_for_help(options))
		return cmd_print_usage(EXPLAIN_USAGE);
	for (char *const *arg = options->args; *arg != NULL; arg++) {
		if (streq(*arg, "--ini") && !as_ini) {
			as_ini = true;
		} else if ((*arg)[0] == '/' && config_is_role_name(*arg + 1) && role == NULL) {
			role = *arg + 1;
		} else {
			return not_understood(*arg);
		}
	}
	struct config config = { 0 };
	struct config_problems problems = { 0 };
	int loaded =
		config_file_load(&config, options->config_path, options->environment, &problems);
	config_problems_print(&problems);
	int code = loaded < 0 || problems.n_errors > 0
			   ? EXIT_CODE_CONFIG
			   : explain_config(options, &config, role, as_ini);
	config_problems_fini(&problems);
	config_fini(&config);
	return cmd_finish_output(code);
}
