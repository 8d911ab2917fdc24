/* From a command of the plan to an exec: what happens in the forked child
 * between the two. Also the look at boot that finds, before anything starts,
 * what would make it fail. */
#pragma once

#include "effect/given.h"
#include "pure/config.h"
#include "pure/plan.h"
#include "supervisor/settings.h"

struct launch {
	const struct given *given;
	const struct config *config;
	const struct plan *plan;
	const struct settings *settings;
	const char *const *subcommands; /* their words, NULL behind the last */
	const char *session_name; /* PGAPPNAME of steps; see children/agent.h */
	const char *notify_socket; /* for NOTIFY_SOCKET of processes; NULL: as it was given */
	int message_fd;
	pid_t supervisor;       /* for LISTEN_PID */
};

enum launch_what { LAUNCH_STEP, LAUNCH_PROCESS };

/* In the forked child, signals still blocked: own group, terminal, directory,
 * umask, environment, words, identity, signals, exec. Does not return: when it
 * fails it reports MESSAGE_EXEC_FAILED (stage and reason, the exit code) and
 * exits with that code. reads_terminal: what else reads it has an empty stdin. */
ATTR_NORETURN void launch_in_child(const struct launch *launch, enum launch_what what, size_t index,
				   bool reads_terminal);

/* What the look at boot found out. */
enum launch_database { LAUNCH_NO_DATABASE, LAUNCH_DATABASE };

/* In a short-lived child at boot: builds the environment, looks for the
 * database, expands every command, looks for the first program. Returns a
 * launch_database, or the exit code to end with (>= 64) after MESSAGE_EXEC_FAILED
 * said why. Sends MESSAGE_DEFAULT_READY where the plan has a default check, and
 * MESSAGE_PERSON where the user is another one.
 * settings is not needed yet and may be NULL. */
int launch_preflight(const struct launch *launch);

/* The name of a step's or process's program for logs: "gunicorn". */
const char *launch_program(const struct plan *plan, enum launch_what what, size_t index,
			   char *buffer, size_t size);
/* The same, told apart from the role's other processes: "beat: celery". */
const char *launch_title(const struct plan *plan, enum launch_what what, size_t index,
			 char *buffer, size_t size);
