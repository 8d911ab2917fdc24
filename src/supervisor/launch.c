/* What a forked child does before it is the app. */
#include "supervisor/launch.h"

#include "base/log.h"
#include "base/parse.h"
#include "effect/environment.h"
#include "effect/identity.h"
#include "effect/messages.h"
#include "effect/pg_source.h"
#include "effect/program.h"
#include "pure/command.h"
#include "sys/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define PROGRAM_SIZE 48

static const char *command_text(const struct plan *plan, enum launch_what what, size_t index,
				const char **ret_origin)
{
	*ret_origin =
		what == LAUNCH_STEP ? plan->steps[index].origin : plan->processes[index].origin;
	return what == LAUNCH_STEP ? plan->steps[index].command : plan->processes[index].command;
}

const char *launch_program(const struct plan *plan, enum launch_what what, size_t index,
			   char *buffer, size_t size)
{
	const char *origin;
	return command_program(command_text(plan, what, index, &origin), buffer, size);
}

const char *launch_title(const struct plan *plan, enum launch_what what, size_t index, char *buffer,
			 size_t size)
{
	char program[PROGRAM_SIZE];
	(void)launch_program(plan, what, index, program, sizeof(program));
	bool several = what == LAUNCH_PROCESS && plan->n_processes > 1;
	(void)snprintf(buffer, size, "%s%s%s", several ? plan->processes[index].name : "",
		       several ? ": " : "", program);
	return buffer;
}

/* What stood on the command line is words already: no shell reads it again. */
static bool is_argv(const struct plan *plan, enum launch_what what, size_t index)
{
	return plan->argv.n > 0 && index == 0 &&
	       what == (plan->one_shot ? LAUNCH_STEP : LAUNCH_PROCESS);
}

/* The words to execute. */
static int expand(const struct launch *launch, bool shell, enum launch_what what, size_t index,
		  const struct environment *environment, struct list *ret_argv, struct err *err)
{
	const char *origin;
	const char *text = command_text(launch->plan, what, index, &origin);
	if (shell && !is_argv(launch->plan, what, index)) {
		list_add(ret_argv, "/bin/sh");
		list_add(ret_argv, "-c");
		list_add(ret_argv, text);
		return 0;
	}
	if (command_expand(text, environment_lookup, environment, ret_argv, err) < 0)
		return err_prefix(err, "%s", origin);
	if (ret_argv->n == 0)
		return err_set(err, 0, "%s: the command is empty once its variables are filled in",
			       origin);
	return 0;
}

static ATTR_NORETURN void fail(const struct launch *launch, int code, const struct err *err)
{
	messages_send(launch->message_fd, MESSAGE_EXEC_FAILED, code, "%s", err->msg);
	sys_exit_now(code);
}

/* LISTEN_PID names the process that the descriptors of a socket-activating
 * manager are for: that was us, and is the child now. */
static void rewrite_listen_pid(const struct launch *launch, struct environment *environment)
{
	char own[16];
	const char *given = environment_get(environment, "LISTEN_PID");
	(void)snprintf(own, sizeof(own), "%d", (int)launch->supervisor);
	if (given == NULL || !streq(given, own))
		return;
	(void)snprintf(own, sizeof(own), "%d", (int)getpid());
	environment_set(environment, "LISTEN_PID", own);
}

static void leave_terminal(void)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null >= 0)
		(void)dup2(null, STDIN_FILENO);
}

/* Where the child stands: group, terminal, directory, umask. */
static int take_place(const struct launch *launch, bool foreground, struct err *err)
{
	(void)setpgid(0, 0);
	if (foreground && launch->given->foreground)
		(void)tcsetpgrp(STDIN_FILENO, getpgrp()); /* TTOU is blocked here */
	else if (launch->given->foreground)
		leave_terminal(); /* reading it in the background would stop the process */
	if (fchdir(launch->given->cwd_fd) < 0)
		return err_set(err, errno, "return to the working directory %s",
			       launch->given->cwd);
	const char *directory = launch->settings->directory;
	if (directory != NULL && chdir(directory) < 0)
		return err_set(err, errno, "directory = %s", directory);
	if (launch->settings->umask >= 0)
		(void)umask((mode_t)launch->settings->umask);
	return 0;
}

