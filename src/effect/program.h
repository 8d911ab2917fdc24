/* Programs are found and executed as a shell does it. One that cannot be: which file,
 * why, what to do, and the exit code of a shell for it. */
#pragma once

#include "base/err.h"

/* PATH of an environment that has none. */
#define PROGRAM_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Replaces the process by argv[0], found with the PATH of environ if it has no slash. A
 * text without #! is /bin/sh's, as for every shell. Returns only when that fails: the
 * exit code (126, 127, or 75 for what may be better in a moment), and why in err. */
int program_exec(char *const *argv, struct err *err);

/* Before that, with the PATH that it will have (or NULL): 0; or the exit code, where it
 * is clear already that it would fail. */
int program_find(const char *program, const char *path, struct err *err) ATTR_CHECK;
