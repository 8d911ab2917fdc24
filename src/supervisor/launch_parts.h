/* Between the parts of launch: the start in the child, and the look before it. */
#pragma once

#include "base/text.h"
#include "effect/environment.h"
#include "supervisor/launch.h"

/* launch.c: the words to execute. */
int launch_expand(const struct launch *launch, bool shell, enum launch_what what, size_t index,
		  const struct environment *environment, struct list *ret_argv,
		  struct err *err) ATTR_CHECK;

/* launch_look.c. Names the setting that names somebody who is not there. */
int launch_check_identity(const struct launch *launch, struct err *err) ATTR_CHECK;
/* Behind the error "no such program": what was meant, if that can be guessed. */
void launch_add_meant(const struct launch *launch, const char *program, struct err *err);
