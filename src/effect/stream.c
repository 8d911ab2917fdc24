/* Non-blocking sockets and poll(). Errors are short ("connection refused"):
 * whoever asks knows whom it asked. */
#include "effect/stream.h"

#include "sys/sys.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#define FULL_QUEUE_MS 10 /* between two tries to get into it */

static int fail(struct err *err, int code)
{
	(void)err_set(err, 0, "%s", strerror(code));
	err->code = code;
	err->msg[0] = (char)tolower((unsigned char)err->msg[0]);
	return -1;
}

/* 0: ready; -1 with errno. */
static int wait_for(int fd, short events, int64_t deadline_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };
	for (;;) {
		int64_t left = deadline_ms - sys_now_ms();
		if (left < 0)
			left = 0;
		int ready = poll(&poll_fd, 1, left > INT32_MAX ? INT32_MAX : (int)left);
		if (ready > 0)
			return 0;
		if (ready == 0)
			errno = ETIMEDOUT;
		if (errno != EINTR)
			return -1;
	}
}

static int connect_address(const struct sockaddr *address, socklen_t size, int64_t deadline_ms)
{
	int code = 0, result = 0;
	socklen_t code_size = sizeof(code);
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	/* a unix socket whose queue is full says EAGAIN, and does not tell of room */
	while ((result = connect(fd, address, size)) < 0 && errno == EAGAIN &&
	       sys_now_ms() < deadline_ms)
		(void)poll(NULL, 0, FULL_QUEUE_MS);
	if (result == 0)
		return fd;
	if (errno != EINPROGRESS || wait_for(fd, POLLOUT, deadline_ms) < 0)
		code = errno == EAGAIN ? ETIMEDOUT : errno;
	else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &code_size) < 0)
		code = errno;
	if (code == 0)
		return fd;
	(void)close(fd);
	errno = code;
	return -1;
}

/* Of two addresses' failures the one that tells more. */
static bool tells_little(int code)
{
	return code == 0 || code == EAFNOSUPPORT || code == EADDRNOTAVAIL ||
	       code == ENETUNREACH || code == EHOSTUNREACH;
}

static int connect_localhost(uint16_t port, int64_t deadline_ms, struct err *err)
{
	const struct sockaddr_in v4 = { .sin_family = AF_INET,
					.sin_port = htons(port),
					.sin_addr = { htonl(INADDR_LOOPBACK) } };
	const struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
					 .sin6_port = htons(port),
					 .sin6_addr = in6addr_loopback };
	int64_t now = sys_now_ms();
	int fd = connect_address((const struct sockaddr *)&v4, sizeof(v4),
				 now + (deadline_ms - now) / 2);
	if (fd >= 0)
		return fd;
	int code = err->code = errno;
	fd = connect_address((const struct sockaddr *)&v6, sizeof(v6), deadline_ms);
	if (fd >= 0)
		return fd;
	return fail(err, tells_little(errno) ? code : errno);
}

const char *stream_resolve_error(int code)
{
	switch (code) {
	case EAI_SYSTEM:
		return strerror(errno);
	case EAI_NONAME:
		return "Name or service not known";
	case EAI_AGAIN: /* "Try again", says musl */
		return "Temporary failure in name resolution";
	default:
		return gai_strerror(code);
	}
}

int stream_connect_tcp(const char *host, uint16_t port, int64_t deadline_ms, struct err *err)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *addresses = NULL;
	char service[8];
	int fd = -1, code = 0, left = 0;
	if (strcasecmp(host, "localhost") == 0)
		return connect_localhost(port, deadline_ms, err);
	(void)snprintf(service, sizeof(service), "%u", port);
	int result = getaddrinfo(host, service, &hints, &addresses);
	if (result != 0)
		return err_set(err, 0, "cannot resolve '%.100s': %s", host,
			       stream_resolve_error(result));
	for (const struct addrinfo *a = addresses; a != NULL; a = a->ai_next)
		left++;
	for (const struct addrinfo *a = addresses; a != NULL && fd < 0; a = a->ai_next) {
		int64_t now = sys_now_ms();
		fd = connect_address(a->ai_addr, a->ai_addrlen,
				     now + (deadline_ms - now) / left--);
		if (fd < 0 && (tells_little(code) || !tells_little(errno)))
			code = errno;
	}
	freeaddrinfo(addresses);
	return fd >= 0 ? fd : fail(err, code);
}

int stream_connect_unix(const char *path, int64_t deadline_ms, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address.sun_path))
		return fail(err, ENAMETOOLONG);
	memcpy(address.sun_path, path, strlen(path) + 1);
	int fd = connect_address((const struct sockaddr *)&address, sizeof(address), deadline_ms);
	return fd >= 0 ? fd : fail(err, errno);
}

int stream_send(int fd, const char *bytes, size_t length, int64_t deadline_ms, struct err *err)
{
	while (length > 0) {
		ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN && wait_for(fd, POLLOUT, deadline_ms) == 0)
			continue;
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return fail(err, errno);
		bytes += sent;
		length -= (size_t)sent;
	}
	return 0;
}

ssize_t stream_receive(int fd, char *bytes, size_t size, int64_t deadline_ms, struct err *err)
{
	for (;;) {
		ssize_t got = recv(fd, bytes, size, 0);
		if (got >= 0)
			return got;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN || wait_for(fd, POLLIN, deadline_ms) < 0)
			return errno == ETIMEDOUT ? err_set(err, 0, "no answer in time") :
						    fail(err, errno);
	}
}
