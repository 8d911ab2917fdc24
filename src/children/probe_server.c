/* The loop: poll, answer, accept, drop. Every table has its size from the start. */
#include "children/probe_connection.h"

#include "base/log.h"
#include "base/mem.h"
#include "sys/sys.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#define REQUEST_MS   5000
#define ASK_MS       700
#define ASK_PAUSE_MS 5   /* so often at most PID 1 is woken, whoever wants to know */
#define PAUSE_MS     500 /* after an error of accept() that lasts */
#define PATIENCE_MS  3   /* with one who has come and not spoken yet, while others wait */

#define ACCEPTS_PER_TURN 32 /* then the others have theirs */

struct probe_server {
	const struct probe_server_options *options;
	struct probe_connection *connections;
	struct pollfd *polls; /* listeners, the pair, connections */
	struct probe_connection **polled; /* those connections */
	size_t max;
	bool is_asked;           /* a byte is on its way to PID 1 and back */
	bool is_wanted;          /* somebody waits for such an answer */
	int64_t next_ask_ms;     /* not before */
	uint8_t sequence;        /* of that byte: an answer to a predecessor's is not one to ours */
	int64_t paused_until_ms; /* no accepting before */
	struct probe_desk desk;
};

/* ---- asking PID 1 ---- */

/* Whoever comes while a byte is on its way waits for the same. If it cannot be
 * sent, PID 1 has not read for long: the deadlines say so. */
static void ask(struct probe_server *server, int64_t now_ms)
{
	uint8_t next = (uint8_t)(server->sequence + 1);
	if (server->is_asked || now_ms < server->next_ask_ms)
		return;
	server->next_ask_ms = now_ms + ASK_PAUSE_MS;
	if (send(server->options->ask_fd, &next, 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1)
		return;
	server->sequence = next;
	server->is_asked = true;
}

static void take_answers(struct probe_server *server)
{
	uint8_t byte = 0;
	bool answered = false;
	while (recv(server->options->ask_fd, &byte, 1, MSG_DONTWAIT) == 1)
		answered |= server->is_asked && byte == server->sequence;
	if (!answered)
		return;
	server->is_asked = false;
	for (size_t i = 0; i < server->max; i++)
		probe_connection_asked(&server->connections[i], true, &server->desk);
}

/* ---- connections come and go ---- */

/* Whether a may rather go than b: the first state in the order of the enumeration goes
 * first, then who is from where most are from, so that a crowd costs the crowd its places
 * and nobody else, then the oldest. */
static bool goes_before(const struct probe_server *server, const struct probe_connection *a,
			const struct probe_connection *b)
{
	const uint32_t *from = server->desk.from;
	if (a->state != b->state)
		return a->state < b->state;
	if (from[a->peer] != from[b->peer])
		return from[a->peer] > from[b->peer];
	return a->since_ms < b->since_ms;
}

/* The one that is missed least. NULL: nobody may go yet. */
static struct probe_connection *find_victim(struct probe_server *server)
{
	struct probe_connection *victim = NULL;
	for (size_t i = 0; i < server->max; i++) {
		struct probe_connection *c = &server->connections[i];
		if (c->state != PROBE_CONNECTION_FREE &&
		    (victim == NULL || goes_before(server, c, victim)))
			victim = c;
	}
	if (victim == NULL || victim->state != PROBE_CONNECTION_READING ||
	    victim->since_ms + PATIENCE_MS <= sys_now_ms())
		return victim;
	server->paused_until_ms = victim->since_ms + PATIENCE_MS;
	return NULL;
}

/* A free place, or one whose connection may be closed for it. NULL: all have just come, and
 * their requests may be on the way; who waits for a place waits in the kernel's queue. */
static struct probe_connection *find_room(struct probe_server *server)
{
	for (size_t i = 0; i < server->max; i++)
		if (server->connections[i].state == PROBE_CONNECTION_FREE)
			return &server->connections[i];
	return find_victim(server);
}

static void pause_accepting(struct probe_server *server, int code)
{
	log_debug("probes", "cannot accept connections for a while: %s", strerror(code));
	server->paused_until_ms = sys_now_ms() + PAUSE_MS;
}

/* Of the address, without the port: FNV-1a. All who come by the unix socket are one. */
static uint8_t hash_of(const struct sockaddr_storage *peer)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)peer;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)peer;
	const uint8_t *bytes =
		peer->ss_family == AF_INET ? (const uint8_t *)&v4->sin_addr : v6->sin6_addr.s6_addr;
	size_t n = peer->ss_family == AF_INET    ? sizeof(v4->sin_addr)
		   : peer->ss_family == AF_INET6 ? sizeof(v6->sin6_addr)
						 : 0;
	uint32_t hash = 2166136261U;
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ bytes[i]) * 16777619U;
	return (uint8_t)(hash ^ hash >> 8 ^ hash >> 16 ^ hash >> 24);
}

/* Who has spoken already is answered before the next one is let in: in a flood nobody
 * loses its place to others while its request lies there. */
