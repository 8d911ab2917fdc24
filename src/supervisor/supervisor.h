/* The whole: runs a role (or a plain command) as PID 1 until it ends. Owns the
 * loop and all handles; turns what happens into events, has the lifecycle
 * decide, and carries out what it says. */
#pragma once

#include "effect/given.h"
#include "pure/config.h"
#include "pure/plan.h"

struct supervisor_options {
	struct given *given;
	const struct config *config;
	const struct plan *plan;
	const char *const *subcommands; /* words of the command line; NULL behind the last */
};

/* Returns the exit code of the container. Blocks for its whole life. */
int supervisor_main(const struct supervisor_options *options);
