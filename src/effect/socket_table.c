/* /proc/net, /proc/PID/fd, and the interfaces' addresses. */
#include "effect/socket_table.h"

#include "base/mem.h"
#include "base/parse.h"
#include "base/text.h"
#include "effect/process_tree.h"
#include "effect/sweep.h"
#include "sys/sys.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/socket.h>

#define LISTENING_MAX   4096
#define LINE_SIZE       512
#define LINES_PER_CLOCK 64
#define FDS_PER_CLOCK   64
#define EXE_SIZE        1024

static void add(struct socket_table *table, const struct listening *one)
{
	if (table->n == table->room) {
		table->room = table->room > 0 ? 2 * table->room : 16;
		table->items = mem_resize(table->items, table->room * sizeof(*one));
	}
	table->items[table->n++] = *one;
}

/* The kernel lists those that listen first, but not every sandbox that plays one does: so
 * all of it is read. */
static int read_table(struct socket_table *table, const char *path,
		      bool (*parse)(const char *line, struct listening *ret), int64_t deadline_ms)
{
	char line[LINE_SIZE];
	struct listening one;
	size_t lines = 0;
	int result = 0;
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return -1;
	while (result == 0 && fgets(line, sizeof(line), file) != NULL) {
		if (parse(line, &one))
			add(table, &one);
		if (table->n > LISTENING_MAX ||
		    (lines++ % LINES_PER_CLOCK == 0 && sys_now_ms() > deadline_ms))
			result = -1;
	}
	if (ferror(file) != 0)
		result = -1;
	(void)fclose(file);
	return result;
}

int socket_table_read(struct socket_table *table, int64_t deadline_ms)
{
	if (read_table(table, "/proc/net/tcp", listening_parse_tcp, deadline_ms) < 0)
		return -1;
	table->no_ipv6 = access("/proc/net/tcp6", F_OK) < 0 && errno == ENOENT;
	if (!table->no_ipv6 &&
	    read_table(table, "/proc/net/tcp6", listening_parse_tcp, deadline_ms) < 0)
		return -1;
	/* the least of the three, and not in every sandbox */
	(void)read_table(table, "/proc/net/unix", listening_parse_unix, deadline_ms);
	return 0;
}

void socket_table_fini(struct socket_table *table)
{
	free(table->items);
	*table = (struct socket_table){ .n = 0 };
}

/* ---- whose they are ---- */

struct look {
	struct socket_table *table;
	pid_t root;
	pid_t pids[128]; /* those of pidone's own, then the processes */
	size_t n_own, n;
	int proc_fd;
	char pidone[EXE_SIZE];
	int64_t deadline_ms;
};

/* The rank of a process of ours; LISTENING_OWNER_UNKNOWN: it is not. */
static int rank_of(const struct look *look, pid_t pid)
{
	int found = process_ancestor(pid, look->root, look->pids, look->n);
	if (found == PROCESS_ORPHAN)
		return (int)look->n;
	return found >= (int)look->n_own ? found : LISTENING_OWNER_UNKNOWN;
}

/* Without what a program writes behind it of its own accord: "gunicorn: master". */
static void read_name(const struct look *look, const char *pid, char *ret, size_t size)
{
	char path[32];
	(void)snprintf(path, sizeof(path), "%s/comm", pid);
	CLEANUP_CLOSE int fd = openat(look->proc_fd, path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, ret, size - 1);
	ret[length > 0 ? length : 0] = '\0';
	ret[strcspn(ret, ":\n")] = '\0';
}

/* By its path: a look at the file itself may hang, on storage that does not answer. */
static void read_program(const struct look *look, const char *pid, char ret[EXE_SIZE])
{
	char path[32];
	(void)snprintf(path, sizeof(path), "%s/exe", pid);
	ssize_t length = readlinkat(look->proc_fd, path, ret, EXE_SIZE - 1);
	ret[length > 0 ? length : 0] = '\0';
}

/* The app's process is pidone for a moment, and has its sockets until it executes. */
static bool is_pidone(const struct look *look, const char *pid)
{
	char program[EXE_SIZE];
	read_program(look, pid, program);
	return streq(program, look->pidone);
}

static void take(struct look *look, const char *pid, uint64_t inode, int rank)
{
	for (size_t i = 0; i < look->table->n; i++) {
		struct listening *one = &look->table->items[i];
		if (one->inode != inode || (one->owner >= 0 && one->owner <= rank))
			continue;
		one->owner = rank;
		read_name(look, pid, one->name, sizeof(one->name));
	}
}

static bool is_listed(const struct look *look, uint64_t inode)
{
	for (size_t i = 0; i < look->table->n; i++)
		if (look->table->items[i].inode == inode)
			return true;
	return false;
}

