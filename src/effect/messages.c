/* The report socket: a unix datagram pair with kernel-attested senders. */
#include "effect/messages.h"

#include "effect/datagram.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

int messages_open(struct messages *messages, struct err *err)
{
	int fds[2];
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds) < 0)
		return err_set(err, errno, "create the report socket");
	messages->receive_fd = fds[0];
	messages->send_fd = fds[1];
	if (datagram_ask_for_senders(fds[0], err) < 0) {
		messages_close(messages);
		return -1;
	}
	return 0;
}

void messages_close(struct messages *messages)
{
	(void)close(messages->receive_fd);
	(void)close(messages->send_fd);
	*messages = (struct messages){ -1, -1 };
}

void messages_send(int send_fd, enum message_type type, int code, const char *format, ...)
{
	struct message message = { .type = (uint32_t)type, .code = code };
	va_list args;
	va_start(args, format);
	(void)vsnprintf(message.text, sizeof(message.text), format, args);
	va_end(args);
	messages_post(send_fd, &message);
}

void messages_post(int send_fd, const struct message *message)
{
	ssize_t sent;
	do
		sent = send(send_fd, message, sizeof(*message), MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
}

int messages_receive(const struct messages *messages, struct message *ret, pid_t *ret_sender)
{
	char bytes[sizeof(*ret) + 1]; /* one more: a longer datagram is malformed */
	ssize_t got = datagram_receive(messages->receive_fd, bytes, sizeof(bytes), ret_sender);
	if (got < 0)
		return 0;
	if (*ret_sender <= 0 || message_decode(bytes, (size_t)got, ret) < 0)
		return -1;
	return 1;
}
