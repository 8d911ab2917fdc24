/* The report socket: a unix datagram pair with kernel-attested senders. */
#include "effect/messages.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

int messages_open(struct messages *messages, struct err *err)
{
	int fds[2], on = 1;
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds) < 0)
		return err_set(err, errno, "create the report socket");
	messages->receive_fd = fds[0];
	messages->send_fd = fds[1];
	if (setsockopt(fds[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0) {
		int code = errno;
		messages_close(messages);
		return err_set(err, code, "ask for senders' pids on the report socket");
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
	ssize_t sent;
	do
		sent = send(send_fd, &message, sizeof(message), MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
}

int messages_receive(const struct messages *messages, struct message *ret, pid_t *ret_sender)
{
	char bytes[sizeof(*ret) + 1]; /* one more: a longer datagram is malformed */
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec iov = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct msghdr header = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t got = recvmsg(messages->receive_fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (got < 0)
		return 0; /* nothing there, or nothing to be had */
	*ret_sender = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c != NULL; c = CMSG_NXTHDR(&header, c)) {
		struct ucred sender;
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS)
			continue;
		memcpy(&sender, CMSG_DATA(c), sizeof(sender));
		*ret_sender = sender.pid;
	}
	if (*ret_sender <= 0 || message_decode(bytes, (size_t)got, ret) < 0)
		return -1;
	return 1;
}
