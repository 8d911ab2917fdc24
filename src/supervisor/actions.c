/* What the lifecycle says is done here: actions → timers, signals, starts. */
#include "supervisor/state.h"

#include "base/log.h"
#include "base/parse.h"
#include "sys/sys.h"

#include <errno.h>
#include <stdio.h>

#define IMPATIENCE_MS  5000
#define KILL_MS        2000
#define LEAVE_MS       1000
#define QUIET_MS       60000
#define RESTART_MAX_MS 60000
#define RETRY_MS       1000

int64_t supervisor_timer_ms(const struct supervisor *s, enum lifecycle_timer timer,
			    unsigned exponent, uint32_t random)
{
	switch (timer) {
	case LIFECYCLE_TIMER_WAIT:
		return s->settings.wait_timeout_ms;
	case LIFECYCLE_TIMER_LOCK:
		return s->settings.lock_timeout_ms;
	case LIFECYCLE_TIMER_STEP:
		return s->settings.step_timeout_ms;
	case LIFECYCLE_TIMER_RETRY:
		return RETRY_MS;
	case LIFECYCLE_TIMER_DRAIN:
		return s->settings.drain_ms;
	case LIFECYCLE_TIMER_GRACE:
	case LIFECYCLE_TIMER_HANG:
		return s->settings.stop_grace_ms;
	case LIFECYCLE_TIMER_IMPATIENCE:
		return IMPATIENCE_MS;
	case LIFECYCLE_TIMER_KILL:
		return KILL_MS;
	case LIFECYCLE_TIMER_LEAVE:
		return LEAVE_MS;
	case LIFECYCLE_TIMER_QUIET:
		return QUIET_MS;
	case LIFECYCLE_TIMER_RESTART: {
		int64_t delay = s->settings.restart_delay_ms << exponent;
		if (delay > RESTART_MAX_MS && s->settings.restart_delay_ms <= RESTART_MAX_MS)
			delay = RESTART_MAX_MS;
		return delay - (int64_t)(random % 1000) * delay / 10000; /* up to 10 % less */
	}
	case LIFECYCLE_TIMERS:
		break;
	}
	return 0;
}

static uv_timer_t *timer_of(struct supervisor *s, const struct lifecycle_action *action)
{
	if (action->timer < LIFECYCLE_TIMER_PER_PROCESS)
		return &s->timers[action->timer];
	return &s->processes[action->index].timers[action->timer - LIFECYCLE_TIMER_PER_PROCESS];
}

static void start_timer(struct supervisor *s, const struct lifecycle_action *action)
{
	char program[2 * PAGE_NAME_SIZE];
	int64_t ms = supervisor_timer_ms(s, action->timer, action->exponent, supervisor_random(s));
	(void)uv_timer_start(timer_of(s, action), supervisor_on_timer, (uint64_t)ms, 0);
	if (action->timer != LIFECYCLE_TIMER_RESTART)
		return;
	log_info("restarting", "starting %s again in %lld ms",
		 launch_title(s->plan, LAUNCH_PROCESS, action->index, program, sizeof(program)),
		 (long long)ms);
	supervisor_report_process(s, action->index, PAGE_PROCESS_DELAYED, 0, -1);
}

/* signal.X = Y: what a signal of ours becomes; 0: it is dropped. */
static int mapped(const struct supervisor *s, int signo)
{
	int to = s->settings.signal_map[signo];
	return to == 0 ? signo : to < 0 ? 0 : to;
}

static int stop_signal(const struct supervisor *s, int received)
{
	return s->settings.stop_signal != 0 ? s->settings.stop_signal : mapped(s, received);
}

static void send_signal(struct supervisor *s, const struct child *child, int signo)
{
	if (signo == 0)
		return;
	int result = s->settings.group_scope ? sys_kill_group(child->pid, signo)
					     : sys_kill(child->pid, signo);
	if (result < 0 && errno == ESRCH && s->settings.group_scope)
		result = sys_kill(child->pid, signo); /* a sandbox let it have no group */
	if (result < 0 && errno == EPERM)
		log_warning("signal",
			    "may not signal pid %d, which runs as another user: this needs the "
			    "capability KILL",
			    (int)child->pid);
	/* A stopped process acts on nothing but KILL until it is continued. */
	if (s->lifecycle.state >= LIFECYCLE_STOPPING && signo != SIGKILL)
		(void)sys_kill(child->pid, SIGCONT);
}

static void stop_one(struct supervisor *s, const struct child *child, int signo, const char *why)
{
	char name[16], program[PAGE_NAME_SIZE];
	if (child == NULL || signo == 0)
		return;
	log_info("stopping", "sent %s to %s (pid %d)%s", signal_name(signo, name, sizeof(name)),
		 launch_title(s->plan, supervisor_what_of(child), child->index, program,
			      sizeof(program)),
		 (int)child->pid, why);
	send_signal(s, child, signo);
}

