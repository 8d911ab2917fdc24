/* Bytes are looked at in the kernel's queue and only those of one request are
 * taken: what was pipelined behind a /livez waits there, not in memory of ours. */
#include "children/probe_connection.h"

#include "sys/sys.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#define IDLE_MS   75000 /* longer than the usual pause between two scrapes */
#define LINGER_MS 1000
#define REQUESTS_PER_TURN 16 /* then the others have theirs */

static void enter(struct probe_connection *connection, enum probe_connection_state state,
		  int64_t duration_ms)
{
	connection->state = state;
	connection->since_ms = sys_now_ms();
	connection->deadline_ms = connection->since_ms + duration_ms;
}

void probe_connection_open(struct probe_connection *connection, int take_fd, uint8_t peer,
			   struct probe_desk *desk)
{
	connection->fd = take_fd;
	connection->peer = peer;
	desk->from[peer]++;
	http_parser_init(&connection->parser);
	enter(connection, PROBE_CONNECTION_READING, desk->request_ms);
}

void probe_connection_close(struct probe_connection *connection, struct probe_desk *desk)
{
	(void)close(connection->fd);
	desk->from[connection->peer]--;
	connection->fd = -1;
	connection->state = PROBE_CONNECTION_FREE;
}

/* Who has not said what it wants is reset: of thousands a second an orderly end would
 * leave the kernel thousands of sockets to remember for a minute each. */
void probe_connection_evict(struct probe_connection *connection, struct probe_desk *desk)
{
	static const struct linger at_once = { .l_onoff = 1 };
	if (connection->state == PROBE_CONNECTION_READING)
		(void)setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	probe_connection_close(connection, desk);
}

/* One sendmsg: an answer fits into the queue of a client that reads. */
static void answer(struct probe_connection *connection, struct probe_answer verdict,
		   bool keep_alive, bool with_body, struct probe_desk *desk)
{
	char head[512];
	const struct http_answer http = {
		.status = verdict.status,
		.content_type = verdict.content_type,
		.length = desk->body.length,
		.keep_alive = keep_alive,
		.now_s = time(NULL),
	};
	struct iovec parts[] = {
		{ head, http_format_head(&http, head, sizeof(head)) },
		{ desk->body.text, with_body ? desk->body.length : 0 },
	};
	const struct msghdr message = { .msg_iov = parts, .msg_iovlen = ARRAY_SIZE(parts) };
	ssize_t sent = sendmsg(connection->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0 || (size_t)sent != parts[0].iov_len + parts[1].iov_len) {
		probe_connection_close(connection, desk); /* a client that does not read */
	} else if (keep_alive) {
		http_parser_init(&connection->parser);
		enter(connection, PROBE_CONNECTION_IDLE, IDLE_MS);
	} else {
		(void)shutdown(connection->fd, SHUT_WR);
		enter(connection, PROBE_CONNECTION_LINGERING, LINGER_MS);
	}
}

static void render(struct probe_connection *connection, bool asked, struct probe_desk *desk)
{
	const struct http_request *request = &connection->parser.request;
	bool read = page_read(desk->page, &desk->snapshot);
	struct probe_answer verdict =
		probe_answer_render(request, read ? &desk->snapshot : NULL, asked, sys_now_ms(),
				    &desk->body);
	answer(connection, verdict, request->keep_alive, request->method != HTTP_HEAD, desk);
}

void probe_connection_asked(struct probe_connection *connection, bool asked,
			    struct probe_desk *desk)
{
	if (connection->state == PROBE_CONNECTION_ASKING)
		render(connection, asked, desk);
}

/* Looks at what has come and takes what belongs to the request at hand. */
static enum http_progress take(struct probe_connection *connection, struct probe_desk *desk)
{
	char bytes[2048];
	size_t used = 0;
	ssize_t got = recv(connection->fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
	if (got <= 0) {
		if (got == 0 || (errno != EAGAIN && errno != EINTR))
			probe_connection_close(connection, desk);
		return HTTP_MORE;
	}
	if (connection->state == PROBE_CONNECTION_IDLE)
		enter(connection, PROBE_CONNECTION_READING, desk->request_ms);
	enum http_progress progress =
		http_parser_feed(&connection->parser, bytes, (size_t)got, &used);
	if (recv(connection->fd, bytes, used, MSG_DONTWAIT) < 0) {
		probe_connection_close(connection, desk); /* it was reset between the two */
		return HTTP_MORE;
	}
	return progress;
}

static void discard(struct probe_connection *connection, struct probe_desk *desk)
{
	char bytes[4096];
	ssize_t got = recv(connection->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		probe_connection_close(connection, desk);
}

void probe_connection_read(struct probe_connection *connection, struct probe_desk *desk)
{
	if (connection->state == PROBE_CONNECTION_LINGERING) {
		discard(connection, desk);
		return;
	}
	for (int i = 0; i < REQUESTS_PER_TURN; i++) {
		if (connection->state != PROBE_CONNECTION_READING &&
		    connection->state != PROBE_CONNECTION_IDLE)
			return;
		switch (take(connection, desk)) {
		case HTTP_MORE:
			return;
		case HTTP_BAD:
			answer(connection,
			       probe_answer_bad(connection->parser.bad_status, &desk->body), false,
			       connection->parser.request.method != HTTP_HEAD, desk);
			return;
		case HTTP_REQUEST:
			if (probe_answer_needs_ask(&connection->parser.request))
				enter(connection, PROBE_CONNECTION_ASKING, desk->ask_ms);
			else
				render(connection, true, desk);
			break;
		}
	}
}

void probe_connection_expire(struct probe_connection *connection, struct probe_desk *desk)
{
	if (connection->state == PROBE_CONNECTION_ASKING)
		probe_connection_asked(connection, false, desk);
	else
		probe_connection_close(connection, desk);
}
