/* Connection information for PostgreSQL: any URL dialect (dj-database-url,
 * django-environ, libpq) or single keywords → libpq keyword arrays; back to
 * DATABASE_URL and PG* for the app; masked for logs. Pure: no files, no
 * environment, no libpq. */
#pragma once

#include "base/err.h"
#include "base/text.h"

#define CONNINFO_MAX 48

/* keywords[n] and values[n] are NULL: ready for PQconnectStartParams(). */
struct conninfo {
	char *keywords[CONNINFO_MAX + 1];
	char *values[CONNINFO_MAX + 1];
	size_t n;
};

enum conninfo_kind {
	CONNINFO_POSTGRES,
	CONNINFO_OTHER_ENGINE, /* sqlite://, mysql://: the app has another database */
	CONNINFO_INVALID,      /* err says what and what to write instead */
};

/* No error message ever contains a password or an unparsed piece of the URL
 * behind its scheme. */
/* On anything but CONNINFO_POSTGRES *conninfo is empty. */
enum conninfo_kind conninfo_parse_url(struct conninfo *conninfo, const char *url, struct err *err)
	ATTR_CHECK;

/* Is this a connection parameter that a client may give to libpq? */
bool conninfo_is_keyword(const char *keyword);
/* The i-th of them and the variable that libpq reads for it (or NULL); NULL
 * behind the last. */
const char *conninfo_keyword(size_t i, const char **ret_variable);

/* Replaces the keyword's value, or adds it; an empty value removes it. -1: not
 * a keyword of libpq. */
int conninfo_set(struct conninfo *conninfo, const char *keyword, const char *value,
		 struct err *err) ATTR_CHECK;
const char *conninfo_get(const struct conninfo *conninfo, const char *keyword); /* or NULL */
void conninfo_fini(struct conninfo *conninfo); /* wipes the values first */

/* "shop@db.example:5432/shop": whom we talk to, without secrets, for logs. */
const char *conninfo_masked(const struct conninfo *conninfo, char *buffer, size_t size);

/* A URL with its passwords replaced by "***", for `explain`; what cannot be
 * understood is masked as a whole. The caller frees. */
char *conninfo_mask_url(const char *url);

/* For the app: postgresql://… with everything percent-encoded (sockets and
 * several hosts as ?host=…, the one spelling that every parser takes), and
 * PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD, PGSSLMODE, … as "NAME=value"
 * (keywords for which libpq has no variable are left out). */
char *conninfo_to_url(const struct conninfo *conninfo) ATTR_CHECK;
void conninfo_to_environment(const struct conninfo *conninfo, struct list *ret_variables);
