/* The sources of connection information, one after the other. What a source
 * says is judged by pure/conninfo; here is only where to look. */
#include "effect/pg_source.h"

#include "base/mem.h"
#include "base/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#define SECRET_MAX 65536 /* longer is not a URL or a password, but a mistake */

/* One search: what is asked and where the answer goes. */
struct search {
	const struct config *config;
	const char *(*lookup)(const char *, const void *);
	const void *context;
	struct conninfo *conninfo;
	char *origin;
	size_t origin_size;
	struct err *err;
};

/* Every step answers PG_SOURCE_NONE for "not mine: look further". */
typedef enum pg_source_result (*source_step)(struct search *search);

static const char *variable(const struct search *search, const char *name)
{
	const char *value = search->lookup(name, search->context);
	return value != NULL && value[0] != '\0' ? value : NULL;
}

static ATTR_PRINTF(2, 3) enum pg_source_result found(struct search *search, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	(void)vsnprintf(search->origin, search->origin_size, format, args);
	va_end(args);
	return PG_SOURCE_FOUND;
}

static void free_wiped(char *take_text)
{
	if (take_text != NULL)
		explicit_bzero(take_text, strlen(take_text));
	free(take_text);
}

/* The file's text without the newlines at its end, freed by the caller. NULL:
 * errno says why; ENOENT also for an empty one (it is being written). */
static char *read_secret(const char *path)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	struct stat st;
	if (fstat(fd, &st) < 0)
		return NULL;
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return NULL;
	}
	char *text = mem_alloc(SECRET_MAX + 1);
	size_t length = 0;
	ssize_t got = 0;
	while (length < SECRET_MAX && (got = read(fd, text + length, SECRET_MAX - length)) > 0)
		length += (size_t)got;
	int code = got < 0 ? errno : length == SECRET_MAX ? EFBIG : 0;
	if (code == 0 && memchr(text, '\0', length) != NULL)
		code = EILSEQ;
	while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r'))
		text[--length] = '\0';
	if (code == 0 && length == 0)
		code = ENOENT;
	if (code == 0)
		return text;
	explicit_bzero(text, SECRET_MAX);
	free(text);
	errno = code;
	return NULL;
}

static enum pg_source_result read_url(struct search *search, const char *url, const char *place)
{
	switch (conninfo_parse_url(search->conninfo, url, search->err)) {
	case CONNINFO_POSTGRES:
		return found(search, "%s", place);
	case CONNINFO_OTHER_ENGINE:
		(void)err_prefix(search->err, "%s", place);
		return PG_SOURCE_OTHER_ENGINE;
	case CONNINFO_INVALID:
		break;
	}
	(void)err_prefix(search->err, "%s", place);
	return PG_SOURCE_INVALID;
}

/* A URL in a file; place: "DATABASE_URL_FILE (/run/secrets/url)". */
static enum pg_source_result read_url_file(struct search *search, const char *path,
					   const char *place)
{
	char *url = read_secret(path);
	if (url == NULL && errno == ENOENT) {
		(void)err_set(search->err, 0, "%s: the file is not there yet, or empty", place);
		return PG_SOURCE_NOT_YET;
	}
	if (url == NULL) {
		(void)err_set(search->err, errno, "%s: cannot read the file", place);
		return PG_SOURCE_INVALID;
	}
	enum pg_source_result result = read_url(search, url, place);
	free_wiped(url);
	return result;
}

static enum pg_source_result from_setting(struct search *search, const char *key)
{
	const char *origin = NULL;
	const char *url = config_get(search->config, "postgres", key, &origin);
	if (url == NULL)
		return PG_SOURCE_NONE;
	CLEANUP_FREE char *place = mem_format("%s (%s)", key, origin);
	return read_url(search, url, place);
}

static enum pg_source_result from_url(struct search *search)
{
	return from_setting(search, "url");
}

static enum pg_source_result from_variable(struct search *search)
{
	const char *name = config_get(search->config, "postgres", "url-env", NULL);
	const char *url = variable(search, name);
	return url != NULL ? read_url(search, url, name) : PG_SOURCE_NONE;
}

static enum pg_source_result from_variable_file(struct search *search)
{
	const char *name = config_get(search->config, "postgres", "url-env", NULL);
	CLEANUP_FREE char *twin = mem_join(name, "_FILE");
	const char *path = variable(search, twin);
	if (path == NULL)
		return PG_SOURCE_NONE;
	CLEANUP_FREE char *place = mem_format("%s (%s)", twin, path);
	return read_url_file(search, path, place);
}

/* The keys of CloudNativePG, Crunchy, Zalando (username and password only) and
 * Service Binding, best first. */
