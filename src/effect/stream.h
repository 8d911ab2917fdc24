/* Dialling out and talking with a deadline, for checks and subcommands: plain
 * blocking calls in a process that nobody waits for. Never in PID 1.
 * Deadlines are times of sys_now_ms(). */
#pragma once

#include "base/err.h"

/* A connected, non-blocking, close-on-exec socket, or -1. "localhost" is both
 * loopback addresses, whatever /etc/hosts says; where only IPv6 answers, err->code is
 * why IPv4 did not. The addresses of a name share the time that is left. */
int stream_connect_tcp(const char *host, uint16_t port, int64_t deadline_ms, struct err *err)
	ATTR_CHECK;
int stream_connect_unix(const char *path, int64_t deadline_ms, struct err *err) ATTR_CHECK;

/* What a failed getaddrinfo() means, in the same words whichever C library says it; borrowed. */
const char *stream_resolve_error(int code);

/* All of it, or -1. */
int stream_send(int fd, const char *bytes, size_t length, int64_t deadline_ms, struct err *err)
	ATTR_CHECK;
/* What has come, at least one byte; 0 at the end; -1. */
ssize_t stream_receive(int fd, char *bytes, size_t size, int64_t deadline_ms, struct err *err)
	ATTR_CHECK;
