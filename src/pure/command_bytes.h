/* What the readers of commands share among themselves, so that they agree where
 * a word and a name end; nobody else includes this. See pure/command.h. */
#pragma once

#include "pure/command.h"

/* command.c */
bool command_is_blank(char c);
/* How many bytes at the start of text are a variable's name; 0: none is there. */
size_t command_name_length(const char *text);
