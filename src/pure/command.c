/* Commands: text → words → argv. One scanner walks the text once, by the same
 * rules whether it only checks or also expands, so that what command_check()
 * accepts is what command_expand() can read. Nothing is ever executed here. */
#include "pure/command_bytes.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdio.h>

/* ${A:-${B:-${C:-…}}}: each level costs a stack frame, and the text may come
 * from anybody's environment. */
#define NESTING_MAX 16

enum scan_mode {
	SCAN_WORD,   /* outside quotes: backslash takes the next byte, quotes open */
	SCAN_DOUBLE, /* inside "…": backslash before " \ $ ` only */
	SCAN_TEXT,   /* a value of [env]: \$ only, no quotes */
};

struct scan {
	const char *p;
	command_lookup lookup; /* NULL: only check */
	const void *context;
	unsigned depth;  /* of braces and quotes, for the bound */
	unsigned braces; /* open since the innermost quote */
	bool skip;       /* the branch of ${A:-…} that is not taken */
	struct err *err;
};

static int scan_part(struct scan *scan, enum scan_mode mode, struct buf *out);

bool command_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

size_t command_name_length(const char *text)
{
	size_t length = 0;
	if (isdigit((unsigned char)text[0]))
		return 0;
	while (isalnum((unsigned char)text[length]) || text[length] == '_')
		length++;
	return length;
}

static const char *look_up(const struct scan *scan, const char *name, size_t length)
{
	if (scan->lookup == NULL)
		return NULL;
	CLEANUP_FREE char *copy = mem_dup_n(name, length);
	return scan->lookup(copy, scan->context);
}

static int scan_until_brace(struct scan *scan, enum scan_mode mode, struct buf *out)
{
	while (*scan->p != '}') {
		if (*scan->p == '\0')
			return err_set(
				scan->err, 0,
				"a ${ is never closed: write } behind it, or \\$ for a dollar");
		if (scan_part(scan, mode, out) < 0)
			return -1;
	}
	scan->p++;
	return 0;
}

/* The text behind :- or :?, with the braces' end; quotes count as around it.
 * What is not taken is read all the same, into nowhere: it must be well-formed,
 * and its end must be found. */
static int scan_operand(struct scan *scan, enum scan_mode mode, bool skip, struct buf *out)
{
	struct buf nowhere = { 0 };
	scan->braces++;
	if (++scan->depth > NESTING_MAX)
		return err_set(scan->err, 0, "${…} is nested more than %d deep", NESTING_MAX);
	bool outer_skip = scan->skip;
	scan->skip = outer_skip || skip;
	int result = scan_until_brace(scan, mode, skip ? &nowhere : out);
	scan->skip = outer_skip;
	scan->depth--;
	scan->braces--;
	buf_fini(&nowhere);
	return result;
}

static int scan_required(struct scan *scan, enum scan_mode mode, const char *name, int length,
			 bool is_set)
{
	struct buf message = { 0 };
	if (scan_operand(scan, mode, is_set, &message) < 0) {
		buf_fini(&message);
		return -1;
	}
	int result = 0;
	if (!is_set && scan->lookup != NULL && !scan->skip)
		result = err_set(scan->err, 0, "%.*s: %s", length, name,
				 message.length > 0 ? buf_text(&message) : "is not set");
	buf_fini(&message);
	return result;
}

/* At "${". */
static int scan_braces(struct scan *scan, enum scan_mode mode, struct buf *out)
{
	const char *name = scan->p + 2;
	size_t length = command_name_length(name);
	const char *behind = name + length;
	int shown = length < 64 ? (int)length : 64;
	if (*behind == '\0')
		return err_set(scan->err, 0,
			       "a ${ is never closed: write } behind it, or \\$ for a dollar");
	if (length == 0)
		return err_set(scan->err, 0,
			       "${ needs a variable's name, as in ${PORT}; "
			       "write \\$ for a dollar");
	const char *value = scan->skip ? NULL : look_up(scan, name, length);
	bool is_set = value != NULL && value[0] != '\0';
	if (is_set)
		buf_add_text(out, value);
	if (*behind == '}') {
		scan->p = behind + 1;
		return 0;
	}
	scan->p = behind + 2;
	if (starts_with(behind, ":-"))
		return scan_operand(scan, mode, is_set, out);
	if (starts_with(behind, ":?"))
		return scan_required(scan, mode, name, shown, is_set);
	return err_set(scan->err, 0,
		       "${%.*s…} is not understood: there are ${%.*s}, ${%.*s:-default} and "
		       "${%.*s:?message}",
		       shown, name, shown, name, shown, name, shown, name);
}

/* At "$". A dollar that no name follows is a dollar. */
static int scan_dollar(struct scan *scan, enum scan_mode mode, struct buf *out)
{
	if (scan->p[1] == '{')
		return scan_braces(scan, mode, out);
	size_t length = command_name_length(scan->p + 1);
	if (length == 0) {
		buf_add_char(out, '$');
	} else if (!scan->skip) {
		const char *value = look_up(scan, scan->p + 1, length);
		if (value != NULL)
			buf_add_text(out, value);
	}
	scan->p += 1 + length;
	return 0;
}

