/* Variables out of files: `from-files` and `secrets-dir`. Values are secrets:
 * no message shows one. */
#include "base/mem.h"
#include "effect/environment_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* A kernel takes 128 KiB for one variable at most (MAX_ARG_STRLEN); what is
 * longer would make every exec fail with E2BIG, far from its cause. */
#define VALUE_MAX ((size_t)128 * 1024 - 256)

/* The file's text without the newlines at its end, or NULL. origin: who asks. */
static char *read_value(int directory_fd, const char *path, const char *origin, struct err *err)
{
	CLEANUP_CLOSE int fd = openat(directory_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0) {
		(void)err_set(err, errno, "%s: read '%s'", origin, path);
		return NULL;
	}
	if (!S_ISREG(st.st_mode)) {
		(void)err_set(err, 0, "%s: '%s' is not a regular file", origin, path);
		return NULL;
	}
	char *text = mem_alloc(VALUE_MAX + 1);
	size_t length = 0;
	ssize_t got = 1;
	while (length <= VALUE_MAX && got != 0) {
		got = read(fd, text + length, VALUE_MAX + 1 - length);
		if (got < 0 && errno != EINTR)
			break;
		length += got > 0 ? (size_t)got : 0;
	}
	if (got < 0)
		(void)err_set(err, errno, "%s: read '%s'", origin, path);
	else if (length > VALUE_MAX)
		(void)err_set(err, 0, "%s: '%s' is longer than a variable can be (128 KiB)",
			      origin, path);
	else if (memchr(text, '\0', length) != NULL)
		(void)err_set(err, 0, "%s: '%s' contains a NUL byte: not a text", origin, path);
	else {
		while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r'))
			text[--length] = '\0';
		return mem_resize(text, length + 1);
	}
	explicit_bzero(text, VALUE_MAX + 1);
	free(text);
	return NULL;
}

static void set_and_wipe(struct environment *environment, const char *name, char *take_value)
{
	environment_set(environment, name, take_value);
	explicit_bzero(take_value, strlen(take_value));
	free(take_value);
}

static int add_file(struct environment *environment, const struct config_entry *entry,
		    struct err *err)
{
	const char *name = entry->value;
	if (!environment_is_name(name))
		return err_set(err, 0,
			       "%s: from-files: '%s' is not the name of a variable: one name a "
			       "line, without _FILE and without '='",
			       entry->origin, name);
	CLEANUP_FREE char *file_name = mem_join(name, "_FILE");
	const char *path = environment_get(environment, file_name);
	if (path == NULL || path[0] == '\0')
		return 0;
	if (environment_get(environment, name) != NULL)
		return err_set(err, 0, "both %s and %s are set: keep one", name, file_name);
	char *value = read_value(AT_FDCWD, path, file_name, err);
	if (value == NULL)
		return -1;
	set_and_wipe(environment, name, value);
	environment_unset(environment, file_name);
	return 0;
}

int environment_add_files(struct environment *environment, const struct config *config,
			  struct err *err)
{
	const struct config_entry *entry = NULL;
	while ((entry = config_next(config, "env", "from-files", entry)) != NULL)
		if (add_file(environment, entry, err) < 0)
			return -1;
	return 0;
}

static int by_name(const void *one, const void *other)
{
	return strcmp(*(char *const *)one, *(char *const *)other);
}

/* Adds the variables' files in the directory fd, sorted; -1 with errno. Not ..data and
 * its like (a Secret volume's own links), nor dotfiles: neither is a variable's name.
 * Files of other names (tls.crt) are left alone. */
static int list_variable_files(int fd, struct list *names)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0); /* closedir() closes it */
	DIR *directory = own < 0 ? NULL : fdopendir(own);
	if (directory == NULL) {
		if (own >= 0)
			(void)close(own);
		return -1;
	}
	for (struct dirent *item = NULL; (item = readdir(directory)) != NULL;)
		if (environment_is_name(item->d_name))
			list_add(names, item->d_name);
	(void)closedir(directory);
	if (names->n > 0)
		qsort(names->items, names->n, sizeof(*names->items), by_name);
	return 0;
}

static int add_directory(struct environment *environment, const struct config_entry *entry,
			 struct err *err)
{
	struct list names = { 0 };
	CLEANUP_CLOSE int fd = open(entry->value, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || list_variable_files(fd, &names) < 0)
		return err_set(err, errno, "%s: secrets-dir: read '%s'", entry->origin,
			       entry->value);
	int result = 0;
	for (size_t i = 0; i < names.n && result == 0; i++) {
		const char *name = names.items[i];
		struct stat st;
		if (fstatat(fd, name, &st, 0) < 0 || !S_ISREG(st.st_mode) ||
		    environment_get(environment, name) != NULL)
			continue;
		CLEANUP_FREE char *origin = mem_join("secrets-dir ", entry->value);
		char *value = read_value(fd, name, origin, err);
		if (value != NULL)
			set_and_wipe(environment, name, value);
		else
			result = -1;
	}
	list_fini(&names);
	return result;
}

int environment_add_secrets(struct environment *environment, const struct config *config,
			    struct err *err)
{
	const struct config_entry *entry = NULL;
	while ((entry = config_next(config, "env", "secrets-dir", entry)) != NULL)
		if (add_directory(environment, entry, err) < 0)
			return -1;
	return 0;
}
