/* Out-of-memory kills by the control group's own count. */
#include "effect/oom.h"

#include "effect/cgroup.h"

#include <fcntl.h>
#include <stdio.h>

static struct {
	int fd; /* memory.events (v2), memory.oom_control (v1), or -1 */
	unsigned long long count;
	char limit[32];
} oom = { .fd = -1 };

/* Both files have a line "oom_kill N". */
static unsigned long long read_count(void)
{
	char text[512];
	ssize_t length = pread(oom.fd, text, sizeof(text) - 1, 0);
	if (length <= 0)
		return 0;
	text[length] = '\0';
	const char *line = strstr(text, "\noom_kill ");
	return line != NULL ? strtoull(line + strlen("\noom_kill "), NULL, 10) : 0;
}

static void note_limit(const struct cgroup *cgroup)
{
	char path[CGROUP_PATH_SIZE], text[64];
	cgroup_path(cgroup, cgroup->is_v2 ? "memory.max" : "memory.limit_in_bytes", path,
		    sizeof(path));
	cgroup_read(path, text, sizeof(text));
	unsigned long long bytes = strtoull(text, NULL, 10); /* "max" is 0 */
	if (bytes == 0 || bytes > 1ULL << 60)
		return; /* version 1 writes a huge number for no limit */
	(void)snprintf(oom.limit, sizeof(oom.limit), "%llu MiB", bytes >> 20);
}

void oom_open(void)
{
	struct cgroup cgroup;
	char path[CGROUP_PATH_SIZE];
	if (!cgroup_find_own(&cgroup, "memory"))
		return;
	cgroup_path(&cgroup, cgroup.is_v2 ? "memory.events" : "memory.oom_control", path,
		    sizeof(path));
	oom.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (oom.fd < 0)
		return;
	oom.count = read_count();
	note_limit(&cgroup);
}

bool oom_happened(void)
{
	if (oom.fd < 0)
		return false;
	unsigned long long before = oom.count;
	oom.count = read_count();
	return oom.count > before;
}

const char *oom_limit(void)
{
	return oom.limit;
}
