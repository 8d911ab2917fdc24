/* Where this process stands in the kernel's control groups, version 1 or 2: for
 * the CPU limit and for out-of-memory kills. Reads /proc and /sys, blocking. */
#pragma once

#include "base/base.h"

struct cgroup {
	char mount[256];  /* the hierarchy's root, as mounted */
	char group[1024]; /* our path in it, "" for the root itself */
	bool is_v2;
};

/* The group of this controller ("cpu", "memory"). root is "/sys/fs/cgroup" and
 * membership the text of /proc/self/cgroup, but for tests. A path of the host's
 * that is not there (no cgroup namespace) becomes the root. False: none. */
bool cgroup_find(struct cgroup *cgroup, const char *controller, const char *root,
		 const char *membership) ATTR_CHECK;
/* The same for this very process. */
bool cgroup_find_own(struct cgroup *cgroup, const char *controller) ATTR_CHECK;

#define CGROUP_PATH_SIZE 1536

/* The path of one of the group's files. */
void cgroup_path(const struct cgroup *cgroup, const char *file, char *buffer, size_t size);

#define CGROUP_UNKNOWN  (-1) /* the file is not there, or not for us */
#define CGROUP_NO_LIMIT (-2)

/* The number in one of the group's files; in bytes, where it is about memory. */
int64_t cgroup_read_number(const struct cgroup *cgroup, const char *file);
/* Of a group of the memory controller: its limit in bytes, and the name of the file that
 * counts out-of-memory kills; what that file says in its line "oom_kill N". */
int64_t cgroup_memory_limit(const struct cgroup *cgroup);
const char *cgroup_oom_file(const struct cgroup *cgroup);
int64_t cgroup_parse_oom_kills(const char *text);

/* A small file of the kernel's as text, "" if it cannot be read. */
void cgroup_read(const char *path, char *buffer, size_t size);
