/* Walks every state that the lifecycle can reach, breadth-first, over plans of
 * every shape and an environment that may do whatever a real one may (processes
 * end with any code, in any order, leave orphans or not; timers run out; signals
 * come at any time), and checks what must hold in each. With --table it prints
 * the transitions it saw, as doc/lifecycle.md shows them. */
#include "base/mem.h"
#include "pure/lifecycle.h"

#include <signal.h>
#include <stdio.h>

/* What the world looks like from outside: the other half of a node. */
struct world {
	bool waiting;         /* DO_WAIT is being carried out */
	bool locking;
	bool holds_lock;
	bool released;        /* DO_RELEASE was said */
	bool exited;
	bool rest_told;       /* TERMINATE_REST or KILL_REST was said */
	bool kill_told;
	bool step_runs;
	bool step_told;       /* STOP_STEP was said */
	bool asks, sets_mark;
	uint8_t due;          /* the step that was asked for and may run: its number + 1 */
	uint8_t failed;       /* the step that has failed: its number + 1 */
	uint8_t done;         /* the marked step that has ended with 0: its number + 1 */
	bool mains[2];
	bool mains_told[2];
	bool left_told[2]; /* what a main left got its TERM: there may be somebody */
	bool asked_to_stop;
};

struct node {
	struct lifecycle lc;
	struct world world;
	uint32_t parent;      /* index, to print the way that led here */
	struct lifecycle_event event;
};

static struct {
	const struct lifecycle_plan *plan;
	struct node *nodes;
	size_t n, room;
	uint32_t *buckets;    /* index + 1; 0: empty */
	size_t n_buckets;
	uint32_t (*edges)[2]; /* from, to: to find nodes that cannot reach the exit */
	size_t n_edges, edges_room;
	unsigned long failures;
	const char *plan_name;
} walk;

/* [state][event] → what was seen, for the table */
static struct {
	bool seen;
	uint32_t next;    /* bit per state */
	uint32_t actions; /* bit per action */
	uint32_t timers[2]; /* armed, disarmed */
} table[LIFECYCLE_STATES][LIFECYCLE_EVENTS + LIFECYCLE_TIMERS];

static void print_way(uint32_t index)
{
	if (index != 0)
		print_way(walk.nodes[index].parent);
	const struct node *node = &walk.nodes[index];
	printf("#   %s(%d, process %d, timer %s) -> %s\n", lifecycle_event_name(node->event.type),
	       node->event.code, node->event.process, lifecycle_timer_name(node->event.timer),
	       lifecycle_state_name(node->lc.state));
}

static void violated(const char *rule, uint32_t from, const struct lifecycle_event *event)
{
	if (walk.failures++ > 3)
		return;
	printf("# violated: %s\n# plan %s, on %s (%d, process %d), after:\n", rule, walk.plan_name,
	       lifecycle_event_name(event->type), event->code, event->process);
	print_way(from);
}

#define MUST(condition, rule)                      \
	do {                                       \
		if (!(condition))                  \
			violated(rule, from, event); \
	} while (0)

static bool is_marked(uint16_t step)
{
	return step < walk.plan->n_steps ? (walk.plan->marked >> step & 1) != 0
					 : walk.plan->marks_the_end;
}

