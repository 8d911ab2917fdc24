/* The error value: formatting only. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

int err_set(struct err *err, int code, const char *format, ...)
{
	va_list args;
	err->code = code;
	va_start(args, format);
	int used = vsnprintf(err->msg, sizeof(err->msg), format, args);
	va_end(args);
	if (code > 0 && used >= 0 && (size_t)used < sizeof(err->msg))
		(void)snprintf(err->msg + used, sizeof(err->msg) - (size_t)used,
			       ": %s", strerror(code));
	return -1;
}

int err_prefix(struct err *err, const char *format, ...)
{
	char inner[ERR_MSG_SIZE];
	va_list args;
	memcpy(inner, err->msg, sizeof(inner));
	va_start(args, format);
	int used = vsnprintf(err->msg, sizeof(err->msg), format, args);
	va_end(args);
	if (used >= 0 && (size_t)used < sizeof(err->msg))
		(void)snprintf(err->msg + used, sizeof(err->msg) - (size_t)used,
			       ": %s", inner);
	return -1;
}
