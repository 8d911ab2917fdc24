/* The steps of environment_build(); nobody else includes this. */
#pragma once

#include "effect/environment.h"

bool environment_is_name(const char *name); /* [A-Za-z_][A-Za-z0-9_]* */

int environment_add_files(struct environment *environment, const struct config *config,
			  struct err *err) ATTR_CHECK;
int environment_add_secrets(struct environment *environment, const struct config *config,
			    struct err *err) ATTR_CHECK;

/* With the values of [env] as far as they can be told without the database. */
int environment_add_database(struct environment *environment, const struct config *config,
			     struct err *err) ATTR_CHECK;

/* Sets the variables of [env] that *environment does not have yet. Where a value
 * cannot be expanded: an error, or, with `tentative`, the variable is left out. */
int environment_add_defaults(struct environment *environment, const struct config *config,
			     bool tentative, struct err *err) ATTR_CHECK;
