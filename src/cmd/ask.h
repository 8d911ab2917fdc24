/* Finding the running supervisor and asking it: for `probe` and `status`. */
#pragma once

#include "base/err.h"
#include "base/text.h"
#include "cmd/cmd.h"

enum ask_result {
	ASK_ANSWERED,
	ASK_NOBODY, /* none runs, or it does not answer; err says which */
	ASK_USAGE,  /* several run and none was named, or the configuration is broken */
};

/* role: "/run", or NULL for the only one that runs. The order: an explicit
 * socket of the configuration, the default sockets, the TCP port. */
enum ask_result ask_supervisor(const struct cmd_options *options, const char *role,
			       const char *path, unsigned *ret_status, struct buf *ret_body,
			       struct err *err) ATTR_CHECK;
