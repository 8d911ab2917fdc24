/* /metrics: Prometheus text format 0.0.4. */
#include "children/probe_answer.h"

#include "config.h"

#include <stdio.h>

static const char *const states[] = { "boot",	  "waiting",  "locking", "steps",   "running",
				      "draining", "stopping", "killing", "reaping", "exit" };
static const char *const check_states[] = { "unknown", "ok", "failed" };
static const char *const check_kinds[] = { "ready", "live" };

void probe_metrics_help(struct probe_body *body, const char *name, const char *type,
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
	probe_metrics_help(body, name, type, help);
	probe_body_add(body, "%s %llu\n", name, (unsigned long long)value);
}

static void add_seconds(struct probe_body *body, int64_t ms)
{
	if (ms < 0)
		ms = 0; /* the page was written after the clock was read */
	probe_body_add(body, " %lld.%03lld\n", (long long)(ms / 1000), (long long)(ms % 1000));
}

static void add_about(struct probe_body *body, const struct page_content *page, int64_t now_ms)
{
	int64_t up_ms = now_ms > page->booted_ms ? now_ms - page->booted_ms : 0;
	probe_metrics_help(body, "pidone_build_info", "gauge", "The version that runs.");
	probe_body_add(body, "pidone_build_info{version=\"" PACKAGE_VERSION "\"} 1\n");
	probe_metrics_help(body, "pidone_role_info", "gauge", "The role that runs.");
	probe_body_add(body, "pidone_role_info");
	add_label(body, "{", "role", page->role);
	probe_body_add(body, "} 1\n");
	probe_metrics_help(body, "pidone_uptime_seconds", "gauge",
			   "Time since the supervisor started.");
	probe_body_add(body, "pidone_uptime_seconds");
	add_seconds(body, up_ms);
	probe_metrics_help(body, "pidone_state", "gauge", "1 for the state of the lifecycle.");
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		probe_body_add(body, "pidone_state{state=\"%s\"} %d\n", states[i],
			       streq(page->state, states[i]));
	add_value(body, "pidone_ready", "gauge", "1 while /readyz is 200.", page->ready);
	add_value(body, "pidone_live", "gauge", "1 while the live checks hold.", page->live);
	add_value(body, "pidone_started", "gauge", "1 once it has been ready.", page->started);
}

static void add_process_labels(struct probe_body *body, const struct page_process *process)
{
	add_label(body, "{", "process", process->name);
	add_label(body, ",", "program", process->program);
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
		probe_metrics_help(body, families[f].name, families[f].type, families[f].help);
		for (size_t i = 0; i < page->n_processes && i < PAGE_PROCESSES_MAX; i++) {
			const struct page_process *process = &page->processes[i];
			long long value = f == 0 ? process->state == PAGE_PROCESS_RUNNING :
					  f == 1 ? (long long)process->starts :
						   process->exit_code;
			probe_body_add(body, "%s", families[f].name);
			add_process_labels(body, process);
			probe_body_add(body, "} %lld\n", value);
		}
	}
}

/* There is no series before the first end: which codes would it name? */
static void add_exits(struct probe_body *body, const struct page_content *page)
{
	static const char name[] = "pidone_process_exits_total";
	probe_metrics_help(body, name, "counter", "Ends of the process, 128+N for a signal.");
	for (size_t i = 0; i < PAGE_EXITS_MAX && page->exits[i].count > 0; i++) {
		const struct page_exit *ended = &page->exits[i];
		char code[16] = "other";
		if (ended->code >= 0)
			(void)snprintf(code, sizeof(code), "%d", ended->code);
		probe_body_add(body, "%s", name);
		if (ended->code >= 0 && ended->process < PAGE_PROCESSES_MAX)
			add_label(body, "{", "process", page->processes[ended->process].name);
		else
			add_label(body, "{", "process", "other");
		probe_body_add(body, ",code=\"%s\"} %u\n", code, ended->count);
	}
}

static int64_t waited_ms(const struct page_wait *wait, int64_t now_ms)
{
	return wait->waited_ms + (wait->since_ms != 0 ? now_ms - wait->since_ms : 0);
}

