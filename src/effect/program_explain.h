/* Why a program cannot be run. Opens and reads the file, so it is for boot and for
 * children. */
#pragma once

#include "base/err.h"

#include <sys/stat.h>

struct program_failure {
	int code; /* errno of the exec; 0: there was nothing to try */
	bool is_there;
	bool is_link;   /* there is a link, which leads to nothing */
	struct stat st; /* where it is */
	char *file;     /* owned; NULL with code 0 */
};

/* The exit code of a shell for it (126, 127), or 75 for what may be better in a moment;
 * err has the reason with a remedy. */
int program_explain(const char *program, const struct program_failure *failure, struct err *err);

/* Of a file that the kernel does not know how to run: is it at least a text? */
bool program_is_text(const char *file);
