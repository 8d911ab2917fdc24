/* Out-of-memory kills by the control group's own count. */
#include "effect/oom.h"

#include "effect/cgroup.h"

#include <fcntl.h>
#include <stdio.h>

static struct {
	int fd; /* cgroup_oom_file(), or -1 */
	int64_t count;
	char limit[32];
} oom = { .fd = -1 };

static int64_t read_count(void)
{
	char text[512];
	ssize_t length = pread(oom.fd, text, sizeof(text) - 1, 0);
	text[length > 0 ? length : 0] = '\0';
	return cgroup_parse_oom_kills(text);
}

static void note_limit(const struct cgroup *cgroup)
{
	int64_t bytes = cgroup_memory_limit(cgroup);
	if (bytes > 0)
		(void)snprintf(oom.limit, sizeof(oom.limit), "%lld MiB", (long long)bytes >> 20);
}

void oom_open(void)
{
	struct cgroup cgroup;
	char path[CGROUP_PATH_SIZE];
	if (!cgroup_find_own(&cgroup, "memory"))
		return;
	cgroup_path(&cgroup, cgroup_oom_file(&cgroup), path, sizeof(path));
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
	int64_t before = oom.count;
	oom.count = read_count();
	return oom.count > before;
}

const char *oom_limit(void)
{
	return oom.limit;
}
