/* What the agent's files share: waiting until the database is ready. */
#pragma once

#include "children/agent.h"
#include "children/pg_link.h"
#include "pure/backoff.h"

#define AGENT_QUERY_TIMEOUT_MS 10000 /* none of our queries waits for anything */

struct agent {
	const struct agent_options *options;
	const struct pg_lib *lib;
	struct backoff backoff;
	int64_t grace_since_ms; /* the first failure that only auth-grace forgives; 0: none */
	char reason[PG_REASON_SIZE]; /* the last one told */
	struct pg_failure last;      /* when giving up: why */
	char masked[256];            /* whom we are connected to, for people */
};

/* Tries until a connection is ready. NULL: gave up; agent->last says why. A
 * query's failure afterwards is handed to agent_fail(). */
struct pg_link *agent_connect(struct agent *agent) ATTR_CHECK;

/* Notes and tells a failure. False: give up. Else the caller sleeps for
 * *ret_delay_ms and tries again. */
bool agent_fail(struct agent *agent, const struct pg_failure *failure, int64_t *ret_delay_ms)
	ATTR_CHECK;

void agent_sleep(int64_t ms);
uint32_t agent_random(void);

/* The mission AGENT_LOCK; returns the exit code. */
int agent_lock_main(struct agent *agent) ATTR_CHECK;

/* The missions about steps, likewise. */
int agent_mark_main(struct agent *agent) ATTR_CHECK;

/* A query for the oldest session (its name, server process, state) that a step left at work in
 * the server when its client was killed: of this container, or of an earlier holder of the
 * lock. Through a pooler an idle connection keeps its last client's name for hours; directly
 * it is somebody's for a minute, until its holder must have noticed that the lock is gone. */
enum agent_leftover { AGENT_LEFTOVER_OWN, AGENT_LEFTOVER_EARLIER, AGENT_LEFTOVER_EARLIER_POOLED };
#define AGENT_LEFTOVER_SIZE 1024
const char *agent_leftover_sql(const struct agent *agent, enum agent_leftover whose,
			       char buffer[AGENT_LEFTOVER_SIZE]);

/* Tells agent->last as the reason to give up. Returns the exit code. */
int agent_give_up(const struct agent *agent) ATTR_CHECK;

/* "pidone-KIND/PROJECT/ID", as agent_session_name(). */
const char *agent_name(const char *kind, const struct agent_options *options,
		       char buffer[AGENT_SESSION_NAME_SIZE]);
