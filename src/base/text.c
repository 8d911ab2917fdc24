/* Growing text and lists of texts. */
#include "base/text.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

void text_copy(char *buffer, size_t size, const char *text)
{
	size_t length = strnlen(text, size - 1);
	if (text[length] != '\0') /* cut, but not within a character of UTF-8 */
		while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
			length--;
	memcpy(buffer, text, length);
	buffer[length] = '\0';
}

const char *text_append(char *buffer, size_t size, const char *text)
{
	size_t used = strlen(buffer);
	text_copy(buffer + used, size - used, text);
	return buffer;
}

const char *text_append_uint(char *buffer, size_t size, unsigned number)
{
	char digits[sizeof("4294967295")];
	char *first = digits + sizeof(digits) - 1;
	*first = '\0';
	do
		*--first = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	return text_append(buffer, size, first);
}

/* Bytes of the UTF-8 sequence at text, 0 where there is none (RFC 3629: no overlong
 * ones, no surrogates, nothing above U+10FFFF). */
static size_t sequence_length(const unsigned char *text)
{
	size_t length = text[0] < 0x80                       ? 1
			: text[0] >= 0xc2 && text[0] <= 0xdf ? 2
			: (text[0] & 0xf0) == 0xe0           ? 3
			: text[0] >= 0xf0 && text[0] <= 0xf4 ? 4
							     : 0;
	for (size_t i = 1; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	bool bad = (text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
		   (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f);
	return bad ? 0 : length;
}

void text_make_printable(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p != '\0';) {
		size_t length = sequence_length(p);
		if (length == 0)
			*p = '?';
		else if (*p < 0x20 || *p == 0x7f)
			*p = ' ';
		p += length > 0 ? length : 1;
	}
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
