/* Does TERM stop a uWSGI? Looks into the ini files that its command names. */
#include "effect/detect.h"

#include "base/mem.h"
#include "effect/detect_parts.h"

/* A file that is not here may tell it where it is. */
static bool file_tells(const char *name, const char *directory)
{
	bool is_relative = name[0] != '/' && directory != NULL;
	CLEANUP_FREE char *path =
		is_relative ? mem_format("%s/%s", directory, name) : mem_dup(name);
	CLEANUP_FREE char *whole = detect_read_text(path);
	char *section = strrchr(path, ':');
	if (whole == NULL && section != NULL)
		*section = '\0';
	CLEANUP_FREE char *text = whole == NULL ? detect_read_text(path) : mem_dup(whole);
	return text == NULL || plan_uwsgi_ini_tells(text);
}

bool detect_uwsgi_reloads(const struct list *argv, const char *directory, char *const *environment)
{
	struct list files = { 0 };
	bool reloads = plan_uwsgi_reloads(argv, &files);
	for (; reloads && *environment != NULL; environment++)
		reloads = !plan_uwsgi_variable_tells(*environment);
	for (size_t i = 0; reloads && i < files.n; i++)
		reloads = !file_tells(files.items[i], directory);
	list_fini(&files);
	return reloads;
}
