/* Unix datagram sockets as sd_notify(3) uses them. */
#include "effect/notify_socket.h"

#include "effect/datagram.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

static int open_socket(struct err *err)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return fd >= 0 ? fd : err_set(err, errno, "create a socket for sd_notify");
}

/* Binding to nothing but the family has the kernel choose the name. */
static int bind_anywhere(struct notify_socket *notify, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t size = sizeof(sa_family_t);
	if (bind(notify->fd, (struct sockaddr *)&address, size) < 0)
		return err_set(err, errno, "name the socket for sd_notify");
	size = sizeof(address);
	if (getsockname(notify->fd, (struct sockaddr *)&address, &size) < 0)
		return err_set(err, errno, "find the name of the socket for sd_notify");
	size_t length = size - offsetof(struct sockaddr_un, sun_path);
	if (length < 2 || length >= sizeof(notify->name) || address.sun_path[0] != '\0')
		return err_set(err, 0, "the socket for sd_notify has no name");
	memcpy(notify->name, address.sun_path, length);
	notify->name[0] = '@';
	notify->name[length] = '\0';
	return datagram_ask_for_senders(notify->fd, err);
}

int notify_socket_open(struct notify_socket *notify, struct err *err)
{
	notify->fd = open_socket(err);
	if (notify->fd < 0)
		return -1;
	if (bind_anywhere(notify, err) == 0)
		return 0;
	(void)close(notify->fd);
	notify->fd = -1;
	return -1;
}

int notify_socket_connect(const char *address, struct err *err)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t length = strlen(address);
	if ((address[0] != '/' && address[0] != '@') || length < 2 || length > sizeof(to.sun_path))
		return err_set(err, 0, "'%.120s' is not a path and not @name", address);
	memcpy(to.sun_path, address, length);
	if (address[0] == '@')
		to.sun_path[0] = '\0';
	int fd = open_socket(err);
	if (fd < 0)
		return -1;
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	if (connect(fd, (struct sockaddr *)&to, size) == 0)
		return fd;
	(void)err_set(err, errno, "reach %.120s", address);
	(void)close(fd);
	return -1;
}

void notify_socket_tell(int fd, const char *lines)
{
	(void)send(fd, lines, strlen(lines), MSG_DONTWAIT | MSG_NOSIGNAL);
}
