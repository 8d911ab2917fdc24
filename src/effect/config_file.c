/* Finding and reading the configuration file. */
#include "effect/config_file.h"

#include "base/log.h"
#include "base/mem.h"
#include "effect/termination.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

/* Who named the file; only the default one may be absent. */
enum named_by { NAMED_BY_OPTION, NAMED_BY_VARIABLE, NAMED_BY_DEFAULT };

static const char *find_path(const char *explicit_path, char *const *environment,
			     enum named_by *ret_named_by)
{
	static const char prefix[] = "PIDONE_CONFIG=";
	*ret_named_by = NAMED_BY_OPTION;
	if (explicit_path != NULL)
		return explicit_path;
	*ret_named_by = NAMED_BY_VARIABLE;
	for (; *environment != NULL; environment++)
		if (starts_with(*environment, prefix) && (*environment)[sizeof(prefix) - 1] != '\0')
			return *environment + sizeof(prefix) - 1;
	*ret_named_by = NAMED_BY_DEFAULT;
	return CONFIG_FILE_DEFAULT;
}

const char *config_file_path(const char *explicit_path, char *const *environment, bool *ret_exists)
{
	enum named_by named_by;
	const char *path = find_path(explicit_path, environment, &named_by);
	*ret_exists = access(path, F_OK) == 0;
	return path;
}

/* Reads to the end, or to one byte more than config_read() takes. */
static int read_all(int fd, struct buf *text)
{
	char bytes[4096];
	while (text->length <= CONFIG_SIZE_MAX) {
		ssize_t got = read(fd, bytes, sizeof(bytes));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		buf_add(text, bytes, (size_t)got);
	}
	return 0;
}

static int read_file(const char *path, bool may_be_absent, struct buf *text, struct err *err)
{
	struct stat st;
	/* O_NONBLOCK: a FIFO by mistake must not stop PID 1 for ever */
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && may_be_absent && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return err_set(err, errno, "cannot open the configuration");
	if (fstat(fd, &st) < 0)
		return err_set(err, errno, "cannot look at the configuration");
	if (S_ISDIR(st.st_mode))
		return err_set(err, EISDIR, "not a configuration file");
	if (!S_ISREG(st.st_mode))
		return err_set(err, 0, "not a configuration file: it must be a regular file");
	if (read_all(fd, text) < 0)
		return err_set(err, errno, "cannot read the configuration");
	return 0;
}

int config_file_load(struct config *config, const char *explicit_path, char *const *environment,
		     struct config_problems *problems)
{
	enum named_by named_by;
	struct err err = { 0 };
	struct buf text = { 0 };
	const char *path = find_path(explicit_path, environment, &named_by);
	if (read_file(path, named_by == NAMED_BY_DEFAULT, &text, &err) < 0)
		config_problem_add(
			problems, true, path, "%s%s", err.msg,
			named_by == NAMED_BY_VARIABLE ? " (PIDONE_CONFIG names this file)" : "");
	else if (text.length > 0)
		config_read(config, text.data, text.length, path, problems);
	buf_fini(&text);
	config_read_environment(config, environment, problems);
	config_validate(config, problems);
	return problems->n_errors == 0 ? 0 : -1;
}

void config_problems_print(const struct config_problems *problems)
{
	for (size_t i = 0; i < problems->n; i++) {
		const struct config_problem *problem = &problems->items[i];
		log_event(problem->is_error ? LOG_ERROR : LOG_WARNING, "config", "%s: %s",
			  problem->origin, problem->message);
	}
}

static void apply_log_settings(const struct config *config, bool has_level, bool has_format)
{
	const char *level = config_get(config, "log", "level", NULL);
	const char *format = config_get(config, "log", "format", NULL);
	static const char *const names[] = { "error", "warning", "info", "debug" };
	for (size_t i = 0; !has_level && level != NULL && i < ARRAY_SIZE(names); i++)
		if (streq(level, names[i]))
			log_set_level((enum log_level)i);
	if (!has_format && format != NULL)
		log_set_format(streq(format, "json") ? LOG_JSON : LOG_TEXT);
}

static void tell_termination(const struct config_problems *problems)
{
	for (size_t i = 0; i < problems->n; i++) {
		if (!problems->items[i].is_error)
			continue;
		char reason[512];
		(void)snprintf(reason, sizeof(reason), "exit %d: %s: %s%s", EXIT_CODE_CONFIG,
			       problems->items[i].origin, problems->items[i].message,
			       problems->n_errors > 1 ? " (and more: see the log)" : "");
		termination_write(reason);
		return;
	}
}

int config_file_start(struct config *config, const char *explicit_path, char *const *environment,
		      bool has_level, bool has_format)
{
	struct config_problems problems = { 0 };
	int loaded = config_file_load(config, explicit_path, environment, &problems);
	apply_log_settings(config, has_level, has_format);
	config_problems_print(&problems);
	if (loaded < 0)
		tell_termination(&problems);
	config_problems_fini(&problems);
	return loaded < 0 ? EXIT_CODE_CONFIG : 0;
}
