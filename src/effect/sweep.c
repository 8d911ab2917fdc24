/* Finds everybody through /proc. */
#include "effect/sweep.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "effect/process_tree.h"
#include "sys/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define SWEEP_MS 1000

struct known {
	pid_t pid, parent;
	bool told;
};

struct census {
	struct known *known;
	size_t n, room;
};

static struct known *find(const struct census *census, pid_t pid)
{
	for (size_t i = 0; i < census->n; i++)
		if (census->known[i].pid == pid)
			return &census->known[i];
	return NULL;
}

bool sweep_can_see(void)
{
	char self[16];
	unsigned long pid = 0;
	ssize_t length = readlink("/proc/self", self, sizeof(self) - 1);
	self[length > 0 ? length : 0] = '\0';
	return parse_uint(self, INT32_MAX, &pid) == 0 && (pid_t)pid == getpid();
}

static void take_census(struct census *census, DIR *proc)
{
	rewinddir(proc);
	for (const struct dirent *entry; (entry = readdir(proc)) != NULL;) {
		unsigned long pid = 0;
		if (parse_uint(entry->d_name, INT32_MAX, &pid) < 0)
			continue;
		char state;
		pid_t parent = process_parent(dirfd(proc), entry->d_name, &state);
		if (parent < 0 || state == 'Z' || state == 'X')
			continue;
		struct known *known = find(census, (pid_t)pid);
		if (known == NULL) {
			if (census->n == census->room) {
				census->room = census->room > 0 ? census->room * 2 : 64;
				census->known =
					mem_resize(census->known, census->room * sizeof(*known));
			}
			known = &census->known[census->n++];
			*known = (struct known){ .pid = (pid_t)pid };
		}
		known->parent = parent;
	}
}

static bool descends(const struct census *census, const struct known *known, pid_t root)
{
	for (size_t depth = 0; known != NULL && depth <= census->n; depth++) {
		if (known->parent == root)
			return true;
		known = find(census, known->parent);
	}
	return false;
}

static bool is_spared(pid_t pid, const pid_t *spared, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (spared[i] == pid)
			return true;
	return pid == getpid();
}

#define NAME_SIZE 32

/* Before the KILL: behind it there may be nobody to be named. */
static void read_name(pid_t pid, char name[NAME_SIZE])
{
	char path[32];
	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, name, NAME_SIZE - 1);
	name[length > 0 ? length - 1 : 0] = '\0'; /* without its newline */
}

/* Sends it, and names whom it kills. */
static int send_to(pid_t pid, int signo)
{
	char name[NAME_SIZE] = "";
	if (signo == SIGKILL)
		read_name(pid, name);
	if (sys_kill(pid, signo) < 0)
		return -1;
	if (signo == SIGTERM)
		(void)sys_kill(pid, SIGCONT);
	if (signo == SIGKILL)
		log_warning("killing",
			    "%s (pid %d), which was left behind, has not ended: sent KILL", name,
			    (int)pid);
	return 0;
}

enum sweep_result sweep(pid_t root, int signo, const pid_t *spared, size_t n_spared,
			bool *ret_denied)
{
	*ret_denied = false;
	struct census census = { 0 };
	enum sweep_result result = SWEEP_NOBODY;
	DIR *proc = sweep_can_see() ? opendir("/proc") : NULL;
	if (proc == NULL)
		return SWEEP_BLIND;
	int64_t end_ms = sys_now_ms() + SWEEP_MS;
	bool found_new = true;
	while (found_new && sys_now_ms() < end_ms) {
		found_new = false;
		take_census(&census, proc);
		for (size_t i = 0; i < census.n; i++) {
			struct known *known = &census.known[i];
			if (known->told || is_spared(known->pid, spared, n_spared) ||
			    !descends(&census, known, root))
				continue;
			known->told = true;
			if (send_to(known->pid, signo) < 0) {
				*ret_denied = *ret_denied || errno == EPERM;
				continue;
			}
			found_new = signo != 0;
			result = SWEEP_SOMEBODY;
		}
	}
	(void)closedir(proc);
	free(census.known);
	return result;
}
