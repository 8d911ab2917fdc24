/* The one table of keys: everything that can be set, with its type, default and
 * meaning. Reading, defaults, `check`, `explain` and the tests of manual and
 * sample file all use this table; a key is added here and nowhere else. */
#include "pure/config_internal.h"

#include "base/parse.h"

#include <ctype.h>
#include <stdio.h>

#define KEYS_MAX 64

/* clang-format off */
static const struct config_key keys[] = {
	/* ---- [postgres] ---- */
	{ .where = CONFIG_IN_POSTGRES, .name = "url", .type = CONFIG_URL,
	  .meaning = "where the database is, as a URL; better: a variable or a secret" },
	{ .where = CONFIG_IN_POSTGRES, .name = "url-env", .type = CONFIG_VARIABLE,
	  .fallback = "DATABASE_URL",
	  .meaning = "the variable that holds the URL; with _FILE behind it: the file that does" },
	{ .where = CONFIG_IN_POSTGRES, .name = "secret-dir", .type = CONFIG_PATH,
	  .meaning = "a mounted secret with the files uri, or host, port, dbname, user, password" },
	{ .where = CONFIG_IN_POSTGRES, .name = "project", .type = CONFIG_TEXT,
	  .fallback = "default",
	  .meaning = "whose lock and marks: apps that share a database need different names" },
	{ .where = CONFIG_IN_POSTGRES, .name = "wait-timeout", .type = CONFIG_DURATION,
	  .fallback = "none", .choices = "none",
	  .meaning = "how long to wait for the database before giving up with exit code 69" },
	{ .where = CONFIG_IN_POSTGRES, .name = "attempt-timeout", .type = CONFIG_DURATION,
	  .fallback = "5s", .min = 1, .meaning = "how long one attempt may take, per address" },
	{ .where = CONFIG_IN_POSTGRES, .name = "auth-grace", .type = CONFIG_DURATION,
	  .fallback = "30s", .choices = "none",
	  .meaning = "how long a wrong password or a missing database is retried" },
	{ .where = CONFIG_IN_POSTGRES, .name = "target", .type = CONFIG_CHOICE,
	  .fallback = "read-write", .choices = "any read-write",
	  .meaning = "which server counts as ready: any, or one that can be written to" },
	{ .where = CONFIG_IN_POSTGRES, .name = "lock-url", .type = CONFIG_URL,
	  .meaning = "another URL for lock and marks, past a connection pooler" },

	/* ---- [probes] ---- */
	{ .where = CONFIG_IN_PROBES, .name = "listen", .type = CONFIG_LISTEN,
	  .meaning = "address for HTTP probes, for every role that does not set its own" },
	{ .where = CONFIG_IN_PROBES, .name = "socket", .type = CONFIG_PATH, .choices = "none",
	  .meaning = "unix socket for probes, for every role that does not set its own" },
	{ .where = CONFIG_IN_PROBES, .name = "check-host", .type = CONFIG_TEXT,
	  .meaning = "Host header of HTTP checks: a name that ALLOWED_HOSTS has" },
	{ .where = CONFIG_IN_PROBES, .name = "max-connections", .type = CONFIG_UINT,
	  .fallback = "64", .min = 1,
	  .meaning = "connections at a time; beyond them the oldest idle one is closed" },

	/* ---- [env]: besides these two, every name is a variable ---- */
	{ .where = CONFIG_IN_ENV, .name = "from-files", .type = CONFIG_VARIABLE, .repeats = true,
	  .meaning = "a variable that is read from the file that its twin NAME_FILE names" },
	{ .where = CONFIG_IN_ENV, .name = "secrets-dir", .type = CONFIG_PATH,
	  .meaning = "a mounted secret: each of its files becomes a variable" },

	/* ---- [log] ---- */
	{ .where = CONFIG_IN_LOG, .name = "format", .type = CONFIG_CHOICE, .fallback = "text",
	  .choices = "text json", .meaning = "how pidone writes its own lines" },
	{ .where = CONFIG_IN_LOG, .name = "level", .type = CONFIG_CHOICE, .fallback = "info",
	  .choices = "error warning info debug",
	  .meaning = "which of its own lines pidone writes" },

	/* ---- roles, and [command]: what runs ---- */
	{ .where = CONFIG_IN_ROLE, .name = "command", .type = CONFIG_COMMAND,
	  .meaning = "the main process" },
	{ .where = CONFIG_IN_ROLE, .name = "process.", .type = CONFIG_COMMAND,
	  .meaning = "a further process, called NAME" },
	{ .where = CONFIG_IN_ROLE, .name = "essential.", .type = CONFIG_BOOL, .fallback = "yes",
	  .meaning = "whether the end of process NAME ends the container" },
	{ .where = CONFIG_IN_ROLE, .name = "step", .type = CONFIG_COMMAND, .repeats = true,
	  .meaning = "runs to its end before the command, in order, at every start" },
	{ .where = CONFIG_IN_ROLE, .name = "once", .type = CONFIG_COMMAND, .repeats = true,
	  .meaning = "a step that runs once per database, and again when its text changes" },
	{ .where = CONFIG_IN_ROLE, .name = "once-per-release", .type = CONFIG_COMMAND,
	  .repeats = true,
	  .meaning = "a step that runs once per PIDONE_RELEASE in the whole cluster" },
	{ .where = CONFIG_IN_ROLE, .name = "step-timeout", .type = CONFIG_DURATION,
	  .fallback = "none", .choices = "none", .min = 1,
	  .meaning = "how long one step may take; then exit code 124" },
	{ .where = CONFIG_IN_ROLE, .name = "step-retries", .type = CONFIG_UINT, .fallback = "0",
	  .meaning = "how often a failed step is tried again" },
	{ .where = CONFIG_IN_ROLE, .name = "shell", .type = CONFIG_BOOL, .fallback = "no",
	  .meaning = "run the commands with /bin/sh -c" },

	/* what it waits for */
	{ .where = CONFIG_IN_ROLE, .name = "wait", .type = CONFIG_CHECK, .repeats = true,
	  .choices = "none",
	  .meaning = "what must be there before anything starts; none: not even PostgreSQL" },
	{ .where = CONFIG_IN_ROLE, .name = "wait-timeout", .type = CONFIG_DURATION,
	  .fallback = "none", .choices = "none",
	  .meaning = "how long to wait for it before giving up with exit code 69" },
	{ .where = CONFIG_IN_ROLE, .name = "lock", .type = CONFIG_CHOICE, .fallback = "none",
	  .choices = "postgres none",
	  .meaning = "run only while holding the project's lock (default of /init: postgres)" },
	{ .where = CONFIG_IN_ROLE, .name = "lock-timeout", .type = CONFIG_DURATION,
	  .fallback = "none", .choices = "none",
	  .meaning = "how long to wait for the lock before giving up with exit code 75" },

	/* as whom and where */
	{ .where = CONFIG_IN_ROLE, .name = "directory", .type = CONFIG_PATH,
	  .meaning = "working directory; without it the image's" },
	{ .where = CONFIG_IN_ROLE, .name = "user", .type = CONFIG_TEXT,
	  .meaning = "name or number of the user to run as" },
	{ .where = CONFIG_IN_ROLE, .name = "group", .type = CONFIG_TEXT,
	  .meaning = "name or number of the group to run as; without it the user's" },
	{ .where = CONFIG_IN_ROLE, .name = "umask", .type = CONFIG_OCTAL,
	  .meaning = "file mode bits to withhold, such as 027" },
	{ .where = CONFIG_IN_ROLE, .name = "no-new-privs", .type = CONFIG_BOOL, .fallback = "no",
	  .meaning = "forbid setuid programs to gain privileges" },

	/* how it stops and starts again */
	{ .where = CONFIG_IN_ROLE, .name = "stop-signal", .type = CONFIG_SIGNAL,
	  .meaning = "what the main process gets to stop; without it the signal that came" },
	{ .where = CONFIG_IN_ROLE, .name = "signal.", .type = CONFIG_SIGNAL, .choices = "none",
	  .meaning = "forward another signal instead of NAME, or none" },
	{ .where = CONFIG_IN_ROLE, .name = "signal-scope", .type = CONFIG_CHOICE,
	  .fallback = "main", .choices = "main group",
	  .meaning = "forward signals to the main process only, or to its process group" },
	{ .where = CONFIG_IN_ROLE, .name = "drain", .type = CONFIG_DURATION, .fallback = "0s",
	  .meaning = "how long to go on serving, not ready any more, before the stop signal" },
	{ .where = CONFIG_IN_ROLE, .name = "stop-grace", .type = CONFIG_DURATION,
	  .fallback = "20s", .choices = "none",
	  .meaning = "how long stopping may take, counted from the end of drain; then KILL" },
	{ .where = CONFIG_IN_ROLE, .name = "restart", .type = CONFIG_CHOICE, .fallback = "never",
	  .choices = "never on-failure always",
	  .meaning = "start a process again when it ended (default of /async: always)" },
	{ .where = CONFIG_IN_ROLE, .name = "restart-delay", .type = CONFIG_DURATION,
	  .fallback = "1s", .min = 1,
	  .meaning = "pause before the first restart; it doubles up to 1m" },
	{ .where = CONFIG_IN_ROLE, .name = "restart-max", .type = CONFIG_UINT, .fallback = "none",
	  .choices = "none", .meaning = "how often a process is started again at most" },
	{ .where = CONFIG_IN_ROLE, .name = "success-codes", .type = CONFIG_CODES,
	  .meaning = "exit codes that count as 0, such as 143" },

	/* how it is seen */
	{ .where = CONFIG_IN_ROLE, .name = "ready", .type = CONFIG_CHECK, .repeats = true,
	  .meaning = "what must hold for /readyz" },
	{ .where = CONFIG_IN_ROLE, .name = "live", .type = CONFIG_CHECK, .repeats = true,
	  .meaning = "what must hold for /livez; never the database" },
	{ .where = CONFIG_IN_ROLE, .name = "on-live-failure", .type = CONFIG_CHOICE,
	  .fallback = "report", .choices = "report restart",
	  .meaning = "say so on /livez, or restart the command" },
	{ .where = CONFIG_IN_ROLE, .name = "check-interval", .type = CONFIG_DURATION,
	  .fallback = "10s", .min = 1, .meaning = "pause between two runs of a check" },
	{ .where = CONFIG_IN_ROLE, .name = "check-timeout", .type = CONFIG_DURATION,
	  .fallback = "3s", .min = 1, .meaning = "how long a check may take" },
	{ .where = CONFIG_IN_ROLE, .name = "check-failures", .type = CONFIG_UINT, .fallback = "3",
	  .min = 1, .meaning = "so many failures in a row make a check bad" },
	{ .where = CONFIG_IN_ROLE, .name = "listen", .type = CONFIG_LISTEN,
	  .meaning = "address for HTTP probes (default of /run: [::]:9480, /async: [::]:9481)" },
	{ .where = CONFIG_IN_ROLE, .name = "socket", .type = CONFIG_PATH, .choices = "none",
	  .meaning = "unix socket for probes; without it /run/pidone/ROLE.sock" },
};
/* clang-format on */

