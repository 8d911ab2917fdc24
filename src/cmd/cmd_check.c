/* `pidone check [/ROLE …]`: is the configuration right, and could these roles start
 * here? Runs nothing and connects to nothing, so it can be a line of a Dockerfile or of
 * a pipeline. */
#include "cmd/cmd.h"

#include "base/log.h"
#include "cmd/cmd_check_role.h"
#include "effect/config_file.h"
#include "effect/detect.h"
#include "effect/environment.h"
#include "effect/identity.h"
#include "effect/pg_source.h"
#include "pure/command.h"
#include "supervisor/settings.h"

#include <stdio.h>
#include <stdlib.h>

#define CHECK_USAGE "pidone check [/ROLE ...]"

static bool has(const struct list *list, const char *text)
{
	for (size_t i = 0; i < list->n; i++)
		if (streq(list->items[i], text))
			return true;
	return false;
}

/* The environment that the role's processes get, as far as it is known here: what is wrong
 * with it is for the start to tell, since files may be mounted then. */
static void build_environment(struct environment *environment, const struct config *config,
			      char *const *base)
{
	struct err err;
	if (environment_build(environment, config, base, &err) == 0)
		return;
	for (; *base != NULL; base++)
		list_add(&environment->items, *base);
}

static char *const *variables_of(const struct environment *environment)
{
	static char *const none[] = { NULL };
	return environment->items.n > 0 ? environment->items.items : none;
}

static void check_stop_signal(const struct config *config, const struct plan *plan,
			      const struct environment *environment, size_t *n_warnings)
{
	const char *directory = config_get(config, plan->role, "directory", NULL);
	for (size_t i = 0; i < plan->n_processes && !plan->shell; i++) {
		struct list argv = { 0 };
		struct err err;
		if (command_expand(plan->processes[i].command, environment_lookup, environment,
				   &argv, &err) == 0 &&
		    plan_stops_by_term(config, plan->role) &&
		    detect_uwsgi_reloads(&argv, directory, variables_of(environment))) {
			CLEANUP_FREE char *warning = plan_uwsgi_warning(plan->processes[i].origin);
			log_warning("config", "%s", warning);
			++*n_warnings;
		}
		list_fini(&argv);
	}
}

/* Does anything but the configuration say what this role runs? */
static bool is_detected(const struct config *config, const char *role,
			const struct environment *environment, size_t *n_warnings)
{
	struct plan plan;
	struct plan_facts facts;
	struct err err;
	char *help = NULL;
	detect_facts(&facts, role, variables_of(environment));
	bool found = plan_make(&plan, config, role, NULL, &facts, &help, &err) == PLAN_OK;
	detect_facts_fini(&facts);
	if (found) {
		check_stop_signal(config, &plan, environment, n_warnings);
		plan_fini(&plan);
	}
	free(help);
	return found;
}

/* What would run although no section says so. */
static void find_detected(const struct config *config, const struct environment *environment,
			  struct list *ret_detected, size_t *n_warnings)
{
	struct plan_facts facts;
	struct list configured = { 0 }, roles = { 0 };
	config_roles(config, &configured);
	detect_facts(&facts, "", variables_of(environment));
	plan_roles(config, &facts, &roles);
	detect_facts_fini(&facts);
	for (size_t i = 0; i < roles.n; i++)
		if (!has(&configured, roles.items[i]) &&
		    is_detected(config, roles.items[i], environment, n_warnings))
			list_add(ret_detected, roles.items[i]);
	list_fini(&roles);
	list_fini(&configured);
}

/* "/etc/pidone.ini is fine; roles: /init; detected here: /run; 1 warning" */
static void print_success(const struct config *config, const struct cmd_options *options,
			  const struct list *detected, size_t n_warnings)
{
	bool exists;
	const char *path = config_file_path(options->config_path, options->environment, &exists);
	struct list roles = { 0 };
	config_roles(config, &roles);
	if (exists)
		printf("%s is fine", path);
	else
		printf("no %s: defaults and PIDONE_* variables are fine", path);
	for (size_t i = 0; i < roles.n; i++)
		printf("%s/%s", i == 0 ? "; roles: " : ", ", roles.items[i]);
	for (size_t i = 0; i < detected->n; i++)
		printf("%s/%s", i == 0 ? "; detected here: " : ", ", detected->items[i]);
	if (roles.n == 0 && detected->n == 0)
		printf("; it defines no roles, and none is detected here");
	if (n_warnings > 0)
		printf("; %zu warning%s", n_warnings, n_warnings == 1 ? "" : "s");
	printf("\n");
	list_fini(&roles);
}

/* The database's address, where a variable or a file has it here: its form
 * only. What is not there yet may be there when it runs. */
static int check_database(const struct config *config, const struct cmd_options *options)
{
	struct environment sources = { 0 };
	struct conninfo conninfo = { .n = 0 };
	struct err err = { 0 };
	char origin[256];
	if (environment_build_sources(&sources, config, options->environment, &err) < 0)
		return EXIT_CODE_OK; /* about files that the image may not have here */
	enum pg_source_result result = pg_source_find(config, environment_lookup, &sources,
						      &conninfo, origin, sizeof(origin), &err);
	conninfo_fini(&conninfo);
	environment_fini(&sources);
	if (result != PG_SOURCE_INVALID)
		return EXIT_CODE_OK;
	log_error("config", "%s", err.msg);
	return EXIT_CODE_CONFIG;
}

