/* `pidone install PATH`: copies this program to PATH, or into it when it is a
 * directory. For an init container that puts pidone into a shared volume.
 *
 * Whoever looks at PATH sees the old file or the whole new one: the copy is made
 * beside it and renamed. A rename destroys whatever had the name, so only a
 * program, or an empty file made to hold one, is replaced. Exit 0 when it is there
 * (also when it was), 64 for a wrong command line or a PATH that cannot be one, 78
 * for a place that cannot be written, 70 when we cannot read ourselves. */
#include "cmd/cmd.h"

#include "base/err.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define CHUNK ((size_t)64 * 1024)

/* Reads until size bytes are there or the file ends. */
static ssize_t read_full(int fd, char *buffer, size_t size)
{
	size_t length = 0;
	while (length < size) {
		ssize_t got = read(fd, buffer + length, size - length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		length += (size_t)got;
	}
	return (ssize_t)length;
}

static int write_full(int fd, const char *buffer, size_t length)
{
	while (length > 0) {
		ssize_t written = write(fd, buffer, length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -1;
		buffer += written;
		length -= (size_t)written;
	}
	return 0;
}

/* Is path a regular file with our content that everybody may run? What cannot
 * be read is replaced. */
static bool is_installed(int self_fd, const char *path)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	CLEANUP_FREE char *ours = mem_alloc(CHUNK);
	CLEANUP_FREE char *theirs = mem_alloc(CHUNK);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (st.st_mode & 0777) != 0755)
		return false;
	ssize_t n;
	do {
		n = read_full(self_fd, ours, CHUNK);
		if (n < 0 || read_full(fd, theirs, CHUNK) != n ||
		    memcmp(ours, theirs, (size_t)n) != 0)
			return false;
	} while (n > 0);
	return true;
}

/* Not the place's fault: without a code, which would bring a remedy for it. */
static int fail_to_read_self(struct err *err)
{
	(void)err_set(err, errno, "read /proc/self/exe");
	err->code = 0;
	return -1;
}

static int copy(int self_fd, int fd, const char *name, struct err *err)
{
	CLEANUP_FREE char *buffer = mem_alloc(CHUNK);
	ssize_t n;
	if (lseek(self_fd, 0, SEEK_SET) < 0)
		return fail_to_read_self(err);
	while ((n = read_full(self_fd, buffer, CHUNK)) > 0)
		if (write_full(fd, buffer, (size_t)n) < 0)
			return err_set(err, errno, "write '%s'", name);
	if (n < 0)
		return fail_to_read_self(err);
	/* The mode does not depend on the umask: the app's user must run it. */
	if (fchmod(fd, 0755) < 0 || fsync(fd) < 0)
		return err_set(err, errno, "write '%s'", name);
	return 0;
}

/* So that the name survives a power cut as the content does. A file system that
 * has no fsync for directories loses nothing that it promised. */
