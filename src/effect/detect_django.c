/* The Django project, read as text: nothing of it is run, so what is computed
 * there stays unknown. */
#include "base/mem.h"
#include "effect/detect_parts.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#define MODULE_LETTERS \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

static const char *next_line(const char *text)
{
	const char *end = strchr(text, '\n');
	return end != NULL ? end + 1 : NULL;
}

static bool is_comment(const char *line)
{
	return line[strspn(line, " \t")] == '#';
}

/* ---- from manage.py to the modules ---- */

/* os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'mysite.settings') */
static char *find_settings_module(const char *manage)
{
	static const char name[] = "DJANGO_SETTINGS_MODULE";
	for (const char *line = manage; line != NULL; line = next_line(line)) {
		const char *end = strchrnul(line, '\n'), *found = strstr(line, name);
		if (is_comment(line) || found == NULL || found >= end)
			continue;
		found += sizeof(name) - 1;
		found += strspn(found, "'\"])=, \t\n");
		size_t length = strspn(found, MODULE_LETTERS ".");
		if (length > 0 && (found[-1] == '\'' || found[-1] == '"') &&
		    (found[length] == '\'' || found[length] == '"'))
			return mem_dup_n(found, length);
	}
	return NULL;
}

static bool is_module_name(const char *module)
{
	return module[0] != '\0' && module[strspn(module, MODULE_LETTERS ".")] == '\0' &&
	       module[0] != '.' && strstr(module, "..") == NULL;
}

