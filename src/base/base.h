/* Attributes, scope clean-up and small macros that every file may use.
 * Not for functions with a body of more than a line: those have modules. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define ATTR_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define ATTR_CHECK              __attribute__((warn_unused_result))
#define ATTR_NORETURN           __attribute__((noreturn))
#define ATTR_UNUSED             __attribute__((unused))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* A variable marked so is released at the end of its scope. */
#define CLEANUP_FREE  __attribute__((cleanup(base_cleanup_free)))
#define CLEANUP_CLOSE __attribute__((cleanup(base_cleanup_close)))

static inline void base_cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

static inline void base_cleanup_close(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static inline bool streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static inline bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Exit codes of the contract; a child's own code is passed through instead. */
enum exit_code {
	EXIT_CODE_OK = 0,
	EXIT_CODE_FAILED = 1,          /* `pidone probe`: no */
	EXIT_CODE_USAGE = 64,          /* the command line is wrong */
	EXIT_CODE_UNAVAILABLE = 69,    /* a dependency did not come */
	EXIT_CODE_INTERNAL = 70,       /* a bug, or no memory at boot */
	EXIT_CODE_TRY_AGAIN = 75,      /* the lock was not gained, or lost */
	EXIT_CODE_CONFIG = 78,         /* the configuration is wrong */
	EXIT_CODE_TIMED_OUT = 124,     /* a step took longer than step-timeout */
	EXIT_CODE_NOT_EXECUTABLE = 126,
	EXIT_CODE_NOT_FOUND = 127,
	EXIT_CODE_SIGNAL = 128,        /* + the signal's number */
};
