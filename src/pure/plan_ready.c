/* Readiness nobody asked for: where a known server listens, as its own words
 * say it. A check of the wrong port would never be good, which is worse than
 * none, so whatever is not plain to see gives none: another program, a unix
 * socket, TLS, an address of its own, an option given twice. */
#include "base/mem.h"
#include "base/parse.h"
#include "pure/command_bytes.h"
#include "pure/plan_sources.h"

struct server {
	const char *program;
	const char *address;      /* the option that says HOST:PORT; or NULL, and then */
	const char *host, *port;  /* those that say one of them */
	const char *letters;      /* their short forms, in this order; '-' for none */
	const char *default_port; /* NULL: it does not listen without being told */
	const char *elsewhere[6]; /* options with which it listens otherwise */
};

/* gunicorn and uvicorn read these variables themselves. */
static const struct server servers[] = {
	{ .program = "gunicorn", .address = "--bind", .letters = "b",
	  .default_port = "${PORT:-8000}", .elsewhere = { "--certfile", "--keyfile" } },
	{ .program = "uvicorn", .host = "--host", .port = "--port", .letters = "-p",
	  .default_port = "${UVICORN_PORT:-8000}",
	  .elsewhere = { "--uds", "--fd", "--ssl-keyfile", "--ssl-certfile" } },
	{ .program = "daphne", .host = "--bind", .port = "--port", .letters = "bp",
	  .default_port = "8000",
	  .elsewhere = { "--unix-socket", "-u", "--fd", "--endpoint", "-e" } },
	{ .program = "uwsgi", .address = "--http-socket", .letters = "-",
	  .elsewhere = { "--http" } },
	{ .program = "uwsgi", .address = "--http", .letters = "-",
	  .elsewhere = { "--http-socket" } },
};

/* ---- words, with their variables as they are written ---- */

/* Reads the word at text, and returns what is behind it. Quotes go; what they
 * or a backslash keep from being a variable keeps a backslash, by which it is
 * no port. */
static const char *read_word(const char *text, struct buf *word)
{
	char quote = '\0';
	unsigned braces = 0;
	for (; *text != '\0'; text++) {
		bool plain = quote == '\0' && braces == 0;
		if (plain && command_is_blank(*text))
			break;
		if (quote == '\'') {
			if (*text == '$')
				buf_add_char(word, '\\');
			if (*text == '\'')
				quote = '\0';
			else
				buf_add_char(word, *text);
			continue;
		}
		if (braces == 0 && (*text == '"' || (plain && *text == '\''))) {
			quote = quote == *text ? '\0' : *text;
			continue;
		}
		buf_add_char(word, *text);
		if (*text == '\\' && text[1] != '\0')
			buf_add_char(word, *++text);
		else if (starts_with(text, "${"))
			braces++;
		else if (*text == '}' && braces > 0)
			braces--;
	}
	return text;
}

static void read_words(const char *text, struct list *ret_words)
{
	for (;;) {
		struct buf word = { 0 };
		while (command_is_blank(*text))
			text++;
		if (*text == '\0')
			return;
		text = read_word(text, &word);
		list_add(ret_words, buf_text(&word));
		buf_fini(&word);
	}
}

/* ---- addresses ---- */

/* A number, or one variable that is nothing but the port. */
static bool is_port(const char *text)
{
	uint16_t port = 0;
	if (parse_port(text, &port) == 0)
		return true;
	if (text[0] != '$')
		return false;
	bool in_braces = text[1] == '{';
	const char *name = text + (in_braces ? 2 : 1);
	const char *behind = name + command_name_length(name);
	if (behind == name)
		return false;
	if (streq(behind, in_braces ? "}" : ""))
		return true;
	if (!in_braces || !starts_with(behind, ":-"))
		return false;
	size_t length = strcspn(behind + 2, "}");
	CLEANUP_FREE char *fallback = mem_dup_n(behind + 2, length);
	return streq(behind + 2 + length, "}") && parse_port(fallback, &port) == 0;
}

