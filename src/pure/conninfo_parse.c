/* Database URLs as Django projects write them. Not libpq's own parser: that
 * splits at the first '@' and takes the rest of an unencoded password for a
 * host name, refuses postgis:// and Django's query keys, and puts pieces of the
 * URL into its messages. Here no message has anything from behind the scheme. */
#include "pure/conninfo_url.h"

#include "base/mem.h"
#include "base/parse.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#define ENCODE_HINT \
	"percent-encode @ : / ? %% in user and password (for instance / as %%2F)"
#define BAD_PORT                                                                                   \
	"the URL's port is not a number from 1 to 65535; if this is a part of the password: "      \
	ENCODE_HINT

/* The engine is what stands before a driver: "postgresql+psycopg". */
static const char *const postgres_engines[] = {
	"postgres", "postgresql", "pgsql", "psql", "postgis", "timescale", "timescaledb",
	"timescalegis",
};

/* Redshift and CockroachDB speak the protocol, but the first has no advisory
 * locks and the second grants them to everybody: neither can be treated as
 * PostgreSQL without lying about the lock. */
static const char *const other_engines[] = {
	"sqlite", "sqlite3", "spatialite", "mysql", "mysql2", "mysqlgis", "mariadb", "oracle",
	"oraclegis", "mssql", "mssqlms", "sqlserver", "redshift", "cockroach", "cockroachdb",
	"mongodb", "djongo", "snowflake", "clickhouse", "firebird", "db2", "spanner", "tidb",
	"duckdb", "libsql", "ldap",
};

/* Settings of Django, django-environ, dj-database-url, SQLAlchemy, Prisma and
 * JDBC that mean nothing to a connection. Other unknown keys are dropped too
 * (the app's driver judges them), except when they look like a misspelt
 * keyword of libpq: `sslmod=verify-full` must not end in an unchecked link. */
static const char *const dropped_keys[] = {
	"conn_max_age", "conn_health_checks", "disable_server_side_cursors", "atomic_requests",
	"autocommit", "engine", "test", "test_name", "time_zone", "pool", "server_side_binding",
	"isolation_level", "assume_role", "prepare_threshold", "cursor_factory", "pgbouncer",
	"schema", "connection_limit", "pool_timeout", "statement_cache_size", "replication",
	"prepared_statement_cache_size", "prepared_statement_name_func", "authtype", "timeout",
};

static bool is_in(const char *word, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(words[i], word) == 0)
			return true;
	return false;
}

static int set_decoded(struct conninfo *conninfo, const char *keyword, const char *text,
		       size_t length, struct err *err)
{
	char *value = conninfo_decode(text, length);
	if (value == NULL)
		return err_set(err, 0, "the URL has %%00 in %s: a value cannot contain a NUL byte",
			       keyword);
	int result = conninfo_set(conninfo, keyword, value, err);
	explicit_bzero(value, strlen(value));
	free(value);
	return result;
}

static int read_userinfo(struct conninfo *conninfo, const struct conninfo_parts *parts,
			 struct err *err)
{
	if (parts->userinfo == NULL)
		return 0;
	const char *colon = memchr(parts->userinfo, ':', parts->userinfo_length);
	size_t user_length =
		colon != NULL ? (size_t)(colon - parts->userinfo) : parts->userinfo_length;
	if (set_decoded(conninfo, "user", parts->userinfo, user_length, err) < 0)
		return -1;
	if (colon == NULL)
		return 0;
	return set_decoded(conninfo, "password", colon + 1,
			   parts->userinfo_length - user_length - 1, err);
}

