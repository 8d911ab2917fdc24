/* Asks with "Connection: close" and reads until the end. */
#include "effect/http_client.h"

#include "effect/stream.h"
#include "pure/http.h"

#include "config.h"

#include <stdio.h>

#define ANSWER_MAX (1024U * 1024)

static int send_request(int fd, const struct http_client_request *request, struct err *err)
{
	struct buf text = { 0 };
	buf_format(&text,
		   "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: " PACKAGE_NAME "/" PACKAGE_VERSION
		   "\r\nAccept: */*\r\n%sConnection: close\r\n\r\n",
		   request->path, request->host_header,
		   request->forwarded_https ? "X-Forwarded-Proto: https\r\n" : "");
	int result = stream_send(fd, text.data, text.length, request->deadline_ms, err);
	buf_fini(&text);
	return result;
}

/* Adds to answer until it has a line, or with `all` until the end. */
static int receive(int fd, const struct http_client_request *request, bool all,
		   struct buf *answer, struct err *err)
{
	char bytes[2048];
	while (all || memchr(buf_text(answer), '\n', answer->length) == NULL) {
		ssize_t got = stream_receive(fd, bytes, sizeof(bytes), request->deadline_ms, err);
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		buf_add(answer, bytes, (size_t)got);
		if (answer->length > ANSWER_MAX)
			return err_set(err, 0, "the answer does not end");
	}
	return 0;
}

static int judge(const struct buf *answer, unsigned *ret_status, struct buf *ret_body,
		 struct err *err)
{
	if (answer->length == 0)
		return err_set(err, 0, "closed the connection without an answer");
	const char *end = memchr(answer->data, '\n', answer->length);
	if (http_parse_status_line(answer->data, end != NULL ? (size_t)(end - answer->data) :
							       answer->length, ret_status) < 0)
		return err_set(err, 0, "the answer is not HTTP");
	if (ret_body == NULL)
		return 0;
	const char *body = strstr(answer->data, "\r\n\r\n");
	if (body == NULL)
		return err_set(err, 0, "the answer is cut off");
	body += 4;
	buf_add(ret_body, body, answer->length - (size_t)(body - answer->data));
	return 0;
}

int http_client_get(const struct http_client_request *request, unsigned *ret_status,
		    struct buf *ret_body, struct err *err)
{
	struct buf answer = { 0 };
	int fd CLEANUP_CLOSE =
		request->unix_path != NULL ?
			stream_connect_unix(request->unix_path, request->deadline_ms, err) :
			stream_connect_tcp(request->host, request->port, request->deadline_ms, err);
	if (fd < 0)
		return -1;
	int result = send_request(fd, request, err);
	if (result == 0)
		result = receive(fd, request, ret_body != NULL, &answer, err);
	if (result == 0)
		result = judge(&answer, ret_status, ret_body, err);
	buf_fini(&answer);
	return result;
}
