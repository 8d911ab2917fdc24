/* Who is left when the mains have ended, and telling them to end: orphans in other
 * sessions that no process group reaches. A sweeper, a child of ours, looks for
 * them through /proc; that nobody is left the kernel's list of our children says. */
#include "supervisor/state.h"

#include "base/log.h"
#include "base/parse.h"
#include "effect/identity.h"
#include "effect/sweep.h"
#include "sys/sys.h"

#include <stdio.h>

#define SWEEP_AGAIN_MS 200

static bool wants_to_see_the_end(const struct supervisor *s)
{
	const struct lifecycle *lc = &s->lifecycle;
	return (lc->state == LIFECYCLE_STOPPING && lc->resting) || lc->state == LIFECYCLE_KILLING;
}

/* ---- looking ---- */

pid_t supervisor_find_orphan(struct supervisor *s)
{
	char list[1024];
	ssize_t length = pread(s->children_fd, list, sizeof(list) - 1, 0);
	if (length < 0)
		return -1;
	list[length] = '\0';
	for (char *rest = list, *word; (word = strsep(&rest, " ")) != NULL;) {
		unsigned long pid = 0;
		if (parse_uint(word, INT32_MAX, &pid) == 0 &&
		    supervisor_find_pid(s, (pid_t)pid) == NULL)
			return (pid_t)pid;
	}
	return 0;
}

static void look_again_later(struct supervisor *s, int signo)
{
	s->sweep_signo = signo;
	(void)uv_timer_start(&s->sweep_timer, supervisor_on_sweep_timer, SWEEP_AGAIN_MS, 0);
}

static bool anybody_left(struct supervisor *s)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (s->children[i].pid != 0 &&
		    (supervisor_is_app(&s->children[i]) || s->children[i].kind == CHILD_SWEEPER))
			return true;
	for (size_t i = 0; s->children_fd < 0 && i < ARRAY_SIZE(s->groups); i++)
		if (sys_group_has_child(s->groups[i]))
			return true;
	if (s->children_fd < 0)
		return s->somebody_swept;
	pid_t orphan = supervisor_find_orphan(s);
	if (orphan < 0)
		look_again_later(s, 0);
	return orphan != 0;
}

void supervisor_look_for_end(struct supervisor *s)
{
	if (wants_to_see_the_end(s) && !anybody_left(s))
		supervisor_push(s, (struct lifecycle_event){ .type = LIFECYCLE_EMPTY });
}

/* ---- telling ---- */

static int sweep_rest(struct supervisor *s, uint16_t signo)
{
	pid_t spared[CHILDREN_MAX];
	size_t n = 0;
	bool denied = false;
	struct err err;
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (s->children[i].pid != 0)
			spared[n++] = s->children[i].pid;
	enum sweep_result result = sweep(getppid(), signo, spared, n, &denied);
	/* root without the capability KILL: whom the app's user may signal */
	if (denied && s->settings.user != NULL &&
	    identity_assume(s->settings.user, s->settings.group, &err) == 0 &&
	    sweep(getppid(), signo, spared, n, &denied) == SWEEP_SOMEBODY)
		result = SWEEP_SOMEBODY;
	return (int)result;
}

static void signal_groups(struct supervisor *s, int signo)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->groups); i++)
		if (sys_group_has_child(s->groups[i]))
			supervisor_signal(s, &(struct errand){ .pid = s->groups[i],
							       .group = true,
							       .signo = signo,
							       .then_continue = true });
}

/* signo 0: only look. */
static void start_sweeper(struct supervisor *s, int signo)
{
	if (supervisor_start_own(s, CHILD_SWEEPER, (uint16_t)signo, "pidone: sweep", sweep_rest) !=
	    0)
		return;
	/* No process to be had: at the very end everybody at once, ours too. */
	if (signo == SIGKILL && sys_kill_everybody(SIGKILL) < 0)
		signal_groups(s, SIGKILL);
	look_again_later(s, signo);
}

void supervisor_terminate_rest(struct supervisor *s)
{
	if (s->children_fd < 0 || anybody_left(s))
		start_sweeper(s, SIGTERM);
}

void supervisor_kill_rest(struct supervisor *s)
{
	start_sweeper(s, SIGKILL);
}

/* What the sweeper found. Where the kernel does not list our children it is all
 * we know, so it is sent again until it finds nobody. */
void supervisor_swept(struct supervisor *s, int signo, int found)
{
	s->somebody_swept = found == SWEEP_SOMEBODY;
	if (found == SWEEP_BLIND && signo != 0) /* no /proc to look at: own groups only */
		signal_groups(s, signo);
	if (s->children_fd < 0 && s->somebody_swept)
		look_again_later(s, 0);
}

void supervisor_on_sweep_timer(uv_timer_t *handle)
{
	struct supervisor *s = handle->loop->data;
	if (wants_to_see_the_end(s) && (s->children_fd < 0 || s->sweep_signo != 0))
		start_sweeper(s, s->sweep_signo);
	supervisor_pump(s);
}

/* ---- those who do not end ---- */

void supervisor_log_unkillable(struct supervisor *s)
{
	static const char why[] = "hangs inside the kernel, mostly on storage that does not answer";
	char program[2 * PAGE_NAME_SIZE];
	pid_t orphan = supervisor_find_orphan(s);
	for (size_t i = 0; i < CHILDREN_MAX; i++) {
		const struct child *child = &s->children[i];
		if (child->pid == 0 || !supervisor_is_app(child))
			continue;
		(void)launch_title(s->plan, supervisor_what_of(child), child->index, program,
				   sizeof(program));
		log_error("unkillable", "%s (pid %d) does not end by KILL: it %s", program,
			  (int)child->pid, why);
		supervisor_set_reason(s, "%s does not end by KILL: it %s", program, why);
	}
	if (orphan > 0)
		log_error("unkillable",
			  "pid %d, which was left behind, does not end by KILL: it %s", (int)orphan,
			  why);
}
