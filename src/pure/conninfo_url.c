/* A database URL taken apart, and shown without its secrets. */
#include "pure/conninfo_url.h"

#include "base/mem.h"

#include <ctype.h>

bool conninfo_split_scheme(const char *url, char ret_scheme[CONNINFO_SCHEME_SIZE],
			   const char **ret_rest)
{
	size_t length = 0;
	while (isalnum((unsigned char)url[length]) ||
	       (url[length] != '\0' && strchr("+.-_", url[length]) != NULL))
		length++;
	if (length == 0 || length >= CONNINFO_SCHEME_SIZE || !isalpha((unsigned char)url[0]) ||
	    strncmp(url + length, "://", 3) != 0)
		return false;
	for (size_t i = 0; i < length; i++)
		ret_scheme[i] = (char)tolower((unsigned char)url[i]);
	ret_scheme[length] = '\0';
	*ret_rest = url + length + 3;
	return true;
}

bool conninfo_has_blank_around(const char *url)
{
	size_t length = strlen(url);
	return length > 0 &&
	       (isspace((unsigned char)url[0]) || isspace((unsigned char)url[length - 1]));
}

/* "host=db user=shop": what libpq and psycopg take as well. */
static bool is_keyword_form(const char *text)
{
	char keyword[32];
	size_t length = strcspn(text, "= ");
	if (length >= sizeof(keyword) || text[length + strspn(text + length, " ")] != '=')
		return false;
	memcpy(keyword, text, length);
	keyword[length] = '\0';
	return conninfo_is_keyword(keyword);
}

void conninfo_explain_no_url(const char *url, struct err *err)
{
	if (conninfo_has_blank_around(url))
		(void)err_set(err, 0, "there are blanks or a newline around it: remove them");
	else if (url[0] == '"' || url[0] == '\'')
		(void)err_set(err, 0, "it begins with a quote: remove the quotes");
	else if (is_keyword_form(url))
		(void)err_set(err, 0, "that is libpq's keyword form: write "
				      "postgresql://user:password@host:port/name");
	else
		(void)err_set(err, 0, "not a database URL: write "
				      "postgresql://user:password@host:5432/name");
}

/* '#' is an ordinary character: generated passwords have it, no URL of a
 * database has a fragment. */
void conninfo_split_rest(const char *rest, struct conninfo_parts *parts)
{
	size_t authority = strcspn(rest, "/?");
	const char *at = memrchr(rest, '@', authority);
	parts->userinfo = at != NULL ? rest : NULL;
	parts->userinfo_length = at != NULL ? (size_t)(at - rest) : 0;
	parts->hosts = at != NULL ? at + 1 : rest;
	parts->hosts_length = (size_t)(rest + authority - parts->hosts);
	parts->path = rest + authority;
	parts->path_length = strcspn(parts->path, "?");
	const char *mark = parts->path + parts->path_length;
	parts->query = *mark == '?' ? mark + 1 : NULL;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A '%' without two hexadecimal digits stays what it is, as in Python's
 * unquote(). NULL: the text contains a NUL byte. */
char *conninfo_decode(const char *text, size_t length)
{
	char *decoded = mem_alloc(length + 1);
	size_t used = 0;
	for (size_t i = 0; i < length; i++) {
		int high = -1, low = -1;
		if (text[i] == '%' && i + 2 < length) {
			high = hex_value(text[i + 1]);
			low = hex_value(text[i + 2]);
		}
		if (high >= 0 && low >= 0) {
			decoded[used++] = (char)(high * 16 + low);
			i += 2;
		} else {
			decoded[used++] = text[i];
		}
	}
	if (memchr(decoded, '\0', used) != NULL) {
		explicit_bzero(decoded, length);
		free(decoded);
		return NULL;
	}
	return decoded;
}

static void mask_query(struct buf *masked, const char *query)
{
	for (char separator = '?'; query != NULL; separator = '&') {
		size_t length = strcspn(query, "&");
		size_t key_length = strcspn(query, "=&");
		CLEANUP_FREE char *key = conninfo_decode(query, key_length);
		buf_add_char(masked, separator);
		if (key != NULL && strcasestr(key, "password") != NULL)
			buf_format(masked, "%.*s=***", (int)key_length, query);
		else
			buf_add(masked, query, length);
		query = query[length] == '&' ? query + length + 1 : NULL;
	}
}

char *conninfo_mask_url(const char *url)
{
	struct conninfo_parts parts = { .scheme = "" };
	struct conninfo conninfo;
	struct err err;
	const char *rest = NULL;
	struct buf masked = { 0 };
	if (!conninfo_split_scheme(url, parts.scheme, &rest))
		return mem_dup("***");
	conninfo_split_rest(rest, &parts);
	enum conninfo_kind kind = conninfo_parse_url(&conninfo, url, &err);
	conninfo_fini(&conninfo);
	buf_format(&masked, "%s://", parts.scheme);
	if (kind == CONNINFO_INVALID ||
	    (kind == CONNINFO_OTHER_ENGINE && strchr(parts.path, '@') != NULL)) {
		/* which piece is the password, nobody knows */
		buf_add_text(&masked, "***");
		return buf_take(&masked);
	}
	if (parts.userinfo != NULL) {
		const char *colon = memchr(parts.userinfo, ':', parts.userinfo_length);
		buf_add(&masked, parts.userinfo,
			colon != NULL ? (size_t)(colon - parts.userinfo) : parts.userinfo_length);
		buf_add_text(&masked, colon != NULL ? ":***@" : "@");
	}
	buf_add(&masked, parts.hosts, parts.hosts_length);
	buf_add(&masked, parts.path, parts.path_length);
	if (parts.query != NULL)
		mask_query(&masked, parts.query);
	return buf_take(&masked);
}
