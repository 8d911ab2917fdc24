/* An incremental parser, line by line: only one line is kept at a time, cut at
 * HTTP_LINE_SIZE, so that a request of any size costs the same memory. */
#include "pure/http.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

#define LENGTH_DIGITS 18 /* of a Content-Length: fits into 64 bits */

void http_parser_init(struct http_parser *parser)
{
	memset(parser, 0, sizeof(*parser));
}

static bool is_token(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		bool is_word = c < 0x80 && isalnum(c);
		if (!is_word && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL))
			return false;
	}
	return length > 0;
}

static void parse_query(struct http_request *request, const char *query)
{
	while (query[0] != '\0') {
		size_t length = strcspn(query, "&");
		size_t name = strcspn(query, "=&");
		if (name == 7 && strncmp(query, "verbose", name) == 0)
			request->verbose = true;
		if (name == 5 && strncmp(query, "color", name) == 0)
			request->color = true;
		if (length == 11 && strncmp(query, "format=text", length) == 0)
			request->text = true;
		query += length + (query[length] == '&');
	}
}

/* "/path?query", or the absolute form that proxies send. */
static unsigned parse_target(struct http_request *request, const char *target)
{
	if (strncasecmp(target, "http://", 7) == 0) {
		target += 7;
		if (strcspn(target, "/?") == 0)
			return 400;
		target += strcspn(target, "/?");
		if (target[0] != '/') { /* "http://host", "http://host?query" */
			memcpy(request->path, "/", 2);
			parse_query(request, target + (target[0] == '?'));
			return 0;
		}
	}
	if (target[0] != '/')
		return request->method == HTTP_OTHER ? 0 : 400; /* OPTIONS *, CONNECT h:p */
	size_t length = strcspn(target, "?");
	if (length < sizeof(request->path)) {
		memcpy(request->path, target, length);
		request->path[length] = '\0';
	}
	if (target[length] == '?')
		parse_query(request, target + length + 1);
	return 0;
}

static unsigned parse_request_line(struct http_parser *parser)
{
	struct http_request *request = &parser->request;
	char *target = strchr(parser->line, ' ');
	char *version = target != NULL ? strchr(target + 1, ' ') : NULL;
	if (version == NULL || !is_token(parser->line, (size_t)(target - parser->line)))
		return 400;
	*target++ = '\0';
	*version++ = '\0';
	request->method = streq(parser->line, "GET")    ? HTTP_GET
			  : streq(parser->line, "HEAD") ? HTTP_HEAD
							: HTTP_OTHER;
	if (strlen(version) != 8 || !starts_with(version, "HTTP/") || version[6] != '.' ||
	    !isdigit((unsigned char)version[5]) || !isdigit((unsigned char)version[7]))
		return 400;
	if (version[5] != '1')
		return 505;
	parser->is_1_0 = version[7] == '0';
	request->keep_alive = !parser->is_1_0 && request->method != HTTP_OTHER;
	return parse_target(request, target);
}

/* Is word one of the comma-separated words of list, in any case? */
static bool list_has(const char *list, const char *word)
{
	size_t length = strlen(word);
	while (list[0] != '\0') {
		list += strspn(list, ", \t");
		size_t item = strcspn(list, ",");
		size_t end = item;
		while (end > 0 && (list[end - 1] == ' ' || list[end - 1] == '\t'))
			end--;
		if (end == length && strncasecmp(list, word, length) == 0)
			return true;
		list += item;
	}
	return false;
}

/* Which of two hosts a request with a blank or a path in it means is read
 * differently by different servers: RFC 9112, 3.2 wants 400. None is a host, too. */
static unsigned parse_host(struct http_parser *parser, const char *value)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-._~%!$&'()*+,;=:[]";
	if (parser->has_host || value[strspn(value, allowed)] != '\0')
		return 400;
	parser->has_host = true;
	return 0;
}

/* "5", or "5, 5" where a proxy has merged two: where they differ it is open where
 * the body ends, and 400 (RFC 9112, 6.3). */
static unsigned parse_length(struct http_parser *parser, const char *value)
{
	for (;;) {
		size_t digits = strspn(value, "0123456789");
		if (digits == 0 || digits > LENGTH_DIGITS)
			return 400;
		uint64_t length = 0;
		for (size_t i = 0; i < digits; i++)
			length = length * 10 + (uint64_t)(value[i] - '0');
		if (parser->has_length && length != parser->length)
			return 400;
		parser->has_length = true;
		parser->length = length;
		value += digits + strspn(value + digits, " \t");
		if (value[0] != ',')
			break;
		value += 1 + strspn(value + 1, " \t");
	}
	if (parser->length > 0)
		parser->request.keep_alive = false;
	return value[0] == '\0' ? 0 : 400;
}

/* Where "chunked" is not the last coding nobody knows where the body ends. */
static void parse_coding(struct http_parser *parser, const char *value)
{
	const char *comma = strrchr(value, ',');
	const char *last = comma != NULL ? comma + 1 + strspn(comma + 1, " \t") : value;
	parser->has_coding = true;
	parser->is_chunked = strcasecmp(last, "chunked") == 0;
	parser->request.keep_alive = false;
}

