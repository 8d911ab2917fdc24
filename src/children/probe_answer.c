/* The endpoints that say yes or no, and the way to the others. */
#include "children/probe_answer.h"

#include <stdarg.h>
#include <stdio.h>

#define TYPE_TEXT    "text/plain; charset=utf-8"
#define TYPE_JSON    "application/json"
#define TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8"

void probe_body_add(struct probe_body *body, const char *format, ...)
{
	va_list args;
	size_t room = sizeof(body->text) - body->length;
	va_start(args, format);
	int length = vsnprintf(body->text + body->length, room, format, args);
	va_end(args);
	if (length > 0)
		body->length += (size_t)length < room ? (size_t)length : room - 1;
}

bool probe_answer_needs_ask(const struct http_request *request)
{
	return request->method != HTTP_OTHER && streq(request->path, "/livez");
}

static const char *or_else(const char *reason, const char *otherwise)
{
	return reason[0] != '\0' ? reason : otherwise;
}

/* reason: "" where one that is ok has nothing to be said of it. */
static void add_check(struct probe_body *body, const char *name, bool ok, const char *reason)
{
	if (ok)
		probe_body_add(body, "[+]%s ok%s%s\n", name, reason[0] != '\0' ? ": " : "", reason);
	else
		probe_body_add(body, "[-]%s failed: %s\n", name, reason);
}

static void add_checks(struct probe_body *body, const struct page_content *page,
		       enum page_check_kind kind)
{
	for (size_t i = 0; i < page->n_checks && i < PAGE_CHECKS_MAX; i++) {
		const struct page_check *check = &page->checks[i];
		if (check->kind != kind)
			continue;
		bool ok = check->state == PAGE_CHECK_OK;
		/* one that failed just now is still ok, and what it failed of is not said */
		const char *note = check->failures == 0 ? check->reason : "";
		add_check(body, check->name, ok,
			  ok ? note : or_else(check->reason, "no result yet"));
	}
}

/* A probe's answer: "ok", or the reason; with ?verbose a line per check before. */
static struct probe_answer verdict(const struct http_request *request, bool ok,
				   const char *reason, struct probe_body *body)
{
	if (request->verbose)
		probe_body_add(body, "%s check %s%s%s\n", request->path + 1,
			       ok ? "passed" : "failed", ok ? "" : ": ", ok ? "" : reason);
	else
		probe_body_add(body, "%s\n", ok ? "ok" : reason);
	return (struct probe_answer){ ok ? 200 : 503, TYPE_TEXT };
}

static struct probe_answer livez(const struct http_request *request,
				 const struct page_content *page, bool asked,
				 struct probe_body *body)
{
	static const char silent[] = "the supervisor does not answer";
	const char *reason = asked ? or_else(page->not_live, "a live check fails") : silent;
	if (request->verbose) {
		add_check(body, "supervisor", asked, asked ? "" : silent);
		add_checks(body, page, PAGE_CHECK_LIVE);
	}
	return verdict(request, asked && page->live, reason, body);
}

static struct probe_answer readyz(const struct http_request *request,
				  const struct page_content *page, struct probe_body *body)
{
	if (request->verbose) {
		bool running = streq(page->state, "running");
		add_check(body, "running", running, running ? "" : page->state);
		add_checks(body, page, PAGE_CHECK_READY);
	}
	return verdict(request, page->ready, or_else(page->not_ready, page->state), body);
}

static struct probe_answer startupz(const struct http_request *request,
				    const struct page_content *page, struct probe_body *body)
{
	const char *reason = or_else(page->not_ready, "has not been ready yet");
	if (request->verbose)
		add_check(body, "started", page->started, page->started ? "" : reason);
	return verdict(request, page->started, reason, body);
}

static struct probe_answer plain(unsigned status, const char *text, struct probe_body *body)
{
	probe_body_add(body, "%s\n", text);
	return (struct probe_answer){ status, TYPE_TEXT };
}

struct probe_answer probe_answer_render(const struct http_request *request,
					const struct page_content *page, bool asked,
					int64_t now_ms, struct probe_body *body)
{
	static const char *const paths[] = { "/livez", "/readyz", "/startupz", "/status",
					     "/metrics" };
	size_t path = 0;
	body->length = 0;
	while (path < ARRAY_SIZE(paths) && !streq(request->path, paths[path]))
		path++;
	if (request->method == HTTP_OTHER)
		return plain(405, "only GET and HEAD", body);
	if (path == ARRAY_SIZE(paths))
		return plain(404, "not here: /livez /readyz /startupz /metrics /status", body);
	if (page == NULL)
		return plain(503, "the supervisor does not answer", body);
	switch (path) {
	case 0:
		return livez(request, page, asked, body);
	case 1:
		return readyz(request, page, body);
	case 2:
		return startupz(request, page, body);
	case 3:
		if (request->text)
			probe_status_text(page, now_ms, request->color, body);
		else
			probe_status_json(page, now_ms, body);
		return (struct probe_answer){ 200, request->text ? TYPE_TEXT : TYPE_JSON };
	default:
		probe_metrics(page, now_ms, body);
		return (struct probe_answer){ 200, TYPE_METRICS };
	}
}

struct probe_answer probe_answer_bad(unsigned status, struct probe_body *body)
{
	body->length = 0;
	return plain(status, "this is no request that is understood here", body);
}
