/* /status for programs: JSON. The text for people is in probe_status_text.c. */
#include "children/probe_answer.h"

#include "config.h"

#include <stdio.h>

static const char *const process_states[] = { "idle", "running", "delayed", "ended" };
static const char *const check_states[] = { "unknown", "ok", "failed" };
static const char *const check_kinds[] = { "ready", "live" };

static size_t n_processes(const struct page_content *page)
{
	return page->n_processes < PAGE_PROCESSES_MAX ? page->n_processes : PAGE_PROCESSES_MAX;
}

static size_t n_checks(const struct page_content *page)
{
	return page->n_checks < PAGE_CHECKS_MAX ? page->n_checks : PAGE_CHECKS_MAX;
}

/* ,"name":"text" */
static void add_string(struct probe_body *body, const char *before, const char *name,
		       const char *text)
{
	probe_body_add(body, "%s\"%s\":\"", before, name);
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			probe_body_add(body, "\\%c", *p);
		else if (*p < 0x20 || *p == 0x7f)
			probe_body_add(body, "\\u%04x", *p);
		else
			probe_body_add(body, "%c", *p);
	}
	probe_body_add(body, "\"");
}

static void add_seconds(struct probe_body *body, const char *name, int64_t ms)
{
	if (ms < 0)
		ms = 0; /* the page was written after the clock was read */
	probe_body_add(body, ",\"%s\":%lld.%03lld", name, (long long)(ms / 1000),
		       (long long)(ms % 1000));
}

/* Text or null. */
static void add_reason(struct probe_body *body, const char *name, const char *reason)
{
	if (reason[0] != '\0')
		add_string(body, ",", name, reason);
	else
		probe_body_add(body, ",\"%s\":null", name);
}

static void add_flag(struct probe_body *body, const char *name, bool flag)
{
	probe_body_add(body, ",\"%s\":%s", name, flag ? "true" : "false");
}

static void add_process(struct probe_body *body, const struct page_process *process,
			int64_t now_ms)
{
	add_string(body, "{", "name", process->name);
	add_string(body, ",", "program", process->program);
	add_string(body, ",", "state", process_states[process->state]);
	add_seconds(body, "state_seconds", now_ms - process->since_ms);
	if (process->pid > 0)
		probe_body_add(body, ",\"pid\":%d", process->pid);
	else
		probe_body_add(body, ",\"pid\":null");
	add_reason(body, "status", process->status);
	probe_body_add(body, ",\"starts\":%u,\"last_exit_code\":", process->starts);
	if (probe_process_has_ended(process))
		probe_body_add(body, "%d}", process->exit_code);
	else
		probe_body_add(body, "null}");
}

static void add_check(struct probe_body *body, const struct page_check *check, int64_t now_ms)
{
	add_string(body, "{", "name", check->name);
	add_string(body, ",", "kind", check_kinds[check->kind]);
	add_string(body, ",", "state", check_states[check->state]);
	add_reason(body, "reason", check->reason);
	if (check->last_ok_ms > 0)
		add_seconds(body, "last_ok_seconds_ago", now_ms - check->last_ok_ms);
	else
		probe_body_add(body, ",\"last_ok_seconds_ago\":null");
	probe_body_add(body, ",\"failures\":%u}", check->failures);
}

static void add_wait(struct probe_body *body, const struct page_wait *wait, int64_t now_ms)
{
	int64_t now_waiting_ms = wait->since_ms != 0 ? now_ms - wait->since_ms : 0;
	probe_body_add(body, "\"waiting\":%s", wait->since_ms != 0 ? "true" : "false");
	add_seconds(body, "waited_seconds", wait->waited_ms + now_waiting_ms);
	probe_body_add(body, "}");
}

static void add_waits(struct probe_body *body, const struct page_content *page, int64_t now_ms)
{
	probe_body_add(body, "],\"waits\":[");
	for (size_t i = 0; i < page->n_waits && i < PAGE_WAITS_MAX; i++) {
		add_string(body, i > 0 ? ",{" : "{", "name", page->waits[i].name);
		probe_body_add(body, ",");
		add_wait(body, &page->waits[i], now_ms);
	}
	probe_body_add(body, "],\"lock\":{");
	add_wait(body, &page->lock, now_ms);
}

static void add_events(struct probe_body *body, const struct page_content *page, int64_t now_ms)
{
	uint32_t first = page->n_events > PAGE_EVENTS_MAX ? page->n_events - PAGE_EVENTS_MAX : 0;
	probe_body_add(body, ",\"events\":[");
	for (uint32_t i = first; i < page->n_events; i++) {
		const struct page_event *event = &page->events[i % PAGE_EVENTS_MAX];
		add_string(body, i > first ? ",{" : "{", "level", probe_event_level(event));
		add_seconds(body, "seconds_ago", now_ms - event->at_ms);
		add_string(body, ",", "message", event->text);
		probe_body_add(body, "}");
	}
	probe_body_add(body, "]");
}

void probe_status_json(const struct page_content *page, int64_t now_ms, struct probe_body *body)
{
	add_string(body, "{", "version", PACKAGE_VERSION);
	add_string(body, ",", "role", page->role);
	add_string(body, ",", "state", page->state);
	add_seconds(body, "state_seconds", now_ms - page->state_since_ms);
	add_seconds(body, "uptime_seconds", now_ms - page->booted_ms);
	add_flag(body, "ready", page->ready);
	add_reason(body, "not_ready", page->not_ready);
	add_flag(body, "live", page->live);
	add_reason(body, "not_live", page->not_live);
	add_flag(body, "started", page->started);
	probe_body_add(body, ",\"processes\":[");
	for (size_t i = 0; i < n_processes(page); i++) {
		probe_body_add(body, "%s", i > 0 ? "," : "");
		add_process(body, &page->processes[i], now_ms);
	}
	probe_body_add(body, "],\"checks\":[");
	for (size_t i = 0; i < n_checks(page); i++) {
		probe_body_add(body, "%s", i > 0 ? "," : "");
		add_check(body, &page->checks[i], now_ms);
	}
	add_waits(body, page, now_ms);
	add_events(body, page, now_ms);
	probe_body_add(body,
		       ",\"restarts\":%u,\"signals_forwarded\":%llu,\"zombies_reaped\":%llu,"
		       "\"log_lines_dropped\":%llu}\n",
		       page->restarts, (unsigned long long)page->signals_forwarded,
		       (unsigned long long)page->zombies_reaped,
		       (unsigned long long)page->log_lines_dropped);
}

bool probe_process_has_ended(const struct page_process *process)
{
	return process->starts > 1 || process->state >= PAGE_PROCESS_DELAYED;
}

const char *probe_event_level(const struct page_event *event)
{
	static const char *const names[] = { "error", "warning", "info" };
	return event->level < ARRAY_SIZE(names) ? names[event->level] : "info";
}