/* Carries out the actions in the world, and checks each against it. */
static void perform(struct world *w, const struct lifecycle *lc,
		    const struct lifecycle_actions *actions, uint32_t from,
		    const struct lifecycle_event *event)
{
	for (size_t i = 0; i < actions->n; i++) {
		const struct lifecycle_action *a = &actions->items[i];
		MUST(!w->exited, "nothing comes after the exit");
		switch (a->type) {
		case LIFECYCLE_DO_WAIT:
			MUST(!w->waiting, "waits once at a time");
			w->waiting = true;
			break;
		case LIFECYCLE_DO_STOP_WAITING:
			w->waiting = false;
			break;
		case LIFECYCLE_DO_LOCK:
			MUST(!w->holds_lock && !w->locking, "asks for a lock that it lacks");
			MUST(!w->asked_to_stop, "no start after a stop request");
			w->locking = true;
			break;
		case LIFECYCLE_DO_UNLOCK:
			MUST(w->holds_lock, "gives back what it has");
			MUST(!w->step_runs && !w->sets_mark, "gives it back behind the steps");
			w->holds_lock = false;
			break;
		case LIFECYCLE_DO_ASK_STEP:
			MUST(!w->asked_to_stop, "no start after a stop request");
			MUST((is_marked(a->index) || w->failed == a->index + 1) &&
				     a->index < walk.plan->n_steps,
			     "asks for a mark that there may be, or for what failed");
			MUST(w->holds_lock && !w->step_runs, "asks under the lock, nothing beside");
			w->asks = true;
			w->rest_told = w->kill_told = false;
			break;
		case LIFECYCLE_DO_SET_MARK:
			MUST(is_marked(a->index), "sets a mark that there may be");
			MUST(a->index == walk.plan->n_steps || w->done == a->index + 1,
			     "marks a step when it has ended well");
			MUST(a->index < walk.plan->n_steps || lc->step == walk.plan->n_steps,
			     "marks the end behind the last step");
			MUST((w->holds_lock || !walk.plan->lock) && !w->step_runs && !w->kill_told,
			     "marks under the lock");
			w->sets_mark = true;
			break;
		case LIFECYCLE_DO_STOP_MARKING:
			MUST(w->asks || w->sets_mark, "stops what it began");
			w->asks = w->sets_mark = false;
			break;
		case LIFECYCLE_DO_START_STEP:
			MUST(!is_marked(a->index) || w->due == a->index + 1,
			     "a marked step runs only when its mark is missing");
			MUST(w->failed != a->index + 1 || !w->holds_lock || w->due == a->index + 1,
			     "the last try is over, in the server too");
			MUST(!w->asks && !w->sets_mark, "no step beside a mark");
			MUST(!w->asked_to_stop, "no start after a stop request");
			MUST(!w->step_runs && !w->mains[0] && !w->mains[1], "one step at a time");
			MUST(!walk.plan->lock || w->holds_lock, "steps run under the lock");
			MUST(a->index < walk.plan->n_steps, "starts a step that there is");
			w->step_runs = true;
			w->step_told = w->rest_told = w->kill_told = false;
			break;
		case LIFECYCLE_DO_START_PROCESS:
			MUST(!w->asked_to_stop, "no start after a stop request");
			MUST(!w->mains[a->index], "never two of one process");
			MUST(!w->step_runs, "no process beside a step");
			MUST(!walk.plan->lock || walk.plan->lock_for_steps || w->holds_lock,
			     "a singleton runs under its lock");
			MUST(!w->asks && !w->sets_mark, "no process before the marks");
			MUST(!w->left_told[a->index],
			     "starts when nothing of the one before is left");
			w->mains[a->index] = true;
			w->mains_told[a->index] = false;
			w->rest_told = w->kill_told = false;
			break;
		case LIFECYCLE_DO_STOP_STEP:
			MUST(w->step_runs, "signals a step that runs");
			w->step_told = true;
			break;
		case LIFECYCLE_DO_STOP_PROCESS:
			MUST(w->mains[a->index], "stops a process that runs");
			MUST(!w->mains_told[a->index], "tells each main once");
			w->mains_told[a->index] = true;
			break;
		case LIFECYCLE_DO_END_GROUP:
			MUST(!w->mains[a->index], "ends what is left when the main has ended");
			MUST(a->code == SIGTERM || w->left_told[a->index],
			     "KILL only after a polite request");
			w->left_told[a->index] = a->code == SIGTERM;
			break;
		case LIFECYCLE_DO_KILL_PROCESS:
			MUST(w->mains_told[a->index], "KILL only after the stop signal");
			break;
		case LIFECYCLE_DO_FORWARD:
			MUST(event->type == LIFECYCLE_SIGNAL && event->code == a->code,
			     "forwards what came");
			MUST(w->mains[0] || w->mains[1] || w->step_runs ||
				     lc->state == LIFECYCLE_RUNNING,
			     "forwards to somebody");
			break;
		case LIFECYCLE_DO_TERMINATE_REST:
			MUST(!w->mains[0] && !w->mains[1] && !w->step_runs,
			     "the rest is told when the mains are gone");
			w->rest_told = true;
			w->left_told[0] = w->left_told[1] = false;
			break;
		case LIFECYCLE_DO_KILL_REST:
			MUST(w->rest_told || w->step_told || w->mains_told[0] || w->mains_told[1] ||
				     event->type == LIFECYCLE_LOCK_LOST || w->sets_mark,
			     "KILL only after a polite request, or for a lost lock, or a mark");
			w->rest_told = w->kill_told = true;
			w->left_told[0] = w->left_told[1] = false;
			break;
		case LIFECYCLE_DO_RELEASE:
			MUST(w->kill_told || (!w->mains[0] && !w->mains[1] && !w->step_runs),
			     "the lock goes last");
			MUST(!w->released, "releases once");
			MUST(!w->asks && !w->sets_mark, "the lock goes behind the marks");
			w->released = true;
			w->waiting = w->locking = false;
			break;
		case LIFECYCLE_DO_ARM:
			MUST((lc->armed[a->timer] & 1U << a->index) != 0 ||
				     lc->state >= LIFECYCLE_REAPING,
			     "a timer that is armed is known to be");
			break;
		case LIFECYCLE_DO_DISARM:
			break;
		case LIFECYCLE_DO_EXIT:
			MUST(w->released, "releases before the exit");
			for (int timer = 0; timer < LIFECYCLE_TIMERS; timer++)
				MUST(lc->armed[timer] == 0, "no timer is armed at the end");
			MUST(a->code >= 0 && a->code <= 255, "an exit code that exists");
			w->exited = true;
			break;
		case LIFECYCLE_ACTIONS:
			MUST(false, "an action that exists");
			break;
		}
	}
}

