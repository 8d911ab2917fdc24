/* Probes at a steady pace, each on a connection of its own, as a kubelet sends them:
 *
 *   probes PORT PATH PER_SECOND COUNT
 *
 * Prints a line for each: the nanoseconds from its beginning to the end of the answer, which
 * has to be 200. One that begins late because the one before took too long counts from
 * when it was due. */
#include "bench.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <sys/socket.h>

#define PROGRAM    "probes"
#define PATIENCE_S 5

static void probe(const struct sockaddr_in *address, const char *request)
{
	static const struct timeval patience = { .tv_sec = PATIENCE_S };
	char answer[4096];
	size_t length = 0;
	ssize_t got;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ||
	    write(fd, request, strlen(request)) != (ssize_t)strlen(request))
		die(PROGRAM, "ask");
	while ((got = read(fd, answer + length, sizeof(answer) - 1 - length)) > 0)
		length += (size_t)got;
	if (got < 0)
		die(PROGRAM, "read the answer");
	answer[length] = '\0';
	(void)close(fd);
	if (strncmp(answer, "HTTP/1.1 200 ", 13) != 0) {
		(void)fprintf(stderr, "%s: answered '%.60s'\n", PROGRAM, answer);
		_exit(1);
	}
}

static void wait_until(int64_t due_ns)
{
	const struct timespec due = { .tv_sec = due_ns / 1000000000,
				      .tv_nsec = due_ns % 1000000000 };
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
		continue;
}

int main(int argc, char **argv)
{
	char request[256];
	if (argc != 5) {
		(void)fprintf(stderr, "usage: probes PORT PATH PER_SECOND COUNT\n");
		return 2;
	}
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)count_of(PROGRAM, argv[1])),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	int64_t pause_ns = 1000000000 / (int64_t)count_of(PROGRAM, argv[3]);
	size_t count = count_of(PROGRAM, argv[4]);
	(void)snprintf(request, sizeof(request),
		       "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", argv[2]);
	int64_t due = now_ns(), ended = 0;
	for (size_t i = 0; i < count; i++, due += pause_ns) {
		wait_until(due);
		int64_t begin = ended > due ? due : now_ns();
		probe(&address, request);
		ended = now_ns();
		(void)printf("%" PRId64 "\n", ended - begin);
	}
	return 0;
}