/* Who is not here may be in the image that it is for: a warning. */
static void check_identity(const struct config *config, const char *role, size_t *n_warnings)
{
	const char *const keys[] = { "user", "group" };
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct err err;
		const char *origin = NULL, *name = config_get(config, role, keys[i], &origin);
		bool is_user = i == 0;
		if (identity_check(is_user ? name : NULL, is_user ? NULL : name, &err) == 0)
			continue;
		log_warning("config", "%s: %s", origin, err.msg);
		++*n_warnings;
	}
}

/* What it would run, and when it is ready: all but what only the image knows. */
static int check_role(const struct config *config, const char *role,
		      const struct cmd_options *options, const struct environment *environment,
		      size_t *n_warnings, struct err *err)
{
	struct plan plan;
	struct plan_facts facts;
	struct settings settings = { .n_checks = 0 };
	char *help = NULL;
	detect_facts(&facts, role, variables_of(environment));
	enum plan_result result = plan_make(&plan, config, role, NULL, &facts, &help, err);
	detect_facts_fini(&facts);
	free(help);
	if (result != PLAN_OK)
		return result == PLAN_NOTHING ? 0 : -1;
	/* what a start will have: it may be the pod's to say */
	const char *release = environment_find(options->environment, "PIDONE_RELEASE");
	const struct settings_facts known = {
		.database = true,
		.release = release != NULL ? release : "any",
	};
	int loaded = settings_load(&settings, config, &plan, &known, err);
	settings_fini(&settings);
	check_stop_signal(config, &plan, environment, n_warnings);
	plan_fini(&plan);
	return loaded;
}

static int check_roles(const struct config *config, const struct cmd_options *options,
		       const struct environment *environment, size_t *n_warnings)
{
	struct list roles = { 0 };
	struct err err;
	int exit_code = EXIT_CODE_OK;
	config_roles(config, &roles);
	for (size_t i = 0; i < roles.n; i++) {
		check_identity(config, roles.items[i], n_warnings);
		if (check_role(config, roles.items[i], options, environment, n_warnings, &err) == 0)
			continue;
		log_error("config", "%s", err.msg);
		exit_code = EXIT_CODE_CONFIG;
	}
	list_fini(&roles);
	return exit_code;
}

static int not_understood(const char *word)
{
	char hint[CMD_HINT_SIZE];
	bool is_hinted = cmd_meant_role(hint, sizeof(hint), word)[0] != '\0';
	log_error("usage", "check: '%s' is not understood%s usage: " CHECK_USAGE, word,
		  is_hinted ? hint : "; the file is named with --config;");
	return EXIT_CODE_USAGE;
}

/* The words behind `check`: roles. */
static int check_words(const struct cmd_options *options)
{
	for (char *const *word = options->args; *word != NULL; word++)
		if ((*word)[0] != '/' || !config_is_role_name(*word + 1))
			return not_understood(*word);
	return EXIT_CODE_OK;
}

static int check_starts(const struct config *config, const struct cmd_options *options)
{
	struct environment environment = { 0 };
	struct err err;
	int exit_code = EXIT_CODE_OK;
	if (options->args[0] == NULL)
		return EXIT_CODE_OK;
	if (environment_build(&environment, config, options->environment, &err) < 0) {
		log_error("config", "%s", err.msg);
		return EXIT_CODE_CONFIG;
	}
	for (char *const *word = options->args; *word != NULL; word++)
		if (cmd_check_can_start(config, *word + 1, &environment) != EXIT_CODE_OK)
			exit_code = EXIT_CODE_CONFIG;
	environment_fini(&environment);
	return exit_code;
}

int cmd_check(const struct cmd_options *options)
{
	struct config config = { 0 };
	struct config_problems problems = { 0 };
	struct environment environment = { 0 };
	struct list detected = { 0 };
	size_t n_warnings = 0;
	if (cmd_asks_for_help(options))
		return cmd_print_usage(CHECK_USAGE);
	int exit_code = check_words(options);
	if (exit_code != EXIT_CODE_OK)
		return exit_code;
	if (config_file_load(&config, options->config_path, options->environment, &problems) < 0)
		exit_code = EXIT_CODE_CONFIG;
	config_problems_print(&problems);
	n_warnings += problems.n - problems.n_errors;
	if (exit_code == EXIT_CODE_OK) {
		build_environment(&environment, &config, options->environment);
		exit_code = check_roles(&config, options, &environment, &n_warnings);
	}
	if (exit_code == EXIT_CODE_OK)
		exit_code = check_database(&config, options);
	if (exit_code == EXIT_CODE_OK)
		exit_code = check_starts(&config, options);
	if (exit_code == EXIT_CODE_OK) {
		find_detected(&config, &environment, &detected, &n_warnings);
		print_success(&config, options, &detected, n_warnings);
	}
	list_fini(&detected);
	environment_fini(&environment);
	config_problems_fini(&problems);
	config_fini(&config);
	return cmd_finish_output(exit_code);
}
