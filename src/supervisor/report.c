/* What others get to see: the shared page, the log's turning points, and the
 * reason left behind at the end. */
#include "supervisor/state.h"

#include "base/log.h"
#include "base/parse.h"
#include "effect/termination.h"
#include "sys/sys.h"

#include <stdio.h>

void supervisor_report_state(struct supervisor *s, enum lifecycle_state before)
{
	const char *name = lifecycle_state_name(s->lifecycle.state);
	log_debug("state", "%s -> %s", lifecycle_state_name(before), name);
	struct page_content *page = page_write_begin(s->page);
	text_copy(page->state, sizeof(page->state), name);
	page->state_since_ms = sys_now_ms();
	/* before it is told */
	page->ready = page->ready && s->lifecycle.state == LIFECYCLE_RUNNING;
	page_write_end(s->page);
	if (s->lifecycle.state == LIFECYCLE_DRAINING)
		log_info("draining", "not ready any more, serving on for %lld ms (drain)",
			 (long long)s->settings.drain_ms);
	if (before == LIFECYCLE_RUNNING)
		supervisor_stop_checks(s);
}

void supervisor_report_process(struct supervisor *s, uint16_t index, enum page_process_state state,
			       pid_t pid, int code)
{
	struct page_content *page = page_write_begin(s->page);
	struct page_process *process = &page->processes[index];
	process->state = state;
	process->pid = pid;
	process->since_ms = sys_now_ms();
	process->status[0] = '\0';
	if (state == PAGE_PROCESS_RUNNING) {
		process->starts++;
		page->restarts += process->starts > 1;
		supervisor_write_readiness(s, page);
	} else if (state == PAGE_PROCESS_ENDED) {
		process->exit_code = code;
		supervisor_count_exit(page, index, code);
	}
	page_write_end(s->page);
}

bool supervisor_has_ready_check(const struct supervisor *s)
{
	for (size_t i = 0; i < s->settings.n_checks; i++)
		if (!s->settings.checks[i].is_live)
			return true;
	return false;
}

static bool is_up(const struct lifecycle *lc, size_t process)
{
	return lc->state == LIFECYCLE_RUNNING &&
	       lc->processes[process].state == LIFECYCLE_SLOT_RUNNING &&
	       !lc->processes[process].unhealthy;
}

bool supervisor_command_is_up(const struct supervisor *s)
{
	return is_up(&s->lifecycle, 0);
}

/* Is the app up, so far as we know? If not, reason says why. Where a check tells how
 * the command is, a further process that is being started again takes no readiness
 * away: a worker that crashes must not take the site down. */
static bool runs(struct supervisor *s, char *reason, size_t size)
{
	const struct lifecycle *lc = &s->lifecycle;
	if (supervisor_waiting_reason(s, reason, size)[0] != '\0')
		return false;
	if (lc->state != LIFECYCLE_RUNNING) {
		text_copy(reason, size, lifecycle_state_name(lc->state));
		return false;
	}
	bool has_check = supervisor_has_ready_check(s);
	for (uint16_t i = 0; i < (has_check ? 1 : s->plan->n_processes); i++) {
		const char *name = s->plan->processes[i].name;
		if (!s->plan->processes[i].essential)
			continue;
		if (!is_up(lc, i)) {
			(void)snprintf(reason, size, "%s is %s (it will be started again)", name,
				       lc->processes[i].unhealthy ? "being stopped"
								  : "not running");
			return false;
		}
		if (!has_check && !supervisor_is_executed(s, i)) {
			(void)snprintf(reason, size, "%s is being executed", name);
			return false;
		}
	}
	return true;
}

static bool checks_hold(const struct supervisor *s, bool live, char *reason, size_t size)
{
	for (size_t i = 0; i < s->settings.n_checks; i++) {
		enum health_verdict verdict = s->checks[i].health.verdict;
		if (s->settings.checks[i].is_live != live || verdict == HEALTH_GOOD ||
		    (live && verdict == HEALTH_UNKNOWN))
			continue;
		const char *why = s->page->content.checks[i].reason;
		(void)snprintf(reason, size, "%s: %s", s->settings.checks[i].name,
			       why[0] != '\0' ? why : "no result yet");
		return false;
	}
	return true;
}

