/* The error value: what failed, for a person, on the caller's stack.
 * Lower floors fill it and return -1; only the top floor prints it. Expected
 * outcomes (not found, would block) are results of the function, not errors. */
#pragma once

#include "base/base.h"

#define ERR_MSG_SIZE 256

struct err {
	int code;               /* an errno, or 0 where none applies */
	char msg[ERR_MSG_SIZE]; /* one line without a final full stop */
};

/* Sets *err to the message, with ": <text of code>" behind it when code is an
 * errno. Always returns -1, so that failing is one line:
 * `return err_set(err, errno, "open '%s'", path);`. A longer message is cut.
 * Allocates nothing. */
int err_set(struct err *err, int code, const char *format, ...) ATTR_PRINTF(3, 4);

/* Puts "<prefix>: " before the message that is there already; returns -1. */
int err_prefix(struct err *err, const char *format, ...) ATTR_PRINTF(2, 3);
