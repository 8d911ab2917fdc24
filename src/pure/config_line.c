/* Lines of INI text: their ends, blanks, comments, and what no line may hold. */
#include "pure/config_line.h"

bool config_line_next(const char **p, const char *end, struct config_line *ret)
{
	if (*p == end)
		return false;
	const char *start = *p;
	const char *newline = memchr(start, '\n', (size_t)(end - start));
	const char *stop = newline != NULL ? newline : end;
	*p = newline != NULL ? newline + 1 : end;
	if (stop > start && stop[-1] == '\r')
		stop--;
	*ret = (struct config_line){ start, (size_t)(stop - start) };
	return true;
}

bool config_line_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct config_line config_line_trim(struct config_line line)
{
	while (line.length > 0 && config_line_is_blank(line.text[0])) {
		line.text++;
		line.length--;
	}
	while (line.length > 0 && config_line_is_blank(line.text[line.length - 1]))
		line.length--;
	return line;
}

/* The closing quote in line behind the opening one at i, or 0. */
static size_t find_quote_end(struct config_line line, size_t i)
{
	char quote = line.text[i];
	for (i++; i < line.length; i++) {
		if (line.text[i] == '\\' && quote == '"')
			i++;
		else if (line.text[i] == quote)
			return i;
	}
	return 0;
}

struct config_line config_line_cut_comment(struct config_line line)
{
	for (size_t i = 0; i < line.length; i++) {
		char c = line.text[i];
		if (c == '\\') {
			i++;
		} else if (c == '"' || c == '\'') {
			size_t end = find_quote_end(line, i);
			if (end > 0)
				i = end;
		} else if (c == ';' && i > 0 && config_line_is_blank(line.text[i - 1])) {
			line.length = i;
		}
	}
	return config_line_trim(line);
}

int config_line_find_control(struct config_line line)
{
	for (size_t i = 0; i < line.length; i++) {
		unsigned char c = (unsigned char)line.text[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return c;
	}
	return -1;
}
