/* /proc/PID and the files of the memory controller, of version 1 or 2. */
#include "effect/usage.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define FDS_MAX 20000

static void process_path(pid_t pid, const char *file, char *buffer, size_t size)
{
	(void)snprintf(buffer, size, "/proc/%d/%s", (int)pid, file);
}

/* Seconds since the epoch at which CLOCK_BOOTTIME was zero. Always the same answer: a
 * start time that differs by a hundredth would be taken for a restart. */
static double boot_time_s(void)
{
	static double boot_s;
	struct timespec wall, boot;
	if (boot_s > 0)
		return boot_s;
	(void)clock_gettime(CLOCK_REALTIME, &wall);
	(void)clock_gettime(CLOCK_BOOTTIME, &boot);
	boot_s = (double)(wall.tv_sec - boot.tv_sec) + (double)(wall.tv_nsec - boot.tv_nsec) / 1e9;
	return boot_s;
}

/* The fields of /proc/PID/stat that proc(5) numbers from 3 on, behind the name. */
static bool parse_stat(const char *text, struct process_usage *usage)
{
	enum { UTIME = 14, STIME = 15, THREADS = 20, STARTTIME = 22, VSIZE = 23, RSS = 24 };
	unsigned long long fields[RSS + 1] = { 0 };
	const char *p = strrchr(text, ')');
	if (p == NULL)
		return false;
	p += strcspn(p, " ");
	for (int i = 3; i <= RSS && *p == ' '; i++) {
		fields[i] = strtoull(p + 1, NULL, 10);
		p += 1 + strcspn(p + 1, " ");
	}
	double ticks = (double)sysconf(_SC_CLK_TCK);
	usage->cpu_s = (double)(fields[UTIME] + fields[STIME]) / ticks;
	usage->start_s = boot_time_s() + (double)fields[STARTTIME] / ticks;
	usage->threads = (int64_t)fields[THREADS];
	usage->virtual_bytes = (int64_t)fields[VSIZE];
	usage->resident_bytes = (int64_t)fields[RSS] * sysconf(_SC_PAGESIZE);
	return true;
}

/* Linux 6.2 and later write their number as the folder's size. Before, they are listed,
 * up to a bound: who waits for this answer has a deadline. */
static int64_t count_fds(pid_t pid)
{
	char path[64];
	struct stat st;
	process_path(pid, "fd", path, sizeof(path));
	if (stat(path, &st) == 0 && st.st_size > 0)
		return (int64_t)st.st_size;
	DIR *folder = opendir(path);
	int64_t count = 0;
	if (folder == NULL)
		return USAGE_UNKNOWN;
	for (const struct dirent *entry; (entry = readdir(folder)) != NULL && count < FDS_MAX;)
		count += entry->d_name[0] != '.';
	(void)closedir(folder);
	return count < FDS_MAX ? count : USAGE_UNKNOWN;
}

/* "Max open files            1024                 1048576              files" */
static int64_t max_fds(pid_t pid)
{
	char path[64], text[2048];
	process_path(pid, "limits", path, sizeof(path));
	cgroup_read(path, text, sizeof(text));
	const char *line = strstr(text, "\nMax open files");
	if (line == NULL)
		return USAGE_UNKNOWN;
	line += strlen("\nMax open files");
	line += strspn(line, " ");
	return starts_with(line, "unlimited") ? USAGE_NO_LIMIT : (int64_t)strtoll(line, NULL, 10);
}

bool usage_read_process(pid_t pid, struct process_usage *ret)
{
	char path[64], text[1024];
	process_path(pid, "stat", path, sizeof(path));
	cgroup_read(path, text, sizeof(text));
	if (!parse_stat(text, ret))
		return false;
	ret->open_fds = count_fds(pid);
	ret->max_fds = max_fds(pid);
	return true;
}

bool usage_read_memory(struct memory_usage *ret)
{
	struct cgroup cgroup;
	char path[CGROUP_PATH_SIZE], events[512];
	if (!cgroup_find_own(&cgroup, "memory"))
		return false;
	ret->limit_bytes = cgroup_memory_limit(&cgroup);
	ret->used_bytes = cgroup_read_number(&cgroup, cgroup.is_v2 ? "memory.current"
								   : "memory.usage_in_bytes");
	cgroup_path(&cgroup, cgroup_oom_file(&cgroup), path, sizeof(path));
	cgroup_read(path, events, sizeof(events));
	ret->oom_kills = cgroup_parse_oom_kills(events);
	return true;
}
