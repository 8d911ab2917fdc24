/* The inside of the lifecycle, shared by its files only: nobody else includes
 * this. See pure/lifecycle.h for what it is about. */
#pragma once

#include "pure/lifecycle.h"

/* What every function of one turn needs. */
struct lifecycle_turn {
	struct lifecycle *lc;
	const struct lifecycle_plan *plan;
	struct lifecycle_actions *actions;
};

/* lifecycle.c */
struct lifecycle_action *lifecycle_add(const struct lifecycle_turn *t,
				       enum lifecycle_action_type type);
void lifecycle_add_indexed(const struct lifecycle_turn *t, enum lifecycle_action_type type,
			   uint16_t index);
void lifecycle_add_signal(const struct lifecycle_turn *t, enum lifecycle_action_type type,
			  int signo);
void lifecycle_signal_process(const struct lifecycle_turn *t, enum lifecycle_action_type type,
			      uint8_t process, int signo);
void lifecycle_arm_process(const struct lifecycle_turn *t, enum lifecycle_timer timer,
			   uint8_t process, uint8_t exponent);
void lifecycle_arm(const struct lifecycle_turn *t, enum lifecycle_timer timer);
void lifecycle_disarm_process(const struct lifecycle_turn *t, enum lifecycle_timer timer,
			      uint8_t process);
void lifecycle_disarm(const struct lifecycle_turn *t, enum lifecycle_timer timer);
void lifecycle_cancel_restarts(const struct lifecycle_turn *t);
void lifecycle_decide_code(const struct lifecycle_turn *t, int code);
bool lifecycle_any_running(const struct lifecycle_turn *t);
bool lifecycle_asks_to_stop(int signo);
void lifecycle_request_stop(const struct lifecycle_turn *t, int signo);
void lifecycle_note_end(const struct lifecycle_turn *t, const struct lifecycle_event *event);
void lifecycle_start_process(const struct lifecycle_turn *t, uint8_t i);
void lifecycle_start_step(const struct lifecycle_turn *t);
void lifecycle_enter_reaping(const struct lifecycle_turn *t);
void lifecycle_enter_killing(const struct lifecycle_turn *t);
void lifecycle_lose_lock(const struct lifecycle_turn *t);
void lifecycle_enter_resting(const struct lifecycle_turn *t);
void lifecycle_enter_stopping(const struct lifecycle_turn *t, int signo);
void lifecycle_enter_running(const struct lifecycle_turn *t);
void lifecycle_enter_steps(const struct lifecycle_turn *t);
void lifecycle_enter_locking(const struct lifecycle_turn *t);
void lifecycle_enter_waiting(const struct lifecycle_turn *t);

/* lifecycle_before.c */
void lifecycle_in_boot(const struct lifecycle_turn *t, const struct lifecycle_event *event);
void lifecycle_in_waiting(const struct lifecycle_turn *t, const struct lifecycle_event *event);
void lifecycle_in_locking(const struct lifecycle_turn *t, const struct lifecycle_event *event);
void lifecycle_in_steps(const struct lifecycle_turn *t, const struct lifecycle_event *event);

/* lifecycle_marks.c: what the database is asked between steps */
/* Has `step` a mark? With step == n_steps: have all together one? */
bool lifecycle_is_marked(const struct lifecycle_turn *t);
void lifecycle_ask_step(const struct lifecycle_turn *t);
void lifecycle_set_mark(const struct lifecycle_turn *t);
void lifecycle_stop_marking(const struct lifecycle_turn *t);

/* lifecycle_running.c */
void lifecycle_in_running(const struct lifecycle_turn *t, const struct lifecycle_event *event);
void lifecycle_in_draining(const struct lifecycle_turn *t, const struct lifecycle_event *event);

/* lifecycle_stop.c */
void lifecycle_in_stopping(const struct lifecycle_turn *t, const struct lifecycle_event *event);
void lifecycle_in_killing(const struct lifecycle_turn *t, const struct lifecycle_event *event);
void lifecycle_in_reaping(const struct lifecycle_turn *t, const struct lifecycle_event *event);
