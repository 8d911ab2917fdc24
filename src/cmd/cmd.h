/* The subcommands: each takes what the command line left for it and returns
 * the exit code. They print for a person: results on stdout, errors on stderr. */
#pragma once

#include "effect/given.h"

struct cmd_options {
	const char *config_path;   /* of -c, or NULL */
	char *const *environment;  /* as the kernel gave it */
	char *const *args;         /* behind the subcommand's word; NULL-terminated */
	const struct given *given;
	bool has_level, has_format; /* the command line says how to log */
};

int cmd_check(const struct cmd_options *options);
int cmd_explain(const struct cmd_options *options);
int cmd_probe(const struct cmd_options *options);
int cmd_status(const struct cmd_options *options);
int cmd_install(const struct cmd_options *options);
int cmd_once(const struct cmd_options *options);

/* Not an exit code: now pidone is to be the plain PID 1 of what is behind "--". */
#define CMD_RUN_COMMAND (-2)

/* Called with all signals still blocked: PID 1 of a container loses none. An exit
 * code, or CMD_RUN_COMMAND. */
int cmd_wait(const struct cmd_options *options);

/* What standard output still holds is written. Returns exit_code; but when output
 * was lost it says so, and 0 becomes EXIT_CODE_INTERNAL. */
int cmd_finish_output(int exit_code) ATTR_CHECK;
/* Is --help or -h among the words in front of "--"? */
bool cmd_asks_for_help(const struct cmd_options *options);
/* ": did you mean /run?" when word is, or nearly is, the name of a role without its
 * slash; else "". Written into buffer, which is returned. */
#define CMD_HINT_SIZE 64
const char *cmd_meant_role(char *buffer, size_t size, const char *word);
/* "usage: …" on standard output; returns the exit code. */
int cmd_print_usage(const char *usage) ATTR_CHECK;
