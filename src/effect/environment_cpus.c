/* How many CPUs the container may use, for ${PIDONE_CPUS}. */
#include "effect/cgroup.h"
#include "effect/environment.h"

#include <sched.h>

/* quota and period as the kernel writes them; "max" or -1 is no limit: 0. */
static unsigned rounded_up(const char *quota, const char *period)
{
	long long quota_us = strtoll(quota, NULL, 10), period_us = strtoll(period, NULL, 10);
	if (quota_us <= 0 || period_us <= 0)
		return 0;
	long long cpus = (quota_us - 1) / period_us + 1;
	return cpus < 4096 ? (unsigned)cpus : 4096;
}

static unsigned limit_of(const struct cgroup *cgroup)
{
	char path[CGROUP_PATH_SIZE], quota[64], period[64];
	cgroup_path(cgroup, cgroup->is_v2 ? "cpu.max" : "cpu.cfs_quota_us", path, sizeof(path));
	cgroup_read(path, quota, sizeof(quota));
	if (cgroup->is_v2) { /* both in one */
		const char *blank = strchr(quota, ' ');
		return blank != NULL ? rounded_up(quota, blank + 1) : 0;
	}
	cgroup_path(cgroup, "cpu.cfs_period_us", path, sizeof(path));
	cgroup_read(path, period, sizeof(period));
	return rounded_up(quota, period);
}

/* The smallest limit from the group up to the mount's root. */
static unsigned limit_upwards(struct cgroup *cgroup)
{
	unsigned smallest = 0;
	for (;;) {
		unsigned limit = limit_of(cgroup);
		if (limit > 0 && (smallest == 0 || limit < smallest))
			smallest = limit;
		char *slash = strrchr(cgroup->group, '/');
		if (slash == NULL)
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
