/* /metrics: Prometheus text format 0.0.4. */
#include "children/probe_answer.h"

#include "config.h"

#include <stdio.h>

static const char *const states[] = { "boot",	  "waiting",  "locking", "steps",   "running",
				      "draining", "stopping", "killing", "reaping", "exit" };
static const char *const check_states[] = { "unknown", "ok", "failed" };
static const char *const check_kinds[] = { "ready", "live" };

static void add_help(struct probe_body *body, const char *name, const char *type,
		     const char *help)
{
	probe_body_add(body, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Backslash, quote and line end are escaped in a label's value. */
static void add_label(struct probe_body *body, const char *before, const char *name,
		      const char *value)
{
	probe_body_add(body, "%s%s=\"", before, name);
	for (const char *p = value; *p != '\0'; p++) {
		if (*p == '\n')
			probe_body_add(body, "\\n");
		else
			probe_body_add(body, "%s%c", *p == '"' || *p == '\\' ? "\\" : "", *p);
	}
	probe_body_add(body, "\"");
}

static void add_value(struct probe_body *body, const char *name, const char *type,
		      const char *help, uint64_t value)
{
	add_help(body, name, type, help);
	probe_body_add(body, "%s %llu\n", name, (unsigned long long)value);
}

static void add_about(struct probe_body *body, const struct page_content *page, int64_t now_ms)
{
	int64_t up_ms = now_ms > page->booted_ms ? now_ms - page->booted_ms : 0;
	add_help(body, "pidone_build_info", "gauge", "The version that runs.");
	probe_body_add(body, "pidone_build_info{version=\"" PACKAGE_VERSION "\"} 1\n");
	add_help(body, "pidone_role_info", "gauge", "The role that runs.");
	probe_body_add(body, "pidone_role_info");
	add_label(body, "{", "role", page->role);
	probe_body_add(body, "} 1\n");
	add_help(body, "pidone_uptime_seconds", "gauge", "Time since the supervisor started.");
	probe_body_add(body, "pidone_uptime_seconds %lld.%03lld\n", (long long)(up_ms / 1000),
		       (long long)(up_ms % 1000));
	add_help(body, "pidone_state", "gauge", "1 for the state of the lifecycle.");
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		probe_body_add(body, "pidone_state{state=\"%s\"} %d\n", states[i],
			       streq(page->state, states[i]));
	add_value(body, "pidone_ready", "gauge", "1 while /readyz is 200.", page->ready);
	add_value(body, "pidone_live", "gauge", "1 while the live checks hold.", page->live);
	add_value(body, "pidone_started", "gauge", "1 once it has been ready.", page->started);
}

static void add_processes(struct probe_body *body, const struct page_content *page)
{
	static const struct {
		const char *name, *type, *help;
	} families[] = {
		{ "pidone_process_running", "gauge", "1 while the process runs." },
		{ "pidone_process_starts_total", "counter", "Starts of the process." },
		{ "pidone_process_last_exit_code", "gauge",
		  "Code of its last end, 128+N for a signal." },
	};
	for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
		add_help(body, families[f].name, families[f].type, families[f].help);
		for (size_t i = 0; i < page->n_processes && i < PAGE_PROCESSES_MAX; i++) {
			const struct page_process *process = &page->processes[i];
			long long value = f == 0 ? process->state == PAGE_PROCESS_RUNNING :
					  f == 1 ? (long long)process->starts :
						   process->exit_code;
			probe_body_add(body, "%s", families[f].name);
			add_label(body, "{", "process", process->name);
			add_label(body, ",", "program", process->program);
			probe_body_add(body, "} %lld\n", value);
		}
	}
}

/* A series must not appear twice: the second check of one name is "name #2". */
static void add_check_name(struct probe_body *body, const struct page_content *page, size_t index)
{
	const struct page_check *check = &page->checks[index];
	char label[PAGE_NAME_SIZE + 16];
	unsigned same = 1;
	for (size_t i = 0; i < index; i++)
		same += page->checks[i].kind == check->kind &&
			streq(page->checks[i].name, check->name);
	if (same > 1)
		(void)snprintf(label, sizeof(label), "%s #%u", check->name, same);
	add_label(body, "{", "check", same > 1 ? label : check->name);
}

static void add_checks(struct probe_body *body, const struct page_content *page)
{
	add_help(body, "pidone_check_state", "gauge", "1 for the state of the check.");
	for (size_t i = 0; i < page->n_checks && i < PAGE_CHECKS_MAX; i++) {
		const struct page_check *check = &page->checks[i];
		for (size_t state = 0; state < ARRAY_SIZE(check_states); state++) {
			probe_body_add(body, "pidone_check_state");
			add_check_name(body, page, i);
			probe_body_add(body, ",kind=\"%s\",state=\"%s\"} %d\n",
				       check_kinds[check->kind], check_states[state],
				       (size_t)check->state == state);
		}
	}
}

void probe_metrics(const struct page_content *page, int64_t now_ms, struct probe_body *body)
{
	add_about(body, page, now_ms);
	add_processes(body, page);
	add_checks(body, page);
	add_value(body, "pidone_restarts_total", "counter", "Restarts of all processes.",
		  page->restarts);
	add_value(body, "pidone_signals_forwarded_total", "counter", "Signals passed on.",
		  page->signals_forwarded);
	add_value(body, "pidone_zombies_reaped_total", "counter", "Orphans reaped.",
		  page->zombies_reaped);
	add_value(body, "pidone_log_lines_dropped_total", "counter",
		  "Log lines lost because stderr was full.", page->log_lines_dropped);
}
