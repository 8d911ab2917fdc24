/* The table of children: who is who by pid, starting, reaping, sweeping. */
#include "supervisor/state.h"

#include "base/log.h"
#include "base/parse.h"
#include "children/busy.h"
#include "effect/oom.h"
#include "effect/own_child.h"
#include "sys/sys.h"

#include <errno.h>
#include <stdio.h>

struct child *supervisor_find_pid(struct supervisor *s, pid_t pid)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (s->children[i].pid == pid)
			return &s->children[i];
	return NULL;
}

bool supervisor_has_child(const struct supervisor *s, enum child_kind kind)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (s->children[i].pid != 0 && s->children[i].kind == kind)
			return true;
	return false;
}

struct child *supervisor_find_child(struct supervisor *s, enum child_kind kind, uint16_t index)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (s->children[i].pid != 0 && s->children[i].kind == kind &&
		    s->children[i].index == index)
			return &s->children[i];
	return NULL;
}

static void enter(struct supervisor *s, enum child_kind kind, uint16_t index, pid_t pid)
{
	struct child *child = supervisor_find_pid(s, 0);
	if (child != NULL) /* there is always room: every source has one child at most */
		*child = (struct child){ .kind = kind, .index = index, .pid = pid };
}

bool supervisor_is_app(const struct child *child)
{
	return child->kind == CHILD_STEP || child->kind == CHILD_PROCESS;
}

enum launch_what supervisor_what_of(const struct child *child)
{
	return child->kind == CHILD_STEP ? LAUNCH_STEP : LAUNCH_PROCESS;
}

/* ---- starting ---- */

static void app_not_started(struct supervisor *s, enum launch_what what, uint16_t index, int code)
{
	char program[2 * PAGE_NAME_SIZE];
	(void)launch_title(s->plan, what, index, program, sizeof(program));
	supervisor_set_reason(s, "cannot start %s: %s", program, strerror(code));
	log_error("fork", "cannot start %s: %s", program, strerror(code));
	supervisor_push(s, (struct lifecycle_event){ .type = what == LAUNCH_STEP
								     ? LIFECYCLE_STEP_ENDED
								     : LIFECYCLE_PROCESS_ENDED,
						     .process = (uint8_t)index,
						     .not_forked = true,
						     .code = EXIT_CODE_INTERNAL });
}

/* Checks are about the command: they begin with it, and anew when it starts again. Nobody
 * sees it run beside what was found out about the one before.
 * Behind the last start of all, what only a start could need is let go of. */
static void process_starts(struct supervisor *s, uint16_t index)
{
	bool again = s->page->content.processes[index].starts > 0;
	if (index == 0)
		supervisor_start_checks(s);
	bool is_last_start = !again && index + 1U == s->plan->n_processes;
	if (is_last_start)
		supervisor_all_are_forked(s);
	if (is_last_start && s->lifecycle_plan.restart == LIFECYCLE_RESTART_NEVER &&
	    !s->lifecycle_plan.lock && !s->settings.restart_when_unhealthy)
		given_close_fds(s->options->given, s->settings.n_checks > 0);
}

static void tell_started(const struct supervisor *s, enum launch_what what, uint16_t index,
			 pid_t pid)
{
	char program[2 * PAGE_NAME_SIZE];
	enum log_level level = s->settings.plain ? LOG_DEBUG : LOG_INFO;
	if (log_get_level() < level)
		return;
	(void)launch_title(s->plan, what, index, program, sizeof(program));
	if (what == LAUNCH_STEP)
		log_event(level, "started", "step %u of %zu%s: started %s (pid %d)", index + 1U,
			  s->plan->n_steps, s->lifecycle.step_tries > 0 ? ", again" : "", program,
			  (int)pid);
	else
		log_event(level, "started", "started %s (pid %d)", program, (int)pid);
}

