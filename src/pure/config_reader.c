/* The reader in front of inih.
 *
 * A setting is read whole (comments cut, continuation lines joined) and then
 * handed to inih in pieces that fit its buffer: "name=piece", then " piece" as
 * continuation lines. Bytes that inih would take for something else (blanks at
 * an end, ';', '#') travel as control characters, which no value may contain,
 * and are put back in the handler. When a setting has passed, it is compared
 * with what was sent: a byte that is lost anyway is an error, never a surprise. */
#include "pure/config_reader.h"

#include "base/mem.h"
#include "pure/config_line.h"

#include <ini.h>
#include <stdarg.h>
#include <stdio.h>

#define SECTION_LENGTH_MAX 49 /* inih: MAX_SECTION 50 */
#define NAME_LENGTH_MAX 128   /* leaves room for a piece of the value beside it */
#define PIECE_ROOM 4          /* "=" or " ", "\n", NUL, and one byte at least */

struct reader {
	const char *p, *end; /* what is not read yet */
	const char *name;
	size_t line; /* the one read last */
	const struct config_reader_handler *handler;
	struct config_problems *problems;

	char *section; /* NULL: none yet, or a malformed one */
	bool after_bad_section;

	/* the setting that is being collected */
	char *key;
	struct buf value;
	size_t key_line;

	/* the line or setting that is on its way through inih */
	char *sent_section, *sent_key;
	struct buf sent; /* its value, encoded */
	size_t sent_at, sent_line;
	bool sending;
	struct buf received;
};

static const struct {
	char byte, stand_in;
} stand_ins[] = {
	{ ' ', 1 }, { '\t', 2 }, { ';', 3 }, { '#', 4 }, { '[', 5 },
};

static void add_encoded(struct buf *buf, const char *text)
{
	for (; *text != '\0'; text++) {
		char c = *text;
		for (size_t i = 0; i < ARRAY_SIZE(stand_ins); i++)
			if (c == stand_ins[i].byte)
				c = stand_ins[i].stand_in;
		buf_add_char(buf, c);
	}
}

static void add_decoded(struct buf *buf, const char *text)
{
	for (; *text != '\0'; text++) {
		char c = *text;
		for (size_t i = 0; i < ARRAY_SIZE(stand_ins); i++)
			if (c == stand_ins[i].stand_in)
				c = stand_ins[i].byte;
		buf_add_char(buf, c);
	}
}

static void ATTR_PRINTF(3, 4) report(struct reader *reader, bool is_error, const char *format, ...)
{
	char message[512];
	CLEANUP_FREE char *origin = mem_format("%s:%zu", reader->name, reader->line);
	va_list args;
	va_start(args, format);
	(void)vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	config_problem_add(reader->problems, is_error, origin, "%s", message);
}

/* ---- from lines to settings ---- */

/* The next line into *ret; false at the end. */
static bool next_line(struct reader *reader, struct config_line *ret)
{
	if (!config_line_next(&reader->p, reader->end, ret))
		return false;
	reader->line++;
	return true;
}

static bool refuse_control(struct reader *reader, struct config_line line)
{
	int c = config_line_find_control(line);
	if (c == 0)
		report(reader, true, "a NUL byte: the file must be plain text (UTF-8, not UTF-16)");
	else if (c > 0)
		report(reader, true, "a control character (0x%02x): remove it", (unsigned)c);
	return c >= 0;
}

/* Puts the collected setting on its way to inih. */
static void send_setting(struct reader *reader)
{
	free(reader->sent_key);
	reader->sent_key = reader->key;
	reader->key = NULL;
	buf_fini(&reader->sent);
	buf_fini(&reader->received);
	add_encoded(&reader->sent, buf_text(&reader->value));
	reader->sent_at = 0;
	reader->sent_line = reader->key_line;
	reader->sending = true;
}

/* What no name can have is refused here: inih would take a part of it for a
 * comment, and a message would show what may be a secret. */
static bool is_name(struct config_line name)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
		"._-+";
	for (size_t i = 0; i < name.length; i++)
		if (strchr(allowed, name.text[i]) == NULL)
			return false;
	return name.length > 0;
}

