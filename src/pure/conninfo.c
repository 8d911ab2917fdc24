/* Connection information as libpq keywords: the list of them, setting and
 * getting, and the spellings for logs and for the app. Reading URLs is in
 * conninfo_url.c. */
#include "pure/conninfo.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdio.h>

/* Every parameter of libpq 15, and those that 16 to 18 added (the child that
 * loads libpq asks the library what it knows). Not `replication`: such a
 * connection runs no SQL. */
static const struct {
	const char *keyword;
	const char *variable; /* that libpq reads, or NULL */
} known[] = {
	{ "host", "PGHOST" },
	{ "hostaddr", "PGHOSTADDR" },
	{ "port", "PGPORT" },
	{ "dbname", "PGDATABASE" },
	{ "user", "PGUSER" },
	{ "password", "PGPASSWORD" },
	{ "passfile", "PGPASSFILE" },
	{ "service", "PGSERVICE" },
	{ "options", "PGOPTIONS" },
	{ "application_name", "PGAPPNAME" },
	{ "fallback_application_name", NULL },
	{ "client_encoding", "PGCLIENTENCODING" },
	{ "connect_timeout", "PGCONNECT_TIMEOUT" },
	{ "target_session_attrs", "PGTARGETSESSIONATTRS" },
	{ "channel_binding", "PGCHANNELBINDING" },
	{ "keepalives", NULL },
	{ "keepalives_idle", NULL },
	{ "keepalives_interval", NULL },
	{ "keepalives_count", NULL },
	{ "tcp_user_timeout", NULL },
	{ "sslmode", "PGSSLMODE" },
	{ "sslcompression", "PGSSLCOMPRESSION" },
	{ "sslcert", "PGSSLCERT" },
	{ "sslkey", "PGSSLKEY" },
	{ "sslpassword", NULL },
	{ "sslrootcert", "PGSSLROOTCERT" },
	{ "sslcrl", "PGSSLCRL" },
	{ "sslcrldir", "PGSSLCRLDIR" },
	{ "sslsni", "PGSSLSNI" },
	{ "ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION" },
	{ "ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION" },
	{ "requirepeer", "PGREQUIREPEER" },
	{ "gssencmode", "PGGSSENCMODE" },
	{ "krbsrvname", "PGKRBSRVNAME" },
	{ "gsslib", "PGGSSLIB" },
	/* 16 */
	{ "require_auth", "PGREQUIREAUTH" },
	{ "sslcertmode", "PGSSLCERTMODE" },
	{ "load_balance_hosts", "PGLOADBALANCEHOSTS" },
	{ "gssdelegation", "PGGSSDELEGATION" },
	/* 17 */
	{ "sslnegotiation", "PGSSLNEGOTIATION" },
	/* 18 */
	{ "min_protocol_version", "PGMINPROTOCOLVERSION" },
	{ "max_protocol_version", "PGMAXPROTOCOLVERSION" },
};

_Static_assert(ARRAY_SIZE(known) <= CONNINFO_MAX, "every keyword fits at once");

static const char *variable_of(const char *keyword)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (streq(known[i].keyword, keyword))
			return known[i].variable;
	return NULL;
}

bool conninfo_is_keyword(const char *keyword)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (streq(known[i].keyword, keyword))
			return true;
	return false;
}

const char *conninfo_keyword(size_t i, const char **ret_variable)
{
	if (i >= ARRAY_SIZE(known))
		return NULL;
	*ret_variable = known[i].variable;
	return known[i].keyword;
}

static size_t find(const struct conninfo *conninfo, const char *keyword)
{
	size_t i = 0;
	while (i < conninfo->n && !streq(conninfo->keywords[i], keyword))
		i++;
	return i;
}

static void free_wiped(char *take_text)
{
	explicit_bzero(take_text, strlen(take_text));
	free(take_text);
}

static void remove_at(struct conninfo *conninfo, size_t i)
{
	free(conninfo->keywords[i]);
	free_wiped(conninfo->values[i]);
	/* the terminating NULLs move along */
	memmove(&conninfo->keywords[i], &conninfo->keywords[i + 1],
		(conninfo->n - i) * sizeof(conninfo->keywords[0]));
	memmove(&conninfo->values[i], &conninfo->values[i + 1],
		(conninfo->n - i) * sizeof(conninfo->values[0]));
	conninfo->n--;
}

int conninfo_set(struct conninfo *conninfo, const char *keyword, const char *value,
		 struct err *err)
{
	if (!conninfo_is_keyword(keyword))
		return err_set(err, 0, "not a connection parameter of libpq");
	size_t i = find(conninfo, keyword);
	if (value[0] == '\0') {
		if (i < conninfo->n)
			remove_at(conninfo, i);
		return 0;
	}
	char *copy = mem_dup(value); /* before the old one goes: value may be it */
	if (i < conninfo->n) {
		free_wiped(conninfo->values[i]);
		conninfo->values[i] = copy;
		return 0;
	}
	conninfo->keywords[i] = mem_dup(keyword);
	conninfo->values[i] = copy;
	conninfo->n++;
	return 0;
}

