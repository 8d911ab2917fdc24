/* A command as a person writes it → words with variables → argv. Quotes and
 * backslash as in a shell; $VAR, ${VAR}, ${VAR:-default}, ${VAR:?message}; no
 * globbing, no $(…), no pipes: those need `shell = yes`. A variable without
 * quotes is not split into words (a value with blanks stays one word); a word
 * that is nothing but an empty unquoted variable disappears. */
#pragma once

#include "base/err.h"
#include "base/text.h"

/* Returns the variable's value or NULL; not freed by the caller. */
typedef const char *(*command_lookup)(const char *name, const void *context);

/* Is the text well-formed (quotes closed, ${…} complete, at least one word)? */
int command_check(const char *text, struct err *err) ATTR_CHECK;

/* Expands to words, added to *ret_argv. An undefined ${VAR:?message}: an error
 * that says "VAR: message". An undefined $VAR is empty. */
int command_expand(const char *text, command_lookup lookup, const void *context,
		   struct list *ret_argv, struct err *err) ATTR_CHECK;

/* The same for a value that stays one text (the values of [env]): no splitting,
 * no quotes, only $ and \$. The caller frees *ret. */
int command_expand_text(const char *text, command_lookup lookup, const void *context,
			char **ret, struct err *err) ATTR_CHECK;

/* The program's name for messages: "gunicorn" of "/venv/bin/gunicorn a b",
 * without expanding; written into buffer, which is returned. */
const char *command_program(const char *text, char *buffer, size_t size);
/* A name that tells steps apart: "createsuperuser" of "python manage.py createsuperuser
 * --noinput", else the program's. Never anything but a program or a word of letters. */
const char *command_name(const char *text, char *buffer, size_t size);

/* The first shell operator outside quotes ("&&", "|", ";", ">", "$(", "`", "*" …) or
 * NULL: for the hint that `shell = yes` is needed. Static text. */
const char *command_shell_operator(const char *text);

/* Appends word to buf, quoted so that command_expand() gives it back. */
void command_quote(struct buf *buf, const char *word);