_Static_assert(ARRAY_SIZE(keys) <= KEYS_MAX, "config_key_suggest() has room for KEYS_MAX names");

/* Defaults that differ by section; the others stand in the table. */
static const struct {
	const char *section, *key, *fallback;
} section_defaults[] = {
	{ "init", "lock", "postgres" },
	{ "run", "listen", "[::]:9480" },
	{ "async", "listen", "[::]:9481" },
	{ "async", "restart", "always" },
	{ "command", "stop-grace", "none" },
};

static const char *const reserved[] = { "postgres", "probes", "env", "command", "log" };

const struct config_key *config_keys(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(keys);
	return keys;
}

bool config_section_is_reserved(const char *section)
{
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		if (streq(section, reserved[i]))
			return true;
	return false;
}

static bool is_small_letter(char c)
{
	return c >= 'a' && c <= 'z'; /* in any locale */
}

bool config_is_role_name(const char *name)
{
	if (!is_small_letter(name[0]) || config_section_is_reserved(name))
		return false;
	for (const char *p = name; *p != '\0'; p++)
		if (!is_small_letter(*p) && (*p < '0' || *p > '9'))
			return false;
	return true;
}

enum config_where config_section_where(const char *section)
{
	if (streq(section, "postgres"))
		return CONFIG_IN_POSTGRES;
	if (streq(section, "probes"))
		return CONFIG_IN_PROBES;
	if (streq(section, "env"))
		return CONFIG_IN_ENV;
	if (streq(section, "log"))
		return CONFIG_IN_LOG;
	return CONFIG_IN_ROLE;
}