static void add_waits(struct probe_body *body, const struct page_content *page, int64_t now_ms)
{
	probe_metrics_help(body, "pidone_wait_seconds_total", "counter",
			   "Time waited for the target.");
	for (size_t i = 0; i < page->n_waits && i < PAGE_WAITS_MAX; i++) {
		probe_body_add(body, "pidone_wait_seconds_total");
		add_label(body, "{", "target", page->waits[i].name);
		probe_body_add(body, "}");
		add_seconds(body, waited_ms(&page->waits[i], now_ms));
	}
	probe_metrics_help(body, "pidone_lock_wait_seconds_total", "counter",
			   "Time waited for the lock.");
	probe_body_add(body, "pidone_lock_wait_seconds_total");
	add_seconds(body, waited_ms(&page->lock, now_ms));
}

/* A series must not appear twice: the second check of one name is "name #2". */
static void add_check_labels(struct probe_body *body, const struct page_content *page, size_t index)
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
	probe_body_add(body, ",kind=\"%s\"", check_kinds[check->kind]);
}

static void add_check_state(struct probe_body *body, const struct page_content *page, size_t i)
{
	for (size_t state = 0; state < ARRAY_SIZE(check_states); state++) {
		probe_body_add(body, "pidone_check_state");
		add_check_labels(body, page, i);
		probe_body_add(body, ",state=\"%s\"} %d\n", check_states[state],
			       (size_t)page->checks[i].state == state);
	}
}

static void add_check_results(struct probe_body *body, const struct page_content *page, size_t i)
{
	const struct page_check *check = &page->checks[i];
	for (int ok = 1; ok >= 0; ok--) {
		probe_body_add(body, "pidone_check_results_total");
		add_check_labels(body, page, i);
		probe_body_add(body, ",result=\"%s\"} %llu\n", check_states[ok ? 1 : 2],
			       (unsigned long long)(ok ? check->n_ok : check->n_failed));
	}
}

static void add_check_duration(struct probe_body *body, const struct page_content *page, size_t i)
{
	const struct page_check *check = &page->checks[i];
	probe_body_add(body, "pidone_check_duration_seconds_sum");
	add_check_labels(body, page, i);
	probe_body_add(body, "}");
	add_seconds(body, check->took_ms);
	probe_body_add(body, "pidone_check_duration_seconds_count");
	add_check_labels(body, page, i);
	probe_body_add(body, "} %llu\n", (unsigned long long)(check->n_ok + check->n_failed));
}

static void add_check_success(struct probe_body *body, const struct page_content *page, size_t i)
{
	if (page->checks[i].last_ok_ms == 0)
		return; /* never: no time says so */
	probe_body_add(body, "pidone_check_last_success_timestamp_seconds");
	add_check_labels(body, page, i);
	probe_body_add(body, "}");
	add_seconds(body, page->checks[i].last_ok_epoch_ms);
}

static void add_checks(struct probe_body *body, const struct page_content *page)
{
	size_t n = page->n_checks < PAGE_CHECKS_MAX ? page->n_checks : PAGE_CHECKS_MAX;
	probe_metrics_help(body, "pidone_check_state", "gauge", "1 for the state of the check.");
	for (size_t i = 0; i < n; i++)
		add_check_state(body, page, i);
	probe_metrics_help(body, "pidone_check_results_total", "counter", "Results of the check.");
	for (size_t i = 0; i < n; i++)
		add_check_results(body, page, i);
	probe_metrics_help(body, "pidone_check_duration_seconds", "summary",
			   "How long the check took.");
	for (size_t i = 0; i < n; i++)
		add_check_duration(body, page, i);
	probe_metrics_help(body, "pidone_check_last_success_timestamp_seconds", "gauge",
			   "When the check succeeded last; missing if never.");
	for (size_t i = 0; i < n; i++)
		add_check_success(body, page, i);
}

void probe_metrics(const struct page_content *page, int64_t now_ms, struct probe_body *body)
{
	add_about(body, page, now_ms);
	add_processes(body, page);
	add_exits(body, page);
	add_waits(body, page, now_ms);
	add_checks(body, page);
	add_value(body, "pidone_restarts_total", "counter", "Restarts of all processes.",
		  page->restarts);
	add_value(body, "pidone_signals_forwarded_total", "counter", "Signals passed on.",
		  page->signals_forwarded);
	add_value(body, "pidone_zombies_reaped_total", "counter", "Orphans reaped.",
		  page->zombies_reaped);
	add_value(body, "pidone_log_lines_dropped_total", "counter",
		  "Log lines lost because stderr was full.", page->log_lines_dropped);
	probe_metrics_memory(body);
	if (page->n_processes > 0 && page->processes[0].pid > 0)
		probe_metrics_process(page->processes[0].pid, body);
}
