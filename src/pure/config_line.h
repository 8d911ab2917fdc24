/* A line of INI text: where it ends, what of it is comment or blank, whether it
 * is text at all. Not what it means: that is config_reader.c's, and nobody else
 * includes this. */
#pragma once

#include "base/base.h"

/* A physical line without its end; points into the whole text. */
struct config_line {
	const char *text;
	size_t length;
};

/* The line at *p, without "\n" or "\r\n", and *p behind it; false at the end. */
bool config_line_next(const char **p, const char *end, struct config_line *ret);

bool config_line_is_blank(char c);
struct config_line config_line_trim(struct config_line line);
/* Without the comment behind it, and trimmed. A ';' behind a blank starts one,
 * but not between quotes; a quote that is not closed on its line is an
 * apostrophe. */
struct config_line config_line_cut_comment(struct config_line line);
/* A character that no line may contain, or -1. */
int config_line_find_control(struct config_line line);
