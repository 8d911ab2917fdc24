/* What the kernel counts: of one process, and of our control group's memory. Reads
 * /proc and /sys, blocking; for the probe server, when it is asked. */
#pragma once

#include "effect/cgroup.h"

#define USAGE_UNKNOWN  CGROUP_UNKNOWN /* not there, or we are not allowed to see it */
#define USAGE_NO_LIMIT CGROUP_NO_LIMIT

struct process_usage {
	double cpu_s;   /* user and system, all threads */
	double start_s; /* since the epoch */
	int64_t resident_bytes, virtual_bytes;
	int64_t threads;
	int64_t open_fds, max_fds; /* max_fds: the soft limit */
};

/* Of a process of our pid namespace. False: it is gone, or /proc is not there. */
bool usage_read_process(pid_t pid, struct process_usage *ret) ATTR_CHECK;

struct memory_usage {
	int64_t limit_bytes; /* of the control group */
	int64_t used_bytes;  /* with the page cache */
	int64_t oom_kills;   /* since the group was made */
};

/* Of the control group that this process is in. False: there is no memory controller. */
bool usage_read_memory(struct memory_usage *ret) ATTR_CHECK;