const char *config_section_suggest(const char *name)
{
	return parse_suggest(name, reserved, ARRAY_SIZE(reserved));
}

bool config_key_is_family(const struct config_key *key)
{
	return key->name[strlen(key->name) - 1] == '.';
}

const struct config_key *config_key_find(enum config_where where, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].where != where)
			continue;
		if (config_key_is_family(&keys[i]) ? starts_with(name, keys[i].name)
						   : streq(name, keys[i].name))
			return &keys[i];
	}
	return NULL;
}

const char *config_key_suggest(enum config_where where, const char *name, char *buffer,
			       size_t size)
{
	const char *names[KEYS_MAX];
	char word[64];
	size_t n = 0, length = 0;
	/* "proces.beat": the family is searched with its dot, the rest is kept */
	const char *dot = strchr(name, '.');
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].where == where && config_key_is_family(&keys[i]) == (dot != NULL))
			names[n++] = keys[i].name;
	for (; name[length] != '\0' && length + 1 < sizeof(word); length++) {
		if (dot != NULL && name + length > dot)
			break;
		word[length] = (char)tolower((unsigned char)name[length]);
		if (word[length] == '_')
			word[length] = '-';
	}
	word[length] = '\0';
	const char *found = parse_suggest(word, names, n);
	if (found == NULL)
		return NULL;
	(void)snprintf(buffer, size, "%s%s", found, dot != NULL ? dot + 1 : "");
	return buffer;
}

const char *config_key_default(const struct config_key *key, const char *section)
{
	for (size_t i = 0; i < ARRAY_SIZE(section_defaults); i++)
		if (streq(section_defaults[i].section, section) &&
		    streq(section_defaults[i].key, key->name))
			return section_defaults[i].fallback;
	if (key->where == CONFIG_IN_ROLE && streq(key->name, "listen"))
		return "none";
	return key->fallback;
}
