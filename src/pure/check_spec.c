/* The grammar of checks and wait targets. Every refusal shows what to write
 * instead; none echoes what may hold a password, that is nothing behind a
 * scheme. Blanks and control characters are refused in whatever is sent to a
 * server later, so a value cannot smuggle a header or a command into it. */
#include "pure/check_spec.h"

#include "base/parse.h"

#include <ctype.h>
#include <stdio.h>
#include <sys/un.h>

#define USE_READY (1U << CHECK_FOR_READY)
#define USE_LIVE (1U << CHECK_FOR_LIVE)
#define USE_WAIT (1U << CHECK_FOR_WAIT)
#define USE_ALL (USE_READY | USE_LIVE | USE_WAIT)
#define USE_NOT_LIVE (USE_READY | USE_WAIT)

#define REDIS_PORT 6379
#define HTTP_PORT 80

struct form;

struct input {
	const struct form *form;
	const char *text; /* all of it */
	const char *rest; /* behind the separator */
};

struct form {
	enum check_kind kind;
	unsigned uses;
	const char *head; /* "tcp://"; the whole text where it is a word */
	int (*parse)(const struct input *in, struct check_spec *ret, struct err *err);
	const char *example;
};

static int example_error(struct err *err, const char *what, const struct input *in)
{
	return err_set(err, 0, "%s: write for instance '%s'", what, in->form->example);
}

static bool has_blank_or_control(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++)
		if (*p <= ' ' || *p == 0x7f)
			return true;
	return false;
}

static bool copy_text(char *ret, size_t size, const char *text, size_t length)
{
	if (length >= size)
		return false;
	memcpy(ret, text, length);
	ret[length] = '\0';
	return true;
}

/* A name or an address; what stands in brackets may have colons and a zone. */
static bool is_host(const char *text, size_t length, bool in_brackets)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		if (!isalnum(c) && strchr(in_brackets ? ".-_:%" : ".-_", c) == NULL)
			return false;
	}
	return length > 0;
}

/* "host", "host:80", "[::1]:80"; default_port 0: a port must be there. */
static int parse_authority(const char *text, size_t length, uint16_t default_port,
			   struct check_spec *ret)
{
	const char *end = text + length, *host = text, *host_end, *port;
	char number[8];
	bool in_brackets = length > 0 && text[0] == '[';
	if (in_brackets) {
		host = text + 1;
		host_end = memchr(host, ']', length - 1);
		if (host_end == NULL)
			return -1;
		port = host_end + 1;
	} else {
		host_end = memchr(text, ':', length);
		if (host_end == NULL)
			host_end = end;
		port = host_end;
	}
	size_t host_length = (size_t)(host_end - host);
	if (!is_host(host, host_length, in_brackets) ||
	    !copy_text(ret->host, sizeof(ret->host), host, host_length))
		return -1;
	if (port == end) {
		ret->port = default_port;
		return default_port != 0 ? 0 : -1;
	}
	if (*port != ':' || !copy_text(number, sizeof(number), port + 1, (size_t)(end - port) - 1))
		return -1;
	return parse_port(number, &ret->port);
}

static int parse_http(const struct input *in, struct check_spec *ret, struct err *err)
{
	const char *rest = in->rest;
	size_t authority = strcspn(rest, "/?#");
	if (has_blank_or_control(rest))
		return example_error(err, "a URL has no blanks", in);
	if (memchr(rest, '@', authority) != NULL)
		return example_error(err, "a check's URL takes no user or password", in);
	if (strchr(rest, '#') != NULL)
		return example_error(err, "a check's URL takes no #fragment", in);
	if (parse_authority(rest, authority, HTTP_PORT, ret) < 0)
		return example_error(err, "not a URL with a host and a port", in);
	const char *path = rest + authority;
	int length =
		snprintf(ret->path, sizeof(ret->path), "%s%s", path[0] == '/' ? "" : "/", path);
	if (length < 0 || (size_t)length >= sizeof(ret->path))
		return example_error(err, "the URL is too long", in);
	ret->max_status = 400;
	return 0;
}

static int refuse_https(const struct input *in, struct check_spec *ret ATTR_UNUSED, struct err *err)
{
	return example_error(err, "TLS is not spoken by checks: ask the app's own port", in);
}

static int parse_tcp(const struct input *in, struct check_spec *ret, struct err *err)
{
	const char *rest = in->rest;
	if (parse_authority(rest, strlen(rest), 0, ret) < 0)
		return example_error(err, "not a host and a port", in);
	return 0;
}

static int parse_unix(const struct input *in, struct check_spec *ret, struct err *err)
{
	const char *rest = in->rest;
	if (rest[0] != '/')
		return example_error(err, "a socket needs an absolute path", in);
	if (!copy_text(ret->path, sizeof(((struct sockaddr_un *)NULL)->sun_path), rest,
		       strlen(rest)))
		return example_error(err, "a socket's path has at most 107 bytes", in);
	return 0;
}

