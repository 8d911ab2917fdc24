/* The agent: the forked child that owns libpq. It waits for PostgreSQL, takes
 * the lock and holds it; another one asks for marks and sets them. Plain blocking code with
 * deadlines: nobody waits for it, and when it dies PID 1 starts it again with the same mission. */
#pragma once

#include "pure/config.h"
#include "pure/mark.h"

enum agent_mission {
	AGENT_WAIT, /* until the database is ready: WAIT_REASON… WAIT_DONE | WAIT_FAILED, exit 0 */
	AGENT_LOCK, /* wait if need be, poll for the lock: WAIT_REASON… LOCK_REASON… LOCK_GAINED |
		     * LOCK_FAILED; then hold it: LOCK_LOST and exit 0 when it is gone.
		     * SIGTERM: release (ROLLBACK, close), exit 0, at any time. */
	AGENT_ASK_MARK,  /* has it been done? WAIT_REASON… MARK_THERE | STEP_DUE, and it is
			  * noted that it begins | MARK_FAILED; exit 0 but for the latter */
	AGENT_ASK_TRY,   /* until nothing of this container's last try of the step is at work in
			  * the server: WAIT_REASON… STEP_DUE | MARK_FAILED */
	AGENT_SET_MARK,  /* it is done: WAIT_REASON… MARK_THERE | MARK_FAILED */
	AGENT_WAIT_MARK, /* until it is done: WAIT_REASON… WAIT_DONE | WAIT_FAILED */
};

struct agent_options {
	enum agent_mission mission;
	const struct config *config; /* [postgres] of it */
	char *const *environment;    /* the children's, for the sources */
	int message_fd;              /* see effect/messages.h */
	int64_t since_ms;            /* CLOCK_BOOTTIME at which this wait began: the pauses
	                              * grow with it (pure/backoff.h), also after a restart of the
	                              * agent (auth-grace counts from the first failure of its kind:
	                              * a server that came late deserves it, too) */
	struct mark mark;            /* of the missions about marks; project and by are filled in */
	const char *lock_name;       /* whose lock: the project, or one role of it; NULL where
				      * nothing is locked */
	const char *session_id;      /* made by PID 1 at boot, different in every container: a few
	                              * letters and digits */
};

#define AGENT_SESSION_NAME_SIZE 64 /* what PostgreSQL keeps of a name */

/* "pidone/LOCK/ID": the PGAPPNAME of steps, by which a new holder of the lock
 * sees that an earlier one's are still at work. Letters that PostgreSQL or a
 * pooler would change become '_'. The agent's own connections are called
 * pidone-wait/… and pidone-lock/…: they are never mistaken for a step. Of a long
 * name of a lock the beginning is kept (the same whatever the ID is, for it is
 * compared), of a long ID the end. */
const char *agent_session_name(const char *lock_name, const char *session_id,
			       char buffer[AGENT_SESSION_NAME_SIZE]);

/* Called in a forked child whose descriptors, signals and title are set up
 * already (all signals at their defaults and unblocked). Returns the exit code. */
int agent_main(const struct agent_options *options) ATTR_CHECK;

struct pg_link; /* see children/pg_link.h */

/* One attempt to reach the database as this mission does, for a check or a person's tool;
 * kind names the session. NULL: err says why. The environment becomes the process's own. */
struct pg_link *agent_open_once(enum agent_mission mission, const char *kind,
				const struct config *config, char *const *environment,
				int64_t deadline_ms, struct err *err) ATTR_CHECK;

/* One attempt, for the check `postgres`: 0 = ready; -1 with the reason in err.
 * Bounded by attempt-timeout per address and by deadline_ms (a point in time of
 * CLOCK_BOOTTIME) overall, but for what a resolver takes. */
int agent_ping(const struct config *config, char *const *environment, int64_t deadline_ms,
	       struct err *err) ATTR_CHECK;
