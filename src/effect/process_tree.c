/* Parents from /proc/PID/stat. */
#include "effect/process_tree.h"

#include <fcntl.h>
#include <stdio.h>

#define DEPTH_MAX 1000

/* The parent's pid is the second field behind the name, which may itself hold
 * anything but ends with the last ')'. */
pid_t process_parent(int proc_fd, const char *name, char *ret_state)
{
	char path[64], text[512];
	(void)snprintf(path, sizeof(path), "%s/stat", name);
	CLEANUP_CLOSE int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t length = read(fd, text, sizeof(text) - 1);
	if (length <= 0)
		return -1;
	text[length] = '\0';
	const char *end = strrchr(text, ')');
	int parent = -1;
	if (end == NULL || sscanf(end + 1, " %c %d", ret_state, &parent) != 2)
		return -1;
	return parent;
}

int process_ancestor(pid_t descendant, pid_t root, const pid_t *pids, size_t n)
{
	pid_t pid = descendant;
	CLEANUP_CLOSE int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (int depth = 0; proc_fd >= 0 && depth < DEPTH_MAX; depth++) {
		char name[16], state;
		for (size_t i = 0; i < n; i++)
			if (pids[i] == pid)
				return (int)i;
		(void)snprintf(name, sizeof(name), "%d", (int)pid);
		pid_t parent = process_parent(proc_fd, name, &state);
		if (parent == root)
			return PROCESS_ORPHAN;
		if (parent == 0)
			return PROCESS_STRANGER;
		if (parent < 0 && pid == descendant)
			return PROCESS_GONE;
		/* one between ended meanwhile: whose child it is now, a new walk tells */
		pid = parent < 0 ? descendant : parent;
	}
	return proc_fd < 0 ? PROCESS_GONE : PROCESS_STRANGER;
}
