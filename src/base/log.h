/* pidone's own lines on stderr: one line per event, text or JSON. Writing
 * never blocks and never allocates: what does not fit into a full pipe is
 * dropped, counted, and the count is reported with the next line that fits.
 * The children's output never passes through here. */
#pragma once

#include "base/base.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

/* Looks at stderr once and decides how to write to it without blocking; opens
 * at most one descriptor (close-on-exec). Call at boot, and again in a child
 * that has closed its descriptors. Until then lines are written plainly. */
void log_open(void);
/* The descriptor that log_open() opened, or -1 where stderr itself serves. */
int log_fd(void);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
void log_set_format(enum log_format format); /* at boot: may allocate */
/* Shown as "pidone[/run]: "; "" for none. Copied, at most 31 bytes. */
void log_set_role(const char *role);
/* Lines lost so far because stderr was full. */
uint64_t log_dropped(void);

/* Who else gets every line of level info or worse, also those that level or a full
 * stderr keeps from being written; NULL: nobody. It must not log. */
typedef void log_listener(void *context, enum log_level level, const char *message);
void log_set_listener(log_listener *listener, void *context);

/* event: a short stable word for machines ("started", "exited", "waiting"). */
void log_event(enum log_level level, const char *event, const char *format, ...)
	ATTR_PRINTF(3, 4);

/* Lines for a person (what to write instead, say) behind an event, as they are;
 * as JSON one object each. */
void log_help(const char *lines);

#define log_error(event, ...)   log_event(LOG_ERROR, event, __VA_ARGS__)
#define log_warning(event, ...) log_event(LOG_WARNING, event, __VA_ARGS__)
#define log_info(event, ...)    log_event(LOG_INFO, event, __VA_ARGS__)
#define log_debug(event, ...)   log_event(LOG_DEBUG, event, __VA_ARGS__)
