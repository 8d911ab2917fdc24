/* The loop of PID 1: callbacks push events, pump() has the lifecycle decide and
 * the actions performed, run to completion and without recursion. */
#include "supervisor/state.h"

#include "base/log.h"
#include "sys/sys.h"

#include <stdarg.h>
#include <stdio.h>

void supervisor_push(struct supervisor *s, struct lifecycle_event event)
{
	if (s->n_events == EVENTS_MAX)
		return; /* cannot be: every source holds at most one event a turn */
	s->events[(s->first_event + s->n_events++) % EVENTS_MAX] = event;
}

static bool is_an_end(enum lifecycle_event_type type)
{
	return type == LIFECYCLE_STEP_ENDED || type == LIFECYCLE_PROCESS_ENDED ||
	       type == LIFECYCLE_LOCK_LOST;
}

static void decide(struct supervisor *s, const struct lifecycle_event *event)
{
	struct lifecycle_actions actions;
	enum lifecycle_state before = s->lifecycle.state;
	bool was_requested = s->lifecycle.stop_requested;
	char waiting[PAGE_REASON_SIZE];
	(void)supervisor_waiting_reason(s, waiting, sizeof(waiting));
	lifecycle_step(&s->lifecycle, &s->lifecycle_plan, event, &actions);
	if (s->lifecycle.stop_requested && !was_requested) {
		memcpy(s->stopped_while, waiting, sizeof(waiting));
		s->reason[0] = '\0'; /* it ends because it was told to, whatever was before */
	}
	if (is_an_end(event->type) && !s->lifecycle.has_code)
		s->reason[0] = '\0'; /* it lives on: why that ended is history */
	if (s->reason[0] == '\0')
		s->reason_told = false;
	if (s->lifecycle.state != before)
		supervisor_report_state(s, before);
	for (size_t i = 0; i < actions.n; i++)
		supervisor_perform(s, &actions.items[i]);
}

void supervisor_pump(struct supervisor *s)
{
	if (s->pumping)
		return;
	s->pumping = true;
	supervisor_look_for_end(s); /* a stranger's end is no event, but may be the last */
	while (s->n_events > 0) {
		struct lifecycle_event event = s->events[s->first_event];
		s->first_event = (s->first_event + 1) % EVENTS_MAX;
		s->n_events--;
		decide(s, &event);
		if (s->n_events == 0)
			supervisor_look_for_end(s);
	}
	s->pumping = false;
	supervisor_report_health(s);
}

void supervisor_set_reason(struct supervisor *s, const char *format, ...)
{
	if (s->reason[0] != '\0')
		return;
	va_list args;
	va_start(args, format);
	(void)vsnprintf(s->reason, sizeof(s->reason), format, args);
	va_end(args);
}

void supervisor_fail(struct supervisor *s, const char *event, const char *text)
{
	s->reason_told = s->reason_told || s->reason[0] == '\0';
	supervisor_set_reason(s, "%s", text);
	log_error(event, "%s", text);
}

uint32_t supervisor_random(struct supervisor *s)
{
	s->random ^= s->random << 13; /* xorshift: jitter, not secrets */
	s->random ^= s->random >> 17;
	s->random ^= s->random << 5;
	return s->random;
}

/* From this call on PID 1 opens no descriptor, allocates nothing, starts no
 * thread, and ends only through the lifecycle's exit. */
static int run_behind_the_line(struct supervisor *s)
{
	if (s->lifecycle.state == LIFECYCLE_BOOT) {
		supervisor_start_probe_server(s);
		supervisor_push(s, (struct lifecycle_event){ .type = LIFECYCLE_STARTED });
		supervisor_pump(s);
	}
	while (s->lifecycle.state != LIFECYCLE_EXIT)
		(void)uv_run(&s->loop, UV_RUN_ONCE);
	return s->exit_code;
}

int supervisor_main(const struct supervisor_options *options)
{
	static struct supervisor whole; /* about 40 kB, most of it never touched */
	struct supervisor *s = &whole;
	struct err err;
	s->options = options;
	s->plan = options->plan;
	int code = supervisor_set_up(s, &err);
	if (code != 0) {
		s->exit_code = code;
		s->reason[0] = '\0';
		supervisor_fail(s, "boot", err.msg);
		supervisor_report_exit(s);
		listen_unlink(&s->sockets);
		return code;
	}
	code = run_behind_the_line(s);
	listen_unlink(&s->sockets);
	return code;
}
