/* What the database is asked between steps. The marks of those that run once: asked for before
 * the step, set behind it; and before each further try whether the last one is over in the
 * server, too. A mark that is being set is the end of the step's work: a stop waits for it as it
 * does for the step. */
#include "pure/lifecycle_turn.h"

bool lifecycle_is_marked(const struct lifecycle_turn *t)
{
	const struct lifecycle_plan *plan = t->plan;
	if (t->lc->step >= plan->n_steps)
		return plan->marks_the_end;
	return t->lc->step < LIFECYCLE_MARKED_STEPS_MAX && (plan->marked >> t->lc->step & 1) != 0;
}

void lifecycle_ask_step(const struct lifecycle_turn *t)
{
	t->lc->marking = LIFECYCLE_MARKING_ASKS;
	lifecycle_add_indexed(t, LIFECYCLE_DO_ASK_STEP, t->lc->step);
}

void lifecycle_set_mark(const struct lifecycle_turn *t)
{
	t->lc->marking = LIFECYCLE_MARKING_SETS;
	lifecycle_add_indexed(t, LIFECYCLE_DO_SET_MARK, t->lc->step);
}

void lifecycle_stop_marking(const struct lifecycle_turn *t)
{
	if (t->lc->marking != LIFECYCLE_MARKING_NONE)
		lifecycle_add(t, LIFECYCLE_DO_STOP_MARKING);
	t->lc->marking = LIFECYCLE_MARKING_NONE;
}