static uint64_t hash_node(const struct node *node)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	const unsigned char *bytes = (const unsigned char *)node;
	for (size_t i = 0; i < offsetof(struct node, parent); i++)
		hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
	return hash;
}

static uint32_t find_or_add(const struct node *node)
{
	if (walk.n * 2 >= walk.n_buckets) {
		free(walk.buckets);
		walk.n_buckets = walk.n_buckets > 0 ? walk.n_buckets * 4 : 4096;
		walk.buckets = mem_alloc(walk.n_buckets * sizeof(walk.buckets[0]));
		for (uint32_t i = 0; i < walk.n; i++) {
			size_t at = hash_node(&walk.nodes[i]) % walk.n_buckets;
			while (walk.buckets[at] != 0)
				at = (at + 1) % walk.n_buckets;
			walk.buckets[at] = i + 1;
		}
	}
	size_t at = hash_node(node) % walk.n_buckets;
	for (; walk.buckets[at] != 0; at = (at + 1) % walk.n_buckets)
		if (memcmp(&walk.nodes[walk.buckets[at] - 1], node,
			   offsetof(struct node, parent)) == 0)
			return walk.buckets[at] - 1;
	if (walk.n == walk.room) {
		walk.room = walk.room > 0 ? walk.room * 2 : 1024;
		walk.nodes = mem_resize(walk.nodes, walk.room * sizeof(*walk.nodes));
	}
	memcpy(&walk.nodes[walk.n], node, sizeof(*node));
	walk.buckets[at] = (uint32_t)++walk.n;
	return (uint32_t)walk.n - 1;
}

static void note_for_table(enum lifecycle_state before, const struct lifecycle *after,
			   const struct lifecycle_event *event,
			   const struct lifecycle_actions *actions)
{
	size_t column = event->type == LIFECYCLE_EXPIRED
				? (size_t)LIFECYCLE_EVENTS + (size_t)event->timer
				: (size_t)event->type;
	table[before][column].seen = true;
	table[before][column].next |= UINT32_C(1) << after->state;
	for (size_t i = 0; i < actions->n; i++) {
		const struct lifecycle_action *a = &actions->items[i];
		table[before][column].actions |= UINT32_C(1) << a->type;
		if (a->type == LIFECYCLE_DO_ARM)
			table[before][column].timers[0] |= UINT32_C(1) << a->timer;
		if (a->type == LIFECYCLE_DO_DISARM)
			table[before][column].timers[1] |= UINT32_C(1) << a->timer;
	}
}

