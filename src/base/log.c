/* One bounded line that never blocks.
 *
 * O_NONBLOCK must not be set on stderr: the flag lives on the open file, which
 * the app shares. So a pipe or a terminal is opened anew through /proc (an open
 * file of our own, where the flag hurts nobody), a socket is written with
 * MSG_DONTWAIT, and a regular file cannot block. Where opening anew is refused
 * (no /proc, a pipe of another user), poll() asks before each line: a pipe
 * that is writable has room for PIPE_BUF bytes, and a line is shorter. */
#include "base/log.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#define LINE_SIZE    2048 /* below PIPE_BUF: written whole or not at all */
#define MESSAGE_SIZE 1024

enum log_way { WAY_PLAIN, WAY_OWN_FILE, WAY_SOCKET, WAY_POLL };

static struct {
	enum log_level level;
	enum log_format format;
	enum log_way way;
	int fd; /* our own open file of stderr, or -1 */
	char role[32];
	uint64_t dropped;
	uint64_t reported; /* how many of these a line has told */
	log_listener *listener;
	void *listener_context;
} state = { .level = LOG_INFO, .fd = -1 };

static const char *const level_names[] = { "error", "warning", "info", "debug" };

void log_open(void)
{
	struct stat st;
	state.way = WAY_PLAIN;
	state.fd = -1;
	if (fstat(STDERR_FILENO, &st) < 0)
		return;
	if (S_ISSOCK(st.st_mode)) {
		state.way = WAY_SOCKET;
	} else if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
		state.fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		state.way = state.fd >= 0 ? WAY_OWN_FILE : WAY_POLL;
	}
}

int log_fd(void)
{
	return state.fd;
}

void log_set_level(enum log_level level)
{
	state.level = level;
}

enum log_level log_get_level(void)
{
	return state.level;
}

void log_set_format(enum log_format format)
{
	struct tm warm_up;
	time_t now = time(NULL);
	if (format == LOG_JSON)
		(void)gmtime_r(&now, &warm_up); /* glibc's first call allocates: do it now */
	state.format = format;
}

void log_set_role(const char *role)
{
	text_copy(state.role, sizeof(state.role), role);
}

void log_set_listener(log_listener *listener, void *context)
{
	state.listener = listener;
	state.listener_context = context;
}

uint64_t log_dropped(void)
{
	return state.dropped;
}

static bool write_line(const char *line, size_t length)
{
	ssize_t written = -1;
	switch (state.way) {
	case WAY_PLAIN:
		written = write(STDERR_FILENO, line, length);
		break;
	case WAY_OWN_FILE:
		written = write(state.fd, line, length);
		break;
	case WAY_SOCKET:
		written = send(STDERR_FILENO, line, length, MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case WAY_POLL: {
		struct pollfd poll_fd = { .fd = STDERR_FILENO, .events = POLLOUT };
		if (poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLOUT) != 0)
			written = write(STDERR_FILENO, line, length);
		break;
	}
	}
	return written >= 0;
}

/* Appends text to line as JSON string content; the line stays terminated. */
static size_t add_json(char *line, size_t used, size_t room, const char *text)
{
	for (; *text != '\0' && used + 2 < room; text++) {
		if (*text == '"' || *text == '\\')
			line[used++] = '\\';
		line[used++] = *text;
	}
	for (; ((unsigned char)*text & 0xc0) == 0x80; text--)
		used--; /* cut, but not within a character */
	line[used] = '\0';
	return used;
}

static size_t format_json(char *line, enum log_level level, const char *event, const char *message)
{
	struct timespec now;
	struct tm utc;
	char ts[32] = "";
	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &utc) != NULL)
		(void)strftime(ts, sizeof(ts), "%Y-%m-%dT%H:%M:%S", &utc);
	size_t used =
		(size_t)snprintf(line, LINE_SIZE,
				 "{\"ts\":\"%s.%03ldZ\",\"level\":\"%s\",\"role\":\"%s\",\"event\":"
				 "\"%s\",\"msg\":\"",
				 ts, now.tv_nsec / 1000000, level_names[level], state.role, event);
	used = add_json(line, used, LINE_SIZE - 4, message);
	memcpy(line + used, "\"}\n", 4);
	return used + 3;
}

static size_t format_text(char *line, enum log_level level, const char *message)
{
	int used = snprintf(line, LINE_SIZE - 1, "pidone%s%s%s: %s%s%s",
			    state.role[0] != '\0' ? "[" : "", state.role,
			    state.role[0] != '\0' ? "]" : "",
			    level <= LOG_WARNING ? level_names[level] : "",
			    level <= LOG_WARNING ? ": " : "", message);
	size_t length = used < LINE_SIZE - 1 ? (size_t)used : LINE_SIZE - 2;
	line[length] = '\n';
	return length + 1;
}

/* One event, one line. */
static bool emit(enum log_level level, const char *event, const char *message)
{
	char line[LINE_SIZE];
	size_t length = state.format == LOG_JSON ? format_json(line, level, event, message)
						 : format_text(line, level, message);
	return write_line(line, length);
}

void log_help(const char *lines)
{
	while (*lines != '\0') {
		char line[MESSAGE_SIZE];
		size_t length = strcspn(lines, "\n");
		(void)snprintf(line, sizeof(line), "%.*s%s", (int)length, lines,
			       state.format == LOG_TEXT ? "\n" : "");
		if (state.format == LOG_JSON)
			text_make_printable(line);
		bool written = state.format == LOG_TEXT ? write_line(line, strlen(line))
			       : line[0] == '\0'        ? true
							: emit(LOG_ERROR, "help", line);
		state.dropped += !written;
		lines += length + (lines[length] == '\n');
	}
}

static void tell_lost(void)
{
	char lost[64];
	if (state.dropped == state.reported)
		return;
	(void)snprintf(lost, sizeof(lost), "%llu log lines were lost: stderr was full",
		       (unsigned long long)(state.dropped - state.reported));
	if (emit(LOG_WARNING, "log-dropped", lost))
		state.reported = state.dropped;
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
	bool is_heard = state.listener != NULL && level <= LOG_INFO;
	if (level > state.level && !is_heard)
		return;
	int saved_errno = errno;
	char message[MESSAGE_SIZE];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	text_make_printable(message);
	if (is_heard)
		state.listener(state.listener_context, level, message);
	if (level <= state.level) {
		tell_lost();
		if (!emit(level, event, message))
			state.dropped++;
	}
	errno = saved_errno;
}
