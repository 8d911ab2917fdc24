/* Opening, replacing and removing sockets at boot and at the end. */
#include "effect/listen.h"

#include "base/parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* Where a flood fills the queue the kernel forgets who comes next: a second until it asks
 * again, and a probe's time is over. This many are accepted within 50 ms. */
#define BACKLOG        1024
/* The kernel's memory for each connection, accepted or not: room for a request, and for
 * the longest answer at once, not for what somebody sends or asks for and nobody reads. */
#define RECEIVE_BUFFER 8192
#define SEND_BUFFER    131072
#define DIRECTORY_MODE 0755
#define SOCKET_UMASK 0111 /* 0666: every user of the container may probe */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un unix_path;
};

/* The two families of one wish. */
struct tcp_wish {
	union address addresses[2];
	size_t n;
	bool both_on_one; /* [::] without IPV6_V6ONLY; the second is what is left without IPv6 */
};

static socklen_t address_size(const union address *address)
{
	return address->any.sa_family == AF_INET6 ? sizeof(address->v6) :
	       address->any.sa_family == AF_INET  ? sizeof(address->v4) :
						    sizeof(address->unix_path);
}

static union address address_v4(struct in_addr host, uint16_t port)
{
	return (union address){ .v4 = { .sin_family = AF_INET,
					.sin_port = htons(port),
					.sin_addr = host } };
}

static union address address_v6(struct in6_addr host, uint16_t port)
{
	return (union address){ .v6 = { .sin6_family = AF_INET6,
					.sin6_port = htons(port),
					.sin6_addr = host } };
}

static int parse_wish(const char *text, struct tcp_wish *wish, struct err *err)
{
	char host[INET6_ADDRSTRLEN];
	uint16_t port = 0;
	struct in_addr v4 = { htonl(INADDR_ANY) };
	struct in6_addr v6 = in6addr_any;
	if (parse_host_port(text, host, sizeof(host), &port) < 0)
		return err_set(err, 0, "'%s' is no address to listen on: write '[::]:9480', "
				       "'0.0.0.0:9480' or '9480'", text);
	memset(wish, 0, sizeof(*wish));
	if (streq(host, "localhost")) {
		v4.s_addr = htonl(INADDR_LOOPBACK);
		v6 = in6addr_loopback;
		wish->n = 2;
	} else if (host[0] == '\0' ||
		   (inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_UNSPECIFIED(&v6))) {
		wish->n = 2;
		wish->both_on_one = true;
	} else if (inet_pton(AF_INET6, host, &v6) == 1) {
		wish->n = 1;
	} else if (inet_pton(AF_INET, host, &v4) == 1) {
		wish->addresses[wish->n++] = address_v4(v4, port);
		return 0;
	} else {
		return err_set(err, 0, "'%s' is not an address: names are not resolved here, "
				       "write '[::]:%u' or an address", host, port);
	}
	wish->addresses[0] = address_v6(v6, port);
	wish->addresses[1] = address_v4(v4, port);
	return 0;
}

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

/* What is accepted inherits all this. */
static int prepare_tcp(int fd, int family, bool v6_only)
{
	if (set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0 ||
	    (family == AF_INET6 && set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6_only) < 0))
		return -1;
	(void)set_int(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	(void)set_int(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER);
	return 0;
}

static int open_socket(const union address *address, bool v6_only)
{
	int family = address->any.sa_family;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if ((family != AF_UNIX && prepare_tcp(fd, family, v6_only) < 0) ||
	    bind(fd, &address->any, address_size(address)) < 0 || listen(fd, BACKLOG) < 0) {
		int code = errno;
		(void)close(fd);
		errno = code;
		return -1;
	}
	return fd;
}

/* The kernel, or the container's network, does without this family. */
static bool family_is_missing(int code)
{
	return code == EAFNOSUPPORT || code == EADDRNOTAVAIL;
}

static enum listen_result no(bool is_explicit)
{
	return is_explicit ? LISTEN_FAILED : LISTEN_DEGRADED;
}

static const char *remedy(int code)
{
	return code == EADDRINUSE ? " (containers of a pod share their ports)" :
	       code == EACCES     ? " (ports below 1024 may need a privilege)" :
				    "";
}

