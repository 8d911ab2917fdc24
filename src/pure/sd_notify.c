/* The lines of sd_notify(3). */
#include "pure/sd_notify.h"

#include "base/parse.h"
#include "base/text.h"

#define LINE_SIZE (SD_NOTIFY_STATUS_SIZE + sizeof("STATUS="))

static void hear(const char *line, struct sd_notify *ret)
{
	unsigned long pid = 0;
	if (streq(line, "READY=1")) {
		ret->ready = true;
	} else if (streq(line, "STOPPING=1")) {
		ret->stopping = true;
	} else if (streq(line, "WATCHDOG=1")) {
		ret->watchdog = true;
	} else if (starts_with(line, "MAINPID=")) {
		if (parse_uint(line + strlen("MAINPID="), INT32_MAX, &pid) == 0 && pid > 1)
			ret->main_pid = (pid_t)pid;
	} else if (starts_with(line, "STATUS=")) {
		ret->has_status = true;
		text_copy(ret->status, sizeof(ret->status), line + strlen("STATUS="));
		text_make_printable(ret->status);
	}
}

bool sd_notify_parse(const char *bytes, size_t length, struct sd_notify *ret)
{
	*ret = (struct sd_notify){ .ready = false };
	if (length > SD_NOTIFY_SIZE_MAX)
		return false;
	for (size_t at = 0; at < length;) {
		char line[LINE_SIZE];
		const char *end = memchr(bytes + at, '\n', length - at);
		size_t line_length = end != NULL ? (size_t)(end - bytes) - at : length - at;
		size_t kept = line_length < sizeof(line) - 1 ? line_length : sizeof(line) - 1;
		memcpy(line, bytes + at, kept);
		line[kept] = '\0';
		if (strlen(line) == kept) /* no NUL in it */
			hear(line, ret);
		at += line_length + 1;
	}
	return ret->ready || ret->stopping || ret->watchdog || ret->main_pid != 0 ||
	       ret->has_status;
}
