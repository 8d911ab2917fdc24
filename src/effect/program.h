/* Programs that cannot be run: which, why, and the exit code of a shell for it. */
#pragma once

#include "base/err.h"

/* What a failed exec of this program with this errno means: its exit code (126 or
 * 127); err has the reason with a remedy. */
int program_explain(const char *program, int code, struct err *err);

/* Before the exec, with the PATH that it will have (NULL: the usual one): 0; or
 * the exit code, where it is clear already that it would fail. */
int program_find(const char *program, const char *path, struct err *err) ATTR_CHECK;