static int parse_exec(const struct input *in, struct check_spec *ret, struct err *err)
{
	const char *rest = in->rest;
	rest += strspn(rest, " \t");
	if (rest[0] == '\0')
		return example_error(err, "no command", in);
	if (!copy_text(ret->path, sizeof(ret->path), rest, strlen(rest)))
		return example_error(err, "the command is too long, put it into a script", in);
	return 0;
}

static int parse_heartbeat(const struct input *in, struct check_spec *ret, struct err *err)
{
	const char *rest = in->rest;
	size_t end = strlen(rest);
	while (end > 0 && rest[end - 1] != ' ' && rest[end - 1] != '\t')
		end--;
	const char *age = rest + end;
	while (end > 0 && (rest[end - 1] == ' ' || rest[end - 1] == '\t'))
		end--;
	if (rest[0] != '/' || end == 0)
		return example_error(err, "a heartbeat needs an absolute path and an age", in);
	if (parse_duration_ms(age, &ret->age_ms) < 0 || ret->age_ms <= 0)
		return example_error(err, "the heartbeat's age is no duration above zero", in);
	if (!copy_text(ret->path, sizeof(ret->path), rest, end))
		return example_error(err, "the path is too long", in);
	return 0;
}

static int parse_file(const struct input *in, struct check_spec *ret, struct err *err)
{
	const char *rest = in->rest;
	if (rest[0] != '/')
		return example_error(err, "a file needs an absolute path", in);
	if (!copy_text(ret->path, sizeof(ret->path), rest, strlen(rest)))
		return example_error(err, "the path is too long", in);
	return 0;
}

static int parse_word(const struct input *in ATTR_UNUSED, struct check_spec *ret ATTR_UNUSED,
		      struct err *err ATTR_UNUSED)
{
	return 0;
}