static bool is_file(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* "a.b" → "a/b" */
static char *module_path(const char *module)
{
	char *path = mem_dup(module);
	for (char *dot = path; (dot = strchr(dot, '.')) != NULL;)
		*dot = '/';
	return path;
}

/* The package nearest to the settings that has NAME.py: of config.settings.prod
 * it is config.settings, config, or none ("": beside manage.py). NULL: nowhere. */
static char *find_package(const char *settings_module, const char *name)
{
	char *package = mem_dup(settings_module);
	while (package[0] != '\0') {
		char *dot = strrchr(package, '.');
		*(dot != NULL ? dot : package) = '\0';
		CLEANUP_FREE char *directory = module_path(package);
		CLEANUP_FREE char *file = mem_format("%s%s%s.py", directory,
						     directory[0] != '\0' ? "/" : "", name);
		if (is_file(file))
			return package;
	}
	free(package);
	return NULL;
}

static char *find_module(const char *settings_module, const char *name)
{
	CLEANUP_FREE char *package = find_package(settings_module, name);
	if (package == NULL)
		return NULL;
	return mem_format("%s%s%s", package, package[0] != '\0' ? "." : "", name);
}

/* ---- the settings' text ---- */

/* The file, behind those of its own directory that it starts from ("from .base
 * import *"): what stands later counts. */
static void add_settings(struct buf *text, const char *directory, const char *file, int depth)
{
	CLEANUP_FREE char *path = mem_format("%s%s", directory, file);
	CLEANUP_FREE char *own = detect_read_text(path);
	if (own == NULL)
		return;
	for (const char *line = own; line != NULL && depth > 0; line = next_line(line)) {
		if (!starts_with(line, "from ."))
			continue;
		size_t length = strspn(line + 6, MODULE_LETTERS);
		if (length == 0 || !starts_with(line + 6 + length, " import *"))
			continue;
		CLEANUP_FREE char *other = mem_format("%.*s.py", (int)length, line + 6);
		add_settings(text, directory, other, depth - 1);
	}
	buf_add_text(text, own);
	buf_add_char(text, '\n');
}

static char *read_settings(const char *module)
{
	struct buf text = { 0 };
	CLEANUP_FREE char *path = module_path(module);
	CLEANUP_FREE char *package = mem_format("%s/__init__.py", path);
	CLEANUP_FREE char *inside = mem_format("%s/", path);
	if (is_file(package)) {
		add_settings(&text, inside, "__init__.py", 3);
		return buf_take(&text);
	}
	char *slash = strrchr(path, '/');
	CLEANUP_FREE char *file = mem_format("%s.py", slash != NULL ? slash + 1 : path);
	(slash != NULL ? slash + 1 : path)[0] = '\0';
	add_settings(&text, path, file, 3);
	return buf_take(&text);
}

static bool has_quoted_word(const char *text, const char *word)
{
	size_t length = strlen(word);
	for (const char *line = text; line != NULL; line = next_line(line)) {
		const char *end = strchrnul(line, '\n');
		if (is_comment(line))
			continue;
		for (const char *p = line; (p = strstr(p, word)) != NULL && p < end; p += length)
			if (p > line && (p[-1] == '\'' || p[-1] == '"') && p[length] == p[-1])
				return true;
	}
	return false;
}

static bool sets_concurrency(const char *settings, const char *package)
{
	CLEANUP_FREE char *directory = module_path(package);
	CLEANUP_FREE char *path = mem_format("%s/celery.py", directory);
	CLEANUP_FREE char *text = detect_read_text(path);
	return strcasestr(settings, "worker_concurrency") != NULL ||
	       (text != NULL && strcasestr(text, "worker_concurrency") != NULL);
}

/* ---- STATIC_ROOT ---- */

/* A Python string without escapes at *cursor, which moves behind it; or NULL. */
static char *read_string(const char **cursor)
{
	const char *start = *cursor + strspn(*cursor, " \t\n");
	char quote = start[0];
	if (quote != '\'' && quote != '"')
		return NULL;
	size_t length = strcspn(++start, quote == '"' ? "\"\\\n" : "'\\\n");
	if (start[length] != quote)
		return NULL;
	*cursor = start + length + 1;
	return mem_dup_n(start, length);
}

static bool skip_text(const char **cursor, const char *text)
{
	const char *start = *cursor + strspn(*cursor, " \t\n");
	if (!starts_with(start, text))
		return false;
	*cursor = start + strlen(text);
	return true;
}

/* "x" / "y" … or "x", "y" …, joined below the base; NULL if something else
 * stands among them. */
static char *join_strings(const char **cursor, const char *separator, const char *base)
{
	struct buf path = { 0 };
	buf_add_text(&path, base);
	do {
		CLEANUP_FREE char *part = read_string(cursor);
		if (part == NULL || part[0] == '/') {
			buf_fini(&path);
			return NULL;
		}
		buf_format(&path, "/%s", part);
	} while (skip_text(cursor, separator));
	return buf_take(&path);
}

static char *read_static_root(const char *value, const char *base)
{
	const char *cursor = value;
	char *path = NULL;
	if (skip_text(&cursor, "BASE_DIR")) {
		path = skip_text(&cursor, "/") ? join_strings(&cursor, "/", base) : NULL;
	} else if (skip_text(&cursor, "os.path.join(")) {
		if (skip_text(&cursor, "BASE_DIR") && skip_text(&cursor, ","))
			path = join_strings(&cursor, ",", base);
		if (path != NULL && !skip_text(&cursor, ")")) {
			free(path);
			path = NULL;
		}
	} else {
		path = read_string(&cursor);
	}
	cursor += strspn(cursor, " \t\r");
	if (path != NULL && path[0] == '/' && strchr("#\n", *cursor) != NULL)
		return path;
	free(path);
	return NULL;
}

char *detect_static_root(const char *settings, const char *base_directory)
{
	static const char name[] = "STATIC_ROOT";
	char *path = NULL;
	for (const char *line = settings; line != NULL; line = next_line(line)) {
		if (!starts_with(line, name))
			continue;
		const char *value = line + sizeof(name) - 1;
		value += strspn(value, " \t");
		if (value[0] != '=' || value[1] == '=')
			continue;
		free(path);
		path = read_static_root(value + 1, base_directory);
	}
	return path;
}

/* mountinfo writes blanks and the like as \040. */
static void unescape_octal(char *text)
{
	char *to = text;
	for (const char *from = text; *from != '\0'; to++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' &&
		    from[2] >= '0' && from[2] <= '7' && from[3] >= '0' && from[3] <= '7') {
			*to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

bool detect_on_volume(const char *path, const char *mountinfo)
{
	for (const char *line = mountinfo; line != NULL; line = next_line(line)) {
		/* 36 35 98:0 /mnt1 /mnt2 rw,noatime … : the fifth is where it is mounted */
		const char *field = line, *end = strchrnul(line, '\n');
		for (int i = 0; i < 4 && field < end; i++) {
			field += strcspn(field, " \n");
			field += *field == ' ';
		}
		CLEANUP_FREE char *mount = mem_dup_n(field, strcspn(field, " \n"));
		unescape_octal(mount);
		size_t length = strlen(mount);
		if (length > 1 && strncmp(path, mount, length) == 0 &&
		    (path[length] == '/' || path[length] == '\0'))
			return true;
	}
	return false;
}

/* Without links as far as it exists: nothing below can be one. */
static char *resolve(const char *path)
{
	CLEANUP_FREE char *existing = mem_dup(path);
	for (;;) {
		char *real = realpath(existing[0] != '\0' ? existing : "/", NULL);
		if (real != NULL) {
			char *whole = mem_format("%s%s", streq(real, "/") ? "" : real,
						 path + strlen(existing));
			free(real);
			return whole;
		}
		char *slash = strrchr(existing, '/');
		if (slash == NULL)
			return mem_dup(path);
		*slash = '\0';
	}
}

static bool has_files(const char *path)
{
	DIR *directory = opendir(path);
	bool found = false;
	for (const struct dirent *item; directory != NULL && (item = readdir(directory)) != NULL;)
		found = found || item->d_name[0] != '.';
	if (directory != NULL)
		(void)closedir(directory);
	return found;
}

/* BASE_DIR is taken for the directory of manage.py, which it is in a project
 * that `startproject` made. */
static void find_static_root(struct plan_facts *facts, const char *settings)
{
	CLEANUP_FREE char *here = getcwd(NULL, 0);
	CLEANUP_FREE char *path = detect_static_root(settings, here != NULL ? here : "");
	CLEANUP_FREE char *mountinfo = detect_read_text("/proc/self/mountinfo");
	if (path == NULL)
		return;
	CLEANUP_FREE char *real = resolve(path);
	if (mountinfo != NULL && detect_on_volume(real, mountinfo))
		facts->static_root = PLAN_STATIC_ON_VOLUME;
	else
		facts->static_root = has_files(real) ? PLAN_STATIC_COLLECTED
						     : PLAN_STATIC_IN_LAYER;
	facts->static_root_path = mem_dup(path);
}

void detect_django(struct plan_facts *facts, const char *settings_module)
{
	CLEANUP_FREE char *manage = detect_read_text("manage.py");
	CLEANUP_FREE char *module = settings_module != NULL ? mem_dup(settings_module)
				    : manage != NULL	    ? find_settings_module(manage)
							    : NULL;
	if (module == NULL || !is_module_name(module))
		return;
	CLEANUP_FREE char *settings = read_settings(module);
	CLEANUP_FREE char *celery = find_package(module, "celery");
	facts->wsgi = find_module(module, "wsgi");
	facts->asgi = find_module(module, "asgi");
	facts->has_django_q = has_quoted_word(settings, "django_q");
	/* A celery.py beside manage.py would hide the library of that name. */
	if (celery != NULL && celery[0] != '\0') {
		facts->celery_app = mem_dup(celery);
		facts->celery_sets_concurrency = sets_concurrency(settings, celery);
	}
	find_static_root(facts, settings);
}
