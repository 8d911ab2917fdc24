/* The settings of one role, typed and with durations in milliseconds: read from
 * the configuration once, before the line. */
#pragma once

#include "base/err.h"
#include "pure/check_spec.h"
#include "pure/config.h"
#include "pure/health.h"
#include "pure/lifecycle.h"
#include "pure/plan.h"

#define SETTINGS_CHECKS_MAX 16
#define SETTINGS_WAITS_MAX 16

struct settings_check {
	struct check_spec spec;
	bool is_live; /* else it is a `ready` check */
	char name[128];
};

struct settings_wait {
	struct check_spec spec; /* CHECK_POSTGRES is the agent's */
	char name[128];
};

struct settings {
	const char *role;      /* without slash; "command" for a plain command */
	bool plain;
	bool lock;
	bool lock_for_steps; /* only for the marks: given back before the processes start */
	char *lock_name;     /* the project's, or of a service, which may hold it for ever and
			      * shall not keep the migrations waiting, its own: "shop/beat" */
	uint64_t marked;     /* bit per step: it runs once, or once per release */
	bool marks_the_end;  /* /init tells the roles with `wait = migrations` */
	const char *release; /* PIDONE_RELEASE, or "" */
	bool restart_when_unhealthy;
	bool group_scope;      /* signals go to the whole group */
	bool shell, no_new_privs;
	const char *user, *group, *directory; /* or NULL */
	int umask;             /* -1: as given */
	int stop_signal;       /* 0: the one received */
	int signal_map[65];    /* [X] = Y; 0: not mapped; -1: dropped */
	bool success[256];     /* exit codes that count as 0 */
	int64_t wait_timeout_ms, lock_timeout_ms, step_timeout_ms, drain_ms, stop_grace_ms;
	int64_t restart_delay_ms, check_timeout_ms;
	struct health_limits limits;
	const char *check_host;
	bool notify;         /* a check is about what the app says by sd_notify */
	int64_t watchdog_ms; /* so long it may be silent; 0: nobody asks */
	struct settings_check *checks;
	size_t n_checks;
	struct settings_wait *waits;
	size_t n_waits;
};

/* What the configuration does not say. */
struct settings_facts {
	bool database;             /* is there one (see launch.h)? */
	const char *default_ready; /* the detected server's check, or NULL */
	const char *release;       /* PIDONE_RELEASE, or NULL; the caller's */
};

/* -1: err says which setting asks for what cannot be had. */
int settings_load(struct settings *settings, const struct config *config, const struct plan *plan,
		  const struct settings_facts *facts, struct err *err) ATTR_CHECK;
void settings_fini(struct settings *settings);

/* The part of it that the lifecycle decides by. */
void settings_lifecycle_plan(const struct settings *settings, const struct plan *plan,
			     const struct config *config, struct lifecycle_plan *ret);
