/* Which addresses an attempt tries. libpq would resolve the names itself, but
 * moves on to a name's second address only when the first one answers with an
 * error: a mute one ends the attempt. So names are resolved here, anew at each
 * attempt, and libpq gets numbers (and the names, for certificates). */
#include "children/pg_internal.h"

#include "base/mem.h"
#include "base/text.h"
#include "children/busy.h"
#include "effect/stream.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

#define PORT_DEFAULT "5432"

struct attempt {
	const struct pg_lib *lib;
	const struct pg_request *request;
	struct pg_failure *failure; /* the most telling so far */
};

static void split(struct list *list, const char *text)
{
	while (text != NULL) {
		size_t length = strcspn(text, ",");
		list_add_take(list, mem_dup_n(text, length));
		text = text[length] == ',' ? text + length + 1 : NULL;
	}
}

static void keep_if_telling(struct pg_failure *kept, const struct pg_failure *failure,
			    bool among_hosts)
{
	if (kept->class == PG_OK || pg_failure_says_more(failure, kept, among_hosts))
		*kept = *failure;
}

static struct pg_link *try_target(const struct attempt *attempt, struct pg_target *target,
				  struct pg_failure *kept)
{
	struct pg_failure failure;
	if (kept->class != PG_OK && pg_now_ms() >= attempt->request->deadline_ms)
		return NULL;
	busy_with("%s: no answer yet", target->server);
	struct pg_link *link = pg_link_try(attempt->lib, attempt->request, target, &failure);
	if (link == NULL)
		keep_if_telling(kept, &failure, false);
	return link;
}

static void name_server(struct pg_target *target)
{
	const char *host = target->host, *address = target->hostaddr;
	if (host[0] == '/' || host[0] == '@')
		(void)snprintf(target->server, sizeof(target->server), "%s (port %s)", host,
			       target->port);
	else if (host[0] != '\0' && address[0] != '\0' && !streq(host, address))
		(void)snprintf(target->server, sizeof(target->server), "%s:%s (%s)", host,
			       target->port, address);
	else if (host[0] != '\0' || address[0] != '\0')
		(void)snprintf(target->server, sizeof(target->server),
			       strchr(address, ':') != NULL ? "[%s]:%s" : "%s:%s",
			       address[0] != '\0' ? address : host, target->port);
	else
		(void)snprintf(target->server, sizeof(target->server), "the local server");
}

static struct pg_link *try_addresses(const struct attempt *attempt, struct pg_target *target,
				     struct pg_failure *kept)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *addresses = NULL;
	struct pg_link *link = NULL;
	busy_with("%s: the name server has not answered yet", target->host);
	int code = getaddrinfo(target->host, NULL, &hints, &addresses);
	if (code != 0) {
		pg_failure_set(kept, PG_RETRY, "%s: %s: check the host in %s", target->host,
			       stream_resolve_error(code), attempt->request->origin);
		return NULL;
	}
	for (const struct addrinfo *a = addresses; a != NULL && link == NULL; a = a->ai_next) {
		char number[NI_MAXHOST];
		if (getnameinfo(a->ai_addr, a->ai_addrlen, number, sizeof(number), NULL, 0,
				NI_NUMERICHOST) != 0)
			continue;
		target->hostaddr = number;
		name_server(target);
		link = try_target(attempt, target, kept);
	}
	target->hostaddr = "";
	freeaddrinfo(addresses);
	if (link == NULL && kept->class == PG_OK)
		pg_failure_set(kept, PG_RETRY, "%s: the name has no address", target->host);
	return link;
}

static struct pg_link *try_host(const struct attempt *attempt, const char *host,
				const char *hostaddr, const char *port, struct pg_failure *kept)
{
	struct pg_target target = { .host = host, .hostaddr = hostaddr, .port = port };
	bool needs_lookup = hostaddr[0] == '\0' && host[0] != '\0' && host[0] != '/' &&
			    host[0] != '@';
	if (needs_lookup)
		return try_addresses(attempt, &target, kept);
	name_server(&target);
	return try_target(attempt, &target, kept);
}

static const char *item(const struct list *list, size_t i, const char *fallback)
{
	const char *text = i < list->n ? list->items[i] : fallback;
	return text[0] != '\0' ? text : fallback;
}

/* As libpq does it, a server that refuses the login ends the search: the app
 * would not get past it either. */
static bool ends_search(const struct pg_failure *failure)
{
	return failure->class == PG_GRACE || failure->class == PG_FATAL;
}

static struct pg_link *try_hosts(const struct attempt *attempt, const struct list *hosts,
				 const struct list *addresses, const struct list *ports)
{
	size_t n = hosts->n > addresses->n ? hosts->n : addresses->n;
	if (n == 0)
		n = 1; /* libpq's default: its socket */
	if ((addresses->n > 0 && hosts->n > 0 && hosts->n != addresses->n) ||
	    (ports->n > 1 && ports->n != n)) {
		pg_failure_set(attempt->failure, PG_FATAL,
			       "host, hostaddr and port have different numbers of items: correct "
			       "them in %s", attempt->request->origin);
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		struct pg_failure failure = { .class = PG_OK };
		struct pg_link *link = try_host(attempt, item(hosts, i, ""), item(addresses, i, ""),
						item(ports, ports->n > 1 ? i : 0, PORT_DEFAULT),
						&failure);
		if (link != NULL)
			return link;
		keep_if_telling(attempt->failure, &failure, true);
		if (ends_search(&failure))
			break;
	}
	return NULL;
}

struct pg_link *pg_link_open(const struct pg_lib *lib, const struct pg_request *request,
			     struct pg_failure *ret_failure)
{
	struct attempt attempt = { lib, request, ret_failure };
	struct list hosts = { 0 }, addresses = { 0 }, ports = { 0 };
	*ret_failure = (struct pg_failure){ .class = PG_OK };
	split(&hosts, conninfo_get(request->conninfo, "host"));
	split(&addresses, conninfo_get(request->conninfo, "hostaddr"));
	split(&ports, conninfo_get(request->conninfo, "port"));
	struct pg_link *link = try_hosts(&attempt, &hosts, &addresses, &ports);
	busy_done();
	list_fini(&hosts);
	list_fini(&addresses);
	list_fini(&ports);
	return link;
}