/* Does who listens there hear "localhost"? */
static bool is_local(const char *host, size_t length)
{
	static const char *const hosts[] = { "",     "0.0.0.0",   "0",   "::",       "[::]",
					     "::1", "[::1]", "127.0.0.1", "localhost" };
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
		if (strlen(hosts[i]) == length && strncmp(hosts[i], host, length) == 0)
			return true;
	return false;
}

/* "HOST:PORT" → where PORT starts, or NULL. The last colon but those in ${…:-…}. */
static const char *port_of(const char *address)
{
	const char *variable = strchr(address, '$');
	size_t length = variable != NULL ? (size_t)(variable - address) : strlen(address);
	const char *colon = memrchr(address, ':', length);
	if (colon == NULL || !is_local(address, (size_t)(colon - address)))
		return NULL;
	return colon + 1;
}

/* ---- servers ---- */

/* The file may say where to listen; a --bind beats it. */
static bool is_configured(const struct list *words, size_t from, const struct server *server,
			  const struct plan_facts *facts)
{
	return streq(server->program, "gunicorn") &&
	       (facts->gunicorn_sets_bind || plan_words_have(words, from, "--config") ||
		plan_words_have(words, from, "-c"));
}

static const char *server_port(const struct server *server, const struct list *words, size_t from,
			       const struct plan_facts *facts)
{
	const char *address = NULL, *host = "", *port = server->default_port;
	for (size_t i = 0; i < ARRAY_SIZE(server->elsewhere) && server->elsewhere[i] != NULL; i++)
		if (plan_words_have(words, from, server->elsewhere[i]))
			return NULL;
	if (server->address != NULL) {
		size_t n =
			plan_words_find(words, from, server->address, server->letters[0], &address);
		if (n > 1 || (n == 0 && is_configured(words, from, server, facts)))
			return NULL;
		return n == 1 ? port_of(address) : port;
	}
	if (plan_words_find(words, from, server->host, server->letters[0], &host) > 1 ||
	    plan_words_find(words, from, server->port, server->letters[1], &port) > 1 ||
	    !is_local(host, strlen(host)))
		return NULL;
	return port;
}

/* manage.py runserver [OPTION…] [[HOST:]PORT] */
static const char *runserver_port(const struct list *words, size_t from)
{
	static const char *const with_value[] = { "--settings", "--pythonpath", "--verbosity",
						  "-v" };
	const char *address = NULL;
	for (size_t i = from; i < words->n; i++) {
		const char *word = words->items[i];
		for (size_t k = 0; k < ARRAY_SIZE(with_value); k++)
			if (streq(word, with_value[k]))
				i++;
		if (word[0] == '-')
			continue;
		if (address != NULL)
			return NULL;
		address = word;
	}
	if (address == NULL)
		return "8000";
	return is_port(address) ? address : port_of(address);
}

static bool is_server(const struct server *server, const char *name)
{
	return streq(server->program, "uwsgi") ? plan_is_uwsgi(name) : streq(name, server->program);
}

static const char *listening_port(const struct list *words, const struct plan_facts *facts)
{
	size_t at = plan_words_program(words);
	if (at >= words->n)
		return NULL;
	const char *name = plan_words_name(words, at);
	if (streq(name, "manage.py") && at + 1 < words->n &&
	    streq(words->items[at + 1], "runserver"))
		return runserver_port(words, at + 2);
	for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
		const char *port = NULL;
		if (is_server(&servers[i], name))
			port = server_port(&servers[i], words, at + 1, facts);
		if (port != NULL)
			return port;
	}
	return NULL;
}

char *plan_ready_of(const char *command, const struct plan_facts *facts)
{
	struct list words = { 0 };
	read_words(command, &words);
	const char *port = listening_port(&words, facts);
	char *ready = port != NULL && is_port(port) ? mem_format("http://localhost:%s/", port)
						    : NULL;
	list_fini(&words);
	return ready;
}