static const char *why_step_is_stopped(const struct supervisor *s, int signo)
{
	if (s->lifecycle.has_code && s->lifecycle.code == EXIT_CODE_TIMED_OUT)
		return ": step-timeout is over";
	return signo == SIGTERM && s->lifecycle.stop_requested ? ": stop-grace is over" : "";
}

static void stop_processes(struct supervisor *s, int received)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (s->children[i].pid != 0 && s->children[i].kind == CHILD_PROCESS)
			stop_one(s, &s->children[i], stop_signal(s, received), "");
}

static void forward(struct supervisor *s, int signo)
{
	char name[16];
	/* a plain command is told to stop as often as we are */
	int to = s->settings.plain && signo == SIGTERM ? stop_signal(s, signo) : mapped(s, signo);
	log_debug("signal", "forwarding %s", signal_name(signo, name, sizeof(name)));
	page_write_begin(s->page)->signals_forwarded++;
	page_write_end(s->page);
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (s->children[i].pid != 0 && supervisor_is_app(&s->children[i]))
			send_signal(s, &s->children[i], to);
}

/* With its group: a worker that is left holds the port of the one that follows. */
static void kill_one(struct supervisor *s, struct child *child)
{
	char program[2 * PAGE_NAME_SIZE];
	if (child == NULL)
		return;
	child->killed_by_us = true;
	log_warning("killing", "%s (pid %d) has not ended: sent KILL",
		    launch_title(s->plan, supervisor_what_of(child), child->index, program,
				 sizeof(program)),
		    (int)child->pid);
	(void)sys_kill_group(child->pid, SIGKILL);
	(void)sys_kill(child->pid, SIGKILL);
}

static void kill_all(struct supervisor *s)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (s->children[i].pid != 0 && supervisor_is_app(&s->children[i]))
			kill_one(s, &s->children[i]);
	supervisor_kill_rest(s);
}

/* The lock, and with it every child of our own but the probe server: what asks
 * for our state until the very end shall get it. */
static void release(struct supervisor *s)
{
	supervisor_stop_checks(s);
	supervisor_stop_waiting(s);
	if (!supervisor_has_child(s, CHILD_AGENT)) {
		supervisor_push(s, (struct lifecycle_event){ .type = LIFECYCLE_RELEASED });
		return;
	}
	supervisor_end_own(s, CHILD_AGENT, SIGTERM);
}

static void leave(struct supervisor *s, int code)
{
	s->exit_code = s->settings.success[code & 0xff] ? 0 : code;
	supervisor_end_own(s, CHILD_PROBE_SERVER, SIGKILL);
	supervisor_end_own(s, CHILD_AGENT, SIGKILL);
	supervisor_report_exit(s);
	uv_stop(&s->loop);
}

void supervisor_perform(struct supervisor *s, const struct lifecycle_action *action)
{
	switch (action->type) {
	case LIFECYCLE_DO_WAIT:
		supervisor_start_waiting(s);
		break;
	case LIFECYCLE_DO_STOP_WAITING:
		supervisor_stop_waiting(s);
		break;
	case LIFECYCLE_DO_LOCK:
		s->reason[0] = '\0'; /* why it was lost is history */
		supervisor_start_locking(s);
		break;
	case LIFECYCLE_DO_START_STEP:
		supervisor_start_app(s, LAUNCH_STEP, action->index);
		break;
	case LIFECYCLE_DO_START_PROCESS:
		supervisor_start_app(s, LAUNCH_PROCESS, action->index);
		break;
	case LIFECYCLE_DO_STOP_STEP:
		stop_one(s, supervisor_find_child(s, CHILD_STEP, s->lifecycle.step), action->code,
			 why_step_is_stopped(s, action->code));
		break;
	case LIFECYCLE_DO_STOP_PROCESSES:
		stop_processes(s, action->code);
		break;
	case LIFECYCLE_DO_STOP_PROCESS:
		stop_one(s, supervisor_find_child(s, CHILD_PROCESS, action->index),
			 stop_signal(s, SIGTERM), ": its live check failed");
		break;
	case LIFECYCLE_DO_KILL_PROCESS:
		kill_one(s, supervisor_find_child(s, CHILD_PROCESS, action->index));
		break;
	case LIFECYCLE_DO_FORWARD:
		forward(s, action->code);
		break;
	case LIFECYCLE_DO_TERMINATE_REST:
		supervisor_terminate_rest(s);
		break;
	case LIFECYCLE_DO_KILL_REST:
		kill_all(s);
		break;
	case LIFECYCLE_DO_RELEASE:
		release(s);
		break;
	case LIFECYCLE_DO_ARM:
		start_timer(s, action);
		break;
	case LIFECYCLE_DO_DISARM:
		(void)uv_timer_stop(timer_of(s, action));
		break;
	case LIFECYCLE_DO_EXIT:
		leave(s, action->code);
		break;
	case LIFECYCLE_ACTIONS:
		break;
	}
}
