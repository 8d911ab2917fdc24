/* /status: JSON for programs, a text for people. */
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
	probe_body_add(body, ",\"starts\":%u,\"last_exit_code\":%d}", process->starts,
		       process->exit_code);
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
	probe_body_add(body,
		       "],\"restarts\":%u,\"signals_forwarded\":%llu,\"zombies_reaped\":%llu,"
		       "\"log_lines_dropped\":%llu}\n",
		       page->restarts, (unsigned long long)page->signals_forwarded,
		       (unsigned long long)page->zombies_reaped,
		       (unsigned long long)page->log_lines_dropped);
}

/* "3d 4h", "2m 5s": two units are what a person takes in. */
static const char *age_text(int64_t ms, char *buffer, size_t size)
{
	static const struct {
		int64_t seconds;
		const char *unit;
	} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "m" }, { 1, "s" } };
	int64_t seconds = ms > 0 ? ms / 1000 : 0;
	size_t i = 0;
	while (i + 1 < ARRAY_SIZE(units) && seconds < units[i].seconds)
		i++;
	int used = snprintf(buffer, size, "%lld%s", (long long)(seconds / units[i].seconds),
			    units[i].unit);
	if (i + 1 < ARRAY_SIZE(units) && used > 0 && (size_t)used < size)
		(void)snprintf(buffer + used, size - (size_t)used, " %lld%s",
			       (long long)(seconds % units[i].seconds / units[i + 1].seconds),
			       units[i + 1].unit);
	return buffer;
}

static void add_process_line(struct probe_body *body, const struct page_process *process,
			     int64_t now_ms)
{
	char age[32];
	probe_body_add(body, "  %-10s %-16s %-8s for %-10s", process->name, process->program,
		       process_states[process->state],
		       age_text(now_ms - process->since_ms, age, sizeof(age)));
	if (process->pid > 0)
		probe_body_add(body, " pid %d", process->pid);
	if (process->starts > 1)
		probe_body_add(body, ", started %u times", process->starts);
	if (process->starts > 1 || process->state >= PAGE_PROCESS_DELAYED)
		probe_body_add(body, ", last exit code %d", process->exit_code);
	probe_body_add(body, "%s%s\n", process->status[0] != '\0' ? ": " : "", process->status);
}

void probe_status_text(const struct page_content *page, int64_t now_ms, struct probe_body *body)
{
	char age[32];
	probe_body_add(body, "role       %s\nstate      %s for %s\n", page->role, page->state,
		       age_text(now_ms - page->state_since_ms, age, sizeof(age)));
	probe_body_add(body, "up         %s, pidone " PACKAGE_VERSION "\n",
		       age_text(now_ms - page->booted_ms, age, sizeof(age)));
	probe_body_add(body, "ready      %s%s%s\n", page->ready ? "yes" : "no",
		       page->ready ? "" : ": ", page->ready ? "" : page->not_ready);
	probe_body_add(body, "live       %s%s%s\n", page->live ? "yes" : "no",
		       page->live ? "" : ": ", page->live ? "" : page->not_live);
	if (n_processes(page) > 0)
		probe_body_add(body, "\nprocesses\n");
	for (size_t i = 0; i < n_processes(page); i++)
		add_process_line(body, &page->processes[i], now_ms);
	if (n_checks(page) > 0)
		probe_body_add(body, "\nchecks\n");
	for (size_t i = 0; i < n_checks(page); i++) {
		const struct page_check *check = &page->checks[i];
		probe_body_add(body, "  %-5s %-7s %s%s%s\n", check_kinds[check->kind],
			       check_states[check->state], check->name,
			       check->reason[0] != '\0' ? ": " : "", check->reason);
	}
	probe_body_add(body, "\nrestarts %u, signals forwarded %llu, orphans reaped %llu, "
			     "log lines lost %llu\n",
		       page->restarts, (unsigned long long)page->signals_forwarded,
		       (unsigned long long)page->zombies_reaped,
		       (unsigned long long)page->log_lines_dropped);
}
