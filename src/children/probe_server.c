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

#define REQUEST_MS 5000
#define ASK_MS 700
#define PAUSE_MS 500 /* after an error of accept() that lasts */

struct probe_server {
	const struct probe_server_options *options;
	struct probe_connection *connections;
	struct pollfd *polls; /* listeners, the pair, connections */
	size_t max;
	bool is_asked;           /* a byte is on its way to PID 1 and back */
	uint8_t sequence;        /* of that byte: an answer to a predecessor's is not one to ours */
	int64_t paused_until_ms; /* no accepting before */
	struct probe_desk desk;
};

/* ---- asking PID 1 ---- */

/* Whoever comes while a byte is on its way waits for the same. If it cannot be
 * sent, PID 1 has not read for long: the deadlines say so. */
static void ask(struct probe_server *server)
{
	uint8_t next = (uint8_t)(server->sequence + 1);
	if (server->is_asked ||
	    send(server->options->ask_fd, &next, 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1)
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

/* The one that is missed least: the oldest of the first state in the order of
 * the enumeration. */
static struct probe_connection *choose_victim(struct probe_server *server)
{
	struct probe_connection *victim = NULL;
	for (size_t i = 0; i < server->max; i++) {
		struct probe_connection *c = &server->connections[i];
		if (c->state == PROBE_CONNECTION_FREE)
			continue;
		if (victim == NULL || c->state < victim->state ||
		    (c->state == victim->state && c->since_ms < victim->since_ms))
			victim = c;
	}
	return victim;
}

static struct probe_connection *find_room(struct probe_server *server)
{
	for (size_t i = 0; i < server->max; i++)
		if (server->connections[i].state == PROBE_CONNECTION_FREE)
			return &server->connections[i];
	struct probe_connection *victim = choose_victim(server);
	probe_connection_close(victim);
	return victim;
}

static void pause_accepting(struct probe_server *server, int code)
{
	log_debug("probes", "cannot accept connections for a while: %s", strerror(code));
	server->paused_until_ms = sys_now_ms() + PAUSE_MS;
}

static void accept_one(struct probe_server *server, int listener)
{
	int on = 1;
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		/* a unix socket refuses it; a pipelined answer need not wait for it */
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		probe_connection_open(find_room(server), fd, &server->desk);
		return;
	}
	struct probe_connection *victim;
	switch (errno) {
	case EAGAIN:
	case EINTR:
	case ECONNABORTED:
	case EPROTO: /* these are the network's about that one connection: accept(2) */
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case ENETUNREACH:
		return;
	case EMFILE:
	case ENFILE:
		victim = choose_victim(server);
		if (victim != NULL) {
			probe_connection_close(victim); /* and again at the next turn */
			return;
		}
		pause_accepting(server, EMFILE);
		return;
	default:
		pause_accepting(server, errno);
	}
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
	for (size_t i = 0; i < server->max; i++) {
		const struct probe_connection *c = &server->connections[i];
		/* who waits for PID 1 is not read, and polled for nothing */
		bool silent =
			c->state == PROBE_CONNECTION_FREE || c->state == PROBE_CONNECTION_ASKING;
		server->polls[n++] = (struct pollfd){ .fd = silent ? -1 : c->fd, .events = POLLIN };
	}
	return n;
}

static int time_to_wait(const struct probe_server *server, int64_t now_ms)
{
	int64_t next = INT64_MAX;
	if (server->paused_until_ms > now_ms)
		next = server->paused_until_ms;
	for (size_t i = 0; i < server->max; i++)
		if (server->connections[i].state != PROBE_CONNECTION_FREE &&
		    server->connections[i].deadline_ms < next)
			next = server->connections[i].deadline_ms;
	if (next == INT64_MAX)
		return -1;
	return next <= now_ms ? 0 : (int)(next - now_ms); /* a deadline is at most 75 s away */
}

static void serve_connections(struct probe_server *server, const struct pollfd *polls)
{
	for (size_t i = 0; i < server->max; i++) {
		struct probe_connection *c = &server->connections[i];
		if (polls[i].revents != 0)
			probe_connection_read(c, &server->desk);
		if (c->state == PROBE_CONNECTION_ASKING)
			ask(server);
	}
	int64_t now_ms = sys_now_ms();
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
	serve_connections(server, asked + 1);
	for (size_t i = 0; i < n_listeners; i++)
		if (server->polls[i].revents != 0)
			accept_one(server, server->options->listeners[i]);
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
	server->sequence = (uint8_t)sys_now_ms(); /* another one than a predecessor's */
	server->desk.page = options->page;
	server->desk.request_ms = options->request_ms > 0 ? options->request_ms : REQUEST_MS;
	server->desk.ask_ms = options->ask_ms > 0 ? options->ask_ms : ASK_MS;
	while (code == 0)
		code = turn(server);
	free(server->polls);
	free(server->connections);
	free(server);
	return code;
}
