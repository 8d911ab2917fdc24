/* What a child that waits is busy with, by ITIMER_REAL and its signal. */
#include "children/busy.h"

#include "base/parse.h"
#include "base/text.h"
#include "effect/messages.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/time.h>

#define SILENCE_MS 1000
#define HANG       60 /* so many times the deadline */

static struct {
	int message_fd;
	const char *prefix; /* NULL: not started */
	int64_t limit_ms;
	struct message message; /* written only while the timer is off */
	bool told;
} busy;

static void set_timer(int64_t ms)
{
	const struct itimerval timer = {
		.it_value = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 },
	};
	(void)setitimer(ITIMER_REAL, &timer, NULL);
}

/* The second one finds no handler. */
static void on_alarm(int signo)
{
	int code = errno;
	if (!busy.told)
		messages_post(busy.message_fd, &busy.message);
	busy.told = true;
	(void)signal(signo, SIG_DFL);
	set_timer(busy.limit_ms);
	errno = code;
}

void busy_start(int message_fd, const char *prefix, int64_t deadline_ms)
{
	busy.message_fd = message_fd;
	busy.prefix = prefix;
	busy.limit_ms = HANG * deadline_ms;
}

void busy_with(const char *format, ...)
{
	const struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	char *text = busy.message.text;
	va_list args;
	if (busy.prefix == NULL)
		return;
	set_timer(0);
	busy.message = (struct message){ .type = MESSAGE_WAIT_REASON };
	int used = snprintf(text, MESSAGE_TEXT_SIZE, "%s", busy.prefix);
	va_start(args, format);
	(void)vsnprintf(text + used, MESSAGE_TEXT_SIZE - (size_t)used, format, args);
	va_end(args);
	(void)sigaction(SIGALRM, &action, NULL);
	set_timer(SILENCE_MS);
}

void busy_done(void)
{
	if (busy.prefix != NULL)
		set_timer(0);
}

void busy_told(void)
{
	busy.told = true;
}

const char *busy_describe_end(int code, int signo, char *buffer, size_t size)
{
	if (signo != SIGALRM)
		return end_text(code, signo, buffer, size);
	text_copy(buffer, size, "hung and was ended");
	return buffer;
}
