/* libpq's texts and PostgreSQL's error codes → what to do next. */
#include "pure/pg_failure.h"

#include "base/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#define USER_AND_PASSWORD "PGUSER and PGPASSWORD"
#define HOST_AND_PORT     "PGHOST and PGPORT"
#define VARIABLES         "the PG* variables"

/* The first prefix that matches counts. NULL for no remedy: it passes. */
static const struct {
	const char *sqlstate;
	enum pg_class class;
	const char *remedy; /* %s: the origin, or instead of PGHOST, */
	const char *variable;
} states[] = {
	{ "57P03", PG_RETRY_QUICKLY, NULL, NULL },
	{ "57", PG_RETRY, NULL, NULL },
	{ "53300", PG_RETRY, "raise max_connections or close connections", NULL },
	{ "53", PG_RETRY, NULL, NULL },
	{ "28P01", PG_GRACE, "check user and password in %s", USER_AND_PASSWORD },
	{ "28000", PG_GRACE, "check the user in %s, its LOGIN right, and pg_hba.conf", "PGUSER" },
	{ "28", PG_GRACE, "check user and password in %s", USER_AND_PASSWORD },
	{ "3D000", PG_GRACE, "create the database or correct its name in %s", "PGDATABASE" },
	{ "55000", PG_GRACE, "check the database in %s", "PGDATABASE" },
	{ "42501", PG_GRACE, "grant the user in %s what it needs", "PGUSER" },
	{ "08P01", PG_GRACE,
	  "check user, password and database in %s, and the pooler's log", VARIABLES },
	{ "08", PG_RETRY, NULL, NULL },
	{ "58", PG_RETRY, "see the server's log", NULL },
	{ "40", PG_RETRY, NULL, NULL },
	{ "XX", PG_RETRY, "see the server's log", NULL },
	{ "", PG_GRACE, "check the parameters in %s", VARIABLES },
};

#define NO_WAY                                                                                     \
	"there is no way to it from here: an IPv4 address in a pod that has only IPv6, or the "    \
	"other way round? a name in %s may have both"

/* libpq's own words, for what no server said. The first that matches counts. */
static const struct {
	const char *text;
	enum pg_class class;
	const char *remedy, *variable;
} client_texts[] = {
	{ "Connection refused", PG_RETRY_QUICKLY, "is PostgreSQL running there? see %s",
	  HOST_AND_PORT },
	{ "No such file or directory", PG_RETRY_QUICKLY, "is PostgreSQL running there? see %s",
	  HOST_AND_PORT },
	{ "Network is unreachable", PG_RETRY, NO_WAY, "PGHOST" },
	{ "Network unreachable", PG_RETRY, NO_WAY, "PGHOST" }, /* so says musl */
	{ "no password supplied", PG_GRACE, "put the password into %s", "PGPASSWORD" },
	{ "does not support SSL", PG_GRACE, "turn TLS on in the server, or set sslmode in %s",
	  "PGSSLMODE" },
	{ "certificate verify failed", PG_GRACE, "check sslrootcert in %s", "PGSSLROOTCERT" },
	{ "does not match host name", PG_GRACE, "use a host name of the certificate in %s",
	  "PGHOST" },
	{ "authentication method requirement", PG_GRACE, "check require_auth in %s",
	  "PGREQUIREAUTH" },
	{ "channel binding", PG_GRACE, "check channel_binding in %s", "PGCHANNELBINDING" },
};

/* What stands in a message about a parameter or a file that is wrong here,
 * whatever the server does. */
static const char *const fatal_texts[] = {
	"root certificate file", "certificate file", "private key file", "certificate present, but",
	"could not load private key", "could not load root", "could not read certificate",
	"could not read root", "could not load SSL", "sslmode value", "could not open file",
	"could not load library", "SSL context", "protocol version",
};

void pg_failure_set(struct pg_failure *ret, enum pg_class class, const char *format, ...)
{
	va_list args;
	ret->class = class;
	ret->sqlstate[0] = '\0';
	va_start(args, format);
	(void)vsnprintf(ret->reason, sizeof(ret->reason), format, args);
	va_end(args);
}

static void add(char *text, const char *more)
{
	size_t used = strlen(text);
	text_copy(text + used, PG_REASON_SIZE - used, more);
}

/* Where to correct it: in the origin. But PGHOST or PGDATABASE only says that
 * the variables are the source; each thing has its own. */
static const char *place_of(const char *origin, const char *variable)
{
	bool in_variables = streq(origin, "PGHOST") || streq(origin, "PGDATABASE");
	return in_variables && variable != NULL ? variable : origin;
}

static void add_remedy(char *reason, const char *remedy, const char *place)
{
	if (remedy == NULL)
		return;
	const char *mark = strstr(remedy, "%s");
	add(reason, ": ");
	if (mark == NULL) {
		add(reason, remedy);
		return;
	}
	char before[PG_REASON_SIZE];
	(void)snprintf(before, sizeof(before), "%.*s", (int)(mark - remedy), remedy);
	add(reason, before);
	add(reason, place);
	add(reason, mark + 2);
}

