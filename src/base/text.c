/* Growing text and lists of texts. */
#include "base/text.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

void text_copy(char *buffer, size_t size, const char *text)
{
	size_t length = strnlen(text, size - 1);
	memcpy(buffer, text, length);
	buffer[length] = '\0';
}

void buf_add(struct buf *buf, const char *bytes, size_t length)
{
	if (buf->length + length + 1 > buf->room) {
		size_t room = buf->room > 0 ? buf->room : 64;
		while (room < buf->length + length + 1)
			room *= 2;
		buf->data = mem_resize(buf->data, room);
		buf->room = room;
	}
	if (length > 0)
		memcpy(buf->data + buf->length, bytes, length);
	buf->length += length;
	buf->data[buf->length] = '\0';
}

void buf_add_text(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

void buf_add_char(struct buf *buf, char c)
{
	buf_add(buf, &c, 1);
}

void buf_format(struct buf *buf, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length > 0) {
		char *text = mem_alloc((size_t)length + 1);
		(void)vsnprintf(text, (size_t)length + 1, format, again);
		buf_add(buf, text, (size_t)length);
		free(text);
	}
	va_end(again);
}

const char *buf_text(const struct buf *buf)
{
	return buf->data != NULL ? buf->data : "";
}

char *buf_take(struct buf *buf)
{
	char *text = buf->data != NULL ? buf->data : mem_dup("");
	*buf = (struct buf){ 0 };
	return text;
}

void buf_fini(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){ 0 };
}

void list_add(struct list *list, const char *text)
{
	list_add_take(list, mem_dup(text));
}

void list_add_take(struct list *list, char *take_text)
{
	/* Grows by doubling: the room is the power of two above n + 1. */
	if (list->items == NULL || (list->n + 1 >= 4 && ((list->n + 1) & list->n) == 0))
		list->items = mem_resize(list->items,
					 (list->n < 2 ? 4 : (list->n + 1) * 2) *
						 sizeof(list->items[0]));
	list->items[list->n++] = take_text;
	list->items[list->n] = NULL;
}

void list_fini(struct list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct list){ 0 };
}
