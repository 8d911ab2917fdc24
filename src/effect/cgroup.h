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

/* A small file of the kernel's as text, "" if it cannot be read. */
void cgroup_read(const char *path, char *buffer, size_t size);
