/* A part of `pidone check`. */
#pragma once

#include "cmd/cmd.h"
#include "effect/environment.h"
#include "pure/config.h"

/* Whether the role has something to run here, and its programs and its user are there.
 * environment is what its processes get. Says on stderr what is missing; EXIT_CODE_OK or
 * EXIT_CODE_CONFIG. Starts and connects to nothing. */
int cmd_check_can_start(const struct config *config, const char *role,
			const struct environment *environment);
