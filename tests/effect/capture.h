/* What a function prints, as text: standard output and error go to files
 * meanwhile, so that the TAP of the test stays pure. */
#pragma once

#include "base/base.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

struct capture {
	int saved[2], files[2];
	char *out, *err; /* after capture_end() */
};

static inline void capture_begin(struct capture *capture)
{
	(void)fflush(NULL);
	for (int i = 0; i < 2; i++) {
		capture->saved[i] = fcntl(STDOUT_FILENO + i, F_DUPFD_CLOEXEC, 10);
		capture->files[i] = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (capture->saved[i] < 0 || capture->files[i] < 0 ||
		    dup2(capture->files[i], STDOUT_FILENO + i) < 0)
			abort();
	}
}

static inline char *capture_text(int fd)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		abort();
	char *text = calloc(1, (size_t)st.st_size + 1);
	if (text == NULL || pread(fd, text, (size_t)st.st_size, 0) != st.st_size)
		abort();
	(void)close(fd);
	return text;
}

static inline void capture_end(struct capture *capture)
{
	(void)fflush(NULL);
	for (int i = 0; i < 2; i++) {
		if (dup2(capture->saved[i], STDOUT_FILENO + i) < 0)
			abort();
		(void)close(capture->saved[i]);
	}
	capture->out = capture_text(capture->files[0]);
	capture->err = capture_text(capture->files[1]);
}

static inline void capture_free(struct capture *capture)
{
	free(capture->out);
	free(capture->err);
}