void supervisor_start_app(struct supervisor *s, enum launch_what what, uint16_t index)
{
	pid_t pid = sys_fork();
	if (pid == 0)
		launch_in_child(&s->launch, what, index, what == LAUNCH_STEP || index == 0);
	if (pid < 0) {
		app_not_started(s, what, index, errno);
		if (what == LAUNCH_PROCESS)
			process_starts(s, index);
		return;
	}
	/* also here: a signal to the group may come before the child ran */
	(void)setpgid(pid, pid);
	enter(s, what == LAUNCH_STEP ? CHILD_STEP : CHILD_PROCESS, index, pid);
	s->groups[what == LAUNCH_STEP ? LIFECYCLE_PROCESSES_MAX : index] = pid;
	tell_started(s, what, index, pid);
	if (what == LAUNCH_PROCESS) {
		process_starts(s, index);
		supervisor_report_process(s, index, PAGE_PROCESS_RUNNING, pid, 0);
	}
}

/* What a child of ours needs open, and nothing else. */
static size_t list_needed_fds(const struct supervisor *s, enum child_kind kind,
			      int ret_fds[LISTEN_MAX + 4])
{
	size_t n = 0;
	ret_fds[n++] = s->messages.send_fd;
	ret_fds[n++] = log_fd();
	ret_fds[n++] = s->options->given->cwd_fd;
	if (kind != CHILD_PROBE_SERVER)
		return n;
	ret_fds[n++] = s->ask_fds[1];
	for (size_t i = 0; i < s->sockets.n; i++)
		ret_fds[n++] = s->sockets.fds[i];
	return n;
}

pid_t supervisor_start_own(struct supervisor *s, enum child_kind kind, uint16_t index,
			   const char *title, int (*run)(struct supervisor *s, uint16_t index))
{
	int fds[LISTEN_MAX + 4];
	bool as_user = kind != CHILD_SWEEPER && kind != CHILD_PROBE_SERVER && kind != CHILD_SENDER;
	const struct own_child own = {
		.title = title,
		.keep_fds = fds,
		.n_keep_fds = list_needed_fds(s, kind, fds),
		.user = as_user ? s->settings.user : NULL,
		.group = as_user ? s->settings.group : NULL,
	};
	pid_t pid = own_child_fork(&own);
	if (pid == 0)
		sys_exit_now(run(s, index));
	if (pid < 0) {
		log_warning("fork", "cannot start %s: %s: will try again", title, strerror(errno));
		return 0;
	}
	enter(s, kind, index, pid);
	return pid;
}

void supervisor_end_own(struct supervisor *s, enum child_kind kind, int signo)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++) {
		struct child *child = &s->children[i];
		if (child->pid == 0 || child->kind != kind)
			continue;
		supervisor_signal(
			s, &(struct errand){ .pid = child->pid, .group = true, .signo = signo });
	}
}

/* ---- the end of children ---- */

/* A process that ended by a KILL which was not ours: the kernel's, for want of
 * memory? That is what its reader needs to know, with the limit to raise. */
static bool out_of_memory(const struct child *child, int signo)
{
	return signo == SIGKILL && !child->killed_by_us && oom_happened();
}

const char *supervisor_describe_end(const struct child *child, int code, int signo, char *buffer,
				    size_t size)
{
	const char *limit = oom_limit();
	if (out_of_memory(child, signo))
		(void)snprintf(buffer, size, "was killed by the kernel: out of memory%s%s%s",
			       limit[0] != '\0' ? " (limit " : "", limit,
			       limit[0] != '\0' ? ")" : "");
	else if (supervisor_is_app(child))
		(void)end_text(code, signo, buffer, size);
	else
		(void)busy_describe_end(code, signo, buffer, size);
	return buffer;
}

static void tell_ended(struct supervisor *s, const struct child *child, int code, int signo,
		       bool good)
{
	char program[2 * PAGE_NAME_SIZE], how[96];
	bool expected = good || s->lifecycle.stop_requested || s->settings.plain;
	enum log_level level = s->settings.plain ? LOG_DEBUG : expected ? LOG_INFO : LOG_WARNING;
	if (code == 0 && log_get_level() < level)
		return;
	(void)launch_title(s->plan, supervisor_what_of(child), child->index, program,
			   sizeof(program));
	(void)supervisor_describe_end(child, code, signo, how, sizeof(how));
	log_event(level, "ended", "%s (pid %d) %s", program, (int)child->pid, how);
	if (child->kind == CHILD_PROCESS && code == 0 && level == LOG_INFO &&
	    !s->lifecycle.stop_requested && supervisor_find_orphan(s) > 0)
		log_info("hint",
			 "%s left processes behind: if it went into the background, have "
			 "it stay in the foreground",
			 program);
	if (!good)
		supervisor_set_reason(s, "%s %s", program, how);
}

