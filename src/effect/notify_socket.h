/* Both sides of sd_notify(3): the socket on which the app tells us, and the one of a
 * service manager outside whom we tell. */
#pragma once

#include "base/err.h"

#define NOTIFY_SOCKET_NAME_SIZE 16

struct notify_socket {
	int fd;                             /* -1: none; non-blocking, close-on-exec */
	char name[NOTIFY_SOCKET_NAME_SIZE]; /* for NOTIFY_SOCKET: "@0001f" */
};

/* In the abstract namespace, under a name that the kernel chooses: no directory has to
 * be writable, any user can connect, nothing is left behind. All containers of a pod
 * see it, so the sender of each datagram counts (effect/datagram.h). */
int notify_socket_open(struct notify_socket *socket, struct err *err) ATTR_CHECK;

/* address: "/run/systemd/notify", "@name". A descriptor, or -1. */
int notify_socket_connect(const char *address, struct err *err) ATTR_CHECK;
/* Tells the service manager these lines; does not block, and what cannot be told is lost. */
void notify_socket_tell(int fd, const char *lines);
