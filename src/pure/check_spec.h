/* What a check or a wait target asks: text → parts. One grammar for `ready`,
 * `live`, `wait` and `pidone wait`; which kinds are allowed where is decided
 * here too. */
#pragma once

#include "base/err.h"

enum check_kind {
	CHECK_HTTP,      /* http://host:port/path: 2xx or 3xx */
	CHECK_TCP,       /* tcp://host:port: accepted */
	CHECK_UNIX,      /* unix:/path: accepted */
	CHECK_EXEC,      /* exec:COMMAND: exit 0 */
	CHECK_NOTIFY,    /* sd_notify READY=1, WATCHDOG=1 */
	CHECK_HEARTBEAT, /* heartbeat:FILE AGE: file not older than AGE */
	CHECK_FILE,      /* file:/path: exists (wait only) */
	CHECK_POSTGRES,  /* postgres, or postgresql://… */
	CHECK_REDIS,     /* redis://[:password@]host:port[/db]: PING answered */
	CHECK_MIGRATIONS, /* migrations (wait only) */
};

enum check_use { CHECK_FOR_READY, CHECK_FOR_LIVE, CHECK_FOR_WAIT };

struct check_spec {
	enum check_kind kind;
	char host[256];   /* without brackets */
	uint16_t port;
	char path[1024];  /* URL path with query; file; socket; exec's command; database URL */
	int64_t age_ms;   /* heartbeat */
	char user[64], password[128]; /* redis; never printed */
	int max_status;   /* http: first status that fails: 400; a server's default check
	                   * sets 500 ("any answer below 500") */
};

/* The error says what is wrong and shows a right example. Never echoes a password. */
int check_spec_parse(const char *text, enum check_use use, struct check_spec *ret,
		     struct err *err) ATTR_CHECK;

/* The check's name for people, without passwords: "http://localhost:8000/healthz". */
const char *check_spec_name(const struct check_spec *spec, char *buffer, size_t size);
