/* One connection of the probe server: what has been read of it, what it waits
 * for and until when. Reads and answers; who polls and accepts is the server. */
#pragma once

#include "children/probe_answer.h"
#include "children/probe_server.h"

enum probe_connection_state {
	PROBE_CONNECTION_FREE,
	PROBE_CONNECTION_LINGERING, /* answered and shut down; reads away what still comes, for
	                             * close() with unread input would reset the answer away */
	PROBE_CONNECTION_IDLE,      /* kept alive, between two requests */
	PROBE_CONNECTION_READING,   /* a request has begun, or the first is to come */
	PROBE_CONNECTION_ASKING,    /* its /livez waits for PID 1 */
};

struct probe_connection {
	int fd;
	enum probe_connection_state state; /* the order in which they make room for others */
	int64_t since_ms;    /* of the state */
	int64_t deadline_ms; /* sys_now_ms() */
	uint8_t peer;        /* a hash of whom it is from: see probe_desk.from */
	struct http_parser parser;
};

/* What all connections share. */
struct probe_desk {
	const struct page *page;
	int64_t request_ms, ask_ms;
	uint32_t from[256]; /* so many connections are from peers of this hash */
	struct page_content snapshot;
	struct probe_body body;
};

void probe_connection_open(struct probe_connection *connection, int take_fd, uint8_t peer,
			   struct probe_desk *desk);
void probe_connection_close(struct probe_connection *connection, struct probe_desk *desk);
/* Makes room for another one. */
void probe_connection_evict(struct probe_connection *connection, struct probe_desk *desk);

/* Something can be read: reads, and answers what is complete. */
void probe_connection_read(struct probe_connection *connection, struct probe_desk *desk);

/* PID 1 answered, or (asked = false) did not in time: answers a waiting /livez. */
void probe_connection_asked(struct probe_connection *connection, bool asked,
			    struct probe_desk *desk);

/* Its deadline has passed. */
void probe_connection_expire(struct probe_connection *connection, struct probe_desk *desk);