static const struct {
	const char *file;
	const char *keyword;
} secret_keys[] = {
	{ "host", "host" },         { "port", "port" },     { "dbname", "dbname" },
	{ "database", "dbname" },   { "username", "user" }, { "user", "user" },
	{ "password", "password" },
};

/* Adds what the directory's files say; the number of them, or -1. */
static int read_secret_keys(struct search *search, const char *directory)
{
	int n = 0;
	for (size_t i = 0; i < ARRAY_SIZE(secret_keys); i++) {
		if (conninfo_get(search->conninfo, secret_keys[i].keyword) != NULL)
			continue;
		CLEANUP_FREE char *path = mem_format("%s/%s", directory, secret_keys[i].file);
		char *value = read_secret(path);
		if (value == NULL && errno != ENOENT)
			return err_set(search->err, errno, "secret-dir: cannot read %s", path);
		if (value == NULL)
			continue;
		int result =
			conninfo_set(search->conninfo, secret_keys[i].keyword, value, search->err);
		free_wiped(value);
		if (result < 0)
			return -1;
		n++;
	}
	return n;
}

static enum pg_source_result from_secret_dir(struct search *search)
{
	const char *directory = config_get(search->config, "postgres", "secret-dir", NULL);
	if (directory == NULL)
		return PG_SOURCE_NONE;
	CLEANUP_FREE char *uri = mem_join(directory, "/uri");
	if (access(uri, F_OK) == 0) {
		CLEANUP_FREE char *place = mem_format("%s (secret-dir)", uri);
		return read_url_file(search, uri, place);
	}
	int n = read_secret_keys(search, directory);
	if (n < 0)
		return PG_SOURCE_INVALID;
	if (n == 0) {
		(void)err_set(search->err, 0,
			      "secret-dir %s has none of the files uri, host, port, dbname, user, "
			      "password yet: is the secret mounted there?",
			      directory);
		return PG_SOURCE_NOT_YET;
	}
	if (conninfo_get(search->conninfo, "host") == NULL && variable(search, "PGHOST") == NULL) {
		(void)err_set(search->err, 0,
			      "secret-dir %s has neither uri nor host: set PGHOST as well",
			      directory);
		return PG_SOURCE_NOT_YET;
	}
	return found(search, "%s (secret-dir)", directory);
}

static enum pg_source_result from_pg_variables(struct search *search)
{
	static const char *const triggers[] = { "PGHOST", "PGSERVICE", "PGDATABASE" };
	for (size_t i = 0; i < ARRAY_SIZE(triggers); i++)
		if (variable(search, triggers[i]) != NULL)
			return found(search, "%s", triggers[i]); /* completed below */
	return PG_SOURCE_NONE;
}

/* Kubernetes injects POSTGRES_PORT=tcp://10.0.0.7:5432 for a Service named
 * postgres, and charts hand that on as PGPORT: the port is what stands last. */
static const char *port_of(const char *value)
{
	const char *colon = strrchr(value, ':');
	return starts_with(value, "tcp://") && colon != NULL ? colon + 1 : value;
}

/* One port for each host, or for all; an empty one is the default. */
static bool is_port_list(const char *text)
{
	for (;;) {
		uint16_t port = 0;
		size_t length = strcspn(text, ",");
		CLEANUP_FREE char *item = mem_dup_n(text, length);
		if (length > 0 && parse_port(item, &port) < 0)
			return false;
		if (text[length] == '\0')
			return true;
		text += length + 1;
	}
}

/* What libpq itself would take from the environment. Not PGAPPNAME: steps get
 * one of ours there, and a URL with a name in it would beat that. */
static int complete_from_variables(struct search *search, bool with_server)
{
	const char *keyword = NULL, *name = NULL;
	for (size_t i = 0; (keyword = conninfo_keyword(i, &name)) != NULL; i++) {
		const char *value = name != NULL ? variable(search, name) : NULL;
		bool is_port = streq(keyword, "port");
		bool is_server = is_port || streq(keyword, "host") || streq(keyword, "hostaddr");
		if (value == NULL || conninfo_get(search->conninfo, keyword) != NULL ||
		    (is_server && !with_server) || streq(keyword, "application_name"))
			continue;
		if (is_port && !is_port_list(port_of(value)))
			return err_set(search->err, 0,
				       "%s: this is not a port: write a number from 1 to 65535",
				       name);
		/* cannot fail: the keyword comes from the list itself */
		(void)!conninfo_set(search->conninfo, keyword, is_port ? port_of(value) : value,
				    search->err);
	}
	return 0;
}

