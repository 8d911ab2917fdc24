/* sd_notify(3), on both sides. The app says that it is ready, alive, stopping, what it
 * does, and who its main process is. Main processes are heard at once; who else it
 * was that spoke, a child of ours finds out through /proc: descendants are heard,
 * others (of other containers of the pod, by `kubectl exec`) are not. */
#include "supervisor/state.h"

#include "base/log.h"
#include "base/parse.h"
#include "base/text.h"
#include "effect/datagram.h"
#include "effect/environment.h"
#include "effect/process_tree.h"
#include "sys/sys.h"

#include <limits.h>
#include <stdio.h>

/* What a child that looks for a sender ends with: a process's index, or */
#define CODE_GONE     253
#define CODE_ORPHAN   254
#define CODE_STRANGER 255

/* ---- boot ---- */

/* How often the manager wants to hear that we are alive: twice within its time, as
 * sd_watchdog_enabled(3) has it. 0: never, or somebody else is meant. */
static uint64_t watchdog_ms(const char *usec_text, const char *pid_text)
{
	unsigned long usec = 0, pid = 0;
	if (usec_text == NULL || parse_uint(usec_text, ULONG_MAX, &usec) < 0 || usec == 0)
		return 0;
	if (pid_text != NULL &&
	    (parse_uint(pid_text, INT32_MAX, &pid) < 0 || (pid_t)pid != getpid()))
		return 0;
	return usec < 2000 ? 1 : usec / 2000;
}

/* A plain command without checks gets the socket that we were given, as it gets all
 * else; for a role readiness is ours to tell, and the app tells us. */
static int open_manager(struct supervisor *s)
{
	struct err err;
	char **base = s->options->given->environment;
	if (s->settings.plain && !s->settings.notify)
		return -1;
	const char *address = environment_take(base, "NOTIFY_SOCKET");
	const char *usec = environment_take(base, "WATCHDOG_USEC");
	const char *pid = environment_take(base, "WATCHDOG_PID");
	if (address == NULL || address[0] == '\0')
		return -1;
	int fd = notify_socket_connect(address, &err);
	if (fd < 0)
		log_warning("notify", "NOTIFY_SOCKET: %s: nobody is told", err.msg);
	else
		s->manager_watchdog_ms = watchdog_ms(usec, pid);
	return fd;
}

static void on_manager_watchdog(uv_timer_t *handle)
{
	struct supervisor *s = handle->loop->data;
	if (s->page->content.live)
		notify_socket_tell(s->manager_fd, "WATCHDOG=1\n");
}

void supervisor_init_notify(struct supervisor *s)
{
	(void)uv_timer_init(&s->loop, &s->manager_timer);
	if (s->manager_watchdog_ms > 0)
		(void)uv_timer_start(&s->manager_timer, on_manager_watchdog, 0,
				     s->manager_watchdog_ms);
}

int supervisor_open_notify(struct supervisor *s, struct err *err)
{
	s->notify.fd = -1;
	s->manager_fd = open_manager(s);
	if (!s->settings.notify)
		return 0;
	if (notify_socket_open(&s->notify, err) < 0)
		return -1;
	s->launch.notify_socket = s->notify.name;
	return 0;
}

/* ---- hearing ---- */

/* Readiness and liveness are the command's to tell; a further process may say what it
 * does, and who it is. */
static void hear_about_checks(struct supervisor *s, const struct sd_notify *what)
{
	for (uint16_t i = 0; i < s->settings.n_checks; i++) {
		const struct settings_check *check = &s->settings.checks[i];
		if (check->spec.kind != CHECK_NOTIFY)
			continue;
		if (check->is_live && (what->ready || what->watchdog))
			supervisor_check_decided(s, i, true, "");
		else if (!check->is_live && what->stopping)
			supervisor_check_decided(s, i, false, "the app says that it is stopping");
		else if (!check->is_live && what->ready)
			supervisor_check_decided(s, i, true, "");
	}
}

static void hear(struct supervisor *s, uint16_t index, const struct sd_notify *what)
{
	struct child *child = supervisor_find_child(s, CHILD_PROCESS, index);
	if (child == NULL)
		return;
	if (what->main_pid != 0 && supervisor_find_pid(s, what->main_pid) == NULL)
		child->next_pid = what->main_pid;
	if (what->has_status) {
		struct page_process *process = &page_write_begin(s->page)->processes[index];
		text_copy(process->status, sizeof(process->status), what->status);
		page_write_end(s->page);
		log_debug("notify", "%s says: %s", s->plan->processes[index].name, what->status);
	}
	if (index == 0)
		hear_about_checks(s, what);
}

static int find_sender(struct supervisor *s, uint16_t index)
{
	pid_t mains[LIFECYCLE_PROCESSES_MAX];
	for (uint16_t i = 0; i < s->plan->n_processes; i++) {
		const struct child *child = supervisor_find_child(s, CHILD_PROCESS, i);
		mains[i] = child != NULL ? child->pid : 0;
	}
	int found = process_ancestor(s->said[index].sender, getppid(), mains, s->plan->n_processes);
	return found == PROCESS_GONE     ? CODE_GONE
	       : found == PROCESS_ORPHAN ? CODE_ORPHAN
	       : found < 0               ? CODE_STRANGER
					 : found;
}

