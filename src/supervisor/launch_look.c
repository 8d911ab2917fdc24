/* The look at boot: what would make a start fail is found before anything starts. */
#include "supervisor/launch_parts.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "effect/detect.h"
#include "effect/identity.h"
#include "effect/messages.h"
#include "effect/pg_source.h"
#include "effect/program.h"
#include "pure/command.h"

#include <errno.h>
#include <stdio.h>

/* A plain command that is not there: a forgotten slash, or a mistyped subcommand?
 * Compared is what a person says: the name without its slash or dashes. */
void launch_add_meant(const struct launch *launch, const char *program, struct err *err)
{
	static const char *const options[] = { "help", "version" };
	static const char *const roles[] = { "init", "run", "async" };
	struct list names = { 0 };
	if (!streq(launch->plan->role, "command") || strchr(program, '/') != NULL)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		list_add(&names, options[i]);
	for (const char *const *word = launch->subcommands; *word != NULL; word++)
		list_add(&names, *word);
	size_t n_words = names.n;
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
		list_add(&names, roles[i]);
	config_roles(launch->config, &names);
	const char *meant = parse_suggest(program, (const char *const *)names.items, names.n);
	size_t at = 0;
	while (meant != NULL && names.items[at] != meant)
		at++;
	bool is_role = at >= n_words, is_option = at < ARRAY_SIZE(options);
	/* a subcommand's very word comes here behind "--" only, and was not meant */
	if (meant != NULL && (is_role || is_option || !streq(meant, program))) {
		char message[ERR_MSG_SIZE];
		memcpy(message, err->msg, sizeof(message));
		(void)err_set(err, 0, "%s; did you mean %s%s?", message,
			      is_role     ? "/"
			      : is_option ? "--"
					  : "pidone ",
			      meant);
	}
	list_fini(&names);
}

static void warn_of_reload(const struct launch *launch, const char *origin, const struct list *argv,
			   const struct environment *environment)
{
	if (!plan_stops_by_term(launch->config, launch->plan->role) ||
	    !detect_uwsgi_reloads(argv, NULL, environment->items.items))
		return;
	CLEANUP_FREE char *warning = plan_uwsgi_warning(origin);
	log_warning("config", "%s", warning);
}

static int check_commands(const struct launch *launch, const struct environment *environment,
			  struct err *err)
{
	const struct plan *plan = launch->plan;
	bool shell = config_bool(launch->config, plan->role, "shell");
	for (size_t i = 0; i < plan->n_steps + plan->n_processes; i++) {
		bool is_step = i < plan->n_steps;
		struct list argv = { 0 };
		if (launch_expand(launch, shell, is_step ? LAUNCH_STEP : LAUNCH_PROCESS,
				  is_step ? i : i - plan->n_steps, environment, &argv, err) < 0)
			return EXIT_CODE_CONFIG;
		/* behind a step anything may have changed */
		int code = plan->n_steps > 0 && i > 0
				   ? 0
				   : program_find(argv.items[0],
						  environment_get(environment, "PATH"), err);
		if (code == EXIT_CODE_NOT_FOUND)
			launch_add_meant(launch, argv.items[0], err);
		if (!is_step)
			warn_of_reload(launch, plan->processes[i - plan->n_steps].origin, &argv,
				       environment);
		list_fini(&argv);
		if (code != 0)
			return code;
	}
	return 0;
}

/* The default check of a detected server names its port by variable; what the
 * app will see is known here. */
static int report_default_ready(const struct launch *launch, const struct environment *environment,
				struct err *err)
{
	CLEANUP_FREE char *text = NULL;
	if (launch->plan->default_ready == NULL)
		return 0;
	if (command_expand_text(launch->plan->default_ready, environment_lookup, environment, &text,
				err) < 0)
		return EXIT_CODE_CONFIG;
	messages_send(launch->message_fd, MESSAGE_DEFAULT_READY, 0, "%s", text);
	return 0;
}

/* `user` and `group` are looked up again by each child; a name that is not there
 * is a mistake to find before anything starts. */
int launch_check_identity(const struct launch *launch, struct err *err)
{
	const char *user_origin = NULL, *group_origin = NULL, *role = launch->plan->role;
	const char *user = config_get(launch->config, role, "user", &user_origin);
	const char *group = config_get(launch->config, role, "group", &group_origin);
	if (identity_check(user, NULL, err) < 0)
		return err_prefix(err, "%s", user_origin);
	if (identity_check(NULL, group, err) < 0)
		return err_prefix(err, "%s", group_origin);
	return 0;
}

static void report_person(const struct launch *launch)
{
	char person[MESSAGE_TEXT_SIZE];
	if (identity_person(config_get(launch->config, launch->plan->role, "user", NULL), person,
			    sizeof(person)))
		messages_send(launch->message_fd, MESSAGE_PERSON, 0, "%s", person);
}

/* Is there a database to wait for? Looked for where the agent will look. */
static int find_database(const struct launch *launch, struct err *err)
{
	struct environment sources = { 0 };
	struct conninfo conninfo = { .n = 0 };
	char origin[256];
	if (environment_build_sources(&sources, launch->config, launch->given->environment, err) <
	    0)
		return EXIT_CODE_CONFIG;
	switch (pg_source_find(launch->config, environment_lookup, &sources, &conninfo, origin,
			       sizeof(origin), err)) {
	case PG_SOURCE_FOUND:
		if (pg_source_disagrees(launch->config, environment_lookup, &sources, err))
			log_warning("database", "%s", err->msg);
		return LAUNCH_DATABASE;
	case PG_SOURCE_NOT_YET:
		return LAUNCH_DATABASE;
	case PG_SOURCE_INVALID:
		return EXIT_CODE_CONFIG;
	case PG_SOURCE_OTHER_ENGINE:
		log_info("database", "%s: no wait and no lock", err->msg);
		break;
	case PG_SOURCE_NONE:
		break;
	}
	return LAUNCH_NO_DATABASE;
}

static int look_around(const struct launch *launch, struct err *err)
{
	struct environment environment = { 0 };
	const char *directory = config_get(launch->config, launch->plan->role, "directory", NULL);
	if (given_return_to_cwd(launch->given, err) < 0)
		return EXIT_CODE_CONFIG;
	if (directory != NULL && chdir(directory) < 0) {
		(void)err_set(err, errno, "directory = %s", directory);
		return EXIT_CODE_CONFIG;
	}
	if (environment_build(&environment, launch->config, launch->given->environment, err) < 0)
		return EXIT_CODE_CONFIG;
	if (launch_check_identity(launch, err) < 0)
		return EXIT_CODE_CONFIG;
	report_person(launch);
	int code = check_commands(launch, &environment, err);
	if (code == 0)
		code = report_default_ready(launch, &environment, err);
	return code != 0 ? code : find_database(launch, err);
}

int launch_preflight(const struct launch *launch)
{
	struct err err;
	int code = look_around(launch, &err);
	if (code > LAUNCH_DATABASE)
		messages_send(launch->message_fd, MESSAGE_EXEC_FAILED, code, "%s", err.msg);
	return code;
}