/* It is in the log already, of this child or of one that failed in the same moment. */
static void explain_failed_exec(struct supervisor *s, const struct child *child)
{
	char program[2 * PAGE_NAME_SIZE];
	s->reason_told = s->reason_told || s->reason[0] == '\0';
	if (s->exec_reason_of == child->pid)
		supervisor_set_reason(s, "%s", s->exec_reason);
	else
		supervisor_set_reason(s, "cannot start %s",
				      launch_title(s->plan, supervisor_what_of(child), child->index,
						   program, sizeof(program)));
}

static void app_ended(struct supervisor *s, const struct child *child, int code, int signo)
{
	bool failed = child->failed_code != 0;
	/* A start that failed once may be mended; a command that never ran is wrong. */
	bool never_ran =
		failed && child->failed_code != EXIT_CODE_TRY_AGAIN &&
		(child->kind == CHILD_STEP || s->page->content.processes[child->index].starts <= 1);
	/* A role's app had the terminal, for a question: Ctrl-C there meant us all. */
	if (supervisor_take_terminal_back(s, child) && !s->settings.plain && signo == SIGINT)
		supervisor_push(
			s, (struct lifecycle_event){ .type = LIFECYCLE_SIGNAL, .code = signo });
	bool counts_as_success = !failed && s->settings.success[code & 0xff];
	if (failed)
		explain_failed_exec(s, child);
	else
		tell_ended(s, child, code, signo, counts_as_success);
	if (child->kind == CHILD_PROCESS)
		supervisor_report_process(s, child->index, PAGE_PROCESS_ENDED, 0, code);
	supervisor_push(s, (struct lifecycle_event){
				   .type = child->kind == CHILD_STEP ? LIFECYCLE_STEP_ENDED
								     : LIFECYCLE_PROCESS_ENDED,
				   .process = (uint8_t)child->index,
				   .code = counts_as_success ? EXIT_CODE_OK : code,
				   .never_ran = never_ran });
}

static void tell_end(struct supervisor *s, const struct child *ended, int code, int signo)
{
	if (supervisor_is_app(ended))
		app_ended(s, ended, code, signo);
	else
		supervisor_own_ended(s, ended, code, signo);
	supervisor_pump(s);
}

/* What a child said last explains how it ended: heard first, while the child is
 * still a zombie, and decided on; only then its end. */
void supervisor_reap(struct supervisor *s)
{
	pid_t pid = 0;
	int code = 0, signo = 0;
	uint64_t strangers = 0;
	for (;;) {
		enum sys_wait_result result = sys_wait_peek(&pid);
		if (result == SYS_WAIT_NOTHING || result == SYS_WAIT_NO_CHILDREN)
			break;
		if (supervisor_find_pid(s, pid) != NULL) {
			supervisor_hear_messages(s);
			if (s->notify.fd >= 0)
				supervisor_hear_notify(s);
		}
		struct child *child = supervisor_find_pid(s, pid);
		result = sys_wait_take(pid, &code, &signo);
		if (child == NULL) {
			strangers += result == SYS_WAIT_ENDED;
			continue;
		}
		if (result == SYS_WAIT_STOPPED && supervisor_is_app(child))
			supervisor_app_stopped(s, child, signo);
		if (result != SYS_WAIT_ENDED)
			continue;
		if (supervisor_hand_over(s, child))
			continue;
		struct child ended = *child;
		child->pid = 0; /* cleared before its end is told: a recycled pid is never hit */
		tell_end(s, &ended, code, signo);
	}
	(void)oom_happened(); /* who is killed later is another story */
	if (strangers > 0) {
		page_write_begin(s->page)->zombies_reaped += strangers;
		page_write_end(s->page);
	}
}
