/* Growing text and lists of texts, for boot and children (see mem.h: these
 * die without memory). Both start as all zeroes: `struct buf b = { 0 };`. */
#pragma once

#include "base/base.h"

/* Into a buffer of a fixed size, which always ends with NUL; cut where it does not
 * fit, before a character of UTF-8. What snprintf() with "%s" does, without its machinery. */
void text_copy(char *buffer, size_t size, const char *text);

/* The same behind what the buffer holds already. Returns the buffer. */
const char *text_append(char *buffer, size_t size, const char *text);

const char *text_append_uint(char *buffer, size_t size, unsigned number);

/* A stranger's text, to be shown: control characters become blanks, what is not UTF-8
 * a question mark. */
void text_make_printable(char *text);

struct buf {
	char *data;    /* NUL-terminated once anything was added; else NULL */
	size_t length;
	size_t room;
};

void buf_add(struct buf *buf, const char *bytes, size_t length);
void buf_add_text(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char c);
void buf_format(struct buf *buf, const char *format, ...) ATTR_PRINTF(2, 3);
/* The text so far, "" if nothing was added; owned by the buf. */
const char *buf_text(const struct buf *buf);
/* Hands the text to the caller, who frees it; the buf is empty afterwards. */
char *buf_take(struct buf *buf) ATTR_CHECK;
void buf_fini(struct buf *buf);

/* A list of texts that it owns; items[n] is NULL, so items can be an argv. */
struct list {
	char **items;
	size_t n;
};

void list_add(struct list *list, const char *text);      /* copies */
void list_add_take(struct list *list, char *take_text);
void list_fini(struct list *list);
