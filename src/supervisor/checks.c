/* Running the checks while the app runs: when, in which child, until when, and
 * what the results add up to. What a result means is pure/health.h. */
#include "supervisor/state.h"

#include "base/log.h"
#include "base/parse.h"
#include "base/text.h"
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

/* The app says it by itself, nobody has to ask. */
static bool is_notify(const struct supervisor *s, size_t i)
{
	return s->settings.checks[i].spec.kind == CHECK_NOTIFY;
}

static void on_silence(uv_timer_t *handle)
{
	struct supervisor *s = handle->loop->data;
	char reason[64], span[32];
	(void)snprintf(reason, sizeof(reason), "has said nothing for %s",
		       duration_text(s->settings.watchdog_ms, span, sizeof(span)));
	supervisor_check_decided(s, (uint16_t)(uintptr_t)handle->data, false, reason);
	supervisor_pump(s);
}

/* The app is expected to say something from now on. */
static void expect_notify(struct supervisor *s, uint16_t i)
{
	struct page_check *check = &page_write_begin(s->page)->checks[i];
	check->state = PAGE_CHECK_UNKNOWN;
	text_copy(check->reason, sizeof(check->reason), "the app has not said so yet");
	page_write_end(s->page);
	if (s->settings.checks[i].is_live)
		(void)uv_timer_start(&s->checks[i].timer, on_silence,
				     (uint64_t)s->settings.watchdog_ms, 0);
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

/* Called when the command was started, also again: what was found out about the old
 * one does not count. */
void supervisor_start_checks(struct supervisor *s)
{
	for (uint16_t i = 0; i < s->settings.n_checks; i++) {
		health_reset(&s->checks[i].health);
		if (is_notify(s, i))
			expect_notify(s, i);
		else if (!s->checks[i].running)
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

/* Is the main process being stopped because of `live`, to be started again? */
static bool is_being_replaced(const struct supervisor *s)
{
	return s->lifecycle.processes[0].unhealthy &&
	       s->lifecycle.processes[0].state == LIFECYCLE_SLOT_RUNNING;
}

/* The verdict is a new one. */
static void tell_verdict(struct supervisor *s, uint16_t index, bool good, const char *reason)
{
	const struct settings_check *check = &s->settings.checks[index];
	if (!good)
		log_warning("check", "%s %s failed: %s", check->is_live ? "live" : "ready",
			    check->name, reason);
	if (!good && check->is_live && s->settings.restart_when_unhealthy)
		supervisor_push(s, (struct lifecycle_event){ .type = LIFECYCLE_UNHEALTHY });
}

void supervisor_check_ended(struct supervisor *s, uint16_t index, bool ok, const char *reason)
{
	struct check_state *check = &s->checks[index];
	if (s->lifecycle.state != LIFECYCLE_RUNNING || !check->running)
		return;
	check->running = false;
	(void)uv_timer_stop(&check->deadline);
	if (s->settings.checks[index].is_live && is_being_replaced(s)) {
		plan_next(s, index, on_check_timer);
		return; /* this is the old one's answer */
	}
	bool changed = health_result(&check->health, &s->settings.limits, ok);
	report_result(s, index, ok, reason);
	plan_next(s, index, on_check_timer);
	if (changed)
		tell_verdict(s, index, ok, reason);
}

void supervisor_check_decided(struct supervisor *s, uint16_t index, bool good, const char *reason)
{
	bool is_live = s->settings.checks[index].is_live;
	if (s->lifecycle.state != LIFECYCLE_RUNNING || (is_live && is_being_replaced(s)))
		return;
	if (is_live)
		(void)uv_timer_start(&s->checks[index].timer, on_silence,
				     (uint64_t)s->settings.watchdog_ms, 0);
	bool changed = health_decide(&s->checks[index].health, good);
	report_result(s, index, good, reason);
	if (changed)
		tell_verdict(s, index, good, reason);
}