static void sync_directory(const char *path)
{
	CLEANUP_FREE char *directory = mem_dup(path);
	char *slash = strrchr(directory, '/');
	if (slash != NULL)
		slash[slash == directory] = '\0';
	CLEANUP_CLOSE int fd =
		open(slash != NULL ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		(void)fsync(fd);
}

static int replace(int self_fd, const char *path, struct err *err)
{
	CLEANUP_FREE char *temporary = mem_format("%s.XXXXXX", path);
	CLEANUP_CLOSE int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return err_set(err, errno, "create a file beside '%s'", path);
	int result = copy(self_fd, fd, temporary, err);
	if (result == 0 && rename(temporary, path) < 0)
		result = err_set(err, errno, "rename '%s' to '%s'", temporary, path);
	if (result < 0)
		(void)unlink(temporary);
	else
		sync_directory(path);
	return result;
}

/* What an errno most likely means to whoever wrote the pod. */
static const char *remedy(int code)
{
	if (code == EROFS)
		return "; mount the volume without readOnly in this container";
	if (code == EACCES || code == EPERM)
		return "; the volume belongs to another user: set fsGroup, or runAsUser of this "
		       "container";
	if (code == ENOSPC || code == EDQUOT)
		return "; raise the volume's sizeLimit";
	if (code == ENOENT || code == ENOTDIR)
		return "; its directory must be there: is the volume mounted?";
	return "";
}

static int refuse_link(const char *path, struct err *err)
{
	char text[4096];
	CLEANUP_FREE char *resolved = realpath(path, NULL);
	ssize_t length = readlink(path, text, sizeof(text) - 1);
	text[length > 0 ? length : 0] = '\0';
	return err_set(err, 0,
		       "'%s' is a symbolic link to '%s': name that path, or remove the link", path,
		       resolved != NULL ? resolved : text);
}

/* -1: what has this name must stay; err says what to do. */
static int look_at_target(const char *path, struct err *err)
{
	static const char magic[] = { 0x7f, 'E', 'L', 'F' };
	char start[sizeof(magic)];
	struct stat st;
	if (lstat(path, &st) < 0)
		return 0; /* free, or the copy will say why it cannot be made */
	if (S_ISLNK(st.st_mode))
		return refuse_link(path, err);
	if (!S_ISREG(st.st_mode))
		return err_set(err, 0, "'%s' is not a regular file: name another path", path);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	ssize_t n = fd >= 0 ? read_full(fd, start, sizeof(start)) : -1;
	if (n < 0)
		return err_set(err, 0,
			       "'%s' is there and cannot be read (%s): name another path, or "
			       "remove it first",
			       path, strerror(errno));
	if (n > 0 && (n < (ssize_t)sizeof(magic) || memcmp(start, magic, sizeof(magic)) != 0))
		return err_set(err, 0,
			       "'%s' is there and is not a program: name another path, or remove "
			       "it first",
			       path);
	return 0;
}

static int install(const char *target)
{
	struct err err = { 0 };
	if (look_at_target(target, &err) < 0) {
		(void)fprintf(stderr, "pidone: error: install: %s\n", err.msg);
		return EXIT_CODE_USAGE;
	}
	CLEANUP_CLOSE int self_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (self_fd < 0) {
		(void)fprintf(stderr, "pidone: error: install: open /proc/self/exe: %s\n",
			      strerror(errno));
		return EXIT_CODE_INTERNAL;
	}
	if (is_installed(self_fd, target)) {
		(void)printf("%s is up to date\n", target);
		return cmd_finish_output(EXIT_CODE_OK);
	}
	if (replace(self_fd, target, &err) < 0) {
		(void)fprintf(stderr, "pidone: error: install: %s%s\n", err.msg, remedy(err.code));
		bool is_wrong_path = err.code == ENOENT || err.code == ENOTDIR ||
				     err.code == EISDIR || err.code == ENAMETOOLONG;
		return is_wrong_path   ? EXIT_CODE_USAGE
		       : err.code == 0 ? EXIT_CODE_INTERNAL
				       : EXIT_CODE_CONFIG;
	}
	(void)printf("installed %s\n", target);
	return cmd_finish_output(EXIT_CODE_OK);
}

int cmd_install(const struct cmd_options *options)
{
	static const char usage[] = "pidone install PATH";
	const char *path = options->args[0];
	struct stat st;
	if (cmd_asks_for_help(options))
		return cmd_print_usage(usage);
	if (path == NULL || path[0] == '\0' || path[0] == '-' || options->args[1] != NULL) {
		(void)fprintf(stderr, "pidone: error: usage: %s\n", usage);
		return EXIT_CODE_USAGE;
	}
	bool is_directory = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
	bool has_slash = path[strlen(path) - 1] == '/';
	if (has_slash && !is_directory) {
		(void)fprintf(stderr, "pidone: error: install: no directory '%s'%s\n", path,
			      remedy(ENOENT));
		return EXIT_CODE_USAGE;
	}
	CLEANUP_FREE char *target =
		is_directory ? mem_format("%s%spidone", path, has_slash ? "" : "/") : mem_dup(path);
	return install(target);
}