static int scan_backslash(struct scan *scan, enum scan_mode mode, struct buf *out)
{
	char next = scan->p[1];
	const char *escapable = mode == SCAN_DOUBLE ? "\"\\$`" : "$";
	bool closes_brace = next == '}' && scan->braces > 0;
	if (mode == SCAN_WORD && next == '\0')
		return err_set(scan->err, 0,
			       "a backslash at the end escapes nothing: remove it, "
			       "or write \\\\");
	if (mode != SCAN_TEXT && next == '\n') {
		scan->p += 2; /* as a shell does: the line goes on */
		return 0;
	}
	bool escapes = mode == SCAN_WORD || closes_brace ||
		       (next != '\0' && strchr(escapable, next) != NULL);
	if (!escapes)
		buf_add_char(out, '\\');
	else
		buf_add_char(out, next);
	scan->p += escapes ? 2 : 1;
	return 0;
}

static int scan_single_quotes(struct scan *scan, struct buf *out)
{
	const char *end = strchr(scan->p + 1, '\'');
	if (end == NULL)
		return err_set(scan->err, 0, "a single quote (') is never closed");
	buf_add(out, scan->p + 1, (size_t)(end - scan->p) - 1);
	scan->p = end + 1;
	return 0;
}

static int scan_double_quotes(struct scan *scan, struct buf *out)
{
	if (++scan->depth > NESTING_MAX)
		return err_set(scan->err, 0, "quotes are nested more than %d deep", NESTING_MAX);
	unsigned outer_braces = scan->braces;
	scan->braces = 0;
	scan->p++;
	while (*scan->p != '"') {
		if (*scan->p == '\0')
			return err_set(scan->err, 0, "a double quote (\") is never closed");
		if (scan_part(scan, SCAN_DOUBLE, out) < 0)
			return -1;
	}
	scan->p++;
	scan->braces = outer_braces;
	scan->depth--;
	return 0;
}

/* One byte, escape, quoted piece or variable; never called at the end. */
static int scan_part(struct scan *scan, enum scan_mode mode, struct buf *out)
{
	char c = *scan->p;
	if (c == '$')
		return scan_dollar(scan, mode, out);
	if (c == '\\')
		return scan_backslash(scan, mode, out);
	if (c == '\'' && mode == SCAN_WORD)
		return scan_single_quotes(scan, out);
	if (c == '"' && mode != SCAN_TEXT)
		return scan_double_quotes(scan, out);
	buf_add_char(out, c);
	scan->p++;
	return 0;
}

/* *ret_exists: the word counts even when it is empty, because it is more than
 * unquoted variables. */
static int scan_word(struct scan *scan, struct buf *out, bool *ret_exists)
{
	*ret_exists = false;
	while (*scan->p != '\0' && !command_is_blank(*scan->p)) {
		if (*scan->p != '$')
			*ret_exists = true;
		if (scan_part(scan, SCAN_WORD, out) < 0)
			return -1;
	}
	if (out->length > 0)
		*ret_exists = true;
	return 0;
}

int command_check(const char *text, struct err *err)
{
	struct scan scan = { .p = text, .err = err };
	size_t words = 0;
	for (;; words++) {
		struct buf word = { 0 };
		bool exists;
		while (command_is_blank(*scan.p))
			scan.p++;
		if (*scan.p == '\0')
			break;
		int result = scan_word(&scan, &word, &exists);
		buf_fini(&word);
		if (result < 0)
			return -1;
	}
	if (words == 0)
		return err_set(err, 0, "the command is empty");
	return 0;
}

static int expand_words(struct scan *scan, struct list *words)
{
	for (;;) {
		struct buf word = { 0 };
		bool exists;
		while (command_is_blank(*scan->p))
			scan->p++;
		if (*scan->p == '\0')
			return 0;
		if (scan_word(scan, &word, &exists) < 0) {
			buf_fini(&word);
			return -1;
		}
		if (exists)
			list_add_take(words, buf_take(&word));
		buf_fini(&word);
	}
}

int command_expand(const char *text, command_lookup lookup, const void *context,
		   struct list *ret_argv, struct err *err)
{
	struct scan scan = { .p = text, .lookup = lookup, .context = context, .err = err };
	struct list words = { 0 };
	int result = expand_words(&scan, &words);
	if (result == 0 && words.n == 0)
		result = err_set(err, 0, "the command is empty once its variables are expanded");
	for (size_t i = 0; i < words.n && result == 0; i++)
		list_add(ret_argv, words.items[i]);
	list_fini(&words);
	return result;
}

int command_expand_text(const char *text, command_lookup lookup, const void *context, char **ret,
			struct err *err)
{
	struct scan scan = { .p = text, .lookup = lookup, .context = context, .err = err };
	struct buf out = { 0 };
	while (*scan.p != '\0') {
		if (scan_part(&scan, SCAN_TEXT, &out) < 0) {
			buf_fini(&out);
			return -1;
		}
	}
	*ret = buf_take(&out);
	return 0;
}

void command_quote(struct buf *buf, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_@%+=:,./-[]";
	if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
		buf_add_text(buf, word);
		return;
	}
	buf_add_char(buf, '\'');
	for (const char *p = word; *p != '\0'; p++) {
		if (*p == '\'')
			buf_add_text(buf, "'\\''");
		else
			buf_add_char(buf, *p);
	}
	buf_add_char(buf, '\'');
}
