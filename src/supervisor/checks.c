/* Running the checks while the app runs: when, in which child, until when, and
 * what the results add up to. What a result means is pure/health.h. */
#include "supervisor/state.h"

#include "base/log.h"
#include "base/parse.h"
#include "base/text.h"
#include "effect/environment.h"
#include "sys/sys.h"

#include <stdio.h>

#define LOOK_PAUSE_MS 1000
#define LOOKS_MAX     8 /* that a busy machine may spoil; then it is left in peace */

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

/* Whose sockets are the app's, and whose are not. */
static struct socket_owners list_owners(struct supervisor *s)
{
	static pid_t own[CHILDREN_MAX + 1], processes[LIFECYCLE_PROCESSES_MAX];
	struct socket_owners owners = { .root = getppid(), .own = own, .processes = processes };
	own[owners.n_own++] = getpid();
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (s->children[i].pid != 0 && !supervisor_is_app(&s->children[i]))
			own[owners.n_own++] = s->children[i].pid;
	for (uint16_t i = 0; i < s->plan->n_processes; i++) {
		const struct child *child = supervisor_find_child(s, CHILD_PROCESS, i);
		if (child != NULL)
			processes[owners.n_processes++] = child->pid;
	}
	return owners;
}

/* If this try is refused. Those of a start are as a rule, come quickly, and the processor is
 * the app's then: one in a second is enough, and the one that makes it bad. */
static bool is_worth_a_look(const struct supervisor *s, size_t i)
{
	const struct check_state *check = &s->checks[i];
	struct health next = check->health;
	int64_t now_ms = sys_now_ms();
	(void)health_result(&next, &s->settings.limits, false, now_ms - s->checks_since_ms);
	return next.verdict != HEALTH_UNKNOWN || now_ms - check->looked_ms >= LOOK_PAUSE_MS;
}

static int run_check(struct supervisor *s, uint16_t index)
{
	struct check_context context;
	struct socket_owners owners = list_owners(s);
	struct err err;
	if (supervisor_enter_check(s, &context, &err) < 0) {
		messages_send(s->messages.send_fd, MESSAGE_CHECK_FAILED, 0, "%s", err.msg);
		return EXIT_CODE_FAILED;
	}
	context.owners = &owners;
	context.explains_refusal = is_worth_a_look(s, index);
	context.explains_success = !s->checks[index].is_reached;
	return check_main(&s->settings.checks[index].spec, &context, s->messages.send_fd);
}

/* The app says it by itself, nobody has to ask. */
static bool is_notify(const struct supervisor *s, size_t i)
{
	return s->settings.checks[i].spec.kind == CHECK_NOTIFY;
}

static void on_check_timer(uv_timer_t *handle);

static void plan_next(struct supervisor *s, uint16_t i)
{
	int64_t delay = health_delay_ms(&s->checks[i].health, &s->settings.limits,
					sys_now_ms() - s->checks_since_ms, s->checks[i].cost_ms,
					supervisor_random(s));
	(void)uv_timer_start(&s->checks[i].timer, on_check_timer, (uint64_t)delay, 0);
}

/* ---- results ---- */

/* On the page; and in the same moment what follows from it. */
static void report_result(struct supervisor *s, uint16_t index, const struct check_result *result)
{
	struct page_content *page = page_write_begin(s->page);
	struct page_check *check = &page->checks[index];
	enum health_verdict verdict = s->checks[index].health.verdict;
	check->state = verdict == HEALTH_GOOD  ? PAGE_CHECK_OK
		       : verdict == HEALTH_BAD ? PAGE_CHECK_FAILED
					       : PAGE_CHECK_UNKNOWN;
	check->failures = s->checks[index].health.failures;
	*(result->ok ? &check->n_ok : &check->n_failed) += 1;
	check->took_ms += result->took_ms;
	if (result->ok) {
		check->last_ok_ms = sys_now_ms();
		check->last_ok_epoch_ms = sys_epoch_ms();
	}
	/* a try that did not look, or in vain, says less than the one before that did */
	bool looked =
		s->checks[index].looked_ms == s->checks[index].started_ms && !result->look_failed;
	bool says_less = !result->ok && !looked &&
			 s->checks[index].looked_ms > s->checks_since_ms &&
			 starts_with(check->reason, result->reason);
	if (!says_less)
		text_copy(check->reason, sizeof(check->reason),
			  result->ok && !result->says_where ? "" : result->reason);
	supervisor_write_readiness(s, page);
	page_write_end(s->page);
}