static void take_section(struct reader *reader, struct config_line line)
{
	free(reader->section);
	reader->section = NULL;
	reader->after_bad_section = true;
	const char *close = memchr(line.text, ']', line.length);
	if (close == NULL) {
		report(reader, true, "a section's name needs a closing bracket: [run]");
		return;
	}
	if (close + 1 != line.text + line.length) {
		report(reader, true, "text behind a section's name: put it on a line of its own");
		return;
	}
	struct config_line name =
		config_line_trim((struct config_line){ line.text + 1, line.length - 2 });
	if (name.length == 0 || name.length > SECTION_LENGTH_MAX) {
		report(reader, true, "a section's name has 1 to %d characters", SECTION_LENGTH_MAX);
		return;
	}
	if (!is_name(name)) {
		report(reader, true, "a section's name has letters and digits only, such as [run]");
		return;
	}
	reader->section = mem_dup_n(name.text, name.length);
	reader->after_bad_section = false;
	reader->handler->section(reader->handler->context, reader->section, reader->line);
}

static void take_setting(struct reader *reader, struct config_line line)
{
	size_t split = 0;
	while (split < line.length && line.text[split] != '=' && line.text[split] != ':')
		split++;
	struct config_line key = config_line_trim((struct config_line){ line.text, split });
	if (reader->after_bad_section)
		return; /* one message for the section is enough */
	if (split == line.length) {
		report(reader, true, "neither [section] nor key = value");
	} else if (key.length == 0) {
		report(reader, true, "a key is missing in front of '%c'", line.text[split]);
	} else if (!is_name(key)) {
		report(reader, true,
		       "what stands in front of '%c' is not a key: no blanks, no quotes, "
		       "only letters, digits, '.', '-' and '_'",
		       line.text[split]);
	} else if (key.length > NAME_LENGTH_MAX) {
		report(reader, true, "the key is longer than %d characters", NAME_LENGTH_MAX);
	} else if (reader->section == NULL) {
		report(reader, true,
		       "'%.*s' stands in no section: put [run], [env] or another above it",
		       (int)key.length, key.text);
	} else {
		struct config_line value = config_line_trim(
			(struct config_line){ line.text + split + 1, line.length - split - 1 });
		reader->key = mem_dup_n(key.text, key.length);
		reader->key_line = reader->line;
		buf_fini(&reader->value);
		buf_add(&reader->value, value.text, value.length);
	}
}

/* "  ready = x" under "command = y" is part of the command by the rule, but
 * hardly by intent. */
static bool looks_like_setting(struct config_line line)
{
	size_t n, length = 0;
	const struct config_key *keys = config_keys(&n);
	if (line.text[0] == '[' && line.text[line.length - 1] == ']')
		return true;
	while (length < line.length && line.text[length] != '=' &&
	       !config_line_is_blank(line.text[length]))
		length++;
	struct config_line rest =
		config_line_trim((struct config_line){ line.text + length, line.length - length });
	if (rest.length == 0 || rest.text[0] != '=')
		return false;
	for (size_t i = 0; i < n; i++)
		if (strlen(keys[i].name) == length && strncmp(keys[i].name, line.text, length) == 0)
			return true;
	return false;
}

static void take_continuation(struct reader *reader, struct config_line line)
{
	line = config_line_cut_comment(line);
	if (reader->key == NULL) {
		if (!reader->after_bad_section)
			report(reader, true,
			       "an indented line continues the value above it, but there "
			       "is none: remove the blanks in front");
		return;
	}
	if (looks_like_setting(line))
		report(reader, false,
		       "this line continues the value of '%s', because it is indented: "
		       "remove the blanks in front if it is a setting",
		       reader->key);
	if (reader->value.length > 0)
		buf_add_char(&reader->value, ' ');
	buf_add(&reader->value, line.text, line.length);
}

