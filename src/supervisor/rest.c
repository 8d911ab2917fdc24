/* Who is left when the mains have ended, and telling them to end: orphans in other
 * sessions that no process group reaches. A sweeper, a child of ours, looks for
 * them through /proc; that nobody is left the kernel's list of our children says. */
#include "supervisor/state.h"

#include "base/log.h"
#include "base/parse.h"
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

/* A child of ours that is not in the table: an orphan that we were given. 0: none;
 * -1: the list cannot be read. All further descendants hang below one of them. */
static pid_t find_orphan(struct supervisor *s)
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
	if (s->children_fd < 0)
		return s->somebody_swept;
	pid_t orphan = find_orphan(s);
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
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (s->children[i].pid != 0 && !supervisor_is_app(&s->children[i]))
			spared[n++] = s->children[i].pid;
	return (int)sweep(getppid(), signo, spared, n);
}

/* signo 0: only look. */
static void start_sweeper(struct supervisor *s, int signo)
{
	if (supervisor_start_own(s, CHILD_SWEEPER, (uint16_t)signo, "pidone: sweep", sweep_rest) !=
	    0)
		return;
	/* No process to be had: at the very end everybody at once, ours too. */
	if (signo == SIGKILL && sys_kill_everybody(SIGKILL) == 0)
		return;
	supervisor_swept(s, signo, SWEEP_BLIND);
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
		for (size_t i = 0; i < ARRAY_SIZE(s->groups); i++)
			(void)sys_kill_group(s->groups[i], signo);
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
	pid_t orphan = s->children_fd < 0 ? 0 : find_orphan(s);
	for (size_t i = 0; i < CHILDREN_MAX; i++) {
		const struct child *child = &s->children[i];
		if (child->pid == 0 || !supervisor_is_app(child))
			continue;
		log_error("unkillable", "%s (pid %d) does not end by KILL: it %s",
			  launch_title(s->plan, supervisor_what_of(child), child->index, program,
				       sizeof(program)),
			  (int)child->pid, why);
	}
	if (orphan > 0)
		log_error("unkillable",
			  "pid %d, which nobody waits for, does not end by KILL: it "
			  "%s",
			  (int)orphan, why);
}