static void tell_failed(const struct settings_check *check, const char *reason)
{
	log_warning("check", "%s %s failed: %s", check->is_live ? "live" : "ready", check->name,
		    reason);
}

/* The verdict is a new one. */
static void tell_verdict(struct supervisor *s, uint16_t index, bool good, const char *reason)
{
	const struct settings_check *check = &s->settings.checks[index];
	if (!good)
		tell_failed(check, reason);
	if (!good && check->is_live && s->settings.restart_when_unhealthy)
		supervisor_push(s, (struct lifecycle_event){ .type = LIFECYCLE_UNHEALTHY });
}

/* Two checks that ask one port find out the same. */
static bool is_where_told(const struct supervisor *s, uint16_t index, const char *reason)
{
	for (size_t i = 0; i < s->settings.n_checks; i++)
		if (s->checks[i].where_told &&
		    (i == index || streq(s->page->content.checks[i].reason, reason)))
			return true;
	return false;
}

/* Why nobody reaches the command is told once a start: as soon as it is known, also of a
 * check that holds, or that was bad for another reason before. */
static void tell_where(struct supervisor *s, uint16_t index, bool changed,
		       const struct check_result *result)
{
	const struct settings_check *check = &s->settings.checks[index];
	bool is_told = is_where_told(s, index, result->reason);
	if (!result->says_where || (!result->ok && s->checks[index].health.verdict != HEALTH_BAD))
		return;
	s->checks[index].where_told = true;
	if (result->ok && !is_told)
		log_warning("unreachable", "%s %s holds, but %s", check->is_live ? "live" : "ready",
			    check->name, result->reason);
	else if (!is_told && !changed)
		tell_failed(check, result->reason);
}

/* What is found out about a command that is gone, or is to be replaced, does not count. */
static void take_result(struct supervisor *s, uint16_t i, const struct check_result *result)
{
	struct check_state *check = &s->checks[i];
	if (supervisor_command_is_up(s)) {
		bool changed = health_result(&check->health, &s->settings.limits, result->ok,
					     sys_now_ms() - s->checks_since_ms);
		check->is_reached = result->ok && !result->says_where &&
				    (!result->look_failed || ++check->failed_looks >= LOOKS_MAX);
		report_result(s, i, result);
		if (changed)
			tell_verdict(s, i, result->ok, result->reason);
		tell_where(s, i, changed, result);
	}
	plan_next(s, i);
}