/* What one says in a burst, before it is known who that is, is one thing. */
static void add_to(struct sd_notify *said, const struct sd_notify *more)
{
	if (more->ready || more->stopping) {
		said->ready = more->ready;
		said->stopping = more->stopping;
	}
	said->watchdog = said->watchdog || more->watchdog;
	if (more->main_pid != 0)
		said->main_pid = more->main_pid;
	if (more->has_status) {
		said->has_status = true;
		memcpy(said->status, more->status, sizeof(said->status));
	}
}

static void ask_who(struct supervisor *s, pid_t sender, const struct sd_notify *what)
{
	uint16_t i = 0;
	for (; i < SAID_MAX && s->said[i].sender != 0; i++)
		if (s->said[i].sender == sender) {
			add_to(&s->said[i].what, what);
			return;
		}
	if (i == SAID_MAX) {
		log_debug("notify", "too many speak at once: pid %d is not heard", (int)sender);
		return;
	}
	s->said[i].sender = sender;
	s->said[i].what = *what;
	for (size_t p = 0; p < s->plan->n_processes; p++)
		s->said[i].starts[p] = s->page->content.processes[p].starts;
	if (supervisor_start_own(s, CHILD_SENDER, i, "pidone: sender", find_sender) == 0)
		supervisor_sender_known(s, i, CODE_GONE);
}

/* Who is gone already (a script's systemd-notify) or cannot be looked up was a descendant
 * if the pid namespace is ours; but of which process? */
void supervisor_sender_known(struct supervisor *s, uint16_t entry, int code)
{
	struct said *said = &s->said[entry];
	bool is_the_only_one = s->options->given->is_pid1 && s->plan->n_processes == 1;
	bool is_first = code == CODE_ORPHAN || (code == CODE_GONE && is_the_only_one);
	uint16_t index = is_first ? 0 : (uint16_t)code;
	if (code == CODE_GONE && !is_first && said->what.ready)
		log_warning(
			"notify",
			"pid %d said READY=1 and has ended since, so nobody knows whose it was: "
			"not heard; let a process say it that stays",
			(int)said->sender);
	else if (index >= s->plan->n_processes)
		log_debug("notify", "pid %d is none of ours: it is not heard", (int)said->sender);
	else if (said->starts[index] == s->page->content.processes[index].starts)
		hear(s, index, &said->what);
	said->sender = 0;
}

void supervisor_hear_notify(struct supervisor *s)
{
	char bytes[SD_NOTIFY_SIZE_MAX + 1];
	struct sd_notify what;
	pid_t sender = 0;
	ssize_t length;
	while ((length = datagram_receive(s->notify.fd, bytes, sizeof(bytes), &sender)) >= 0) {
		if (sender <= 1 || !sd_notify_parse(bytes, (size_t)length, &what))
			continue;
		const struct child *child = supervisor_find_pid(s, sender);
		if (child == NULL)
			ask_who(s, sender, &what);
		else if (child->kind == CHILD_PROCESS)
			hear(s, child->index, &what);
	}
}

/* ---- another main process ---- */

bool supervisor_hand_over(struct supervisor *s, struct child *ended)
{
	char program[2 * PAGE_NAME_SIZE];
	pid_t next = ended->next_pid;
	if (ended->kind != CHILD_PROCESS || next == 0 || !sys_is_child(next))
		return false;
	/* what is to be replaced goes with all that it started; what is killed, too */
	if (s->lifecycle.processes[ended->index].unhealthy ||
	    s->lifecycle.state == LIFECYCLE_KILLING)
		return false;
	pid_t old = ended->pid;
	(void)supervisor_take_terminal_back(s, ended);
	*ended = (struct child){ .kind = CHILD_PROCESS, .index = ended->index, .pid = next };
	page_write_begin(s->page)->processes[ended->index].pid = next;
	page_write_end(s->page);
	log_info("main-pid", "%s (pid %d) has handed over to pid %d",
		 launch_title(s->plan, LAUNCH_PROCESS, ended->index, program, sizeof(program)),
		 (int)old, (int)next);
	if (s->lifecycle.state == LIFECYCLE_STOPPING) /* the old one was told, this one was not */
		supervisor_stop_process(s, ended->index,
					s->lifecycle.stop_requested ? s->lifecycle.stop_signo
								    : SIGTERM);
	return true;
}

/* ---- telling ---- */

void supervisor_tell_manager(struct supervisor *s, bool ready, const char *not_ready)
{
	char lines[PAGE_REASON_SIZE + 64];
	bool stops = s->lifecycle.state > LIFECYCLE_RUNNING && !s->lifecycle.relock;
	(void)snprintf(lines, sizeof(lines), "%sSTATUS=%s\n",
		       ready                             ? "READY=1\n"
		       : stops && !s->manager_knows_stop ? "STOPPING=1\n"
							 : "",
		       ready ? "ready" : not_ready);
	s->manager_knows_stop = s->manager_knows_stop || stops;
	notify_socket_tell(s->manager_fd, lines);
}