/* One "host", "host:port", "[::1]:port" → appended to both lists. */
static int read_host(const char *item, size_t length, struct buf *hosts, struct buf *ports,
		     struct err *err)
{
	const char *host = item, *host_end = NULL, *port = NULL;
	const char *end = item + length;
	if (length > 0 && item[0] == '[') {
		host = item + 1;
		host_end = memchr(host, ']', length - 1);
		if (host_end == NULL || (host_end + 1 < end && host_end[1] != ':'))
			return err_set(err, 0, "the URL has an IPv6 address with unmatched "
					       "brackets: write [2001:db8::1]:5432");
		port = host_end + 1 < end ? host_end + 2 : NULL;
	} else {
		const char *colon = memchr(item, ':', length);
		host_end = colon != NULL ? colon : end;
		port = colon != NULL ? colon + 1 : NULL;
	}
	char digits[8] = "";
	uint16_t number = 0;
	if (port != NULL && port < end) {
		size_t n = (size_t)(end - port);
		if (n < sizeof(digits))
			memcpy(digits, port, n);
		if (n >= sizeof(digits) || parse_port(digits, &number) < 0)
			return err_set(err, 0, BAD_PORT);
	}
	CLEANUP_FREE char *name = conninfo_decode(host, (size_t)(host_end - host));
	if (name == NULL)
		return err_set(err, 0, "the URL has %%00 in its host");
	if (strchr(name, ',') != NULL)
		return err_set(err, 0, "the URL has an encoded comma in a host's name");
	buf_add_text(hosts, name);
	buf_add_text(ports, digits);
	return 0;
}

static int read_hosts(struct conninfo *conninfo, const struct conninfo_parts *parts,
		      struct err *err)
{
	struct buf hosts = { 0 }, ports = { 0 };
	const char *item = parts->hosts, *end = parts->hosts + parts->hosts_length;
	int result = 0;
	while (result == 0) {
		const char *comma = memchr(item, ',', (size_t)(end - item));
		const char *item_end = comma != NULL ? comma : end;
		result = read_host(item, (size_t)(item_end - item), &hosts, &ports, err);
		if (comma == NULL)
			break;
		buf_add_char(&hosts, ',');
		buf_add_char(&ports, ',');
		item = comma + 1;
	}
	/* nothing but commas: no port was given, the default serves all */
	const char *port_list = buf_text(&ports);
	if (strspn(port_list, ",") == strlen(port_list))
		port_list = "";
	if (result == 0)
		result = conninfo_set(conninfo, "host", buf_text(&hosts), err);
	if (result == 0)
		result = conninfo_set(conninfo, "port", port_list, err);
	buf_fini(&hosts);
	buf_fini(&ports);
	return result;
}

/* "/db", or django-environ's "//run/postgresql/db": a socket's directory. */
static int read_path(struct conninfo *conninfo, const struct conninfo_parts *parts, struct err *err)
{
	if (parts->path_length < 2)
		return 0;
	const char *name = parts->path + 1;
	size_t length = parts->path_length - 1;
	/* The second half of a password with '/' would become a database's name,
	 * and its first half a port or host that is dialled. */
	if (memchr(name, '@', length) != NULL)
		return err_set(err, 0, "the URL has an '@' behind a '/': " ENCODE_HINT);
	const char *slash = memrchr(name, '/', length);
	if (slash == name + length - 1) { /* a trailing slash */
		length--;
		slash = memrchr(name, '/', length);
	}
	if (slash != NULL && name[0] == '/' && parts->hosts_length == 0) {
		size_t directory = (size_t)(slash - name);
		if (directory > 0 && set_decoded(conninfo, "host", name, directory, err) < 0)
			return -1;
		length -= directory + 1;
		name = slash + 1;
	} else if (slash != NULL) {
		return err_set(err, 0,
			       "the URL's database name has a '/': write "
			       "postgresql://user:password@host:port/name, and " ENCODE_HINT);
	}
	return set_decoded(conninfo, "dbname", name, length, err);
}

/* ssl=true of JDBC and SQLAlchemy, ssl=verify-full of asyncpg, ssl_require=true
 * of dj-database-url; an sslmode of its own wins. */