/* Reads on until a setting is complete or the text ends. */
static bool collect_setting(struct reader *reader)
{
	struct config_line line;
	for (;;) {
		const char *before = reader->p;
		if (!next_line(reader, &line))
			break;
		struct config_line content = config_line_trim(line);
		bool is_comment =
			content.length > 0 && (content.text[0] == ';' || content.text[0] == '#');
		bool is_indented = content.length > 0 && content.text != line.text;
		if (!is_comment && !is_indented && reader->key != NULL) {
			reader->p = before; /* it is complete: come back for this line */
			reader->line--;
			break;
		}
		if (refuse_control(reader, line) || is_comment || content.length == 0)
			continue;
		if (is_indented)
			take_continuation(reader, content);
		else if (content.text[0] == '[')
			take_section(reader, config_line_cut_comment(content));
		else
			take_setting(reader, config_line_cut_comment(content));
	}
	if (reader->key == NULL)
		return false;
	send_setting(reader);
	return true;
}

/* ---- through inih ---- */

static void finish_setting(struct reader *reader)
{
	CLEANUP_FREE char *value = NULL;
	struct buf whole = { 0 };
	add_decoded(&whole, buf_text(&reader->sent));
	value = buf_take(&whole);
	reader->sending = false;
	if (reader->sent_section == NULL || !streq(reader->sent_section, reader->section) ||
	    !streq(value, buf_text(&reader->received))) {
		size_t line = reader->line;
		reader->line = reader->sent_line;
		report(reader, true, "the INI library lost a part of '%s': write it shorter",
		       reader->sent_key);
		reader->line = line;
		return;
	}
	reader->handler->setting(reader->handler->context, reader->section, reader->sent_key, value,
				 reader->sent_line);
}

/* ini_reader: one line into str, as fgets() would. A setting is preceded by its
 * section's line, so that its section, too, is what inih says. */
static char *feed(char *str, int num, void *stream)
{
	struct reader *reader = stream;
	size_t room = (size_t)num;
	if (reader->sending && reader->sent_at > 0 && reader->sent_at >= reader->sent.length + 1)
		finish_setting(reader);
	if (!reader->sending) {
		if (!collect_setting(reader))
			return NULL;
		(void)snprintf(str, room, "[%s]\n", reader->section);
		return str;
	}
	const char *lead = reader->sent_at == 0 ? reader->sent_key : "";
	const char *gap = reader->sent_at == 0 ? "=" : " ";
	size_t from = reader->sent_at == 0 ? 0 : reader->sent_at - 1;
	size_t used = strlen(lead) + PIECE_ROOM;
	size_t piece = reader->sent.length - from;
	if (used >= room)
		return NULL; /* a smaller buffer than any inih has: reported as lost */
	if (piece > room - used)
		piece = room - used;
	(void)snprintf(str, room, "%s%s%.*s\n", lead, gap, (int)piece,
		       buf_text(&reader->sent) + from);
	reader->sent_at = from + piece + 1;
	return str;
}

static int receive(void *user, const char *section, const char *name, const char *value)
{
	struct reader *reader = user;
	(void)name; /* cut to 49 bytes in continuation lines; sent_key is the whole one */
	if (reader->sent_section == NULL || !streq(reader->sent_section, section)) {
		free(reader->sent_section);
		reader->sent_section = mem_dup(section);
	}
	add_decoded(&reader->received, value);
	return 1;
}

void config_reader_run(const char *text, size_t length, const char *name,
		       const struct config_reader_handler *handler,
		       struct config_problems *problems)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct reader reader = {
		.p = text,
		.end = text + length,
		.name = name,
		.handler = handler,
		.problems = problems,
	};
	if (length >= 3 && memcmp(text, bom, 3) == 0)
		reader.p += 3; /* some editors put it there; it means nothing in UTF-8 */
	(void)ini_parse_stream(feed, &reader, receive, &reader);
	if (reader.sending)
		finish_setting(&reader);
	free(reader.section);
	free(reader.key);
	free(reader.sent_key);
	free(reader.sent_section);
	buf_fini(&reader.value);
	buf_fini(&reader.sent);
	buf_fini(&reader.received);
}