static void follow(uint32_t from, struct lifecycle_event given, const struct world *changed)
{
	struct node next;
	struct lifecycle_actions actions;
	const struct lifecycle_event *event = &given;
	memcpy(&next, &walk.nodes[from], sizeof(next));
	memcpy(&next.world, changed, sizeof(*changed));
	enum lifecycle_state before = next.lc.state;
	uint32_t armed_before[LIFECYCLE_TIMERS];
	memcpy(armed_before, next.lc.armed, sizeof(armed_before));
	lifecycle_step(&next.lc, walk.plan, event, &actions);
	MUST(actions.n <= LIFECYCLE_ACTIONS_MAX, "the actions fit");
	if (event->type == LIFECYCLE_SIGNAL && next.lc.stop_requested)
		next.world.asked_to_stop = true;
	perform(&next.world, &next.lc, &actions, from, event);
	if (next.world.released)
		next.world.holds_lock = false;
	MUST(next.world.holds_lock == next.lc.lock_held, "knows whether the lock is held");
	MUST(event->type != LIFECYCLE_LOCK_LOST || next.world.kill_told ||
		     !(next.world.step_runs || next.world.mains[0] || next.world.mains[1]),
	     "what runs under a lock is killed when it is lost");
	MUST((next.lc.state == LIFECYCLE_EXIT) == next.world.exited, "exit and its action agree");
	/* from the release on only what could not be killed may still run */
	bool knows = next.world.step_runs == next.lc.step_running || next.world.released;
	MUST(next.world.asks == (next.lc.marking == LIFECYCLE_MARKING_ASKS) &&
		     next.world.sets_mark == (next.lc.marking == LIFECYCLE_MARKING_SETS),
	     "knows which mark is worked on");
	for (int p = 0; p < 2; p++)
		knows = knows && (next.world.released ||
				  next.world.mains[p] ==
					  (next.lc.processes[p].state == LIFECYCLE_SLOT_RUNNING));
	MUST(knows, "knows what runs");
	note_for_table(before, &next.lc, event, &actions);
	next.parent = from;
	next.event = given;
	uint32_t to = find_or_add(&next);
	if (walk.n_edges == walk.edges_room) {
		walk.edges_room = walk.edges_room > 0 ? walk.edges_room * 2 : 4096;
		walk.edges = mem_resize(walk.edges, walk.edges_room * sizeof(*walk.edges));
	}
	walk.edges[walk.n_edges][0] = from;
	walk.edges[walk.n_edges++][1] = to;
}

static void simple(uint32_t from, enum lifecycle_event_type type, int code)
{
	struct world w = walk.nodes[from].world;
	if (type == LIFECYCLE_WAITED || type == LIFECYCLE_WAIT_FAILED)
		w.waiting = false;
	if (type == LIFECYCLE_LOCKED || type == LIFECYCLE_LOCK_FAILED)
		w.locking = false;
	if (type == LIFECYCLE_LOCKED || type == LIFECYCLE_LOCK_LOST)
		w.holds_lock = type == LIFECYCLE_LOCKED;
	if (type == LIFECYCLE_STEP_DUE)
		w.due = (uint8_t)(walk.nodes[from].lc.step + 1);
	if (type == LIFECYCLE_STEP_DUE || type == LIFECYCLE_MARK_THERE ||
	    type == LIFECYCLE_MARK_FAILED)
		w.asks = w.sets_mark = false;
	follow(from, (struct lifecycle_event){ .type = type, .code = code }, &w);
}

static void ends(uint32_t from)
{
	static const int codes[] = { 0, 1, 143 };
	const struct world now = walk.nodes[from].world;
	for (size_t c = 0; c < ARRAY_SIZE(codes); c++) {
		struct world w = now;
		w.step_runs = false;
		w.done = now.step_runs && codes[c] == 0 ? (uint8_t)(walk.nodes[from].lc.step + 1)
							: now.done;
		if (now.step_runs && codes[c] != 0) {
			w.failed = (uint8_t)(walk.nodes[from].lc.step + 1);
			w.due = 0;
		}
		if (now.step_runs)
			follow(from, (struct lifecycle_event){ .type = LIFECYCLE_STEP_ENDED,
							       .code = codes[c],
							       .never_ran = codes[c] == 143 }, &w);
		for (uint8_t p = 0; p < 2; p++) {
			w = now;
			w.mains[p] = false;
			if (now.mains[p])
				follow(from, (struct lifecycle_event){
						     .type = LIFECYCLE_PROCESS_ENDED,
						     .process = p,
						     .code = codes[c],
						     .never_ran = codes[c] == 143 }, &w);
		}
	}
}