void supervisor_check_ended(struct supervisor *s, uint16_t index, const struct check_result *result)
{
	struct check_state *check = &s->checks[index];
	if (s->lifecycle.state != LIFECYCLE_RUNNING || !check->running)
		return;
	check->running = false;
	(void)uv_timer_stop(&check->deadline);
	struct check_result timed = *result;
	timed.took_ms = sys_now_ms() - check->started_ms;
	/* where no answer comes nobody works, but a program may */
	bool waited = timed.took_ms >= s->settings.check_timeout_ms &&
		      s->settings.checks[index].spec.kind != CHECK_EXEC;
	check->cost_ms = waited ? 0 : timed.took_ms;
	take_result(s, index, &timed);
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

void supervisor_check_decided(struct supervisor *s, uint16_t index, bool good, const char *reason)
{
	if (!supervisor_command_is_up(s))
		return;
	if (s->settings.checks[index].is_live)
		(void)uv_timer_start(&s->checks[index].timer, on_silence,
				     (uint64_t)s->settings.watchdog_ms, 0);
	bool changed = health_decide(&s->checks[index].health, good);
	report_result(s, index, &(struct check_result){ .ok = good, .reason = reason });
	if (changed)
		tell_verdict(s, index, good, reason);
}

/* ---- running them ---- */

/* Whatever it says, or ends with, is of no interest any more. */
static void end_check(struct supervisor *s, struct child *child, int signo)
{
	child->reported = true;
	supervisor_signal(s, &(struct errand){ .pid = child->pid, .group = true, .signo = signo });
}

static void on_deadline(uv_timer_t *handle)
{
	struct supervisor *s = handle->loop->data;
	uint16_t i = (uint16_t)(uintptr_t)handle->data;
	struct child *child = supervisor_find_child(s, CHILD_CHECK, i);
	char reason[64];
	if (child == NULL)
		return;
	end_check(s, child, SIGKILL);
	s->checks[i].killed_ms = sys_now_ms();
	(void)snprintf(reason, sizeof(reason), "no answer within %lld ms",
		       (long long)s->settings.check_timeout_ms);
	supervisor_check_ended(s, i, &(struct check_result){ .reason = reason });
	supervisor_pump(s);
}

/* Never two tries at a time. One that asked the command before may ignore its TERM; what
 * does not even end by KILL, in the time that a try has, is no good sign. */
static void wait_for_the_one_before(struct supervisor *s, uint16_t i, struct child *child)
{
	struct check_state *check = &s->checks[i];
	int64_t now_ms = sys_now_ms();
	if (check->killed_ms == 0) {
		end_check(s, child, SIGKILL);
		check->killed_ms = now_ms;
	} else if (now_ms - check->killed_ms >= s->settings.check_timeout_ms) {
		check->killed_ms = now_ms;
		take_result(s, i,
			    &(struct check_result){ .reason = "the try before has not ended yet" });
		return;
	}
	plan_next(s, i);
}

static void on_check_timer(uv_timer_t *handle)
{
	struct supervisor *s = handle->loop->data;
	uint16_t i = (uint16_t)(uintptr_t)handle->data;
	struct check_state *check = &s->checks[i];
	struct child *before = supervisor_find_child(s, CHILD_CHECK, i);
	if (before != NULL) {
		wait_for_the_one_before(s, i, before);
	} else if (supervisor_start_own(s, CHILD_CHECK, i, "pidone: check", run_check) == 0) {
		plan_next(s, i);
	} else {
		check->running = true;
		check->started_ms = sys_now_ms();
		if (is_worth_a_look(s, i)) /* the child sees the same */
			check->looked_ms = check->started_ms;
		check->killed_ms = 0;
		/* a little longer than the check gives itself, whose reason is the better one */
		(void)uv_timer_start(&check->deadline, on_deadline,
				     (uint64_t)s->settings.check_timeout_ms + 250, 0);
	}
	supervisor_pump(s);
}

void supervisor_init_checks(struct supervisor *s)
{
	for (size_t i = 0; i < s->settings.n_checks; i++) {
		(void)uv_timer_init(&s->loop, &s->checks[i].timer);
		(void)uv_timer_init(&s->loop, &s->checks[i].deadline);
		s->checks[i].timer.data = s->checks[i].deadline.data = (void *)(uintptr_t)i;
	}
}

/* What was found out about the old command; when it held at last stays true. The app that
 * shall say something itself has not said so yet. */
static void forget(struct supervisor *s, uint16_t i)
{
	health_reset(&s->checks[i].health);
	s->checks[i].cost_ms = 0;
	s->checks[i].looked_ms = s->checks_since_ms;
	s->checks[i].where_told = s->checks[i].is_reached = false;
	s->checks[i].failed_looks = 0;
	struct page_check *check = &page_write_begin(s->page)->checks[i];
	check->state = PAGE_CHECK_UNKNOWN;
	check->failures = 0;
	text_copy(check->reason, sizeof(check->reason),
		  is_notify(s, i) ? "the app has not said so yet" : "");
	page_write_end(s->page);
}

/* A try that asks the command before this one. */
static void abandon(struct supervisor *s, uint16_t i)
{
	struct child *child = supervisor_find_child(s, CHILD_CHECK, i);
	if (child != NULL)
		end_check(s, child, SIGTERM);
	(void)uv_timer_stop(&s->checks[i].deadline);
	s->checks[i].running = false;
	s->checks[i].killed_ms = 0;
}

/* Called when the command was started, also again: what was found out about the old
 * one does not count. */
void supervisor_start_checks(struct supervisor *s)
{
	s->checks_since_ms = sys_now_ms();
	for (uint16_t i = 0; i < s->settings.n_checks; i++) {
		forget(s, i);
		abandon(s, i);
		/* a watchdog begins with its first word, as that of a service manager does: a
		 * start may take its time */
		if (is_notify(s, i))
			(void)uv_timer_stop(&s->checks[i].timer);
		else
			plan_next(s, i);
	}
}

void supervisor_stop_checks(struct supervisor *s)
{
	for (uint16_t i = 0; i < s->settings.n_checks; i++) {
		(void)uv_timer_stop(&s->checks[i].timer);
		abandon(s, i);
	}
}
