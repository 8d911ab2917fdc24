/* What a command's text tells without being expanded: which program it most
 * likely starts, and what in it only a shell would understand. For names and
 * hints: malformed text gives some answer, never an error. */
#include "pure/command_bytes.h"

const char *command_program(const char *text, char *buffer, size_t size)
{
	size_t used = 0;
	unsigned braces = 0;
	char quote = '\0';
	buffer[0] = '\0';
	while (command_is_blank(*text))
		text++;
	for (; *text != '\0' && (quote != '\0' || !command_is_blank(*text)); text++) {
		if (quote == '\0' && (*text == '"' || *text == '\'')) {
			quote = *text;
			continue;
		}
		if (quote != '\0' && *text == quote) {
			quote = '\0';
			continue;
		}
		if (*text == '\\' && quote != '\'' && text[1] != '\0')
			text++;
		else if (*text == '{' && used > 0 && buffer[used - 1] == '$')
			braces++;
		else if (*text == '}' && braces > 0)
			braces--;
		else if (*text == '/' && braces == 0 && text[1] != '\0' &&
			 !command_is_blank(text[1])) {
			used = 0; /* but not at a slash in braces: "${VENV:-/venv}/bin/gunicorn" */
			continue;
		}
		if (used + 1 < size)
			buffer[used++] = *text;
	}
	buffer[used] = '\0';
	return buffer;
}

/* Django's commands are found behind manage.py; nothing else of a command's words gets out,
 * for they may be secrets. */
const char *command_name(const char *text, char *buffer, size_t size)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
	const char *manage = strstr(text, "manage.py");
	const char *word = manage != NULL ? manage + strlen("manage.py") : text;
	size_t blanks = manage != NULL ? strspn(word, " \t") : 0;
	size_t length = strspn(word + blanks, letters);
	const char *end = word + blanks + length;
	if (blanks == 0 || length == 0 || length >= size ||
	    (*end != '\0' && !command_is_blank(*end)))
		return command_program(text, buffer, size);
	memcpy(buffer, word + blanks, length);
	buffer[length] = '\0';
	return buffer;
}

/* "${…}" belongs to us, so nothing in it is a shell's. */
static const char *skip_braces(const char *p)
{
	unsigned depth = 0;
	for (; *p != '\0'; p++) {
		if (*p == '\\' && p[1] != '\0') {
			p++;
		} else if (p[0] == '$' && p[1] == '{') {
			depth++;
			p++;
		} else if (*p == '}' && --depth == 0) {
			return p + 1;
		}
	}
	return p;
}

const char *command_shell_operator(const char *text)
{
	/* longer ones first. No "?" and no "[": they are common in URLs and addresses. */
	static const char *const operators[] = {
		"&&", "||", "&", "|", ";", ">", "<", "(", ")", "*"
	};
	const char *p = text;
	bool in_double = false;
	while (command_is_blank(*p))
		p++;
	size_t name = command_name_length(p);
	if (name > 0 && p[name] == '=')
		return "NAME=value"; /* a variable in front of the program */
	while (*p != '\0') {
		if (*p == '\\' && p[1] != '\0') {
			p += 2;
			continue;
		}
		if (starts_with(p, "$("))
			return "$(";
		if (starts_with(p, "${")) {
			p = skip_braces(p);
			continue;
		}
		if (*p == '`')
			return "`";
		if (*p == '"')
			in_double = !in_double;
		if (*p == '\'' && !in_double) {
			p = strchr(p + 1, '\'');
			if (p == NULL)
				return NULL;
		}
		for (size_t i = 0; i < ARRAY_SIZE(operators) && !in_double; i++)
			if (starts_with(p, operators[i]))
				return operators[i];
		p++;
	}
	return NULL;
}
