/* redis://: AUTH if there is somebody to be, then PING. */
#include "children/checks_parts.h"

#include "base/text.h"
#include "effect/stream.h"

#include <stdio.h>

#define REPLY_SIZE 256

static void add_word(struct buf *command, const char *word)
{
	buf_format(command, "$%zu\r\n", strlen(word));
	buf_add_text(command, word);
	buf_add_text(command, "\r\n");
}

/* One line, without its end; a longer one is cut. Byte for byte, as the next
 * reply may stand behind it. */
static int receive_line(int fd, int64_t deadline_ms, char reply[REPLY_SIZE], struct err *err)
{
	size_t used = 0;
	for (;;) {
		char c = '\0';
		ssize_t got = stream_receive(fd, &c, 1, deadline_ms, err);
		if (got < 0)
			return -1;
		if (got == 0)
			return err_set(err, 0, "closed the connection without an answer");
		if (c == '\n')
			break;
		if (used + 1 < REPLY_SIZE && c != '\r')
			reply[used++] = c;
		if (used + 1 >= REPLY_SIZE)
			break;
	}
	reply[used] = '\0';
	return 0;
}

/* The server's words, unless they contain what must not be shown. */
static int refused(const struct check_spec *spec, const char *reply, struct err *err)
{
	if (reply[0] != '-')
		return err_set(err, 0, "the answer is not redis's");
	if (starts_with(reply, "-NOAUTH"))
		return err_set(err, 0, "it wants a password: write redis://:PASSWORD@%.100s:%u",
			       spec->host, spec->port);
	if (starts_with(reply, "-WRONGPASS"))
		return err_set(err, 0, "wrong user or password");
	if (spec->password[0] != '\0' && strstr(reply, spec->password) != NULL)
		return err_set(err, 0, "refused (%.*s)", (int)strcspn(reply + 1, " "), reply + 1);
	return err_set(err, 0, "refused: %s", reply + 1);
}

static int command(int fd, const struct check_spec *spec, const struct buf *text,
		   const char *expected, int64_t deadline_ms, struct err *err)
{
	char reply[REPLY_SIZE];
	if (stream_send(fd, text->data, text->length, deadline_ms, err) < 0 ||
	    receive_line(fd, deadline_ms, reply, err) < 0)
		return -1;
	return streq(reply, expected) ? 0 : refused(spec, reply, err);
}

static int authenticate(int fd, const struct check_spec *spec, int64_t deadline_ms,
			struct err *err)
{
	struct buf text = { 0 };
	buf_format(&text, "*%d\r\n", spec->user[0] != '\0' ? 3 : 2);
	add_word(&text, "AUTH");
	if (spec->user[0] != '\0')
		add_word(&text, spec->user);
	add_word(&text, spec->password);
	int result = command(fd, spec, &text, "+OK", deadline_ms, err);
	explicit_bzero(text.data, text.length);
	buf_fini(&text);
	return result;
}

int checks_redis(const struct check_spec *spec, int64_t deadline_ms, char *detail, size_t size,
		 struct err *err)
{
	struct buf ping = { 0 };
	int fd CLEANUP_CLOSE = stream_connect_tcp(spec->host, spec->port, deadline_ms, err);
	if (fd < 0 || ((spec->user[0] != '\0' || spec->password[0] != '\0') &&
		       authenticate(fd, spec, deadline_ms, err) < 0))
		return -1;
	buf_add_text(&ping, "*1\r\n");
	add_word(&ping, "PING");
	int result = command(fd, spec, &ping, "+PONG", deadline_ms, err);
	buf_fini(&ping);
	if (result == 0)
		(void)snprintf(detail, size, "PONG");
	return result;
}