/* The URL is kept as it is: its dialects are the agent's business. */
static int parse_postgres_url(const struct input *in, struct check_spec *ret, struct err *err)
{
	if (has_blank_or_control(in->text))
		return example_error(err, "a URL has no blanks (write %20)", in);
	if (in->rest[0] == '\0')
		return example_error(err, "no host", in);
	if (!copy_text(ret->path, sizeof(ret->path), in->text, strlen(in->text)))
		return example_error(err, "the URL is too long", in);
	return 0;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "%40" → "@"; -1 for a broken or zero escape, or no room. */
static int percent_decode(char *ret, size_t size, const char *text, size_t length)
{
	size_t used = 0;
	for (size_t i = 0; i < length; i++) {
		char c = text[i];
		if (c == '%') {
			int high = i + 2 < length ? hex_value(text[i + 1]) : -1;
			int low = i + 2 < length ? hex_value(text[i + 2]) : -1;
			if (high < 0 || low < 0 || high + low == 0)
				return -1;
			c = (char)(high * 16 + low);
			i += 2;
		}
		if (used + 1 >= size)
			return -1;
		ret[used++] = c;
	}
	ret[used] = '\0';
	return 0;
}

/* "[user][:password]@"; a single word before the @ is the user. */
static int parse_redis_user(const struct input *in, size_t length, struct check_spec *ret,
			    struct err *err)
{
	const char *colon = memchr(in->rest, ':', length);
	size_t user = colon != NULL ? (size_t)(colon - in->rest) : length;
	if (percent_decode(ret->user, sizeof(ret->user), in->rest, user) < 0)
		return example_error(err, "the user is too long or has a broken %-escape", in);
	if (colon != NULL &&
	    percent_decode(ret->password, sizeof(ret->password), colon + 1, length - user - 1) < 0)
		return example_error(err, "the password is too long or has a broken %-escape", in);
	return 0;
}

static int parse_redis(const struct input *in, struct check_spec *ret, struct err *err)
{
	const char *rest = in->rest;
	if (has_blank_or_control(rest))
		return example_error(err, "a URL has no blanks (write %20)", in);
	const char *at = strrchr(rest, '@'); /* the last: a password may hold one */
	if (at != NULL && parse_redis_user(in, (size_t)(at - rest), ret, err) < 0)
		return -1;
	const char *host = at != NULL ? at + 1 : rest;
	size_t authority = strcspn(host, "/");
	if (parse_authority(host, authority, REDIS_PORT, ret) < 0)
		return example_error(err, "not a host and a port", in);
	const char *database = host + authority;
	unsigned long number = 0;
	if (database[0] == '/' && database[1] != '\0' &&
	    parse_uint(database + 1, 65535, &number) < 0)
		return example_error(err, "behind the host stands nothing but a database's number",
				     in);
	return 0;
}

static int refuse_rediss(const struct input *in, struct check_spec *ret ATTR_UNUSED,
			 struct err *err)
{
	return example_error(err, "TLS is not spoken by checks: ask whether the port is open", in);
}

#define POSTGRES_EXAMPLE "postgresql://user@db.example:5432/shop"

static const struct form forms[] = {
	{ CHECK_HTTP, USE_ALL, "http://", parse_http, "http://localhost:8000/healthz" },
	{ CHECK_HTTP, USE_ALL, "https://", refuse_https, "http://localhost:8000/healthz" },
	{ CHECK_TCP, USE_ALL, "tcp://", parse_tcp, "tcp://localhost:8000" },
	{ CHECK_UNIX, USE_ALL, "unix:", parse_unix, "unix:/run/app.sock" },
	{ CHECK_EXEC, USE_ALL, "exec:", parse_exec, "exec:python manage.py check" },
	{ CHECK_NOTIFY, USE_READY | USE_LIVE, "notify", parse_word, "notify" },
	{ CHECK_HEARTBEAT, USE_READY | USE_LIVE, "heartbeat:", parse_heartbeat,
	  "heartbeat:/tmp/beat 60s" },
	{ CHECK_FILE, USE_WAIT, "file:", parse_file, "file:/run/secrets/app/key" },
	{ CHECK_POSTGRES, USE_NOT_LIVE, "postgres", parse_word, "postgres" },
	{ CHECK_POSTGRES, USE_NOT_LIVE, "postgresql://", parse_postgres_url, POSTGRES_EXAMPLE },
	{ CHECK_POSTGRES, USE_NOT_LIVE, "postgres://", parse_postgres_url, POSTGRES_EXAMPLE },
	{ CHECK_POSTGRES, USE_NOT_LIVE, "postgis://", parse_postgres_url, POSTGRES_EXAMPLE },
	{ CHECK_POSTGRES, USE_NOT_LIVE, "psql://", parse_postgres_url, POSTGRES_EXAMPLE },
	{ CHECK_POSTGRES, USE_NOT_LIVE, "pgsql://", parse_postgres_url, POSTGRES_EXAMPLE },
	{ CHECK_REDIS, USE_NOT_LIVE, "redis://", parse_redis, "redis://broker:6379" },
	{ CHECK_REDIS, USE_NOT_LIVE, "rediss://", refuse_rediss, "tcp://broker:6379" },
	{ CHECK_MIGRATIONS, USE_WAIT, "migrations", parse_word, "migrations" },
};

static const char *const use_names[] = { "ready", "live", "wait" };

static bool form_matches(const struct form *form, const char *text)
{
	return form->parse == parse_word ? streq(text, form->head) : starts_with(text, form->head);
}

/* The word before ":" may be echoed when it is one: a password with a colon in
 * it has no business here, but a slip of the hand has happened to others. */
static int unknown_form(const char *text, enum check_use use, struct err *err)
{
	char word[16];
	const char *candidates[ARRAY_SIZE(forms)];
	char heads[ARRAY_SIZE(forms)][16];
	if (text[0] == '/')
		return err_set(err, 0, "a path alone is no check: write 'unix:/PATH'%s",
			       use == CHECK_FOR_WAIT ? " or 'file:/PATH'"
						     : " or 'heartbeat:/PATH 60s'");
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		size_t length = strcspn(forms[i].head, ":");
		memcpy(heads[i], forms[i].head, length);
		heads[i][length] = '\0';
		candidates[i] = heads[i];
	}
	if (copy_text(word, sizeof(word), text, strcspn(text, ":"))) {
		const char *meant = parse_suggest(word, candidates, ARRAY_SIZE(forms));
		for (size_t i = 0; meant != NULL && i < ARRAY_SIZE(forms); i++)
			if (meant == heads[i])
				return err_set(err, 0, "not a check: did you mean '%s'?",
					       forms[i].example);
	}
	return err_set(err, 0,
		       "not a check: write http://HOST:PORT/PATH, tcp://HOST:PORT, "
		       "unix:/PATH, exec:COMMAND%s",
		       use == CHECK_FOR_WAIT   ? ", file:/PATH, postgres or redis://HOST:PORT"
		       : use == CHECK_FOR_LIVE ? " or heartbeat:/PATH AGE"
					       : ", heartbeat:/PATH AGE, postgres or "
						 "redis://HOST:PORT");
}

static int wrong_use(const struct form *form, enum check_use use, struct err *err)
{
	if (use == CHECK_FOR_LIVE && (form->kind == CHECK_POSTGRES || form->kind == CHECK_REDIS))
		return err_set(err, 0,
			       "'live' must not ask %s: its outage would restart every "
			       "pod and cure nothing; use it in 'ready'",
			       form->kind == CHECK_POSTGRES ? "the database" : "redis");
	const char *other = (form->uses & USE_WAIT) != 0 ? "wait" : "ready";
	return err_set(err, 0, "'%s' cannot stand in '%s', only in '%s'%s", form->head,
		       use_names[use], other, streq(other, "ready") ? " and 'live'" : "");
}

int check_spec_parse(const char *text, enum check_use use, struct check_spec *ret, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		const struct form *form = &forms[i];
		if (!form_matches(form, text))
			continue;
		if ((form->uses & (1U << use)) == 0)
			return wrong_use(form, use, err);
		struct input in = {
			.form = form,
			.text = text,
			.rest = text + strlen(form->head),
		};
		memset(ret, 0, sizeof(*ret));
		ret->kind = form->kind;
		return form->parse(&in, ret, err);
	}
	return unknown_form(text, use, err);
}
