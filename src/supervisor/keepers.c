/* The children of our own that work until something is so: one waiter per
 * target, the agent for PostgreSQL and its lock, the one that asks between steps,
 * the probe server. When one dies it is started again after a pause: a crash costs a retry, not the
 * container. */
#include "supervisor/state.h"

#include "base/log.h"
#include "children/agent.h"
#include "effect/environment.h"
#include "pure/backoff.h"
#include "pure/command.h"
#include "sys/sys.h"

#include <stdio.h>

/* ---- what runs in them ---- */

static int run_agent(struct supervisor *s, enum agent_mission mission, const struct mark *mark)
{
	struct environment sources = { 0 };
	struct err err;
	if (environment_build_sources(&sources, s->options->config, s->options->given->environment,
				      &err) < 0) {
		log_error("environment", "%s", err.msg);
		return EXIT_CODE_FAILED;
	}
	struct agent_options options = {
		.mission = mission,
		.config = s->options->config,
		.environment = sources.items.items,
		.message_fd = s->messages.send_fd,
		.since_ms = s->waiting_since_ms,
		.mark = *mark,
		.session_id = s->session_id,
		.lock_name = s->settings.lock_name,
	};
	return agent_main(&options);
}

/* That /init has done all its steps. */
static struct mark mark_of_the_end(const struct supervisor *s)
{
	return (struct mark){ .hash = "", .step = "/init", .release = s->settings.release };
}

static int run_agent_wait(struct supervisor *s, uint16_t index)
{
	bool migrations = s->settings.waits[index].spec.kind == CHECK_MIGRATIONS;
	struct mark mark = mark_of_the_end(s);
	return run_agent(s, migrations ? AGENT_WAIT_MARK : AGENT_WAIT, &mark);
}

static int run_agent_lock(struct supervisor *s, uint16_t index ATTR_UNUSED)
{
	return run_agent(s, AGENT_LOCK, &(struct mark){ .hash = NULL });
}

static int run_marker(struct supervisor *s, uint16_t index)
{
	char hash[MARK_HASH_SIZE], name[PAGE_NAME_SIZE];
	struct mark mark = mark_of_the_end(s);
	if (index < s->plan->n_steps) {
		const struct plan_step *step = &s->plan->steps[index];
		mark.hash = mark_hash(step->command, hash);
		mark.step = command_name(step->command, name, sizeof(name));
		if (step->kind == PLAN_ONCE)
			mark.release = "";
	}
	enum agent_mission mission = s->lifecycle.marking == LIFECYCLE_MARKING_SETS ? AGENT_SET_MARK
				     : s->lifecycle.step_tries > 0                  ? AGENT_ASK_TRY
								   : AGENT_ASK_MARK;
	return run_agent(s, mission, &mark);
}

static int run_waiter(struct supervisor *s, uint16_t index)
{
	struct check_context context;
	struct err err;
	if (supervisor_enter_check(s, &context, &err) < 0) {
		log_error("environment", "%s", err.msg);
		return EXIT_CODE_FAILED;
	}
	return check_wait_main(&s->settings.waits[index].spec, &context, s->messages.send_fd);
}

static int run_probe_server(struct supervisor *s, uint16_t index ATTR_UNUSED)
{
	struct probe_server_options options = {
		.n_listeners = s->sockets.n,
		.ask_fd = s->ask_fds[1],
		.page = s->page,
		.max_connections = config_uint(s->options->config, "probes", "max-connections"),
	};
	memcpy(options.listeners, s->sockets.fds, sizeof(options.listeners));
	return probe_server_main(&options);
}

/* ---- starting them, also again ---- */

static bool is_agents(const struct settings_wait *wait)
{
	return wait->spec.kind == CHECK_MIGRATIONS ||
	       (wait->spec.kind == CHECK_POSTGRES && wait->spec.path[0] == '\0');
}

void supervisor_start_again_later(struct keeper *keeper)
{
	int64_t pause = backoff_restart_ms(&keeper->deaths, sys_now_ms() - keeper->started_ms);
	uv_timer_cb callback = keeper->timer.timer_cb;
	(void)uv_timer_start(&keeper->timer, callback, (uint64_t)pause, 0);
}

void supervisor_start_waiter(struct supervisor *s, uint16_t i)
{
	struct keeper *keeper = &s->waits[i].keeper;
	keeper->started_ms = sys_now_ms();
	pid_t pid =
		is_agents(&s->settings.waits[i])
			? supervisor_start_own(s, CHILD_AGENT, i, "pidone: agent", run_agent_wait)
			: supervisor_start_own(s, CHILD_WAITER, i, "pidone: wait", run_waiter);
	if (pid == 0)
		supervisor_start_again_later(keeper);
}

void supervisor_start_locker(struct supervisor *s)
{
	(void)uv_timer_stop(&s->agent.timer); /* one locker at a time */
	s->agent.started_ms = sys_now_ms();
	if (supervisor_start_own(s, CHILD_AGENT, 0, "pidone: agent", run_agent_lock) == 0)
		supervisor_start_again_later(&s->agent);
}

void supervisor_start_marker(struct supervisor *s)
{
	s->marker.started_ms = sys_now_ms();
	if (supervisor_start_own(s, CHILD_MARKER, s->lifecycle.step, "pidone: mark", run_marker) ==
	    0)
		supervisor_start_again_later(&s->marker);
}

void supervisor_start_probe_server(struct supervisor *s)
{
	if (s->sockets.n == 0)
		return;
	s->probe_server.started_ms = sys_now_ms();
	if (supervisor_start_own(s, CHILD_PROBE_SERVER, 0, "pidone: probes", run_probe_server) == 0)
		supervisor_start_again_later(&s->probe_server);
}

static void on_waiter_timer(uv_timer_t *handle)
{
	struct supervisor *s = handle->loop->data;
	supervisor_start_waiter(s, (uint16_t)(uintptr_t)handle->data);
}

static void on_agent_timer(uv_timer_t *handle)
{
	supervisor_start_locker(handle->loop->data);
}

static void on_marker_timer(uv_timer_t *handle)
{
	supervisor_start_marker(handle->loop->data);
}

static void on_probe_server_timer(uv_timer_t *handle)
{
	supervisor_start_probe_server(handle->loop->data);
}

static void init_keeper(struct supervisor *s, struct keeper *keeper, uv_timer_cb callback,
			uintptr_t data)
{
	(void)uv_timer_init(&s->loop, &keeper->timer);
	keeper->timer.data = (void *)data;
	keeper->timer.timer_cb = callback; /* supervisor_start_again_later() arms with it */
}

void supervisor_init_keepers(struct supervisor *s)
{
	init_keeper(s, &s->agent, on_agent_timer, 0);
	init_keeper(s, &s->marker, on_marker_timer, 0);
	init_keeper(s, &s->probe_server, on_probe_server_timer, 0);
	for (size_t i = 0; i < s->settings.n_waits; i++)
		init_keeper(s, &s->waits[i].keeper, on_waiter_timer, i);
	(void)uv_timer_init(&s->loop, &s->reminder);
}
