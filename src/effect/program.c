/* The search in PATH, and the exec. Not execvp(3): it hands whatever the kernel refuses to
 * /bin/sh, so a program that was built for another machine ends in "Syntax error". */
#include "effect/program.h"

#include "base/mem.h"
#include "base/text.h"
#include "effect/program_explain.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* The files that a name may mean, one after the other. */
struct search {
	const char *program;
	const char *rest; /* of PATH; NULL: there is nothing more to look at */
	char file[PATH_MAX];
};

/* Not by an initializer: a zeroed path would touch pages that no start needs. */
static void start_search(struct search *search, const char *program, const char *path)
{
	search->program = program;
	search->rest = path != NULL ? path : PROGRAM_PATH;
}

static bool next_file(struct search *search)
{
	const char *directory = search->rest;
	if (directory == NULL)
		return false;
	if (strchr(search->program, '/') != NULL) {
		search->rest = NULL;
		text_copy(search->file, sizeof(search->file), search->program);
		return true;
	}
	size_t length = strcspn(directory, ":");
	search->rest = directory[length] == ':' ? directory + length + 1 : NULL;
	(void)snprintf(search->file, sizeof(search->file), "%.*s/%s", (int)length,
		       length > 0 ? directory : ".", search->program);
	return true;
}

/* How much a failure tells: a file that is there, else a link that leads to nothing, else
 * a directory that may not be searched. */
static int telling(const struct program_failure *failure)
{
	return failure->is_there ? 3 : failure->is_link ? 2 : failure->code == EACCES ? 1 : 0;
}

/* Of all that failed in a search the one that tells most; the first of several. */
static void keep(struct program_failure *kept, const char *file, int code)
{
	struct program_failure found = { .code = code };
	found.is_there = stat(file, &found.st) == 0;
	struct stat link;
	found.is_link = !found.is_there && code == ENOENT && lstat(file, &link) == 0;
	if (kept->code != 0 && telling(&found) <= telling(kept))
		return;
	free(kept->file);
	*kept = found;
	kept->file = mem_dup(file);
}

static int explain(const char *program, struct program_failure *take_failure, struct err *err)
{
	int code = program_explain(program, take_failure, err);
	free(take_failure->file);
	return code;
}

/* ---- exec ---- */

static bool goes_on_behind(int code)
{
	return code == EACCES || code == ENOENT || code == ENOTDIR || code == ESTALE ||
	       code == ENODEV || code == ETIMEDOUT;
}

static int exec_shell(const char *file, char *const *argv)
{
	struct list words = { 0 };
	list_add(&words, "/bin/sh");
	list_add(&words, file);
	for (size_t i = 1; argv[0] != NULL && argv[i] != NULL; i++)
		list_add(&words, argv[i]);
	(void)execve("/bin/sh", words.items, environ);
	int code = errno;
	list_fini(&words);
	return code;
}

int program_exec(char *const *argv, struct err *err)
{
	struct program_failure failure = { .code = 0 };
	struct search search;
	start_search(&search, argv[0], getenv("PATH"));
	while (argv[0][0] != '\0' && next_file(&search)) {
		(void)execve(search.file, argv, environ);
		int code = errno;
		if (code == ENOEXEC && program_is_text(search.file))
			code = exec_shell(search.file, argv);
		keep(&failure, search.file, code);
		if (!goes_on_behind(code)) {
			failure.code = code;
			break;
		}
	}
	return explain(argv[0], &failure, err);
}

/* ---- before ---- */

/* Only what is clear already: a program that a step installs comes later, and a
 * file that another user may execute is for the exec to judge. */
int program_find(const char *program, const char *path, struct err *err)
{
	struct program_failure failure = { .code = 0 };
	struct search search;
	bool is_path = strchr(program, '/') != NULL;
	start_search(&search, program, path);
	while (program[0] != '\0' && next_file(&search)) {
		struct stat st;
		int code = stat(search.file, &st) < 0                         ? errno
			   : !S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0 ? EACCES
			   : !is_path && access(search.file, X_OK) < 0        ? errno
									      : 0;
		if (code == 0) {
			free(failure.file);
			return 0;
		}
		keep(&failure, search.file, code);
	}
	return explain(program, &failure, err);
}
