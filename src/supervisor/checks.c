/* Running the checks while the app runs: when, in which child, until when, and
 * what the results add up to. What a result means is pure/health.h. */
#include "supervisor/state.h"

#include "base/log.h"
#include "effect/environment.h"
#include "sys/sys.h"

#include <stdio.h>

int supervisor_enter_check(struct supervisor *s, struct check_context *ret, struct err *err)
{
	static struct environment environment; /* as long as the child lives */
	if (environment_build(&environment, s->options->config, s->options->given->environment,
			      err) < 0 ||
	    given_return_to_cwd(s->options->given, err) < 0)
		return -1;
	*ret = (struct check_context){
		.config = s->options->config,
		.environment = environment.items.items,
		.check_host = s->settings.check_host,
		.timeout_ms = s->settings.check_timeout_ms,
	};
	return 0;
}

static int run_check(struct supervisor *s, uint16_t index)
{
	struct check_context context;
	struct err err;
	if (supervisor_enter_check(s, &context, &err) < 0) {
		messages_send(s->messages.send_fd, MESSAGE_CHECK_FAILED, 0, "%s", err.msg);
		return EXIT_CODE_FAILED;
	}
	return check_main(&s->settings.checks[index].spec, &context, s->messages.send_fd);
}

static void plan_next(struct supervisor *s, uint16_t i, uv_timer_cb callback)
{
	int64_t delay =
		health_delay_ms(&s->checks[i].health, &s->settings.limits, supervisor_random(s));
	(void)uv_timer_start(&s->checks[i].timer, callback, (uint64_t)delay, 0);
}

static void on_deadline(uv_timer_t *handle)
{
	struct supervisor *s = handle->loop->data;
	uint16_t i = (uint16_t)(uintptr_t)handle->data;
	struct child *child = supervisor_find_child(s, CHILD_CHECK, i);
	char reason[64];
	if (child == NULL)
		return;
	child->reported = true;
	(void)sys_kill_group(child->pid, SIGKILL);
	(void)snprintf(reason, sizeof(reason), "no answer within %lld ms",
		       (long long)s->settings.check_timeout_ms);
	supervisor_check_ended(s, i, false, reason);
	supervisor_pump(s);
}

static void on_check_timer(uv_timer_t *handle)
{
	struct supervisor *s = handle->loop->data;
	uint16_t i = (uint16_t)(uintptr_t)handle->data;
	/* A killed check may not have been reaped yet: never two of one. */
	if (supervisor_find_child(s, CHILD_CHECK, i) != NULL ||
	    supervisor_start_own(s, CHILD_CHECK, i, "pidone: check", run_check) == 0) {
		plan_next(s, i, on_check_timer);
		return;
	}
	s->checks[i].running = true;
	/* a little longer than the check gives itself, whose reason is the better one */
	(void)uv_timer_start(&s->checks[i].deadline, on_deadline,
			     (uint64_t)s->settings.check_timeout_ms + 250, 0);
}

void supervisor_init_checks(struct supervisor *s)
{
	for (size_t i = 0; i < s->settings.n_checks; i++) {
		(void)uv_timer_init(&s->loop, &s->checks[i].timer);
		(void)uv_timer_init(&s->loop, &s->checks[i].deadline);
		s->checks[i].timer.data = s->checks[i].deadline.data = (void *)(uintptr_t)i;
	}
}

/* Called when a process was started, also again. What was found out about the
 * old one does not count; ready_too: it is one that `ready` is about. */
void supervisor_start_checks(struct supervisor *s, bool ready_too)
{
	for (uint16_t i = 0; i < s->settings.n_checks; i++) {
		if (!ready_too && !s->settings.checks[i].is_live)
			continue;
		health_reset(&s->checks[i].health);
		if (!s->checks[i].running)
			plan_next(s, i, on_check_timer);
	}
}

void supervisor_stop_checks(struct supervisor *s)
{
	for (size_t i = 0; i < s->settings.n_checks; i++) {
		(void)uv_timer_stop(&s->checks[i].timer);
		(void)uv_timer_stop(&s->checks[i].deadline);
		s->checks[i].running = false;
	}
	supervisor_end_own(s, CHILD_CHECK, SIGKILL);
}

static void report_result(struct supervisor *s, uint16_t index, bool ok, const char *reason)
{
	struct page_check *check = &page_write_begin(s->page)->checks[index];
	enum health_verdict verdict = s->checks[index].health.verdict;
	check->state = verdict == HEALTH_GOOD  ? PAGE_CHECK_OK
		       : verdict == HEALTH_BAD ? PAGE_CHECK_FAILED
					       : PAGE_CHECK_UNKNOWN;
	check->failures = s->checks[index].health.failures;
	if (ok)
		check->last_ok_ms = sys_now_ms();
	text_copy(check->reason, sizeof(check->reason), ok ? "" : reason);
	page_write_end(s->page);
}

/* Is a process being stopped because of `live`, to be started again? */
static bool is_being_replaced(const struct supervisor *s)
{
	for (size_t i = 0; i < s->plan->n_processes; i++)
		if (s->lifecycle.processes[i].unhealthy &&
		    s->lifecycle.processes[i].state == LIFECYCLE_SLOT_RUNNING)
			return true;
	return false;
}

void supervisor_check_ended(struct supervisor *s, uint16_t index, bool ok, const char *reason)
{
	struct check_state *check = &s->checks[index];
	const struct settings_check *settings = &s->settings.checks[index];
	if (s->lifecycle.state != LIFECYCLE_RUNNING || !check->running)
		return;
	check->running = false;
	(void)uv_timer_stop(&check->deadline);
	if (settings->is_live && is_being_replaced(s)) {
		plan_next(s, index, on_check_timer);
		return; /* this is the old one's answer */
	}
	bool changed = health_result(&check->health, &s->settings.limits, ok);
	report_result(s, index, ok, reason);
	plan_next(s, index, on_check_timer);
	if (!changed)
		return;
	if (!ok)
		log_warning("check", "%s %s failed: %s", settings->is_live ? "live" : "ready",
			    settings->name, reason);
	if (ok || !settings->is_live || !s->settings.restart_when_unhealthy)
		return;
	for (size_t i = 0; i < s->plan->n_processes; i++)
		supervisor_push(s, (struct lifecycle_event){ .type = LIFECYCLE_UNHEALTHY,
							     .process = (uint8_t)i });
}