/* What it has open is not to be seen: is it one of ours, and alive? */
static void note_hidden(struct look *look, const char *name, pid_t pid)
{
	char state = 'Z';
	if (process_parent(look->proc_fd, name, &state) >= 0 && state != 'Z' && state != 'X' &&
	    rank_of(look, pid) != LISTENING_OWNER_UNKNOWN)
		look->table->some_hidden = true;
}

static int look_at(struct look *look, const char *name, pid_t pid)
{
	char path[32], target[64];
	int rank = INT32_MAX; /* not known yet */
	size_t n = 0;
	(void)snprintf(path, sizeof(path), "%s/fd", name);
	int fd = openat(look->proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *fds = fd >= 0 ? fdopendir(fd) : NULL;
	if (fds == NULL && (errno == EACCES || errno == EPERM))
		note_hidden(look, name, pid);
	for (const struct dirent *entry; fds != NULL && (entry = readdir(fds)) != NULL;) {
		unsigned long inode = 0;
		if (++n % FDS_PER_CLOCK == 0 && sys_now_ms() > look->deadline_ms)
			break;
		ssize_t length = readlinkat(fd, entry->d_name, target, sizeof(target) - 1);
		if (length < 0 && errno == EACCES) {
			note_hidden(look, name, pid);
			break;
		}
		target[length > 0 ? length : 0] = '\0';
		if (sscanf(target, "socket:[%lu]", &inode) != 1 || !is_listed(look, inode))
			continue;
		if (rank == INT32_MAX)
			rank = is_pidone(look, name) ? LISTENING_OWNER_UNKNOWN : rank_of(look, pid);
		if (rank == LISTENING_OWNER_UNKNOWN)
			break;
		take(look, name, inode, rank);
	}
	if (fds != NULL)
		(void)closedir(fds);
	return sys_now_ms() > look->deadline_ms ? -1 : 0;
}

int socket_table_find_owners(struct socket_table *table, const struct socket_owners *owners,
			     int64_t deadline_ms)
{
	struct look look = { .table = table, .root = owners->root, .deadline_ms = deadline_ms };
	int result = 0;
	DIR *proc = sweep_can_see() ? opendir("/proc") : NULL;
	if (proc == NULL)
		return -1;
	for (size_t i = 0; i < owners->n_own && look.n < ARRAY_SIZE(look.pids); i++)
		look.pids[look.n++] = owners->own[i];
	look.n_own = look.n;
	for (size_t i = 0; i < owners->n_processes && look.n < ARRAY_SIZE(look.pids); i++)
		look.pids[look.n++] = owners->processes[i];
	look.proc_fd = dirfd(proc);
	read_program(&look, "self", look.pidone);
	for (const struct dirent *entry; result == 0 && (entry = readdir(proc)) != NULL;) {
		unsigned long pid = 0;
		if (parse_uint(entry->d_name, INT32_MAX, &pid) == 0)
			result = look_at(&look, entry->d_name, (pid_t)pid);
	}
	(void)closedir(proc);
	return result;
}

/* ---- this host ---- */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

bool socket_table_is_here(const char *host, struct listening_question *ret)
{
	union address address = { .any = { .sa_family = AF_INET } };
	socklen_t size = sizeof(address.v4);
	struct in6_addr v6;
	ret->asked = LISTENING_ASKED_LOCALHOST;
	if (strcasecmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_V4MAPPED(&v6)) {
		memcpy(&address.v4.sin_addr, v6.s6_addr + 12, sizeof(address.v4.sin_addr));
	} else if (inet_pton(AF_INET6, host, &v6) == 1) {
		address.v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_addr = v6 };
		size = sizeof(address.v6);
	} else if (inet_pton(AF_INET, host, &address.v4.sin_addr) != 1) {
		return false;
	}
	bool is_v4 = address.any.sa_family == AF_INET;
	ret->asked = is_v4 ? LISTENING_ASKED_IPV4 : LISTENING_ASKED_IPV6;
	if (is_v4)
		memcpy(ret->address, &address.v4.sin_addr, sizeof(address.v4.sin_addr));
	else
		memcpy(ret->address, &address.v6.sin6_addr, sizeof(address.v6.sin6_addr));
	/* only an address of ours can be had; UDP, so that no port is taken from the app */
	CLEANUP_CLOSE int fd = socket(address.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return fd >= 0 && bind(fd, &address.any, size) == 0;
}

void socket_table_look_at_addresses(struct listening_question *ret)
{
	struct ifaddrs *all = NULL;
	if (getifaddrs(&all) < 0)
		return;
	for (const struct ifaddrs *one = all; one != NULL; one = one->ifa_next) {
		if (one->ifa_addr == NULL || (one->ifa_flags & IFF_LOOPBACK) != 0)
			continue;
		const struct sockaddr_in6 *v6 = (const void *)one->ifa_addr;
		if (one->ifa_addr->sa_family == AF_INET)
			ret->has_ipv4 = true;
		else if (one->ifa_addr->sa_family == AF_INET6 &&
			 !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr))
			ret->has_ipv6 = true;
	}
	freeifaddrs(all);
}
