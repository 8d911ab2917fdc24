/* What is answered to which request: a snapshot of the page → status and body.
 * Renders into one fixed buffer; sends nothing. */
#pragma once

#include "effect/page.h"
#include "pure/http.h"

/* JSON can grow a byte sixfold (\u0001); names and labels stand next to it. */
#define PROBE_BODY_SIZE (sizeof(struct page_content) * 6 + 16384)

struct probe_body {
	size_t length;
	char text[PROBE_BODY_SIZE];
};

void probe_body_add(struct probe_body *body, const char *format, ...) ATTR_PRINTF(2, 3);

struct probe_answer {
	unsigned status;
	const char *content_type;
};

/* Is this the one request for which PID 1 itself is asked first? */
bool probe_answer_needs_ask(const struct http_request *request);

/* page: NULL when it could not be read. asked: PID 1 answered (for /livez).
 * now_ms: CLOCK_BOOTTIME, for ages. */
struct probe_answer probe_answer_render(const struct http_request *request,
					const struct page_content *page, bool asked,
					int64_t now_ms, struct probe_body *body);

/* For what the parser refused. */
struct probe_answer probe_answer_bad(unsigned status, struct probe_body *body);

/* Parts of /metrics (probe_metrics_usage.c); pid: the command's. */
void probe_metrics_help(struct probe_body *body, const char *name, const char *type,
			const char *help);
void probe_metrics_process(pid_t pid, struct probe_body *body);
void probe_metrics_memory(struct probe_body *body);

/* Ever, so that it has an exit code. */
bool probe_process_has_ended(const struct page_process *process);
const char *probe_event_level(const struct page_event *event);

/* The three forms of what is known (probe_status.c, probe_status_text.c, probe_metrics.c). */
void probe_status_json(const struct page_content *page, int64_t now_ms, struct probe_body *body);
void probe_status_text(const struct page_content *page, int64_t now_ms, bool colored,
		       struct probe_body *body);
void probe_metrics(const struct page_content *page, int64_t now_ms, struct probe_body *body);
