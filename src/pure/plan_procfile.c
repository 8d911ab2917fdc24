/* Source 5: the Procfile, as Heroku and foreman read it, but without a shell
 * where none is needed. */
#include "base/mem.h"
#include "pure/command.h"
#include "pure/plan_sources.h"

#include <ctype.h>

static const struct {
	const char *role, *name;
} known_names[] = { { "init", "release" }, { "run", "web" }, { "async", "worker" } };

struct procfile_line {
	const char *name, *command; /* not terminated */
	size_t name_length, command_length;
	unsigned number;
};

enum line_kind { LINE_END, LINE_BLANK, LINE_COMMAND, LINE_MALFORMED };

const char *plan_procfile_name(const char *role)
{
	for (size_t i = 0; i < ARRAY_SIZE(known_names); i++)
		if (streq(known_names[i].role, role))
			return known_names[i].name;
	return role;
}

/* Reads the line at *cursor and moves behind it. */
static enum line_kind read_line(const char **cursor, struct procfile_line *line)
{
	const char *start = *cursor;
	if (*start == '\0')
		return LINE_END;
	line->number++;
	const char *end = start + strcspn(start, "\n");
	*cursor = *end == '\n' ? end + 1 : end;
	while (end > start && isspace((unsigned char)end[-1]))
		end--;
	while (start < end && isspace((unsigned char)*start))
		start++;
	if (start == end || *start == '#')
		return LINE_BLANK;
	line->name = start;
	while (start < end && (isalnum((unsigned char)*start) || *start == '_' || *start == '-'))
		start++;
	line->name_length = (size_t)(start - line->name);
	while (start < end && (*start == ' ' || *start == '\t'))
		start++;
	if (line->name_length == 0 || start == end || *start != ':')
		return LINE_MALFORMED;
	start++;
	while (start < end && isspace((unsigned char)*start))
		start++;
	line->command = start;
	line->command_length = (size_t)(end - start);
	return start < end ? LINE_COMMAND : LINE_MALFORMED;
}

static bool is_named(const struct procfile_line *line, const char *name)
{
	return line->name_length == strlen(name) &&
	       strncmp(line->name, name, line->name_length) == 0;
}

void plan_procfile_roles(const char *text, struct list *roles)
{
	struct procfile_line line = { .number = 0 };
	enum line_kind kind;
	while ((kind = read_line(&text, &line)) != LINE_END) {
		if (kind != LINE_COMMAND)
			continue;
		CLEANUP_FREE char *role = mem_dup_n(line.name, line.name_length);
		bool known = false;
		for (size_t i = 0; i < ARRAY_SIZE(known_names); i++)
			known = known || streq(known_names[i].name, role);
		if (!known && config_is_role_name(role))
			plan_add_role(roles, role);
	}
}

/* ---- is a shell needed? ---- */

/* Words that only a shell understands at the start of a line. `exec` is not
 * among them: it says what is done here anyway. */
static const char *const builtins[] = { "cd",  "export", "source", ".",   "ulimit", "umask",
					"set", "unset",  "if",     "for", "while",  "[" };

static const char *shell_need(const char *command)
{
	const char *op = command_shell_operator(command);
	if (op != NULL)
		return op;
	size_t length = strcspn(command, " \t");
	for (size_t i = 0; i < ARRAY_SIZE(builtins); i++)
		if (strlen(builtins[i]) == length && strncmp(command, builtins[i], length) == 0)
			return builtins[i];
	return NULL;
}

/* The length of the text up to the first `&&` or `;` outside quotes. */
static size_t first_part(const char *text, size_t *ret_operator)
{
	char quote = '\0';
	size_t i = 0;
	for (; text[i] != '\0'; i++) {
		if (text[i] == '\\' && quote != '\'' && text[i + 1] != '\0')
			i++;
		else if (quote != '\0')
			quote = text[i] == quote ? '\0' : quote;
		else if (text[i] == '\'' || text[i] == '"')
			quote = text[i];
		else if (text[i] == ';' || (text[i] == '&' && text[i + 1] == '&'))
			break;
	}
	*ret_operator = text[i] == '&' ? 2 : text[i] == ';' ? 1 : 0;
	return i;
}

