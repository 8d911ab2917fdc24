/* What a check or a wait target is called: in logs, on /status, behind
 * "waiting for". Never its password, and nothing that might be a piece of one. */
#include "pure/check_spec.h"

#include "base/parse.h"
#include "base/text.h"

#include <ctype.h>
#include <stdio.h>

static const char *host_name(const struct check_spec *spec, char *buffer, size_t size)
{
	bool brackets = strchr(spec->host, ':') != NULL;
	(void)snprintf(buffer, size, "%s%s%s:%u", brackets ? "[" : "", spec->host,
		       brackets ? "]" : "", spec->port);
	return buffer;
}

/* Scheme, host and database. What might be a piece of a password, however the
 * URL is read, is left out. */
static void postgres_name(const char *url, char *buffer, size_t size)
{
	if (url[0] == '\0') {
		(void)snprintf(buffer, size, "postgres");
		return;
	}
	int scheme = (int)(strstr(url, "://") - url) + 3;
	const char *rest = url + scheme;
	const char *at = strrchr(rest, '@'), *query = strchr(rest, '?');
	const char *host = at != NULL ? at + 1 : rest;
	size_t length = strcspn(host, "?");
	bool ambiguous = at != NULL && query != NULL && query < at;
	const char *colon = memchr(host, ':', strcspn(host, "/?"));
	if (at == NULL && colon != NULL && !isdigit((unsigned char)colon[1]) && host[0] != '[')
		ambiguous = true; /* "user:password" whose "@host" was forgotten */
	if (ambiguous)
		(void)snprintf(buffer, size, "%.*s***", scheme, url);
	else
		(void)snprintf(buffer, size, "%.*s%.*s", scheme, url, (int)length, host);
}

const char *check_spec_name(const struct check_spec *spec, char *buffer, size_t size)
{
	char host[sizeof(spec->host) + 16], age[32];
	switch (spec->kind) {
	case CHECK_HTTP:
		(void)snprintf(buffer, size, "http://%s%s", host_name(spec, host, sizeof(host)),
			       spec->path);
		break;
	case CHECK_TCP:
		(void)snprintf(buffer, size, "tcp://%s", host_name(spec, host, sizeof(host)));
		break;
	case CHECK_UNIX:
		(void)snprintf(buffer, size, "unix:%s", spec->path);
		break;
	case CHECK_EXEC:
		(void)snprintf(buffer, size, "exec:%.*s", (int)strcspn(spec->path, " \t"),
			       spec->path);
		break;
	case CHECK_NOTIFY:
		(void)snprintf(buffer, size, "notify");
		break;
	case CHECK_HEARTBEAT:
		(void)snprintf(buffer, size, "heartbeat:%s %s", spec->path,
			       duration_text(spec->age_ms, age, sizeof(age)));
		break;
	case CHECK_FILE:
		(void)snprintf(buffer, size, "file:%s", spec->path);
		break;
	case CHECK_POSTGRES:
		postgres_name(spec->path, buffer, size);
		break;
	case CHECK_REDIS:
		(void)snprintf(buffer, size, "redis://%s", host_name(spec, host, sizeof(host)));
		break;
	case CHECK_MIGRATIONS:
		(void)snprintf(buffer, size, "migrations");
		break;
	}
	text_make_printable(buffer); /* a path may be anything, and may be cut anywhere */
	return buffer;
}
