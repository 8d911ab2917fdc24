/* Allocation that dies loudly. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

static ATTR_NORETURN void die_without_memory(void)
{
	static const char text[] = "pidone: error: out of memory\n";
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(EXIT_CODE_INTERNAL);
}

void *mem_alloc(size_t size)
{
	void *pointer = calloc(1, size > 0 ? size : 1);
	if (pointer == NULL)
		die_without_memory();
	return pointer;
}

void *mem_resize(void *take_pointer, size_t size)
{
	void *pointer = realloc(take_pointer, size > 0 ? size : 1);
	if (pointer == NULL)
		die_without_memory();
	return pointer;
}

char *mem_dup(const char *text)
{
	return mem_dup_n(text, strlen(text));
}

char *mem_dup_n(const char *text, size_t length)
{
	char *copy = mem_alloc(length + 1);
	memcpy(copy, text, length);
	return copy;
}

char *mem_join(const char *head, const char *tail)
{
	size_t head_length = strlen(head), tail_length = strlen(tail);
	char *text = mem_alloc(head_length + tail_length + 1);
	memcpy(text, head, head_length);
	memcpy(text + head_length, tail, tail_length);
	return text;
}

char *mem_format(const char *format, ...)
{
	char *text = NULL;
	va_list args;
	va_start(args, format);
	int length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0)
		die_without_memory();
	return text;
}