/* "a && b" → the lines of [role] that do the same without a shell. Where more
 * than && and ; is in it, one line shows the form. */
static char *help_without_shell(const char *role, const char *command)
{
	struct buf help = { 0 };
	bool is_init = streq(role, "init");
	buf_format(&help, "Write it without a shell, in /etc/pidone.ini:\n\n    [%s]\n", role);
	for (;;) {
		size_t operator_length = 0;
		while (*command == ' ' || *command == '\t')
			command++;
		size_t length = first_part(command, &operator_length);
		const char *next = command + length + operator_length;
		while (length > 0 && isspace((unsigned char)command[length - 1]))
			length--;
		CLEANUP_FREE char *part = mem_dup_n(command, length);
		bool last = next[strspn(next, " \t")] == '\0';
		if (length > 0 && shell_need(part) != NULL) {
			buf_fini(&help);
			buf_format(&help,
				   "Write it without a shell, one program with its arguments a "
				   "line, in /etc/pidone.ini:\n\n"
				   "    [%s]\n    %s = PROGRAM ARG…\n\n"
				   "Variables that it needs go into [env].\n",
				   role, is_init ? "step" : "command");
			break;
		}
		if (length > 0)
			buf_format(&help, "    %s = %s\n", last && !is_init ? "command" : "step",
				   part);
		command = next;
		if (last)
			break;
	}
	return buf_take(&help);
}

/* ---- the role's line ---- */

static int add_line(struct plan *plan, const struct procfile_line *line,
		    const struct plan_facts *facts, char **ret_help, struct err *err)
{
	CLEANUP_FREE char *command = mem_dup_n(line->command, line->command_length);
	CLEANUP_FREE char *origin =
		mem_format("Procfile:%u (%.*s)", line->number, (int)line->name_length, line->name);
	const char *need = shell_need(command);
	if (need == NULL || plan->shell) {
		size_t skip = 0;
		if (!plan->shell && starts_with(command, "exec") &&
		    (command[4] == ' ' || command[4] == '\t'))
			skip = 5 + strspn(command + 5, " \t");
		struct err why;
		if (!plan->shell && command_check(command + skip, &why) < 0)
			return err_set(err, 0, "%s: %s", origin, why.msg);
		plan_add_command(plan, command + skip, origin);
		return 0;
	}
	if (!facts->has_shell) {
		*ret_help = help_without_shell(plan->role, command);
		return err_set(
			err, 0,
			"%s: '%s' needs a shell, and this image has no /bin/sh: write [%s] in "
			"/etc/pidone.ini instead",
			origin, need, plan->role);
	}
	struct buf wrapped = { 0 };
	buf_add_text(&wrapped, "/bin/sh -c ");
	command_quote(&wrapped, command);
	plan_add_command(plan, buf_text(&wrapped), origin);
	buf_fini(&wrapped);
	return 0;
}

int plan_from_procfile(struct plan *plan, const struct plan_facts *facts, char **ret_help,
		       struct err *err)
{
	if (facts->procfile == NULL)
		return 0;
	const char *name = plan_procfile_name(plan->role), *cursor = facts->procfile;
	struct procfile_line line = { .number = 0 }, found = { .number = 0 };
	enum line_kind kind;
	while ((kind = read_line(&cursor, &line)) != LINE_END) {
		if (kind == LINE_MALFORMED)
			list_add_take(&plan->notes,
				      mem_format("Procfile:%u: not 'NAME: COMMAND', ignored",
						 line.number));
		if (kind != LINE_COMMAND || !is_named(&line, name))
			continue;
		if (found.number > 0)
			return err_set(err, 0, "Procfile:%u: '%s' stands in line %u already",
				       line.number, name, found.number);
		found = line;
	}
	return found.number > 0 ? add_line(plan, &found, facts, ret_help, err) : 0;
}
