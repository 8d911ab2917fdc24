/* How many CPUs the container may use, for ${PIDONE_CPUS}. */
#include "base/mem.h"
#include "effect/cgroup.h"
#include "effect/environment.h"

#include <sched.h>
#include <stdio.h>

/* quota and period as the kernel writes them; "max" or -1 is no limit: 0. */
static unsigned rounded_up(const char *quota, const char *period)
{
	long long quota_us = strtoll(quota, NULL, 10), period_us = strtoll(period, NULL, 10);
	if (quota_us <= 0 || period_us <= 0)
		return 0;
	long long cpus = (quota_us - 1) / period_us + 1;
	return cpus < 4096 ? (unsigned)cpus : 4096;
}

static unsigned limit_v2(const char *directory)
{
	char path[4096], text[64];
	if (snprintf(path, sizeof(path), "%s/cpu.max", directory) >= (int)sizeof(path))
		return 0;
	cgroup_read(path, text, sizeof(text));
	char *blank = strchr(text, ' ');
	return blank != NULL ? rounded_up(text, blank + 1) : 0;
}

static unsigned limit_v1(const char *directory)
{
	char path[4096], quota[64], period[64];
	if (snprintf(path, sizeof(path), "%s/cpu.cfs_period_us", directory) >= (int)sizeof(path))
		return 0;
	cgroup_read(path, period, sizeof(period));
	(void)snprintf(path, sizeof(path), "%s/cpu.cfs_quota_us", directory);
	cgroup_read(path, quota, sizeof(quota));
	return rounded_up(quota, period);
}

/* The smallest limit from the group up to the mount's root. */
static unsigned limit_upwards(const struct cgroup *cgroup)
{
	CLEANUP_FREE char *path = mem_join(cgroup->mount, cgroup->group);
	size_t root_length = strlen(cgroup->mount);
	unsigned smallest = 0;
	for (;;) {
		unsigned limit = cgroup->is_v2 ? limit_v2(path) : limit_v1(path);
		if (limit > 0 && (smallest == 0 || limit < smallest))
			smallest = limit;
		char *slash = strrchr(path, '/');
		if (slash == NULL || (size_t)(slash - path) < root_length)
			return smallest;
		*slash = '\0';
	}
}

unsigned environment_cpu_limit(const char *cgroup_root, const char *proc_cgroup)
{
	struct cgroup cgroup;
	return cgroup_find(&cgroup, "cpu", cgroup_root, proc_cgroup) ? limit_upwards(&cgroup) : 0;
}

unsigned environment_cpus(void)
{
	struct cgroup cgroup;
	unsigned limit = cgroup_find_own(&cgroup, "cpu") ? limit_upwards(&cgroup) : 0;
	if (limit > 0)
		return limit;
	/* Fails on machines of more than 1024 CPUs, which sysconf() counts. */
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return (unsigned)CPU_COUNT(&set);
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	return online > 1 ? (unsigned)online : 1;
}
