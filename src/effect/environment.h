/* The environment of a child (contract §3, last point): the container's, then
 * `from-files`, `secrets-dir`, [env] defaults; then database discovery; then
 * the expansion of [env]. What comes first wins, so the container's own
 * environment always does. Reads files, so it is done in forked children, and
 * once at boot to find mistakes before anything starts. */
#pragma once

#include "base/err.h"
#include "base/text.h"
#include "pure/config.h"

struct environment {
	struct list items; /* "NAME=value"; items.items is an envp */
};

/* At boot, for a supervisor: the container's environment as the kernel gave it, and
 * PIDONE_CPUS, which need not be found out again for each child. The texts are
 * borrowed; the array is the caller's for good and has room for a few more. */
char **environment_base(char *const *given) ATTR_CHECK;
#define ENVIRONMENT_ROOM 4
const char *environment_find(char *const *base, const char *name); /* its value, or NULL */
/* Takes a variable out of it: its value (borrowed), or NULL. */
const char *environment_take(char **base, const char *name);
/* In place of one of that name, or behind all; at most ENVIRONMENT_ROOM new ones. */
void environment_put(char **base, const char *name, const char *value);

/* base: the container's environment, as it was given or from environment_base().
 * PIDONE_CPUS is set from the cgroup, unless the container sets it. The app gets
 * DATABASE_URL and the PG* variables of the database that pg_source_find() finds;
 * one that is not there yet is no error. The values of [env] may name each other in
 * any order, and what was added before them. An error names the file or variable and
 * the remedy; the environment is empty then. */
int environment_build(struct environment *environment, const struct config *config,
		      char *const *base, struct err *err) ATTR_CHECK;
/* The same without the database's variables: where pg_source_find() looks anew
 * at each attempt. In the whole environment it would find what it put there. */
int environment_build_sources(struct environment *environment, const struct config *config,
			      char *const *base, struct err *err) ATTR_CHECK;
void environment_fini(struct environment *environment); /* wipes the values first */

const char *environment_get(const struct environment *environment, const char *name);
void environment_set(struct environment *environment, const char *name, const char *value);
void environment_unset(struct environment *environment, const char *name);

/* environment_get() in the form of a command_lookup; context is the struct. */
const char *environment_lookup(const char *name, const void *context);

/* The CPU limit of the cgroup (v2 cpu.max, v1 cfs_quota), rounded up; else the
 * CPUs that this process may run on; at least 1. */
unsigned environment_cpus(void);
/* The same below another root than /sys/fs/cgroup, for the text of a
 * /proc/PID/cgroup. 0: no limit. */
unsigned environment_cpu_limit(const char *cgroup_root, const char *proc_cgroup);