/* Everything that may happen in this node. */
static void expand(uint32_t from)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1 };
	const struct world w = walk.nodes[from].world;
	const struct lifecycle lc = walk.nodes[from].lc;
	if (lc.state == LIFECYCLE_BOOT)
		simple(from, LIFECYCLE_STARTED, 0);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		simple(from, LIFECYCLE_SIGNAL, signals[i]);
	if (w.waiting) {
		simple(from, LIFECYCLE_WAITED, 0);
		simple(from, LIFECYCLE_WAIT_FAILED, 69);
	}
	if (w.locking) {
		simple(from, LIFECYCLE_LOCKED, 0);
		simple(from, LIFECYCLE_LOCK_FAILED, 78);
	}
	if (w.holds_lock)
		simple(from, LIFECYCLE_LOCK_LOST, 0);
	if (w.asks)
		simple(from, LIFECYCLE_STEP_DUE, 0);
	if (w.asks || w.sets_mark) {
		simple(from, LIFECYCLE_MARK_THERE, 0);
		simple(from, LIFECYCLE_MARK_FAILED, 69);
	}
	ends(from);
	for (uint8_t p = 0; p < 2; p++)
		if (w.mains[p])
			follow(from, (struct lifecycle_event){ .type = LIFECYCLE_UNHEALTHY,
							       .process = p }, &w);
	for (int timer = 0; timer < LIFECYCLE_TIMERS; timer++)
		for (uint8_t p = 0; p < 2; p++)
			if ((lc.armed[timer] & 1U << p) != 0)
				follow(from, (struct lifecycle_event){
						     .type = LIFECYCLE_EXPIRED,
						     .timer = (enum lifecycle_timer)timer,
						     .process = p }, &w);
	if (w.rest_told && !w.step_runs && !w.mains[0] && !w.mains[1])
		simple(from, LIFECYCLE_EMPTY, 0);
	if (w.released && !w.exited)
		simple(from, LIFECYCLE_RELEASED, 0);
}

/* "The end is reachable from everywhere", and without anybody's help but the
 * clock's once a stop was asked for and there is a grace. */
static void check_end_reachable(void)
{
	bool *reaches = mem_alloc(walk.n);
	for (uint32_t i = 0; i < walk.n; i++)
		reaches[i] = walk.nodes[i].world.exited;
	for (bool changed = true; changed;) {
		changed = false;
		for (size_t e = walk.n_edges; e-- > 0;) {
			if (!reaches[walk.edges[e][0]] && reaches[walk.edges[e][1]]) {
				reaches[walk.edges[e][0]] = true;
				changed = true;
			}
		}
	}
	for (uint32_t i = 0; i < walk.n; i++)
		if (!reaches[i])
			violated("the end is reachable from everywhere", walk.nodes[i].parent,
				 &walk.nodes[i].event);
	free(reaches);
	for (uint32_t i = 0; i < walk.n; i++) {
		const struct node *node = &walk.nodes[i];
		bool timer = false;
		for (int t = 0; t < LIFECYCLE_TIMERS; t++)
			timer = timer || node->lc.armed[t] != 0;
		if (node->lc.state >= LIFECYCLE_STOPPING && node->lc.state < LIFECYCLE_EXIT &&
		    walk.plan->grace && !timer)
			violated("a clock runs from the stop on", node->parent, &node->event);
	}
}

static size_t walk_plan(const struct lifecycle_plan *plan, const char *name)
{
	struct node start;
	memset(&start, 0, sizeof(start));
	lifecycle_init(&start.lc);
	walk.plan = plan;
	walk.plan_name = name;
	walk.n = walk.n_edges = 0;
	if (walk.n_buckets > 0)
		memset(walk.buckets, 0, walk.n_buckets * sizeof(walk.buckets[0]));
	(void)find_or_add(&start);
	for (uint32_t i = 0; i < walk.n; i++)
		expand(i);
	check_end_reachable();
	return walk.n;
}

static void print_bits(uint32_t bits, uint32_t armed, uint32_t disarmed)
{
	const char *comma = "";
	for (int a = 0; a < LIFECYCLE_ACTIONS; a++) {
		if ((bits & UINT32_C(1) << a) == 0)
			continue;
		if (a == LIFECYCLE_DO_ARM || a == LIFECYCLE_DO_DISARM) {
			uint32_t timers = a == LIFECYCLE_DO_ARM ? armed : disarmed;
			for (int t = 0; t < LIFECYCLE_TIMERS; t++)
				if ((timers & UINT32_C(1) << t) != 0) {
					printf("%s%s *%s*", comma, lifecycle_action_name(
						(enum lifecycle_action_type)a),
					       lifecycle_timer_name((enum lifecycle_timer)t));
					comma = ", ";
				}
			continue;
		}
		printf("%s%s", comma, lifecycle_action_name((enum lifecycle_action_type)a));
		comma = ", ";
	}
}

