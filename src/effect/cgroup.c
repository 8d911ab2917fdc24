/* Finds our control group. */
#include "effect/cgroup.h"

#include "base/text.h"

#include <fcntl.h>
#include <sys/stat.h>

#define V1_NO_LIMIT (1LL << 60) /* version 1 writes a huge number, not "max" */

void cgroup_read(const char *path, char *buffer, size_t size)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, buffer, size - 1);
	buffer[got > 0 ? got : 0] = '\0';
}

void cgroup_path(const struct cgroup *cgroup, const char *file, char *buffer, size_t size)
{
	text_copy(buffer, size, cgroup->mount);
	(void)text_append(buffer, size, cgroup->group);
	(void)text_append(buffer, size, "/");
	(void)text_append(buffer, size, file);
}

/* "3:cpu,cpuacct:/pod" has the controller "cpu". */
static bool has_controller(const char *controllers, size_t length, const char *name)
{
	size_t name_length = strlen(name);
	for (size_t at = 0; at < length;) {
		size_t word = strcspn(controllers + at, ",:");
		if (word == name_length && strncmp(controllers + at, name, word) == 0)
			return true;
		at += word + 1;
	}
	return false;
}

/* Is the controller's file there? In version 2 a hierarchy may lack it. */
static bool serves(const struct cgroup *cgroup, const char *controller)
{
	char path[CGROUP_PATH_SIZE];
	struct stat st;
	if (!cgroup->is_v2)
		return stat(cgroup->mount, &st) == 0;
	cgroup_path(cgroup, streq(controller, "cpu") ? "cpu.max" : "memory.events", path,
		    sizeof(path));
	return stat(path, &st) == 0;
}

static void come_home(struct cgroup *cgroup)
{
	char path[CGROUP_PATH_SIZE] = "";
	struct stat st;
	(void)text_append(path, sizeof(path), cgroup->mount);
	(void)text_append(path, sizeof(path), cgroup->group);
	if (stat(path, &st) < 0)
		cgroup->group[0] = '\0';
}

/* Of one line of /proc/PID/cgroup: "4:cpu,cpuacct:/pod", or "0::/pod" of version 2. */
struct membership {
	const char *controllers, *group;
	size_t controllers_length, group_length;
};

static bool parse_line(const char *line, size_t length, struct membership *ret)
{
	const char *first = memchr(line, ':', length);
	const char *second =
		first == NULL ? NULL : memchr(first + 1, ':', length - (size_t)(first + 1 - line));
	if (second == NULL)
		return false;
	ret->controllers = first + 1;
	ret->controllers_length = (size_t)(second - first) - 1;
	ret->group = second + 1;
	ret->group_length = length - (size_t)(second + 1 - line);
	if (ret->group_length == 1)
		ret->group_length = 0; /* "/" */
	return true;
}

static bool try_line(struct cgroup *cgroup, const char *controller, const char *root,
		     const struct membership *line)
{
	cgroup->is_v2 = line->controllers_length == 0;
	if (!cgroup->is_v2 &&
	    !has_controller(line->controllers, line->controllers_length, controller))
		return false;
	text_copy(cgroup->mount, sizeof(cgroup->mount), root);
	(void)text_append(cgroup->mount, sizeof(cgroup->mount), cgroup->is_v2 ? "" : "/");
	(void)text_append(cgroup->mount, sizeof(cgroup->mount), cgroup->is_v2 ? "" : controller);
	size_t length = line->group_length < sizeof(cgroup->group) ? line->group_length : 0;
	memcpy(cgroup->group, line->group, length);
	cgroup->group[length] = '\0';
	come_home(cgroup);
	return serves(cgroup, controller);
}

bool cgroup_find(struct cgroup *cgroup, const char *controller, const char *root,
		 const char *membership)
{
	for (const char *line = membership; *line != '\0';) {
		size_t length = strcspn(line, "\n");
		struct membership parsed;
		if (parse_line(line, length, &parsed) &&
		    try_line(cgroup, controller, root, &parsed))
			return true;
		line += length + (line[length] == '\n');
	}
	return false;
}

bool cgroup_find_own(struct cgroup *cgroup, const char *controller)
{
	static char membership[4096]; /* read once: a start asks twice */
	if (membership[0] == '\0')
		cgroup_read("/proc/self/cgroup", membership, sizeof(membership));
	return cgroup_find(cgroup, controller, "/sys/fs/cgroup", membership);
}

int64_t cgroup_read_number(const struct cgroup *cgroup, const char *file)
{
	char path[CGROUP_PATH_SIZE], text[64];
	cgroup_path(cgroup, file, path, sizeof(path));
	cgroup_read(path, text, sizeof(text));
	if (starts_with(text, "max"))
		return CGROUP_NO_LIMIT;
	return text[0] != '\0' ? (int64_t)strtoll(text, NULL, 10) : CGROUP_UNKNOWN;
}

int64_t cgroup_memory_limit(const struct cgroup *cgroup)
{
	int64_t bytes =
		cgroup_read_number(cgroup, cgroup->is_v2 ? "memory.max" : "memory.limit_in_bytes");
	return bytes > V1_NO_LIMIT ? CGROUP_NO_LIMIT : bytes;
}

const char *cgroup_oom_file(const struct cgroup *cgroup)
{
	return cgroup->is_v2 ? "memory.events" : "memory.oom_control";
}

int64_t cgroup_parse_oom_kills(const char *text)
{
	const char *line = strstr(text, "\noom_kill ");
	return line != NULL ? (int64_t)strtoll(line + strlen("\noom_kill "), NULL, 10) : 0;
}
