/* The listening sockets of the probe server, opened once at boot by PID 1, who
 * keeps them while probe servers come and go. Non-blocking, close-on-exec.
 * Not here: who accepts. */
#pragma once

#include "base/err.h"

#include <sys/un.h>

#define LISTEN_MAX 3 /* TCP, a second family, unix */
#define LISTEN_DIRECTORY  "/run/pidone"  /* ROLE.sock in it; else */
#define LISTEN_TMP_PREFIX "/tmp/pidone-" /* ROLE.sock behind it */

enum listen_result {
	LISTEN_OPEN,     /* what was asked for is there (also: "none" was asked for) */
	LISTEN_DEGRADED, /* a default cannot be had: go on; err has the reason to log once */
	LISTEN_FAILED,   /* an explicit wish cannot be had; err */
};

/* Starts as all zeroes. */
struct listen_sockets {
	int fds[LISTEN_MAX];
	size_t n;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)]; /* of the unix socket, or "" */
	dev_t device; /* who that file is: listen_unlink() removes no other */
	ino_t inode;
};

/* text: "[::]:9480" (both families; only IPv4 where the kernel has no IPv6),
 * "0.0.0.0:80", ":9480", "9480" (both), "localhost:80", "none". Resolves no names. */
enum listen_result listen_open_tcp(struct listen_sockets *sockets, const char *text,
				   bool is_explicit, struct err *err) ATTR_CHECK;

/* path: an explicit one, or "none", or NULL for the default places of the role
 * (without slash). Anybody in the container may connect, as probes run as any
 * user. A file that a dead supervisor left is replaced, a live one is not. */
enum listen_result listen_open_unix(struct listen_sockets *sockets, const char *path,
				    const char *role, struct err *err) ATTR_CHECK;

/* Removes the unix socket's file, if it still is the one we made. To be called
 * before listen_close(): the open socket keeps its inode from being used anew. */
void listen_unlink(const struct listen_sockets *sockets);
void listen_close(struct listen_sockets *sockets);