static void read_ssl(const char *value, struct buf *sslmode)
{
	bool on = false;
	buf_fini(sslmode);
	if (parse_bool(value, &on) == 0)
		buf_add_text(sslmode, on ? "require" : "disable");
	else
		buf_add_text(sslmode, value);
}

/* Everything that the query sets beside plain keywords. */
struct query_extra {
	struct buf sslmode;
	struct buf search_path;
};

/* Python reads '+' in a query as a blank, and options has blanks; in any other
 * value (passwords) it is a plus, and %2B is one everywhere. */
static char *decode_value(const char *key, const char *text, size_t length)
{
	CLEANUP_FREE char *raw = mem_dup_n(text, length);
	for (char *p = raw; streq(key, "options") && *p != '\0'; p++)
		if (*p == '+')
			*p = ' ';
	char *value = conninfo_decode(raw, length);
	explicit_bzero(raw, length);
	return value;
}

/* "5432", "5432,,5433": an empty one is the default. */
static bool is_port_list(const char *ports)
{
	while (ports != NULL) {
		char digits[8] = "";
		uint16_t number = 0;
		size_t length = strcspn(ports, ",");
		if (length >= sizeof(digits))
			return false;
		memcpy(digits, ports, length);
		if (length > 0 && parse_port(digits, &number) < 0)
			return false;
		ports = ports[length] == ',' ? ports + length + 1 : NULL;
	}
	return true;
}

static int read_parameter(struct conninfo *conninfo, const char *key, const char *value,
			  struct query_extra *extra, struct err *err)
{
	if (strcasecmp(key, "ssl") == 0 || strcasecmp(key, "ssl_require") == 0) {
		read_ssl(value, &extra->sslmode);
		return 0;
	}
	if (strcasecmp(key, "currentSchema") == 0) {
		buf_fini(&extra->search_path);
		buf_add_text(&extra->search_path, value);
		return 0;
	}
	if (streq(key, "port") && !is_port_list(value))
		return err_set(err, 0, BAD_PORT);
	if (conninfo_is_keyword(key))
		return conninfo_set(conninfo, key, value, err);
	if (is_in(key, dropped_keys, ARRAY_SIZE(dropped_keys)))
		return 0;
	static const char *const dear[] = { "sslmode", "sslrootcert", "sslcert", "sslkey",
					    "channel_binding", "host", "port", "user", "password",
					    "dbname", "target_session_attrs" };
	const char *meant = parse_suggest(key, dear, ARRAY_SIZE(dear));
	if (meant != NULL)
		return err_set(err, 0, "the URL's query has an unknown key: did you mean '%s'?",
			       meant);
	return 0;
}

/* "key=value", not empty. */
static int read_pair(struct conninfo *conninfo, const char *pair, size_t length,
		     struct query_extra *extra, struct err *err)
{
	const char *equals = memchr(pair, '=', length);
	if (equals == NULL)
		return err_set(err, 0, "the URL's query has a key without '=': write ?key=value, "
				       "and " ENCODE_HINT);
	size_t key_length = (size_t)(equals - pair);
	CLEANUP_FREE char *key = conninfo_decode(pair, key_length);
	char *value = key != NULL ? decode_value(key, equals + 1, length - key_length - 1) : NULL;
	if (value == NULL)
		return err_set(err, 0, "the URL has %%00 in its query");
	int result = read_parameter(conninfo, key, value, extra, err);
	explicit_bzero(value, strlen(value));
	free(value);
	return result;
}

static int read_query(struct conninfo *conninfo, const char *query, struct query_extra *extra,
		      struct err *err)
{
	while (query != NULL && *query != '\0') {
		size_t length = strcspn(query, "&");
		if (length > 0 && read_pair(conninfo, query, length, extra, err) < 0)
			return -1;
		query += length;
		if (*query == '&')
			query++;
	}
	return 0;
}