enum listen_result listen_open_tcp(struct listen_sockets *sockets, const char *text,
				   bool is_explicit, struct err *err)
{
	struct tcp_wish wish;
	size_t before = sockets->n;
	int code = 0;
	if (streq(text, "none"))
		return LISTEN_OPEN;
	if (parse_wish(text, &wish, err) < 0)
		return no(is_explicit);
	for (size_t i = 0; i < wish.n && sockets->n < LISTEN_MAX; i++) {
		int fd = open_socket(&wish.addresses[i], !wish.both_on_one);
		if (fd < 0) {
			code = errno;
			if (wish.n > 1 && family_is_missing(code))
				continue;
			break;
		}
		code = 0;
		sockets->fds[sockets->n++] = fd;
		if (wish.both_on_one)
			break;
	}
	if (sockets->n > before && (code == 0 || family_is_missing(code)))
		return LISTEN_OPEN;
	while (sockets->n > before)
		(void)close(sockets->fds[--sockets->n]);
	(void)err_set(err, code, "listen on %s%s", text, remedy(code));
	return no(is_explicit);
}

/* Makes way for a socket of ours at the path, or says who sits there. */
static int make_way(const union address *address, struct err *err)
{
	const char *path = address->unix_path.sun_path;
	struct stat st;
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_set(err, errno, "look at '%s'", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, 0, "'%s' is there already and is not a socket: choose "
				       "another path", path);
	int fd CLEANUP_CLOSE = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(err, errno, "create a socket");
	if (connect(fd, &address->any, address_size(address)) == 0 || errno == EAGAIN)
		return err_set(err, 0, "'%s' belongs to a running supervisor: choose another "
				       "path", path);
	if (errno != ECONNREFUSED)
		return err_set(err, errno, "find out whether '%s' is in use", path);
	if (unlink(path) < 0)
		return err_set(err, errno, "remove '%s', which a dead supervisor left", path);
	return 0;
}

static int open_path(struct listen_sockets *sockets, const char *path, struct err *err)
{
	union address address = { .unix_path = { .sun_family = AF_UNIX } };
	struct stat st;
	if (path[0] != '/')
		return err_set(err, 0, "'%s' is not an absolute path", path);
	if (strlen(path) >= sizeof(address.unix_path.sun_path))
		return err_set(err, 0, "a socket's path has at most %zu bytes, this one has %zu: "
				       "'%.40s...'", sizeof(address.unix_path.sun_path) - 1,
			       strlen(path), path);
	memcpy(address.unix_path.sun_path, path, strlen(path) + 1);
	if (make_way(&address, err) < 0)
		return -1;
	mode_t mask = umask(SOCKET_UMASK); /* bind() gives the mode; a chmod could hit another */
	int fd = open_socket(&address, false);
	int code = errno;
	(void)umask(mask);
	if (fd < 0)
		return err_set(err, code, "listen on unix:%s", path);
	if (lstat(path, &st) < 0) {
		code = errno;
		(void)close(fd);
		return err_set(err, code, "look at '%s' just made", path);
	}
	memcpy(sockets->path, path, strlen(path) + 1);
	sockets->device = st.st_dev;
	sockets->inode = st.st_ino;
	sockets->fds[sockets->n++] = fd;
	return 0;
}

enum listen_result listen_open_unix(struct listen_sockets *sockets, const char *path,
				    const char *role, struct err *err)
{
	char candidate[128];
	struct err second;
	if (path != NULL) {
		if (streq(path, "none") || open_path(sockets, path, err) == 0)
			return LISTEN_OPEN;
		return LISTEN_FAILED;
	}
	(void)mkdir(LISTEN_DIRECTORY, DIRECTORY_MODE); /* if not, binding says so */
	(void)snprintf(candidate, sizeof(candidate), LISTEN_DIRECTORY "/%s.sock", role);
	if (open_path(sockets, candidate, err) == 0)
		return LISTEN_OPEN;
	(void)snprintf(candidate, sizeof(candidate), LISTEN_TMP_PREFIX "%s.sock", role);
	if (open_path(sockets, candidate, &second) == 0)
		return LISTEN_OPEN;
	size_t used = strlen(err->msg);
	(void)snprintf(err->msg + used, sizeof(err->msg) - used, "; %s", second.msg);
	return LISTEN_DEGRADED;
}

void listen_unlink(const struct listen_sockets *sockets)
{
	struct stat st;
	if (sockets->path[0] != '\0' && lstat(sockets->path, &st) == 0 &&
	    st.st_dev == sockets->device && st.st_ino == sockets->inode)
		(void)unlink(sockets->path);
}

void listen_close(struct listen_sockets *sockets)
{
	for (size_t i = 0; i < sockets->n; i++)
		(void)close(sockets->fds[i]);
	memset(sockets, 0, sizeof(*sockets));
}
