/* The probe server: the forked child that strangers talk to. It accepts, polls,
 * drops the oldest idle connection when full, and renders every answer from the
 * shared page; for /livez it asks PID 1 over its pair and waits up to a
 * deadline. No request ever triggers a check, a name lookup or database work. */
#pragma once

#include "effect/page.h"

#define PROBE_LISTENERS_MAX 3 /* TCP (both families), a second family, unix */

struct probe_server_options {
	int listeners[PROBE_LISTENERS_MAX]; /* listening already; made by PID 1, who keeps them */
	size_t n_listeners;
	int ask_fd;  /* unix datagram pair to PID 1: each byte sent comes back once PID 1's
	              * loop turned; non-blocking */
	const struct page *page;
	size_t max_connections;
	int64_t request_ms; /* a request must be complete so soon; 0: 5 s */
	int64_t ask_ms;     /* PID 1 must answer so soon; 0: 700 ms, below a probe's 1 s */
};

/* Called in a forked child whose descriptors, signals and title are set up.
 * Serves until it is killed; returns an exit code only when it cannot. Allocates
 * its tables once, nothing later. */
int probe_server_main(const struct probe_server_options *options) ATTR_CHECK;
