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

/* The option's value where words[i] is that option: behind '=', right behind
 * the letter, or the next word. Else NULL. */
static const char *option_value(const struct list *words, size_t i, const char *name, char letter)
{
	const char *word = words->items[i], *next = words->items[i + 1];
	size_t length = strlen(name);
	if (strncmp(word, name, length) == 0 && (word[length] == '\0' || word[length] == '='))
		return word[length] == '=' ? word + length + 1 : next != NULL ? next : "";
	if (letter == '-' || word[0] != '-' || word[1] != letter)
		return NULL;
	return word[2] != '\0' ? word + 2 : next != NULL ? next : "";
}

/* How often the option is there; *ret_value stays as it is when it is not. */
static size_t find_option(const struct list *words, size_t from, const char *name, char letter,
			  const char **ret_value)
{
	size_t n = 0;
	for (size_t i = from; i < words->n; i++) {
		const char *value = option_value(words, i, name, letter);
		if (value == NULL)
			continue;
		*ret_value = value;
		n++;
	}
	return n;
}

static bool has_option(const struct list *words, size_t from, const char *name)
{
	const char *value = NULL;
	char letter = name[1] != '-' ? name[1] : '-';
	return find_option(words, from, name, letter, &value) > 0;
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
	       (facts->gunicorn_sets_bind || has_option(words, from, "--config") ||
		has_option(words, from, "-c"));
}

static const char *server_port(const struct server *server, const struct list *words, size_t from,
			       const struct plan_facts *facts)
{
	const char *address = NULL, *host = "", *port = server->default_port;
	for (size_t i = 0; i < ARRAY_SIZE(server->elsewhere) && server->elsewhere[i] != NULL; i++)
		if (has_option(words, from, server->elsewhere[i]))
			return NULL;
	if (server->address != NULL) {
		size_t n = find_option(words, from, server->address, server->letters[0], &address);
		if (n > 1 || (n == 0 && is_configured(words, from, server, facts)))
			return NULL;
		return n == 1 ? port_of(address) : port;
	}
	if (find_option(words, from, server->host, server->letters[0], &host) > 1 ||
	    find_option(words, from, server->port, server->letters[1], &port) > 1 ||
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

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash != NULL ? slash + 1 : path;
}

/* "python", "python3", "python3.11", but not "python-config". */
static bool is_python(const char *name)
{
	return starts_with(name, "python") && name[6 + strspn(name + 6, "0123456789.")] == '\0';
}

/* Where the word is that says what runs, behind "python -u" and "-m". */
static size_t program_index(const struct list *words)
{
	size_t i = 0;
	if (words->n == 0 || !is_python(base_name(words->items[0])))
		return 0;
	for (i = 1; i < words->n && words->items[i][0] == '-'; i++)
		if (streq(words->items[i], "-m"))
			return i + 1;
	return i;
}

/* Debian's uwsgi has its plugin in its name. */
static bool is_server(const struct server *server, const char *name)
{
	return streq(name, server->program) ||
	       (streq(server->program, "uwsgi") && starts_with(name, "uwsgi_python"));
}

static const char *listening_port(const struct list *words, const struct plan_facts *facts)
{
	size_t at = program_index(words);
	if (at >= words->n)
		return NULL;
	const char *name = base_name(words->items[at]);
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
