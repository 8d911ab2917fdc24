/* A directory of its own for a test, entered and removed with all in it. */
#pragma once

#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

struct temp_dir {
	char path[64];
	int before_fd;
};

static inline void temp_dir_enter(struct temp_dir *dir)
{
	(void)strcpy(dir->path, "/tmp/pidone-test-XXXXXX");
	dir->before_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir->before_fd < 0 || mkdtemp(dir->path) == NULL || chdir(dir->path) < 0)
		abort();
}

static inline int temp_dir_remove_item(const char *path, const struct stat *st ATTR_UNUSED,
				       int flag ATTR_UNUSED, struct FTW *ftw ATTR_UNUSED)
{
	return remove(path);
}

static inline void temp_dir_leave(struct temp_dir *dir)
{
	if (fchdir(dir->before_fd) < 0 ||
	    nftw(dir->path, temp_dir_remove_item, 8, FTW_DEPTH | FTW_PHYS) < 0)
		abort();
	(void)close(dir->before_fd);
}

/* Writes a file below the working directory; makes the directories of its path. */
static inline void temp_dir_write(const char *path, const char *text, mode_t mode)
{
	char parent[256];
	for (const char *slash = path; (slash = strchr(slash, '/')) != NULL; slash++) {
		(void)snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
		if (parent[0] != '\0' && mkdir(parent, 0755) < 0 && errno != EEXIST)
			abort();
	}
	FILE *file = fopen(path, "w");
	if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0 || chmod(path, mode) < 0)
		abort();
}
