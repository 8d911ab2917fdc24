/* One GET, over TCP or a unix socket, with a deadline: for the check `http` and
 * the subcommands that ask a running supervisor. Blocking. */
#pragma once

#include "base/err.h"
#include "base/text.h"

struct http_client_request {
	const char *unix_path;    /* or NULL: */
	const char *host;
	uint16_t port;
	const char *path;         /* with query */
	const char *host_header;
	bool forwarded_https;     /* X-Forwarded-Proto: https, so that the app does not redirect */
	int64_t deadline_ms;      /* sys_now_ms() */
};

/* ret_body: NULL where the status is enough: nothing behind its line is read
 * then. The body is added to it otherwise. */
int http_client_get(const struct http_client_request *request, unsigned *ret_status,
		    struct buf *ret_body, struct err *err) ATTR_CHECK;
