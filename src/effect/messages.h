/* The one datagram socket on which all children of pidone report to PID 1.
 * PID 1 holds both ends for its whole life (a child that dies takes nothing
 * along, a restarted one inherits the same end). Close-on-exec. */
#pragma once

#include "base/err.h"
#include "pure/message.h"

struct messages {
	int receive_fd; /* PID 1 reads here, non-blocking */
	int send_fd;    /* children write here */
};

int messages_open(struct messages *messages, struct err *err) ATTR_CHECK;
void messages_close(struct messages *messages);

/* For a child: sends one message; text is cut at MESSAGE_TEXT_SIZE - 1. Blocks
 * while PID 1 is behind (its queue is bounded): that is the child's time. A
 * message that cannot be sent is lost: PID 1 is gone, or going. */
void messages_send(int send_fd, enum message_type type, int code, const char *format, ...)
	ATTR_PRINTF(4, 5);

/* The same with a message that is ready, whose text ends with zeroes. Async-signal-safe. */
void messages_post(int send_fd, const struct message *message);

/* For PID 1: the next message and its sender's pid in PID 1's namespace.
 * 1: got one; 0: none is waiting; -1: a malformed one was thrown away. */
int messages_receive(const struct messages *messages, struct message *ret, pid_t *ret_sender)
	ATTR_CHECK;
