/* What an app says by sd_notify(3): the lines of one datagram → what is heard of
 * them. Pure; the socket is effect/notify_socket.h, what it means is decided by the
 * supervisor. */
#pragma once

#include "base/base.h"

#define SD_NOTIFY_STATUS_SIZE 128
#define SD_NOTIFY_SIZE_MAX    4096 /* a longer datagram is not heard; systemd's limit, too */

struct sd_notify {
	bool ready;     /* READY=1 */
	bool stopping;  /* STOPPING=1 */
	bool watchdog;  /* WATCHDOG=1 */
	pid_t main_pid; /* MAINPID=: from now on this one is the main process; 0: not said */
	bool has_status;
	char status[SD_NOTIFY_STATUS_SIZE]; /* STATUS=, printable, cut */
};

/* Everything else (RELOADING=1, FDSTORE=1, BARRIER=1, what is malformed) is not heard.
 * False: nothing of it was. */
bool sd_notify_parse(const char *bytes, size_t length, struct sd_notify *ret);