void pg_failure_from_server(struct pg_failure *ret, const char *sqlstate, const char *text,
			    const char *server, const char *origin)
{
	size_t i = 0;
	while (!starts_with(sqlstate, states[i].sqlstate))
		i++;
	pg_failure_set(ret, states[i].class, "%s: %.*s (%s)", server,
		       (int)strcspn(text, "\n"), text, sqlstate);
	text_copy(ret->sqlstate, sizeof(ret->sqlstate), sqlstate);
	add_remedy(ret->reason, states[i].remedy, place_of(origin, states[i].variable));
}

/* "FATAL:  28P01: text" at p → its SQLSTATE; the severity is in the server's
 * language, the form is not. */
static bool is_server_error(const char *p, char ret_sqlstate[6], const char **ret_text)
{
	if (!starts_with(p, ":  "))
		return false;
	p += 3;
	for (size_t i = 0; i < 5; i++)
		if (!isupper((unsigned char)p[i]) && !isdigit((unsigned char)p[i]))
			return false;
	if (!starts_with(p + 5, ": "))
		return false;
	memcpy(ret_sqlstate, p, 5);
	ret_sqlstate[5] = '\0';
	*ret_text = p + 7;
	return true;
}

/* sslmode=prefer tries twice: the first answer that names bad credentials is
 * the true one (the second is about the missing TLS), else the last. */
static bool find_server_error(const char *message, char ret_sqlstate[6], const char **ret_text)
{
	bool is_found = false;
	for (const char *p = strchr(message, ':'); p != NULL; p = strchr(p + 1, ':')) {
		if (is_found && streq(ret_sqlstate, "28P01"))
			break;
		is_found |= is_server_error(p, ret_sqlstate, ret_text);
	}
	return is_found;
}

/* The last line that says something: what stands behind "failed: ". */
static void client_text(const char *message, char *buffer, size_t size)
{
	static const char mark[] = " failed: ";
	const char *text = message, *next = message;
	while ((next = strstr(next, mark)) != NULL) {
		next += sizeof(mark) - 1;
		text = next;
	}
	(void)snprintf(buffer, size, "%.*s", (int)strcspn(text, "\n"), text);
}

static bool is_fatal(const char *message, const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(fatal_texts); i++)
		if (strstr(text, fatal_texts[i]) != NULL)
			return true;
	/* libpq never got as far as calling anybody: its parameters are wrong */
	return !starts_with(message, "connection to server ") &&
	       strstr(message, "\nconnection to server ") == NULL;
}

void pg_failure_from_message(struct pg_failure *ret, const char *message, const char *server,
			     const char *origin)
{
	char sqlstate[6], text[PG_REASON_SIZE];
	const char *server_text = NULL;
	if (find_server_error(message, sqlstate, &server_text)) {
		pg_failure_from_server(ret, sqlstate, server_text, server, origin);
		return;
	}
	client_text(message, text, sizeof(text));
	pg_failure_set(ret, PG_RETRY, "%s: %s", server, text[0] != '\0' ? text : "no reason given");
	for (size_t i = 0; i < ARRAY_SIZE(client_texts); i++) {
		/* a missing file of ours is not a missing socket */
		if (strstr(text, client_texts[i].text) == NULL || is_fatal(message, text))
			continue;
		ret->class = client_texts[i].class;
		add_remedy(ret->reason, client_texts[i].remedy,
			   place_of(origin, client_texts[i].variable));
		return;
	}
	if (is_fatal(message, text)) {
		ret->class = PG_FATAL;
		add_remedy(ret->reason, "correct it in %s", place_of(origin, VARIABLES));
	}
}

void pg_failure_hide(struct pg_failure *failure, const char *secret)
{
	size_t length = secret != NULL ? strlen(secret) : 0;
	char *found = NULL;
	if (length < 4)
		return;
	while ((found = strstr(failure->reason, secret)) != NULL) {
		memcpy(found, "***", 3);
		memmove(found + 3, found + length, strlen(found + length) + 1);
		if (streq(secret, "****")) /* would be found again */
			break;
	}
}

static int weight(enum pg_class class, bool among_hosts)
{
	switch (class) {
	case PG_OK:
		break;
	case PG_RETRY_QUICKLY:
		return 2;
	case PG_RETRY:
		return 3;
	case PG_GRACE_READ_ONLY:
		return among_hosts ? 1 : 4;
	case PG_GRACE:
		return 5;
	case PG_FATAL:
		return 6;
	}
	return 0;
}

bool pg_failure_says_more(const struct pg_failure *a, const struct pg_failure *b, bool among_hosts)
{
	return weight(a->class, among_hosts) > weight(b->class, among_hosts);
}
