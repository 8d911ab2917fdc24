/* Why a program cannot be run. */
#include "effect/program.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

int program_explain(const char *program, int code, struct err *err)
{
	if (code == ENOENT || code == ENOTDIR) {
		if (strchr(program, '/') != NULL && access(program, F_OK) == 0)
			(void)err_set(err, 0,
				      "cannot run '%s': the file is there, but the interpreter "
				      "named in it (its #! line or its loader) is not",
				      program);
		else
			(void)err_set(err, 0,
				      "cannot run '%s': there is no such program%s: check the "
				      "spelling and that the image installs it",
				      program, strchr(program, '/') != NULL ? "" : " in PATH");
		return EXIT_CODE_NOT_FOUND;
	}
	if (code == EAGAIN || code == ENOMEM || code == ETXTBSY || code == EMFILE ||
	    code == ENFILE) { /* may be better in a moment */
		(void)err_set(err, code, "cannot run '%s'", program);
		return EXIT_CODE_TRY_AGAIN;
	}
	if (code == EACCES)
		(void)err_set(
			err, 0,
			"cannot run '%s': it is not an executable file for this user: chmod +x "
			"in the Dockerfile",
			program);
	else
		(void)err_set(err, code, "cannot run '%s'", program);
	return EXIT_CODE_NOT_EXECUTABLE;
}

static bool is_program(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Only what is clear already: a program that a step installs comes later, and a
 * file that another user may execute is for the exec to judge. */
int program_find(const char *program, const char *path, struct err *err)
{
	struct stat st;
	if (strchr(program, '/') != NULL) {
		if (stat(program, &st) < 0)
			return program_explain(program, errno, err);
		if (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0)
			return program_explain(program, EACCES, err);
		return 0;
	}
	const char *rest = path != NULL ? path : "/usr/local/bin:/bin:/usr/bin";
	bool denied = false;
	while (*rest != '\0') {
		size_t length = strcspn(rest, ":");
		char file[1024];
		(void)snprintf(file, sizeof(file), "%.*s/%s", (int)length, length > 0 ? rest : ".",
			       program);
		if (is_program(file))
			return 0;
		denied = denied || (stat(file, &st) == 0 && S_ISREG(st.st_mode));
		rest += length + (rest[length] == ':');
	}
	return program_explain(program, denied ? EACCES : ENOENT, err);
}