bool supervisor_is_ready(struct supervisor *s, char *reason, size_t size)
{
	return runs(s, reason, size) && checks_hold(s, false, reason, size);
}

void supervisor_write_readiness(struct supervisor *s, struct page_content *page)
{
	char reason[PAGE_REASON_SIZE] = "";
	bool ready = supervisor_is_ready(s, reason, sizeof(reason));
	text_make_printable(reason); /* cut anywhere */
	s->readiness_is_news |= page->ready != ready || !streq(page->not_ready, reason);
	page->ready = ready;
	page->started = page->started || ready;
	memcpy(page->not_ready, reason, sizeof(reason));
}

static void write_liveness(struct supervisor *s, struct page_content *page)
{
	char reason[PAGE_REASON_SIZE] = "";
	/* one that is being replaced is taken care of: nobody else has to */
	page->live = !supervisor_command_is_up(s) || checks_hold(s, true, reason, sizeof(reason));
	text_make_printable(reason);
	memcpy(page->not_live, reason, sizeof(reason));
}

/* Works out readiness and liveness from what is known. Called behind every turn; a line is
 * logged only when something changed. */
void supervisor_report_health(struct supervisor *s)
{
	struct page_content *page = page_write_begin(s->page);
	supervisor_write_readiness(s, page);
	write_liveness(s, page);
	page->log_lines_dropped = log_dropped();
	page_write_end(s->page);
	if (!s->readiness_is_news)
		return;
	s->readiness_is_news = false;
	if (s->manager_fd >= 0)
		supervisor_tell_manager(s, page->ready, page->not_ready);
	if (s->settings.plain || s->told_ready == page->ready)
		return;
	s->told_ready = page->ready;
	if (page->ready)
		log_info("ready", "ready");
	else if (s->lifecycle.state == LIFECYCLE_RUNNING)
		log_warning("not-ready", "not ready: %s", page->not_ready);
}

void supervisor_explain_timer(struct supervisor *s, enum lifecycle_timer timer)
{
	char reason[PAGE_REASON_SIZE];
	if (timer == LIFECYCLE_TIMER_WAIT || timer == LIFECYCLE_TIMER_LOCK)
		supervisor_set_reason(s, "%s is over: %s", lifecycle_timer_name(timer),
				      supervisor_waiting_reason(s, reason, sizeof(reason)));
	if (timer == LIFECYCLE_TIMER_STEP)
		supervisor_set_reason(s, "step %u took longer than step-timeout",
				      s->lifecycle.step + 1U);
	if (timer == LIFECYCLE_TIMER_KILL)
		supervisor_log_unkillable(s);
}

/* Why it ends; "" where a code of 0 needs no reason. */
static const char *exit_reason(const struct supervisor *s, char *buffer, size_t size)
{
	char name[16];
	buffer[0] = '\0';
	if (s->reason[0] != '\0')
		text_copy(buffer, size, s->reason);
	else if (s->lifecycle.stop_requested)
		(void)snprintf(buffer, size, "stopped by %s%s%s",
			       signal_name(s->lifecycle.stop_signo, name, sizeof(name)),
			       s->stopped_while[0] != '\0' ? " while " : "", s->stopped_while);
	return buffer;
}

/* The last line. An end that nobody asked for is an error; what the log has told
 * as one already is not told twice, but the termination message has it. */
void supervisor_report_exit(struct supervisor *s)
{
	char reason[MESSAGE_TEXT_SIZE], text[MESSAGE_TEXT_SIZE + 64];
	enum log_level level = s->settings.plain ? LOG_DEBUG : LOG_INFO;
	if (s->exit_code == 0) {
		log_event(level, "exit", "exit 0");
		return;
	}
	(void)exit_reason(s, reason, sizeof(reason));
	(void)snprintf(text, sizeof(text), "exit %d%s%s", s->exit_code,
		       reason[0] != '\0' ? ": " : "", reason);
	termination_write(text);
	if (level == LOG_INFO && !s->lifecycle.stop_requested)
		level = LOG_ERROR;
	if (s->reason_told)
		log_event(level, "exit", "exit %d", s->exit_code);
	else
		log_event(level, "exit", "%s", text);
}
