/* /status for people: what somebody wants to read at three in the morning. */
#include "children/probe_answer.h"

#include "base/text.h"
#include "config.h"

#include <stdio.h>

#define COLUMNS_MAX 7
#define ROWS_MAX    (PAGE_PROCESSES_MAX + 1)
#define CELL_SIZE   64

#define RED    "\033[31m"
#define GREEN  "\033[32m"
#define YELLOW "\033[33m"
#define BOLD   "\033[1m"
#define PLAIN  "\033[0m"

/* Columns as wide as their widest cell; behind the last one a text of any length. The
 * first row is the heading. */
struct table {
	size_t n_columns, n_rows;
	size_t column; /* of the next cell */
	struct row {
		char cells[COLUMNS_MAX][CELL_SIZE];
		const char *colors[COLUMNS_MAX];
		const char *rest;
	} rows[ROWS_MAX];
};

static void add_colored(struct probe_body *body, const char *color, bool colored, const char *text)
{
	bool with = colored && color != NULL;
	probe_body_add(body, "%s%s%s", with ? color : "", text, with ? PLAIN : "");
}

static void begin_row(struct table *table)
{
	struct row *row = &table->rows[table->n_rows++];
	*row = (struct row){ .rest = "" };
	table->column = 0;
}

static void add_cell(struct table *table, const char *color, const char *text)
{
	struct row *row = &table->rows[table->n_rows - 1];
	text_copy(row->cells[table->column], CELL_SIZE, text);
	row->colors[table->column++] = color;
}

static void add_number(struct table *table, long long number)
{
	char text[32];
	(void)snprintf(text, sizeof(text), "%lld", number);
	add_cell(table, NULL, text);
}

static void begin_table(struct table *table, const char *const *headings, size_t n)
{
	table->n_rows = 0;
	table->n_columns = n;
	begin_row(table);
	for (size_t i = 0; i < n; i++)
		add_cell(table, BOLD, headings[i]);
}

