/* INI text → settings with line numbers. inih splits the lines; this reader
 * stands in front of it, because inih loses silently what does not fit its
 * buffer (200 bytes in Debian), what follows " ;" and what it takes for a
 * comment. Here are lines, comments, quotes and continuation; not which
 * sections and keys there are. */
#pragma once

#include "pure/config.h"

struct config_reader_handler {
	void (*section)(void *context, const char *section, size_t line);
	void (*setting)(void *context, const char *section, const char *name, const char *value,
			size_t line); /* the line on which the setting begins */
	void *context;
};

/* What is malformed goes to problems as "name:line"; the rest is handed on. */
void config_reader_run(const char *text, size_t length, const char *name,
		       const struct config_reader_handler *handler,
		       struct config_problems *problems);