/* options is split at blanks by the server; a backslash keeps one. */
static int add_search_path(struct conninfo *conninfo, const char *schemas, struct err *err)
{
	struct buf options = { 0 };
	const char *given = conninfo_get(conninfo, "options");
	if (given != NULL)
		buf_format(&options, "%s ", given);
	buf_add_text(&options, "-c search_path=");
	for (const char *p = schemas; *p != '\0'; p++) {
		if (isspace((unsigned char)*p) || *p == '\\')
			buf_add_char(&options, '\\');
		buf_add_char(&options, *p);
	}
	int result = conninfo_set(conninfo, "options", buf_text(&options), err);
	buf_fini(&options);
	return result;
}

static int apply_extra(struct conninfo *conninfo, const struct query_extra *extra,
		       struct err *err)
{
	if (extra->sslmode.length > 0 && conninfo_get(conninfo, "sslmode") == NULL &&
	    conninfo_set(conninfo, "sslmode", buf_text(&extra->sslmode), err) < 0)
		return -1;
	if (extra->search_path.length > 0)
		return add_search_path(conninfo, buf_text(&extra->search_path), err);
	return 0;
}

static int read_postgres(struct conninfo *conninfo, const struct conninfo_parts *parts,
			 struct err *err)
{
	struct query_extra extra = { 0 };
	/* "u:12?x@host/db": a '?' of the password, not a query */
	if (parts->userinfo == NULL && parts->hosts_length > 0 && parts->path_length == 0 &&
	    parts->query != NULL && strchr(parts->query, '@') != NULL)
		return err_set(err, 0, "the URL has an '@' behind a '?': " ENCODE_HINT);
	int result = read_userinfo(conninfo, parts, err);
	if (result == 0)
		result = read_hosts(conninfo, parts, err);
	if (result == 0)
		result = read_path(conninfo, parts, err);
	if (result == 0)
		result = read_query(conninfo, parts->query, &extra, err);
	if (result == 0)
		result = apply_extra(conninfo, &extra, err);
	buf_fini(&extra.sslmode);
	buf_fini(&extra.search_path);
	return result;
}

static enum conninfo_kind classify_scheme(const char *scheme, struct err *err)
{
	char engine[CONNINFO_SCHEME_SIZE];
	text_copy(engine, sizeof(engine), scheme);
	engine[strcspn(engine, "+.-_")] = '\0';
	if (is_in(engine, postgres_engines, ARRAY_SIZE(postgres_engines)))
		return CONNINFO_POSTGRES;
	if (is_in(engine, other_engines, ARRAY_SIZE(other_engines))) {
		(void)err_set(err, 0, "%s:// is not PostgreSQL", scheme);
		return CONNINFO_OTHER_ENGINE;
	}
	const char *meant =
		parse_suggest(engine, postgres_engines, ARRAY_SIZE(postgres_engines));
	(void)err_set(err, 0, "unknown scheme %s://: did you mean %s://?", scheme,
		      meant != NULL ? meant : "postgresql");
	return CONNINFO_INVALID;
}

enum conninfo_kind conninfo_parse_url(struct conninfo *conninfo, const char *url, struct err *err)
{
	struct conninfo_parts parts = { .scheme = "" };
	const char *rest = NULL;
	*conninfo = (struct conninfo){ .n = 0 };
	if (!conninfo_split_scheme(url, parts.scheme, &rest)) {
		conninfo_explain_no_url(url, err);
		return CONNINFO_INVALID;
	}
	enum conninfo_kind kind = classify_scheme(parts.scheme, err);
	if (kind != CONNINFO_POSTGRES)
		return kind;
	if (conninfo_has_blank_around(url)) {
		conninfo_explain_no_url(url, err);
		return CONNINFO_INVALID;
	}
	conninfo_split_rest(rest, &parts);
	if (read_postgres(conninfo, &parts, err) < 0) {
		conninfo_fini(conninfo);
		return CONNINFO_INVALID;
	}
	return CONNINFO_POSTGRES;
}
