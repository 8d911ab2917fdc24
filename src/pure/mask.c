/* Hiding what looks secret. */
#include "pure/mask.h"

#include "base/text.h"

#include <ctype.h>

#define MASKED "***"

static bool is_name_letter(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static bool ends_with(const char *name, size_t length, const char *suffix)
{
	size_t n = strlen(suffix);
	return length >= n && strncasecmp(name + length - n, suffix, n) == 0;
}

bool mask_is_secret_name(const char *name, size_t length)
{
	static const char *const inside[] = { "password", "passwd", "passphrase", "secret",
					      "token", "credential", "apikey" };
	static const char *const behind[] = { "pass", "pwd", "pw", "_key", "-key", "_dsn", "auth" };
	static const char *const paths[] = { "_file", "-file", "_path", "-path", "_dir", "-dir",
					     "passfile" };
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (ends_with(name, length, paths[i]))
			return false; /* where a secret is, not what it is */
	for (size_t i = 0; i < ARRAY_SIZE(inside); i++)
		for (size_t at = 0; at < length; at++)
			if (ends_with(name, length - at, inside[i]))
				return true;
	for (size_t i = 0; i < ARRAY_SIZE(behind); i++)
		if (ends_with(name, length, behind[i]))
			return true;
	return length == 3 && strncasecmp(name, "key", 3) == 0;
}

/* "$NAME" or "${…}" and nothing else: says where the secret is, not what. A
 * default in it ("${PW:-secret}") is one. */
static bool is_reference(const char *value, size_t length)
{
	if (length < 2 || value[0] != '$')
		return false;
	size_t start = value[1] == '{' ? 2 : 1, end = value[1] == '{' ? length - 1 : length;
	for (size_t i = start; i < end; i++)
		if (!isalnum((unsigned char)value[i]) && value[i] != '_')
			return false;
	return start == 1 || value[end] == '}';
}

static void add_masked(struct buf *out, const char *value, size_t length)
{
	if (is_reference(value, length))
		buf_add(out, value, length);
	else if (length > 0)
		buf_add_text(out, MASKED);
}

/* What a shell word or a query's value ends with. */
static size_t value_length(const char *value)
{
	if (value[0] == '\'' || value[0] == '"') {
		const char *end = strchr(value + 1, value[0]);
		return end != NULL ? (size_t)(end - value) + 1 : strlen(value);
	}
	if (value[0] == '$' && value[1] == '{') {
		const char *end = strchr(value, '}');
		return end != NULL ? (size_t)(end - value) + 1 : strlen(value);
	}
	return strcspn(value, " \t\n&'\"");
}

/* Behind "://": the length that was taken, with the password masked. Django's
 * dialects allow every letter in a password, even '/' and '@', so the last @
 * ends it; for http it ends with the path, where an @ is nothing special. */
static size_t mask_userinfo(struct buf *out, const char *text, bool is_http)
{
	size_t end = strcspn(text, is_http ? "/?# \t\n'\"" : " \t\n'\""), at = end, colon = 0;
	while (at > 0 && text[at - 1] != '@')
		at--;
	if (at == 0)
		return 0;
	at--;
	while (colon < at && text[colon] != ':')
		colon++;
	if (colon < at) {
		buf_add(out, text, colon + 1);
		add_masked(out, text + colon + 1, at - colon - 1);
	} else if (is_http) {
		add_masked(out, text, at); /* https://KEY@sentry.io: the user is the secret */
	} else {
		buf_add(out, text, at);
	}
	return at;
}

char *mask_text(const char *text)
{
	struct buf out = { 0 };
	size_t name = 0; /* length of the name that ends right before p */
	for (const char *p = text; *p != '\0';) {
		bool is_value = *p == '=' || ((*p == ' ' || *p == '\t') && name > 2 &&
					      p[-(ptrdiff_t)name] == '-');
		if (starts_with(p, "://")) {
			bool is_http = ends_with(text, (size_t)(p - text), "http") ||
				       ends_with(text, (size_t)(p - text), "https");
			buf_add_text(&out, "://");
			p += 3;
			p += mask_userinfo(&out, p, is_http);
			name = 0;
		} else if (is_value && mask_is_secret_name(p - name, name)) {
			size_t blanks = *p == '=' ? 1 : strspn(p, " \t");
			buf_add(&out, p, blanks);
			p += blanks;
			size_t length = *p == '-' && p[-1] != '=' ? 0 : value_length(p);
			add_masked(&out, p, length);
			p += length;
			name = 0;
		} else {
			name = is_name_letter(*p) ? name + 1 : 0;
			buf_add_char(&out, *p++);
		}
	}
	return buf_take(&out);
}
