/* recvmsg(2) with credentials. */
#include "effect/datagram.h"

#include <errno.h>
#include <sys/socket.h>

#define TRIES 3

int datagram_ask_for_senders(int fd, struct err *err)
{
	int on = 1;
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		return err_set(err, errno, "ask the kernel for senders' pids");
	return 0;
}

ssize_t datagram_receive(int fd, void *bytes, size_t size, pid_t *ret_sender)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec iov = { .iov_base = bytes, .iov_len = size };
	struct msghdr header = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
	};
	ssize_t got = -1;
	/* a kernel that is short of memory says so once, and what was said must be heard */
	for (int tries = 0; got < 0 && tries < TRIES; tries++) {
		header.msg_controllen = sizeof(control);
		got = recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
	}
	if (got < 0)
		return -1;
	*ret_sender = 0;
	/* the first, and the only one that there is room for: what somebody attached comes
	 * behind it, and is dropped */
	const struct cmsghdr *first = CMSG_FIRSTHDR(&header);
	if (first != NULL && first->cmsg_level == SOL_SOCKET &&
	    first->cmsg_type == SCM_CREDENTIALS) {
		struct ucred sender;
		memcpy(&sender, CMSG_DATA(first), sizeof(sender));
		*ret_sender = sender.pid;
	}
	return got;
}