const char *conninfo_get(const struct conninfo *conninfo, const char *keyword)
{
	return conninfo->values[find(conninfo, keyword)]; /* behind the last: NULL */
}

void conninfo_fini(struct conninfo *conninfo)
{
	while (conninfo->n > 0)
		remove_at(conninfo, conninfo->n - 1);
}

/* The next item of a list with commas; false at its end. */
static bool next_item(const char **list, const char **ret_item, size_t *ret_length)
{
	if (*list == NULL)
		return false;
	*ret_item = *list;
	*ret_length = strcspn(*list, ",");
	*list = (*list)[*ret_length] == ',' ? *list + *ret_length + 1 : NULL;
	return true;
}

static void add_hosts(struct buf *buf, const char *hosts, const char *ports)
{
	const char *host = NULL, *port = "", *rest = hosts;
	const char *ports_rest = ports[0] != '\0' ? ports : NULL;
	size_t host_length = 0, port_length = 0;
	for (bool first = true; next_item(&rest, &host, &host_length); first = false) {
		/* one port serves all hosts: the last item found stays */
		(void)next_item(&ports_rest, &port, &port_length);
		bool is_ipv6 = memchr(host, ':', host_length) != NULL && host[0] != '/';
		if (!first)
			buf_add_char(buf, ',');
		if (is_ipv6)
			buf_add_char(buf, '[');
		buf_add(buf, host, host_length);
		if (is_ipv6)
			buf_add_char(buf, ']');
		if (port_length > 0) {
			buf_add_char(buf, ':');
			buf_add(buf, port, port_length);
		}
	}
}

static const char *get_or(const struct conninfo *conninfo, const char *keyword,
			  const char *fallback)
{
	const char *value = conninfo_get(conninfo, keyword);
	return value != NULL ? value : fallback;
}

const char *conninfo_masked(const struct conninfo *conninfo, char *buffer, size_t size)
{
	struct buf text = { 0 };
	const char *user = conninfo_get(conninfo, "user");
	const char *service = conninfo_get(conninfo, "service");
	const char *dbname = conninfo_get(conninfo, "dbname");
	const char *hosts = get_or(conninfo, "host", get_or(conninfo, "hostaddr", NULL));
	if (user != NULL)
		buf_format(&text, "%s@", user);
	if (hosts != NULL)
		add_hosts(&text, hosts, get_or(conninfo, "port", ""));
	else if (service != NULL)
		buf_format(&text, "(service %s)", service);
	else
		buf_add_text(&text, "localhost");
	if (dbname != NULL)
		buf_format(&text, "/%s", dbname);
	text_copy(buffer, size, buf_text(&text));
	for (char *p = buffer; *p != '\0'; p++)
		if (iscntrl((unsigned char)*p))
			*p = '?';
	buf_fini(&text);
	return buffer;
}

static void add_encoded(struct buf *buf, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		if (isalnum(*p) || strchr("-._~", *p) != NULL)
			buf_add_char(buf, (char)*p);
		else
			buf_format(buf, "%%%02X", *p);
	}
}

/* One host, of letters that need no encoding in an authority. */
static bool is_plain_host(const char *host)
{
	for (const char *p = host; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("-._:", *p) == NULL)
			return false;
	return true;
}

char *conninfo_to_url(const struct conninfo *conninfo)
{
	struct buf url = { 0 };
	const char *user = conninfo_get(conninfo, "user");
	const char *password = conninfo_get(conninfo, "password");
	const char *host = conninfo_get(conninfo, "host");
	const char *port = get_or(conninfo, "port", "");
	bool in_authority = host != NULL && is_plain_host(host) &&
			    port[strspn(port, "0123456789")] == '\0';
	buf_add_text(&url, "postgresql://");
	if (user != NULL)
		add_encoded(&url, user);
	if (user != NULL && password != NULL) {
		buf_add_char(&url, ':');
		add_encoded(&url, password);
	}
	if (user != NULL)
		buf_add_char(&url, '@');
	if (in_authority)
		add_hosts(&url, host, port);
	buf_add_char(&url, '/');
	add_encoded(&url, get_or(conninfo, "dbname", ""));
	char separator = '?';
	for (size_t i = 0; i < conninfo->n; i++) {
		const char *keyword = conninfo->keywords[i];
		bool is_server = streq(keyword, "host") || streq(keyword, "port");
		if (streq(keyword, "user") || streq(keyword, "dbname") ||
		    (streq(keyword, "password") && user != NULL) || (is_server && in_authority))
			continue;
		buf_format(&url, "%c%s=", separator, keyword);
		add_encoded(&url, conninfo->values[i]);
		separator = '&';
	}
	return buf_take(&url);
}

void conninfo_to_environment(const struct conninfo *conninfo, struct list *ret_variables)
{
	for (size_t i = 0; i < conninfo->n; i++) {
		const char *variable = variable_of(conninfo->keywords[i]);
		if (variable != NULL)
			list_add_take(ret_variables,
				      mem_format("%s=%s", variable, conninfo->values[i]));
	}
}
