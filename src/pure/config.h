/* The configuration: INI text and PIDONE_* variables → validated entries, or
 * all that is wrong with them at once, each with its place and a remedy. One
 * table of keys (config_keys()) serves parsing, defaults, `check`, `explain`
 * and the manual's test. Pure: text in, entries out; who reads files and
 * decides what to print stands above. */
#pragma once

#include "base/err.h"
#include "base/text.h"

/* ---- the table of keys ---- */

enum config_type {
	CONFIG_TEXT,     /* any text but "" */
	CONFIG_URL,      /* of a database; one with ${ is not looked into */
	CONFIG_COMMAND,  /* words as command_parse() reads them */
	CONFIG_DURATION, /* parse_duration_ms(); "none" where `choices` has it */
	CONFIG_BOOL,
	CONFIG_UINT,     /* a number; "none" where `choices` has it */
	CONFIG_SIGNAL,   /* a signal's name; "none" where `choices` has it */
	CONFIG_CHOICE,   /* one of `choices` */
	CONFIG_LISTEN,   /* HOST:PORT, PORT, or "none" */
	CONFIG_CHECK,    /* check_spec_parse() */
	CONFIG_OCTAL,
	CONFIG_PATH,     /* an absolute path; "none" where `choices` has it */
	CONFIG_CODES,    /* exit codes, blanks between */
	CONFIG_VALUE,    /* text with ${…}, as command_expand_text() reads it */
	CONFIG_VARIABLE, /* the name of an environment variable */
};

/* Which sections a key stands in. [command] takes every key of a role. */
enum config_where {
	CONFIG_IN_POSTGRES,
	CONFIG_IN_PROBES,
	CONFIG_IN_ENV,
	CONFIG_IN_LOG,
	CONFIG_IN_ROLE,
};

struct config_key {
	enum config_where where;
	const char *name;     /* "stop-grace"; a family ends with a dot: "process." */
	enum config_type type;
	unsigned long min;    /* of a number, or of a duration in ms */
	bool repeats;         /* may stand several times; every one counts */
	const char *fallback; /* the default as a value's text; NULL: none */
	const char *choices;  /* "never on-failure always", or NULL */
	const char *meaning;  /* one line for the sample file, without full stop */
};

const struct config_key *config_keys(size_t *ret_n);

/* ---- entries ---- */

struct config_entry {
	const struct config_key *key; /* NULL for a variable of [env] */
	char *section;                /* "run", without brackets */
	char *name;                   /* "process.beat", "DJANGO_SETTINGS_MODULE" */
	char *value;                  /* comment, outer blanks and (but for commands and checks)
	                               * quotes around the whole of it removed */
	char *origin;                 /* "/etc/pidone.ini:12" or "PIDONE_RUN_COMMAND" */
};

struct config {
	struct config_entry *entries; /* in the order in which they count */
	size_t n;
	struct list sections; /* every one that a file or a variable mentions, each once */
};

/* What is wrong, collected; `check` prints all of it. */
struct config_problem {
	bool is_error; /* else a warning */
	char *origin;  /* "/etc/pidone.ini:12", "PIDONE_RUN_COMAND" */
	char *message; /* "unknown key 'comand' in [run]: did you mean 'command'?" */
};

struct config_problems {
	struct config_problem *items;
	size_t n;
	size_t n_errors;
};

void config_problem_add(struct config_problems *problems, bool is_error, const char *origin,
			const char *format, ...) ATTR_PRINTF(4, 5);
void config_problems_fini(struct config_problems *problems);

#define CONFIG_SIZE_MAX (128 * 1024) /* a larger text is refused */

/* Reads INI text; name is what origins call it (the file's path). Everything
 * wrong goes to problems; what is right is added to config all the same. */
void config_read(struct config *config, const char *text, size_t length, const char *name,
		 struct config_problems *problems);

/* Adds what PIDONE_<SECTION>_<KEY> variables say. A variable replaces all
 * entries that a file gave for that key (a repeatable key takes one item per
 * line). The names PIDONE_CONFIG and PIDONE_RELEASE are not settings; other
 * unknown PIDONE_* variables are warnings. An empty variable counts as not set.
 * To be called after config_read(), whose entries it replaces. */
void config_read_environment(struct config *config, char *const *environment,
			     struct config_problems *problems);

/* What can only be seen with all entries at hand (essential.X without
 * process.X, `secret-dir` beside `url`, …). */
void config_validate(const struct config *config, struct config_problems *problems);

void config_fini(struct config *config);

/* ---- reading it: section is "run", "postgres", …; key as in the table ---- */

/* The value, else the default of this section (role defaults differ: `/init`
 * has lock = postgres, `/async` restart = always; [command] waits for nothing;
 * a role's `listen` and `socket` are first looked up in [probes]), else NULL.
 * *ret_origin (may be NULL) is the entry's origin or "default". */
const char *config_get(const struct config *config, const char *section, const char *key,
		       const char **ret_origin);

/* Typed; every one has been validated, so these cannot fail. */
int64_t config_duration(const struct config *config, const char *section, const char *key);
bool config_bool(const struct config *config, const char *section, const char *key);
/* 0: none or unset */
int config_signal(const struct config *config, const char *section, const char *key);
/* SIZE_MAX for "none" */
size_t config_uint(const struct config *config, const char *section, const char *key);

/* The entries of a repeatable key or of a family ("process."), one after the
 * other: start with after = NULL; NULL at the end. key NULL: the variables of
 * [env]. */
const struct config_entry *config_next(const struct config *config, const char *section,
				       const char *key, const struct config_entry *after);

/* The own part of a family's name: "process.beat" → "beat". */
const char *config_entry_suffix(const struct config_entry *entry);

/* Is there a section or a variable for this role? */
bool config_has_role(const struct config *config, const char *role);
/* Names of all roles that are mentioned, without slash, each once. */
void config_roles(const struct config *config, struct list *ret_roles);
bool config_is_role_name(const char *name); /* [a-z][a-z0-9]* and not reserved */