static void print_table(void)
{
	printf("| in state | on | goes to | and may do |\n|---|---|---|---|\n");
	for (int state = 0; state < LIFECYCLE_EXIT; state++) {
		for (int e = 0; e < (int)LIFECYCLE_EVENTS + (int)LIFECYCLE_TIMERS; e++) {
			bool nothing = table[state][e].actions == 0 &&
				       table[state][e].next == UINT32_C(1) << state;
			if (!table[state][e].seen || nothing)
				continue;
			bool timer = e >= (int)LIFECYCLE_EVENTS;
			printf("| %s | %s%s | ",
			       lifecycle_state_name((enum lifecycle_state)state),
			       timer ? "expired: " : "",
			       timer ? lifecycle_timer_name(
					       (enum lifecycle_timer)(e - (int)LIFECYCLE_EVENTS))
				     : lifecycle_event_name((enum lifecycle_event_type)e));
			const char *comma = "";
			for (int next = 0; next < LIFECYCLE_STATES; next++)
				if ((table[state][e].next & UINT32_C(1) << next) != 0) {
					printf("%s%s", comma, lifecycle_state_name(
						(enum lifecycle_state)next));
					comma = ", ";
				}
			printf(" | ");
			print_bits(table[state][e].actions, table[state][e].timers[0],
				   table[state][e].timers[1]);
			printf(" |\n");
		}
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		struct lifecycle_plan plan;
	} shapes[] = {
		{ "plain", { .plain = true, .n_processes = 1 } },
		{ "plain with two processes and a restart",
		  { .plain = true, .n_processes = 2, .restart = LIFECYCLE_RESTART_ALWAYS } },
		{ "init", { .waits = true, .lock = true, .n_steps = 2, .grace = true } },
		{ "init with limits",
		  { .waits = true,
		    .wait_timeout = true,
		    .lock = true,
		    .lock_timeout = true,
		    .n_steps = 2,
		    .step_retries = 1,
		    .step_timeout = true,
		    .grace = true } },
		{ "init without grace", { .lock = true, .n_steps = 1 } },
		{ "init with steps that run once",
		  { .lock = true,
		    .n_steps = 3,
		    .marked = 5,
		    .step_retries = 1,
		    .grace = true,
		    .step_timeout = true,
		    .marks_the_end = true } },
		{ "init of steps that run once, without grace",
		  { .lock = true, .n_steps = 1, .marked = 1, .marks_the_end = true } },
		{ "init without a lock, that marks its end",
		  { .n_steps = 1, .step_retries = 1, .grace = true, .marks_the_end = true } },
		{ "run with a step that runs once",
		  { .lock = true,
		    .lock_for_steps = true,
		    .n_steps = 2,
		    .marked = 2,
		    .n_processes = 1,
		    .grace = true,
		    .restart = LIFECYCLE_RESTART_ALWAYS } },
		{ "singleton with a step that runs once",
		  { .lock = true, .n_steps = 1, .marked = 1, .n_processes = 1, .grace = true } },
		{ "run", { .waits = true, .n_processes = 1, .grace = true, .drain = true } },
		{ "run without grace", { .n_processes = 1 } },
		{ "run with a step", { .n_steps = 1, .n_processes = 1, .grace = true } },
		{ "worker",
		  { .waits = true,
		    .n_processes = 2,
		    .grace = true,
		    .restart = LIFECYCLE_RESTART_ALWAYS } },
		{ "worker with a restart-max",
		  { .n_processes = 1,
		    .grace = true,
		    .drain = true,
		    .restart = LIFECYCLE_RESTART_ON_FAILURE,
		    .restart_max = 2 } },
		{ "singleton", { .lock = true, .n_processes = 2, .grace = true, .drain = true } },
		{ "singleton with a step",
		  { .waits = true,
		    .lock = true,
		    .n_steps = 1,
		    .n_processes = 1,
		    .grace = true,
		    .restart = LIFECYCLE_RESTART_ON_FAILURE } },
	};
	bool want_table = argc > 1 && streq(argv[1], "--table");
	if (!want_table)
		printf("1..%zu\n", ARRAY_SIZE(shapes) * 2);
	unsigned number = 0;
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		for (int essential = 0; essential < 2; essential++) {
			struct lifecycle_plan plan = shapes[i].plan;
			plan.essential[0] = true;
			plan.essential[1] = essential != 0;
			if (plan.restart_max == 0)
				plan.restart_max = LIFECYCLE_NO_MAX;
			walk.failures = 0;
			size_t states = walk_plan(&plan, shapes[i].name);
			if (!want_table)
				printf("%s %u - %s, second process %s: %zu states\n",
				       walk.failures == 0 ? "ok" : "not ok", ++number,
				       shapes[i].name, essential != 0 ? "essential" : "optional",
				       states);
		}
	}
	if (want_table)
		print_table();
	free(walk.nodes);
	free(walk.buckets);
	free(walk.edges);
	return 0;
}
