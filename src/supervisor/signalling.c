/* Signals to what runs: which one it becomes, whom it goes to, and how it gets there. */
#include "supervisor/state.h"

#include "base/log.h"
#include "base/parse.h"
#include "sys/sys.h"

#include <errno.h>
#include <stdio.h>

/* ---- the way ---- */

static int deliver(const struct errand *errand)
{
	int result = -1;
	if (errand->group)
		result = sys_kill_group(errand->pid, errand->signo);
	/* alone, or a sandbox let it have no group */
	if (!errand->group || (result < 0 && errno == ESRCH))
		result = sys_kill(errand->pid, errand->signo);
	/* A stopped process acts on nothing but KILL until it is continued. */
	if (errand->then_continue && errand->signo != SIGKILL)
		(void)(errand->group ? sys_kill_group(errand->pid, SIGCONT)
				     : sys_kill(errand->pid, SIGCONT));
	return result;
}

static int run_errand(struct supervisor *s, uint16_t index ATTR_UNUSED)
{
	if (deliver(&s->errand) < 0 && errno == EPERM)
		log_warning("signal",
			    "may not signal pid %d, which runs as another user: this needs the "
			    "capability KILL",
			    (int)s->errand.pid);
	return EXIT_CODE_OK;
}

/* Root without the capability KILL may not signal the app's user: a child of ours that
 * becomes that user may. */
void supervisor_signal(struct supervisor *s, const struct errand *errand)
{
	if (deliver(errand) == 0 || errno != EPERM)
		return;
	s->errand = *errand;
	(void)supervisor_start_own(s, CHILD_ERRAND, 0, "pidone: signal", run_errand);
}

/* ---- which one ---- */

/* signal.X = Y: what a signal of ours becomes; 0: it is dropped. */
static int mapped(const struct supervisor *s, int signo)
{
	int to = s->settings.signal_map[signo];
	return to == 0 ? signo : to < 0 ? 0 : to;
}

static int stop_signal(const struct supervisor *s, int received)
{
	return s->settings.stop_signal != 0 ? s->settings.stop_signal : mapped(s, received);
}

/* ---- to whom ---- */

static void send_signal(struct supervisor *s, const struct child *child, int signo)
{
	if (signo == 0)
		return;
	supervisor_signal(s, &(struct errand){
				     .pid = child->pid,
				     .group = s->settings.group_scope,
				     .signo = signo,
				     .then_continue = s->lifecycle.state >= LIFECYCLE_STOPPING,
			     });
}

static const char *title_of(const struct supervisor *s, const struct child *child, char *buffer,
			    size_t size)
{
	return launch_title(s->plan, supervisor_what_of(child), child->index, buffer, size);
}

static void stop_one(struct supervisor *s, const struct child *child, int signo, const char *why)
{
	char name[16], program[2 * PAGE_NAME_SIZE];
	if (child == NULL || signo == 0)
		return;
	log_info("stopping", "sent %s to %s (pid %d)%s", signal_name(signo, name, sizeof(name)),
		 title_of(s, child, program, sizeof(program)), (int)child->pid, why);
	send_signal(s, child, signo);
}

static const char *why_step_is_stopped(const struct supervisor *s, int signo)
{
	if (s->lifecycle.has_code && s->lifecycle.code == EXIT_CODE_TIMED_OUT)
		return ": step-timeout is over";
	return signo == SIGTERM && s->lifecycle.stop_requested ? ": stop-grace is over" : "";
}

void supervisor_stop_step(struct supervisor *s, int signo)
{
	stop_one(s, supervisor_find_child(s, CHILD_STEP, s->lifecycle.step), signo,
		 why_step_is_stopped(s, signo));
}

void supervisor_stop_process(struct supervisor *s, uint16_t index, int received)
{
	supervisor_report_health(s); /* not ready before it may answer no more */
	stop_one(s, supervisor_find_child(s, CHILD_PROCESS, index), stop_signal(s, received),
		 s->lifecycle.processes[index].unhealthy ? ": its live check failed" : "");
}

void supervisor_forward(struct supervisor *s, int signo)
{
	char name[16];
	/* a plain command is told to stop as often as we are */
	int to = s->settings.plain && signo == SIGTERM ? stop_signal(s, signo) : mapped(s, signo);
	log_debug("signal", "forwarding %s", signal_name(signo, name, sizeof(name)));
	page_write_begin(s->page)->signals_forwarded++;
	page_write_end(s->page);
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (s->children[i].pid != 0 && supervisor_is_app(&s->children[i]))
			send_signal(s, &s->children[i], to);
}

/* ---- what does not end, and what is left ---- */

#define NOT_ENDED "has not ended"

/* With its group: a worker that is left holds the port of the one that follows. */
static void kill_one(struct supervisor *s, struct child *child, const char *why)
{
	char program[2 * PAGE_NAME_SIZE];
	child->killed_by_us = true;
	log_warning("killing", "%s (pid %d) %s: sent KILL",
		    title_of(s, child, program, sizeof(program)), (int)child->pid, why);
	supervisor_signal(s,
			  &(struct errand){ .pid = child->pid, .group = true, .signo = SIGKILL });
}

void supervisor_kill_process(struct supervisor *s, uint16_t index)
{
	struct child *child = supervisor_find_child(s, CHILD_PROCESS, index);
	if (child != NULL)
		kill_one(s, child, NOT_ENDED);
}

static bool has_lost_lock(const struct supervisor *s)
{
	return s->settings.lock && !s->lifecycle.lock_held &&
	       (s->lifecycle.step_running || !s->settings.lock_for_steps);
}

void supervisor_kill_all(struct supervisor *s)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (s->children[i].pid != 0 && supervisor_is_app(&s->children[i]))
			kill_one(s, &s->children[i],
				 has_lost_lock(s) ? "runs without its lock" : NOT_ENDED);
	supervisor_kill_rest(s);
}

void supervisor_end_group(struct supervisor *s, uint16_t index, int signo)
{
	char program[2 * PAGE_NAME_SIZE];
	pid_t group = s->groups[index];
	if (!sys_group_has_child(group))
		return;
	if (signo == SIGKILL)
		log_warning("killing", "what %s (pid %d) left behind has not ended: sent KILL",
			    launch_title(s->plan, LAUNCH_PROCESS, index, program, sizeof(program)),
			    (int)group);
	supervisor_signal(
		s, &(struct errand){
			   .pid = group, .group = true, .signo = signo, .then_continue = true });
}
