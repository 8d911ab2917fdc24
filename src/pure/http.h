/* HTTP/1.x as far as probes need it: bytes → need more, bad, or a request; the
 * head of an answer; the status line of somebody else's. No I/O. Bodies are
 * never read: a request that has one is answered and its connection closed, so
 * that nothing can be smuggled behind it. */
#pragma once

#include "base/base.h"

#define HTTP_LINE_SIZE                                                                             \
	256                   /* a longer request line is 414 (501 when the method alone is),      \
			       * a longer header is ignored */
#define HTTP_HEAD_MAX  32768U /* 431 */
#define HTTP_PATH_SIZE 32     /* a longer path is none of ours */

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_OTHER };

struct http_request {
	enum http_method method;
	char path[HTTP_PATH_SIZE]; /* as sent, without query; "" when it was longer */
	bool verbose;    /* ?verbose */
	bool text;       /* ?format=text */
	bool color;      /* ?color: for a terminal */
	bool keep_alive; /* the connection may serve another request */
};

enum http_progress {
	HTTP_MORE,
	HTTP_REQUEST, /* the head is complete */
	HTTP_BAD,     /* answer `bad_status`, then close */
};

/* A plain value; it may be copied and thrown away at any time. */
struct http_parser {
	struct http_request request;
	unsigned bad_status;
	uint32_t head_length;
	uint16_t line_length; /* of what is kept in line */
	bool line_is_cut, had_cr, has_request_line, has_host, is_1_0;
	bool has_length, has_coding, is_chunked;
	uint64_t length; /* of the body, where has_length */
	char line[HTTP_LINE_SIZE];
};

void http_parser_init(struct http_parser *parser);

/* Takes the next bytes, however they were split. *ret_used says how many belong
 * to this request; the rest is the next one's (init the parser again first). */
enum http_progress http_parser_feed(struct http_parser *parser, const char *bytes, size_t length,
				    size_t *ret_used) ATTR_CHECK;

struct http_answer {
	unsigned status;
	const char *content_type;
	size_t length;   /* of the body that a GET gets */
	bool keep_alive;
	int64_t now_s;   /* for Date: seconds since 1970 */
};

/* The answer's head with its empty line; its length. size ≥ 512 holds any. */
size_t http_format_head(const struct http_answer *answer, char *buffer, size_t size);

/* "HTTP/1.1 200 OK" → 200; -1: not a status line of HTTP/1.x. */
int http_parse_status_line(const char *line, size_t length, unsigned *ret_status) ATTR_CHECK;
