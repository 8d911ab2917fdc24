/* What is counted for /metrics and /status: waits, ends, and the last lines of the log. */
#include "supervisor/state.h"

#include "sys/sys.h"

static void end_wait(struct page_wait *wait, int64_t now_ms)
{
	if (wait->since_ms != 0)
		wait->waited_ms += now_ms - wait->since_ms;
	wait->since_ms = 0;
}

void supervisor_count_wait(struct supervisor *s, int wait, bool begins)
{
	struct page_content *page = page_write_begin(s->page);
	int64_t now_ms = sys_now_ms();
	bool all = wait == COUNT_ALL_WAITS;
	for (int i = 0; i < (int)page->n_waits; i++) {
		if (!all && wait != i)
			continue;
		end_wait(&page->waits[i], now_ms);
		if (begins)
			page->waits[i].since_ms = now_ms;
	}
	if (wait == COUNT_LOCK || (all && !begins)) {
		end_wait(&page->lock, now_ms);
		if (begins)
			page->lock.since_ms = now_ms;
	}
	page_write_end(s->page);
}

/* The entry of this end; the last one is everybody's who found no other. */
static struct page_exit *find_exit(struct page_content *page, uint32_t process, int code)
{
	struct page_exit *entry = page->exits, *last = &page->exits[PAGE_EXITS_MAX - 1];
	for (; entry < last; entry++)
		if (entry->count == 0 || (entry->process == process && entry->code == code))
			break;
	entry->process = entry < last ? process : 0;
	entry->code = entry < last ? code : -1;
	return entry;
}

void supervisor_count_exit(struct page_content *page, uint32_t process, int code)
{
	find_exit(page, process, code)->count++;
}

/* A child that was forked inherits the listener, but PID 1 is the page's only writer. */
static void on_log_line(void *context, enum log_level level, const char *message)
{
	struct supervisor *s = context;
	if (getpid() != s->launch.supervisor)
		return;
	struct page_content *page = page_write_begin(s->page);
	struct page_event *event = &page->events[page->n_events++ % PAGE_EVENTS_MAX];
	event->at_ms = sys_now_ms();
	event->level = level;
	text_copy(event->text, sizeof(event->text), message);
	page_write_end(s->page);
}

void supervisor_keep_log(struct supervisor *s)
{
	log_set_listener(on_log_line, s);
}
