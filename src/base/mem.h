/* Memory for boot and for forked children: these never return NULL. Without
 * memory they say so on stderr and end the process with EXIT_CODE_INTERNAL,
 * which is right before the line (nothing has started) and in a child (it is
 * retried). PID 1 allocates nothing after the line, so it never comes here. */
#pragma once

#include "base/base.h"

void *mem_alloc(size_t size) ATTR_CHECK; /* zeroed */
void *mem_resize(void *take_pointer, size_t size) ATTR_CHECK;
char *mem_dup(const char *text) ATTR_CHECK;
char *mem_dup_n(const char *text, size_t length) ATTR_CHECK;
char *mem_join(const char *head, const char *tail) ATTR_CHECK; /* one behind the other */
char *mem_format(const char *format, ...) ATTR_PRINTF(1, 2) ATTR_CHECK;
