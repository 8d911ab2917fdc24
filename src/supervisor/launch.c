/* What a forked child does before it is the app. */
#include "supervisor/launch_parts.h"

#include "base/log.h"
#include "base/parse.h"
#include "effect/identity.h"
#include "effect/messages.h"
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
	if (several)
		(void)snprintf(buffer, size, "%s: %s", plan->processes[index].name, program);
	else
		text_copy(buffer, size, program);
	return buffer;
}

/* What stood on the command line is words already: no shell reads it again. */
static bool is_argv(const struct plan *plan, enum launch_what what, size_t index)
{
	return plan->argv.n > 0 && index == 0 &&
	       what == (plan->one_shot ? LAUNCH_STEP : LAUNCH_PROCESS);
}

int launch_expand(const struct launch *launch, bool shell, enum launch_what what, size_t index,
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

/* Whom a service manager's descriptors or watchdog are for: that was us, and is the
 * child now. */
static void rewrite_pid(const struct launch *launch, struct environment *environment,
			const char *name)
{
	char own[16];
	unsigned long pid = 0;
	const char *given = environment_get(environment, name);
	if (given == NULL || parse_uint(given, INT32_MAX, &pid) < 0 ||
	    (pid_t)pid != launch->supervisor)
		return;
	(void)snprintf(own, sizeof(own), "%d", (int)getpid());
	environment_set(environment, name, own);
}

/* Where the app can say how it is, as sd_notify(3) and sd_watchdog_enabled(3) have it. */
static void name_notify_socket(const struct launch *launch, struct environment *environment)
{
	char text[24];
	environment_set(environment, "NOTIFY_SOCKET", launch->notify_socket);
	if (launch->settings->watchdog_ms == 0)
		return;
	(void)snprintf(text, sizeof(text), "%lld", (long long)launch->settings->watchdog_ms * 1000);
	environment_set(environment, "WATCHDOG_USEC", text);
	(void)snprintf(text, sizeof(text), "%d", (int)getpid());
	environment_set(environment, "WATCHDOG_PID", text);
}

static void leave_terminal(void)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null >= 0)
		(void)dup2(null, STDIN_FILENO);
}

/* Only one process reads the terminal: the step, or the command. A plain one has the
 * foreground at once, where it is still the supervisor's; a role's when it reads. */
static void take_terminal(const struct launch *launch, bool reads_terminal)
{
	const struct given *given = launch->given;
	if (!given->foreground)
		return;
	if (!reads_terminal)
		leave_terminal();
	else if (launch->settings->plain &&
		 tcgetpgrp(given->terminal_fd) == getpgid(launch->supervisor))
		(void)tcsetpgrp(given->terminal_fd, getpgrp()); /* TTOU is blocked here */
}

/* Where the child stands: group, terminal, directory, umask. */
static int take_place(const struct launch *launch, bool reads_terminal, struct err *err)
{
	(void)setpgid(0, 0);
	take_terminal(launch, reads_terminal);
	if (given_return_to_cwd(launch->given, err) < 0)
		return -1;
	const char *directory = launch->settings->directory;
	if (directory != NULL && chdir(directory) < 0)
		return err_set(err, errno, "directory = %s", directory);
	if (launch->settings->umask >= 0)
		(void)umask((mode_t)launch->settings->umask);
	return 0;
}

void launch_in_child(const struct launch *launch, enum launch_what what, size_t index,
		     bool reads_terminal)
{
	struct err err;
	struct environment environment = { 0 };
	struct list argv = { 0 };
	if (take_place(launch, reads_terminal, &err) < 0)
		fail(launch, EXIT_CODE_CONFIG, &err);
	if (environment_build(&environment, launch->config, launch->given->environment, &err) < 0)
		fail(launch, EXIT_CODE_CONFIG, &err);
	if (what == LAUNCH_STEP)
		environment_set(&environment, "PGAPPNAME", launch->session_name);
	else if (launch->notify_socket != NULL)
		name_notify_socket(launch, &environment);
	identity_give_stdio(launch->settings->user);
	rewrite_pid(launch, &environment, "LISTEN_PID");
	rewrite_pid(launch, &environment, "WATCHDOG_PID");
	if (launch_expand(launch, launch->settings->shell, what, index, &environment, &argv, &err) <
	    0)
		fail(launch, EXIT_CODE_CONFIG, &err);
	if (launch_check_identity(launch, &err) < 0 ||
	    identity_assume(launch->settings->user, launch->settings->group, &err) < 0)
		fail(launch, EXIT_CODE_CONFIG, &err);
	if (launch->settings->no_new_privs && sys_no_new_privileges() < 0) {
		(void)err_set(&err, errno, "no-new-privs = yes");
		fail(launch, EXIT_CODE_CONFIG, &err);
	}
	extern char **environ;
	environ = environment.items.items; /* the search is in the child's own PATH */
	signals_give_back(&launch->given->signals);
	int code = program_exec(argv.items, &err);
	if (code == EXIT_CODE_NOT_FOUND)
		launch_add_meant(launch, argv.items[0], &err);
	fail(launch, code, &err);
}