static void welcome(struct probe_server *server, struct probe_connection *connection, int take_fd,
		    const struct sockaddr_storage *peer)
{
	int on = 1;
	if (connection->state != PROBE_CONNECTION_FREE)
		probe_connection_evict(connection, &server->desk);
	/* a unix socket refuses it; a pipelined answer need not wait for it */
	(void)setsockopt(take_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	probe_connection_open(connection, take_fd, hash_of(peer), &server->desk);
	probe_connection_read(connection, &server->desk);
	server->is_wanted |= connection->state == PROBE_CONNECTION_ASKING;
}

/* False: nobody else is there for now. */
static bool accept_one(struct probe_server *server, int listener)
{
	struct probe_connection *room = find_room(server);
	if (room == NULL)
		return false;
	struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
	socklen_t size = sizeof(peer);
	int fd = accept4(listener, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		welcome(server, room, fd, &peer);
		return true;
	}
	switch (errno) {
	case EAGAIN:
		return false;
	case EINTR:
	case ECONNABORTED:
	case EPROTO: /* these are the network's about that one connection: accept(2) */
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case ENETUNREACH:
		return true;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		room = find_victim(server);
		if (room != NULL)
			probe_connection_evict(room, &server->desk);
		else if (server->paused_until_ms <= sys_now_ms())
			pause_accepting(server, EMFILE);
		return room != NULL;
	default:
		pause_accepting(server, errno);
		return false;
	}
}

static void accept_some(struct probe_server *server, int listener)
{
	for (int i = 0; i < ACCEPTS_PER_TURN; i++)
		if (!accept_one(server, listener))
			return;
}

/* ---- the loop ---- */

static size_t prepare(struct probe_server *server, int64_t now_ms)
{
	const struct probe_server_options *options = server->options;
	size_t n = 0;
	for (size_t i = 0; i < options->n_listeners; i++)
		server->polls[n++] = (struct pollfd){
			.fd = now_ms < server->paused_until_ms ? -1 : options->listeners[i],
			.events = POLLIN,
		};
	server->polls[n++] = (struct pollfd){ .fd = options->ask_fd, .events = POLLIN };
	size_t n_polled = 0;
	/* The kernel refuses more entries than descriptors may be open, whatever is in them. */
	for (size_t i = 0; i < server->max; i++) {
		struct probe_connection *c = &server->connections[i];
		/* who waits for PID 1 is not read, and polled for nothing */
		if (c->state == PROBE_CONNECTION_FREE || c->state == PROBE_CONNECTION_ASKING)
			continue;
		server->polls[n++] = (struct pollfd){ .fd = c->fd, .events = POLLIN };
		server->polled[n_polled++] = c;
	}
	return n;
}

static int time_to_wait(const struct probe_server *server, int64_t now_ms)
{
	int64_t next = INT64_MAX;
	if (server->paused_until_ms > now_ms)
		next = server->paused_until_ms;
	if (server->is_wanted && !server->is_asked && server->next_ask_ms < next)
		next = server->next_ask_ms;
	for (size_t i = 0; i < server->max; i++)
		if (server->connections[i].state != PROBE_CONNECTION_FREE &&
		    server->connections[i].deadline_ms < next)
			next = server->connections[i].deadline_ms;
	if (next == INT64_MAX)
		return -1;
	return next <= now_ms ? 0 : (int)(next - now_ms); /* a deadline is at most 75 s away */
}

static void serve_connections(struct probe_server *server, const struct pollfd *polls, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (polls[i].revents != 0)
			probe_connection_read(server->polled[i], &server->desk);
	server->is_wanted = false;
	for (size_t i = 0; i < server->max; i++)
		server->is_wanted |= server->connections[i].state == PROBE_CONNECTION_ASKING;
	int64_t now_ms = sys_now_ms();
	if (server->is_wanted)
		ask(server, now_ms);
	for (size_t i = 0; i < server->max; i++) {
		struct probe_connection *c = &server->connections[i];
		if (c->state != PROBE_CONNECTION_FREE && c->deadline_ms <= now_ms)
			probe_connection_expire(c, &server->desk);
	}
}

static int turn(struct probe_server *server)
{
	size_t n_listeners = server->options->n_listeners;
	int64_t now_ms = sys_now_ms();
	size_t n = prepare(server, now_ms);
	if (poll(server->polls, (nfds_t)n, time_to_wait(server, now_ms)) < 0) {
		if (errno == EINTR)
			return 0;
		log_error("probes", "poll: %s", strerror(errno));
		return EXIT_CODE_INTERNAL;
	}
	const struct pollfd *asked = &server->polls[n_listeners];
	if ((asked->revents & POLLIN) != 0)
		take_answers(server);
	else if ((asked->revents & (POLLHUP | POLLERR | POLLNVAL)) != 0)
		return EXIT_CODE_UNAVAILABLE; /* PID 1 is gone */
	serve_connections(server, asked + 1, n - n_listeners - 1);
	for (size_t i = 0; i < n_listeners; i++)
		if (server->polls[i].revents != 0)
			accept_some(server, server->options->listeners[i]);
	return 0;
}

int probe_server_main(const struct probe_server_options *options)
{
	struct probe_server *server = mem_alloc(sizeof(*server));
	int code = 0;
	server->options = options;
	server->max = options->max_connections > 0 ? options->max_connections : 1;
	server->connections = mem_alloc(server->max * sizeof(server->connections[0]));
	server->polls =
		mem_alloc((server->max + PROBE_LISTENERS_MAX + 1) * sizeof(server->polls[0]));
	server->polled = mem_alloc(server->max * sizeof(server->polled[0]));
	server->sequence = (uint8_t)sys_now_ms(); /* another one than a predecessor's */
	server->desk.page = options->page;
	server->desk.request_ms = options->request_ms > 0 ? options->request_ms : REQUEST_MS;
	server->desk.ask_ms = options->ask_ms > 0 ? options->ask_ms : ASK_MS;
	while (code == 0)
		code = turn(server);
	free(server->polls);
	free(server->polled);
	free(server->connections);
	free(server);
	return code;
}
