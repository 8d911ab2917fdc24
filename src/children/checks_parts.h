/* Between checks.c and its parts: the kinds that are more than a few lines. */
#pragma once

#include "base/err.h"
#include "children/checks.h"
#include "pure/message.h"

/* 0: it holds, detail says how; -1: err has the reason. */
int checks_exec(const struct check_spec *spec, const struct check_context *context,
		int64_t deadline_ms, char *detail, size_t size, struct err *err) ATTR_CHECK;
/* Why nobody reaches what was asked, which the check's result alone does not tell: the
 * check was refused (code is why), or it holds by loopback. */
enum message_where checks_explain(const struct check_spec *spec,
				  const struct check_context *context, bool ok, int code,
				  int64_t deadline_ms, char *ret, size_t size) ATTR_CHECK;
int checks_redis(const struct check_spec *spec, int64_t deadline_ms, char *detail, size_t size,
		 struct err *err) ATTR_CHECK;