static void complete_user(struct search *search)
{
	if (conninfo_get(search->conninfo, "user") != NULL ||
	    conninfo_get(search->conninfo, "service") != NULL)
		return;
	const struct passwd *entry = getpwuid(geteuid());
	const char *name = entry != NULL && entry->pw_name[0] != '\0' ? entry->pw_name : "postgres";
	(void)!conninfo_set(search->conninfo, "user", name, search->err);
}

/* What the source leaves open. */
static enum pg_source_result complete(struct search *search, bool with_server)
{
	if (complete_from_variables(search, with_server) < 0) {
		conninfo_fini(search->conninfo);
		if (search->origin_size > 0)
			search->origin[0] = '\0';
		return PG_SOURCE_INVALID;
	}
	complete_user(search);
	return PG_SOURCE_FOUND;
}

static enum pg_source_result run(struct search *search, const source_step *steps, size_t n)
{
	enum pg_source_result result = PG_SOURCE_NONE;
	*search->conninfo = (struct conninfo){ .n = 0 };
	if (search->origin_size > 0)
		search->origin[0] = '\0';
	for (size_t i = 0; i < n && result == PG_SOURCE_NONE; i++)
		result = steps[i](search);
	if (result != PG_SOURCE_FOUND)
		conninfo_fini(search->conninfo);
	return result;
}

static const source_step sources[] = { from_url, from_variable, from_variable_file, from_secret_dir,
				       from_pg_variables };

static enum pg_source_result from_lock_url(struct search *search)
{
	return from_setting(search, "lock-url");
}

enum pg_source_result pg_source_find(const struct config *config,
				     const char *(*lookup)(const char *, const void *),
				     const void *context, struct conninfo *ret_conninfo,
				     char *ret_origin, size_t origin_size, struct err *err)
{
	struct search search = {
		config, lookup, context, ret_conninfo, ret_origin, origin_size, err
	};
	enum pg_source_result result = run(&search, sources, ARRAY_SIZE(sources));
	return result == PG_SOURCE_FOUND ? complete(&search, true) : result;
}

enum pg_source_result pg_source_find_lock(const struct config *config,
					  const char *(*lookup)(const char *, const void *),
					  const void *context, struct conninfo *ret_conninfo,
					  char *ret_origin, size_t origin_size, struct err *err)
{
	static const source_step steps[] = { from_lock_url };
	struct search search = {
		config, lookup, context, ret_conninfo, ret_origin, origin_size, err
	};
	enum pg_source_result result = run(&search, steps, ARRAY_SIZE(steps));
	if (result == PG_SOURCE_NONE)
		return pg_source_find(config, lookup, context, ret_conninfo, ret_origin,
				      origin_size, err);
	if (result == PG_SOURCE_FOUND)
		return complete(&search, conninfo_get(ret_conninfo, "host") == NULL);
	return result;
}

/* ---- sources that disagree ---- */

/* What one of them leaves open is no contradiction. */
static bool differ(const struct conninfo *a, const struct conninfo *b)
{
	static const char *const keywords[] = { "host", "port", "dbname" };
	for (size_t i = 0; i < ARRAY_SIZE(keywords); i++) {
		const char *one = conninfo_get(a, keywords[i]);
		const char *other = conninfo_get(b, keywords[i]);
		if (one != NULL && other != NULL && strcasecmp(one, other) != 0)
			return true;
	}
	return false;
}

bool pg_source_disagrees(const struct config *config,
			 const char *(*lookup)(const char *, const void *), const void *context,
			 struct err *ret)
{
	char origins[2][256], masked[2][128];
	struct conninfo conninfo[2] = { { .n = 0 }, { .n = 0 } };
	struct err err;
	bool found = false, differs = false;
	for (size_t i = 0; i < ARRAY_SIZE(sources) && !differs; i++) {
		struct conninfo *place = &conninfo[found];
		struct search search = { config, lookup,         context,
					 place,  origins[found], sizeof(origins[found]),
					 &err };
		enum pg_source_result result = run(&search, &sources[i], 1);
		if (result == PG_SOURCE_FOUND && sources[i] == from_pg_variables)
			result = complete(&search, true);
		if (result != PG_SOURCE_FOUND)
			continue;
		differs = found && differ(&conninfo[0], place);
		(void)conninfo_masked(place, masked[found], sizeof(masked[found]));
		if (found && !differs)
			conninfo_fini(place);
		found = true;
	}
	conninfo_fini(&conninfo[0]);
	conninfo_fini(&conninfo[1]);
	if (differs)
		(void)err_set(ret, 0, "%s says %s, and %s says %s: the first counts", origins[0],
			      masked[0], origins[1], masked[1]);
	return differs;
}