static unsigned parse_header(struct http_parser *parser)
{
	char *colon = strchr(parser->line, ':');
	/* also refused: blanks before the colon, and a line that continues another
	 * one (it starts with a blank); servers differ in how they read these */
	if (colon == NULL || !is_token(parser->line, (size_t)(colon - parser->line)))
		return 400;
	*colon = '\0';
	const char *name = parser->line;
	char *value = colon + 1 + strspn(colon + 1, " \t");
	size_t length = strlen(value);
	while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t'))
		value[--length] = '\0';
	if (strcasecmp(name, "Host") == 0)
		return parse_host(parser, value);
	if (strcasecmp(name, "Connection") == 0) {
		if (parser->line_is_cut || list_has(value, "close"))
			parser->request.keep_alive = false;
	} else if (strcasecmp(name, "Transfer-Encoding") == 0) {
		if (parser->line_is_cut)
			return 431;
		parse_coding(parser, value);
	} else if (strcasecmp(name, "Content-Length") == 0) {
		return parser->line_is_cut ? 431 : parse_length(parser, value);
	}
	return 0;
}

static enum http_progress bad(struct http_parser *parser, unsigned status)
{
	parser->bad_status = status;
	return HTTP_BAD;
}

static enum http_progress end_head(struct http_parser *parser)
{
	if ((!parser->has_host && !parser->is_1_0) || (parser->has_coding && !parser->is_chunked))
		return bad(parser, 400);
	return HTTP_REQUEST;
}

static enum http_progress end_line(struct http_parser *parser)
{
	unsigned status = 0;
	bool empty = parser->line_length == 0;
	parser->line[parser->line_length] = '\0';
	if (!parser->has_request_line) {
		if (!empty) { /* empty lines before it: left over from a sloppy client */
			status = parse_request_line(parser);
			parser->has_request_line = true;
		}
	} else if (!empty) {
		status = parse_header(parser);
	} else {
		return end_head(parser);
	}
	parser->line_length = 0;
	parser->line_is_cut = false;
	parser->had_cr = false;
	return status != 0 ? bad(parser, status) : HTTP_MORE;
}

static enum http_progress feed_byte(struct http_parser *parser, unsigned char c)
{
	if (++parser->head_length > HTTP_HEAD_MAX)
		return bad(parser, 431);
	if (c == '\n')
		return end_line(parser);
	if (parser->had_cr)
		return bad(parser, 400);
	if (c == '\r') {
		parser->had_cr = true;
		return HTTP_MORE;
	}
	/* TLS starts with 0x16: told at once, instead of waiting for its lines */
	if (c == 0x7f || (c < 0x20 && (c != '\t' || !parser->has_request_line)))
		return bad(parser, 400);
	if (parser->line_length + 1U < sizeof(parser->line))
		parser->line[parser->line_length++] = (char)c;
	else if (!parser->has_request_line) /* too long is the target, or already the method */
		return bad(parser, memchr(parser->line, ' ', parser->line_length) ? 414 : 501);
	else
		parser->line_is_cut = true;
	return HTTP_MORE;
}

enum http_progress http_parser_feed(struct http_parser *parser, const char *bytes, size_t length,
				    size_t *ret_used)
{
	enum http_progress progress = HTTP_MORE;
	size_t used = 0;
	while (used < length && progress == HTTP_MORE)
		progress = feed_byte(parser, (unsigned char)bytes[used++]);
	*ret_used = used;
	return progress;
}

static const char *status_text(unsigned status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 414:
		return "URI Too Long";
	case 431:
		return "Request Header Fields Too Large";
	case 501:
		return "Not Implemented";
	case 503:
		return "Service Unavailable";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Unknown";
	}
}

size_t http_format_head(const struct http_answer *answer, char *buffer, size_t size)
{
	struct tm utc;
	char date[40] = "";
	time_t now = (time_t)answer->now_s;
	/* no setlocale() anywhere: the names of days are English */
	if (gmtime_r(&now, &utc) != NULL)
		(void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &utc);
	int length = snprintf(buffer, size,
			      "HTTP/1.1 %u %s\r\nDate: %s\r\nContent-Type: %s\r\n"
			      "Content-Length: %zu\r\nCache-Control: no-store\r\n%s%s\r\n",
			      answer->status, status_text(answer->status), date,
			      answer->content_type, answer->length,
			      answer->status == 405 ? "Allow: GET, HEAD\r\n" : "",
			      answer->keep_alive ? "" : "Connection: close\r\n");
	return length < 0 ? 0 : (size_t)length < size ? (size_t)length : size - 1;
}

int http_parse_status_line(const char *line, size_t length, unsigned *ret_status)
{
	if (length < 12 || strncmp(line, "HTTP/1.", 7) != 0 || !isdigit((unsigned char)line[7]) ||
	    line[8] != ' ' || (length > 12 && line[12] != ' ' && line[12] != '\r'))
		return -1;
	unsigned status = 0;
	for (size_t i = 9; i < 12; i++) {
		if (!isdigit((unsigned char)line[i]))
			return -1;
		status = status * 10 + (unsigned)(line[i] - '0');
	}
	if (status < 100)
		return -1;
	*ret_status = status;
	return 0;
}
