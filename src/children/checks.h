/* The built-in checks: each is a plain blocking function with a deadline, run
 * in a forked child. Not here: when a check runs and what its result means
 * (pure/health.h and the supervisor). */
#pragma once

#include "effect/socket_table.h"
#include "pure/check_spec.h"
#include "pure/config.h"

struct check_context {
	const struct config *config;
	char *const *environment;  /* the children's */
	const char *check_host;    /* Host header for HTTP, or NULL: the URL's own */
	int64_t timeout_ms;
	/* Is it to look for why nobody reaches the app, when it is refused, or when it holds?
	 * That takes milliseconds. */
	bool explains_refusal, explains_success;
	const struct socket_owners *owners; /* of the app's sockets; for the look only */
};

/* Runs the check once. 0: it holds, detail says how ("HTTP 200"); -1: it does
 * not, detail has the reason for a person ("connection refused"). Blocks for
 * at most timeout_ms plus what a resolver takes (the caller kills it then). */
int check_run(const struct check_spec *spec, const struct check_context *context,
	      char *detail, size_t size) ATTR_CHECK;

/* The life of a child that checks once: reports CHECK_OK or CHECK_FAILED. Why nobody
 * reaches the app although it listens somewhere stands there, too: the code, an enum
 * message_where, says whether. */
int check_main(const struct check_spec *spec, const struct check_context *context, int message_fd)
	ATTR_CHECK;

/* The life of a child that waits for one target (every kind but postgres,
 * which is the agent's): tries with backoff (100 ms doubling to 2 s, full
 * jitter), WAIT_REASON when the reason changes, WAIT_DONE and 0 when it holds. */
int check_wait_main(const struct check_spec *spec, const struct check_context *context,
		    int message_fd) ATTR_CHECK;