/* Characters, not bytes, of UTF-8. */
static size_t width_of(const char *text)
{
	size_t width = 0;
	for (; *text != '\0'; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void print_table(const struct table *table, bool colored, struct probe_body *body)
{
	size_t widths[COLUMNS_MAX] = { 0 };
	for (size_t r = 0; r < table->n_rows; r++)
		for (size_t c = 0; c < table->n_columns; c++)
			if (width_of(table->rows[r].cells[c]) > widths[c])
				widths[c] = width_of(table->rows[r].cells[c]);
	probe_body_add(body, "\n");
	for (size_t r = 0; r < table->n_rows; r++) {
		const struct row *row = &table->rows[r];
		size_t last = table->n_columns;
		while (row->rest[0] == '\0' && last > 0 && row->cells[last - 1][0] == '\0')
			last--; /* no blanks at the end of a line */
		for (size_t c = 0; c < last; c++) {
			bool ends = c + 1 == last && row->rest[0] == '\0';
			add_colored(body, row->colors[c], colored, row->cells[c]);
			probe_body_add(body, "%*s",
				       ends ? 0 : (int)(widths[c] - width_of(row->cells[c]) + 2),
				       "");
		}
		probe_body_add(body, "%s\n", row->rest);
	}
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

static void add_age(struct table *table, int64_t ms)
{
	char age[32];
	add_cell(table, NULL, age_text(ms, age, sizeof(age)));
}

static void print_verdict(struct probe_body *body, const char *name, bool good, const char *reason,
			  bool colored)
{
	probe_body_add(body, "%-6s ", name);
	add_colored(body, good ? GREEN : RED, colored, good ? "yes" : "no");
	probe_body_add(body, "%s%s\n", good || reason[0] == '\0' ? "" : ": ", good ? "" : reason);
}

static void print_head(const struct page_content *page, int64_t now_ms, bool colored,
		       struct probe_body *body)
{
	char age[32];
	add_colored(body, BOLD, colored, page->role);
	probe_body_add(body, " is %s for %s", page->state,
		       age_text(now_ms - page->state_since_ms, age, sizeof(age)));
	probe_body_add(body, " (pidone " PACKAGE_VERSION ", up %s)\n",
		       age_text(now_ms - page->booted_ms, age, sizeof(age)));
	print_verdict(body, "ready", page->ready, page->not_ready, colored);
	print_verdict(body, "live", page->live, page->not_live, colored);
}

static void print_processes(const struct page_content *page, int64_t now_ms, bool colored,
			    struct table *table, struct probe_body *body)
{
	static const char *const headings[] = { "PROCESS", "PROGRAM", "STATE",    "FOR",
						"PID",     "STARTS",  "LAST EXIT" };
	static const struct {
		const char *text, *color;
	} states[] = { { "not started", YELLOW },
		       { "running", GREEN },
		       { "waits for its restart", YELLOW },
		       { "ended", RED } };
	begin_table(table, headings, ARRAY_SIZE(headings));
	for (size_t i = 0; i < page->n_processes && i < PAGE_PROCESSES_MAX; i++) {
		const struct page_process *process = &page->processes[i];
		begin_row(table);
		add_cell(table, NULL, process->name);
		add_cell(table, NULL, process->program);
		add_cell(table, states[process->state].color, states[process->state].text);
		add_age(table, now_ms - process->since_ms);
		if (process->pid > 0)
			add_number(table, process->pid);
		else
			add_cell(table, NULL, "-");
		add_number(table, process->starts);
		if (probe_process_has_ended(process))
			add_number(table, process->exit_code);
		else
			add_cell(table, NULL, process->status[0] != '\0' ? "-" : "");
		table->rows[table->n_rows - 1].rest = process->status;
	}
	if (table->n_rows > 1)
		print_table(table, colored, body);
}

static void print_checks(const struct page_content *page, int64_t now_ms, bool colored,
			 struct table *table, struct probe_body *body)
{
	static const char *const headings[] = { "CHECK", "OF", "STATE", "LAST OK" };
	static const char *const kinds[] = { "ready", "live" };
	static const struct {
		const char *text, *color;
	} states[] = { { "unknown", YELLOW }, { "ok", GREEN }, { "failed", RED } };
	begin_table(table, headings, ARRAY_SIZE(headings));
	for (size_t i = 0; i < page->n_checks && i < PAGE_CHECKS_MAX; i++) {
		const struct page_check *check = &page->checks[i];
		char age[32], ago[40] = "never";
		if (check->last_ok_ms > 0)
			(void)snprintf(ago, sizeof(ago), "%s ago",
				       age_text(now_ms - check->last_ok_ms, age, sizeof(age)));
		begin_row(table);
		add_cell(table, NULL, check->name);
		add_cell(table, NULL, kinds[check->kind]);
		add_cell(table, states[check->state].color, states[check->state].text);
		add_cell(table, NULL, ago);
		table->rows[table->n_rows - 1].rest = check->reason;
	}
	if (table->n_rows > 1)
		print_table(table, colored, body);
}

static void print_events(const struct page_content *page, int64_t now_ms, bool colored,
			 struct table *table, struct probe_body *body)
{
	static const char *const headings[] = { "LAST EVENTS", "" };
	static const char *const colors[] = { RED, YELLOW, NULL };
	uint32_t first = page->n_events > PAGE_EVENTS_MAX ? page->n_events - PAGE_EVENTS_MAX : 0;
	begin_table(table, headings, ARRAY_SIZE(headings));
	for (uint32_t i = first; i < page->n_events; i++) {
		const struct page_event *event = &page->events[i % PAGE_EVENTS_MAX];
		char age[32], ago[40];
		(void)snprintf(ago, sizeof(ago), "%s ago",
			       age_text(now_ms - event->at_ms, age, sizeof(age)));
		begin_row(table);
		add_cell(table, NULL, ago);
		add_cell(table, event->level < ARRAY_SIZE(colors) ? colors[event->level] : NULL,
			 probe_event_level(event));
		table->rows[table->n_rows - 1].rest = event->text;
	}
	if (table->n_rows > 1)
		print_table(table, colored, body);
}

void probe_status_text(const struct page_content *page, int64_t now_ms, bool colored,
		       struct probe_body *body)
{
	static struct table table; /* one at a time */
	print_head(page, now_ms, colored, body);
	print_processes(page, now_ms, colored, &table, body);
	print_checks(page, now_ms, colored, &table, body);
	print_events(page, now_ms, colored, &table, body);
	probe_body_add(body,
		       "\nrestarts %u, signals forwarded %llu, orphans reaped %llu, "
		       "log lines lost %llu\n",
		       page->restarts, (unsigned long long)page->signals_forwarded,
		       (unsigned long long)page->zombies_reaped,
		       (unsigned long long)page->log_lines_dropped);
}