void launch_in_child(const struct launch *launch, enum launch_what what, size_t index,
		     bool foreground)
{
	struct err err;
	struct environment environment = { 0 };
	struct list argv = { 0 };
	if (take_place(launch, foreground, &err) < 0)
		fail(launch, EXIT_CODE_CONFIG, &err);
	if (environment_build(&environment, launch->config, launch->given->environment, &err) < 0)
		fail(launch, EXIT_CODE_CONFIG, &err);
	if (what == LAUNCH_STEP)
		environment_set(&environment, "PGAPPNAME", launch->session_name);
	rewrite_listen_pid(launch, &environment);
	if (expand(launch, launch->settings->shell, what, index, &environment, &argv, &err) < 0)
		fail(launch, EXIT_CODE_CONFIG, &err);
	if (identity_assume(launch->settings->user, launch->settings->group, &err) < 0)
		fail(launch, EXIT_CODE_CONFIG, &err);
	if (launch->settings->no_new_privs && sys_no_new_privileges() < 0) {
		(void)err_set(&err, errno, "no-new-privs = yes");
		fail(launch, EXIT_CODE_CONFIG, &err);
	}
	extern char **environ;
	environ = environment.items.items; /* execvp() searches the child's own PATH */
	signals_give_back(&launch->given->signals);
	(void)execvp(argv.items[0], argv.items);
	int code = program_explain(argv.items[0], errno, &err);
	fail(launch, code, &err);
}

/* ---- the look at boot ---- */

/* A plain command that is not there: a forgotten slash, or a mistyped subcommand?
 * Compared is what a person says: the name without its slash or dashes. */
static void add_meant(const struct launch *launch, const char *program, struct err *err)
{
	static const char *const words[] = { "check", "explain", "probe", "status",
					     "wait",  "install", "help",  "version" };
	static const char *const roles[] = { "init", "run", "async" };
	struct list names = { 0 };
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		list_add(&names, words[i]);
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
		list_add(&names, roles[i]);
	config_roles(launch->config, &names);
	const char *meant = parse_suggest(program, (const char *const *)names.items, names.n);
	size_t at = 0;
	while (meant != NULL && names.items[at] != meant)
		at++;
	bool is_role = at >= ARRAY_SIZE(words);
	bool is_option = !is_role && (streq(words[at], "help") || streq(words[at], "version"));
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

static int check_commands(const struct launch *launch, const struct environment *environment,
			  struct err *err)
{
	const struct plan *plan = launch->plan;
	bool shell = config_bool(launch->config, plan->role, "shell");
	for (size_t i = 0; i < plan->n_steps + plan->n_processes; i++) {
		bool is_step = i < plan->n_steps;
		struct list argv = { 0 };
		if (expand(launch, shell, is_step ? LAUNCH_STEP : LAUNCH_PROCESS,
			   is_step ? i : i - plan->n_steps, environment, &argv, err) < 0)
			return EXIT_CODE_CONFIG;
		/* behind a step anything may have changed */
		int code = plan->n_steps > 0 && i > 0
				   ? 0
				   : program_find(argv.items[0],
						  environment_get(environment, "PATH"), err);
		if (code == EXIT_CODE_NOT_FOUND && streq(plan->role, "command") &&
		    strchr(argv.items[0], '/') == NULL)
			add_meant(launch, argv.items[0], err);
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
static int check_identity(const struct launch *launch, struct err *err)
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
	if (fchdir(launch->given->cwd_fd) < 0 || (directory != NULL && chdir(directory) < 0)) {
		(void)err_set(err, errno, "directory = %s", directory != NULL ? directory : ".");
		return EXIT_CODE_CONFIG;
	}
	if (environment_build(&environment, launch->config, launch->given->environment, err) < 0)
		return EXIT_CODE_CONFIG;
	if (check_identity(launch, err) < 0)
		return EXIT_CODE_CONFIG;
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
