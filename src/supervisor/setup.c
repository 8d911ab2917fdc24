/* Everything before the line: descriptors, memory, the loop's watchers, the
 * look around. Here a failure is loud and nothing has been started yet. */
#include "supervisor/state.h"

#include "base/log.h"
#include "effect/environment.h"
#include "effect/oom.h"
#include "effect/sweep.h"
#include "effect/termination.h"
#include "sys/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>

/* ---- callbacks: they push events, the pump decides ---- */

void supervisor_hear_messages(struct supervisor *s)
{
	struct message message;
	pid_t sender = 0;
	int got;
	while ((got = messages_receive(&s->messages, &message, &sender)) != 0) {
		for (size_t i = 0; got > 0 && i < CHILDREN_MAX; i++)
			if (s->children[i].pid == sender && sender > 1)
				supervisor_on_message(s, &message, &s->children[i]);
		supervisor_pump(s);
	}
}

static void on_messages(uv_poll_t *handle, int status ATTR_UNUSED, int events ATTR_UNUSED)
{
	supervisor_hear_messages(handle->loop->data);
}

/* What would end a role, and what the app gets, are two things: this is about the first. */
bool supervisor_is_deaf_to(const struct supervisor *s, int signo)
{
	bool would_end = s->lifecycle.state < LIFECYCLE_RUNNING || signo == SIGINT;
	return would_end && !s->settings.plain && signals_is_ignored(signo);
}

static void on_signals(uv_poll_t *handle, int status ATTR_UNUSED, int events ATTR_UNUSED)
{
	struct supervisor *s = handle->loop->data;
	bool children_changed = false;
	for (int signo; (signo = signals_read(s->signal_fd)) != 0;) {
		if (signo == SIGCHLD)
			children_changed = true;
		else if (!supervisor_is_deaf_to(s, signo))
			supervisor_push(s, (struct lifecycle_event){ .type = LIFECYCLE_SIGNAL,
								     .code = signo });
		supervisor_pump(s);
	}
	if (children_changed)
		supervisor_reap(s);
	supervisor_pump(s);
}

/* The probe server asks whether the loop turns: it does. */
static void on_ask(uv_poll_t *handle, int status ATTR_UNUSED, int events ATTR_UNUSED)
{
	struct supervisor *s = handle->loop->data;
	char bytes[64];
	for (;;) {
		ssize_t got = recv(s->ask_fds[0], bytes, sizeof(bytes), MSG_DONTWAIT);
		if (got <= 0)
			break;
		(void)send(s->ask_fds[0], bytes, (size_t)got, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	(void)oom_happened(); /* asked often, it knows rather well who was killed since */
}

static void on_notify(uv_poll_t *handle, int status ATTR_UNUSED, int events ATTR_UNUSED)
{
	struct supervisor *s = handle->loop->data;
	supervisor_hear_notify(s);
	supervisor_pump(s);
}

void supervisor_on_timer(uv_timer_t *handle)
{
	struct supervisor *s = handle->loop->data;
	uintptr_t which = (uintptr_t)handle->data;
	struct lifecycle_event event = {
		.type = LIFECYCLE_EXPIRED,
		.timer = (enum lifecycle_timer)(which / LIFECYCLE_PROCESSES_MAX),
		.process = (uint8_t)(which % LIFECYCLE_PROCESSES_MAX),
	};
	supervisor_explain_timer(s, event.timer);
	supervisor_push(s, event);
	supervisor_pump(s);
}

/* ---- the loop ---- */

static int watch(struct supervisor *s, uv_poll_t *handle, int fd, uv_poll_cb callback,
		 struct err *err)
{
	int result = uv_poll_init(&s->loop, handle, fd);
	if (result == 0)
		result = uv_poll_start(handle, UV_READABLE, callback);
	return result == 0 ? 0 : err_set(err, -result, "watch a descriptor");
}

static int set_up_loop(struct supervisor *s, struct err *err)
{
	int result = uv_loop_init(&s->loop);
	if (result != 0)
		return err_set(err, -result, "make the loop");
	s->loop.data = s;
	for (uintptr_t t = 0; t < LIFECYCLE_TIMER_PER_PROCESS; t++) {
		(void)uv_timer_init(&s->loop, &s->timers[t]);
		s->timers[t].data = (void *)(t * LIFECYCLE_PROCESSES_MAX);
	}
	for (uintptr_t p = 0; p < s->plan->n_processes; p++)
		for (uintptr_t t = LIFECYCLE_TIMER_PER_PROCESS; t < LIFECYCLE_TIMERS; t++) {
			uv_timer_t *timer =
				&s->processes[p].timers[t - LIFECYCLE_TIMER_PER_PROCESS];
			(void)uv_timer_init(&s->loop, timer);
			timer->data = (void *)(t * LIFECYCLE_PROCESSES_MAX + p);
		}
	(void)uv_timer_init(&s->loop, &s->sweep_timer);
	supervisor_init_notify(s);
	supervisor_init_keepers(s);
	supervisor_init_checks(s);
	if (watch(s, &s->signal_poll, s->signal_fd, on_signals, err) < 0 ||
	    watch(s, &s->message_poll, s->messages.receive_fd, on_messages, err) < 0)
		return -1;
	if (s->notify.fd >= 0 && watch(s, &s->notify_poll, s->notify.fd, on_notify, err) < 0)
		return -1;
	if (s->exec_fds[0] >= 0 &&
	    watch(s, &s->exec_poll, s->exec_fds[0], supervisor_on_executed, err) < 0)
		return -1;
	return s->sockets.n == 0 ? 0 : watch(s, &s->ask_poll, s->ask_fds[0], on_ask, err);
}

/* ---- descriptors ---- */

/* What was asked for must be had; what is only a default may be missing, and
 * that is said once. */
static int judge(enum listen_result result, const struct err *err)
{
	if (result == LISTEN_DEGRADED)
		log_warning("probes", "no probes there: %s", err->msg);
	return result == LISTEN_FAILED ? -1 : 0;
}

static int open_listeners(struct supervisor *s, struct err *err)
{
	const struct config *config = s->options->config;
	const char *origin = NULL, *text = config_get(config, s->plan->role, "listen", &origin);
	s->ask_fds[0] = s->ask_fds[1] = -1;
	if (s->settings.plain)
		return 0;
	if (judge(listen_open_tcp(&s->sockets, text, !streq(origin, "default"), err), err) < 0)
		return err_prefix(err, "%s", origin);
	text = config_get(config, s->plan->role, "socket", &origin);
	if (judge(listen_open_unix(&s->sockets, text, s->plan->role, err), err) < 0)
		return err_prefix(err, "%s", origin);
	if (s->sockets.n > 0 &&
	    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s->ask_fds) < 0)
		return err_set(err, errno, "create the pair to the probe server");
	return 0;
}

static int open_descriptors(struct supervisor *s, struct err *err)
{
	oom_open();
	/* A /proc of another pid namespace would list strangers. */
	s->children_fd =
		sweep_can_see() ? open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC) : -1;
	if (supervisor_open_notify(s, err) < 0 || supervisor_open_executed(s, err) < 0)
		return -1;
	return open_listeners(s, err);
}

/* ---- all together ---- */

/* Random bits for the jitter and for names; not for secrets. */
static void seed(struct supervisor *s)
{
	if (getrandom(&s->random, sizeof(s->random), GRND_NONBLOCK) != sizeof(s->random))
		s->random = (uint32_t)sys_now_ms() * UINT32_C(2654435761) ^ (uint32_t)getpid();
	s->random |= 1; /* xorshift stays at zero */
}

/* For the agent, and the steps that it looks for; see children/agent.h. */
static void name_session(struct supervisor *s)
{
	char host[33] = "";
	(void)gethostname(host, sizeof(host) - 1);
	(void)snprintf(s->session_id, sizeof(s->session_id), "%s-%08x", host, s->random);
	(void)agent_session_name(s->settings.lock_name, s->session_id, s->session_name);
}

/* The app, its checks and the agent shall find the user's home: a HOME that was the one
 * of whom we are, or nobody's, becomes the user's; another one was chosen. */
static void become_person(struct supervisor *s, char *person)
{
	char **base = s->options->given->environment;
	const char *name = strsep(&person, ":"), *home = strsep(&person, ":");
	const char *home_now = environment_find(base, "HOME");
	if (home == NULL || person == NULL)
		return;
	if (home_now == NULL || home_now[0] == '\0' || streq(home_now, "/") ||
	    streq(home_now, person))
		environment_put(base, "HOME", home);
	environment_put(base, "USER", name);
	environment_put(base, "LOGNAME", name);
}

static void fill_page(struct supervisor *s)
{
	struct page_content *page = page_write_begin(s->page);
	page->role[0] = '/';
	text_copy(page->role + 1, sizeof(page->role) - 1, s->plan->role);
	text_copy(page->state, sizeof(page->state), lifecycle_state_name(LIFECYCLE_BOOT));
	page->booted_ms = page->state_since_ms = sys_now_ms();
	page->live = true;
	page->n_processes = (uint32_t)s->plan->n_processes;
	for (size_t i = 0; i < s->plan->n_processes; i++) {
		text_copy(page->processes[i].name, PAGE_NAME_SIZE, s->plan->processes[i].name);
		(void)launch_program(s->plan, LAUNCH_PROCESS, i, page->processes[i].program,
				     PAGE_NAME_SIZE);
		text_make_printable(page->processes[i].program);
	}
	page->n_checks = (uint32_t)s->settings.n_checks;
	for (size_t i = 0; i < s->settings.n_checks; i++) {
		text_copy(page->checks[i].name, PAGE_NAME_SIZE, s->settings.checks[i].name);
		page->checks[i].kind =
			s->settings.checks[i].is_live ? PAGE_CHECK_LIVE : PAGE_CHECK_READY;
	}
	page->n_waits = (uint32_t)s->settings.n_waits;
	for (size_t i = 0; i < s->settings.n_waits; i++)
		text_copy(page->waits[i].name, PAGE_NAME_SIZE, s->settings.waits[i].name);
	page_write_end(s->page);
}

int supervisor_set_up(struct supervisor *s, struct err *err)
{
	const struct supervisor_options *options = s->options;
	struct preflight preflight = { .database = false };
	err->msg[0] = '\0';
	s->page = page_new(err);
	if (s->page == NULL || messages_open(&s->messages, err) < 0 ||
	    signals_open(&s->signal_fd, err) < 0)
		return EXIT_CODE_INTERNAL;
	options->given->environment = environment_base(options->given->environment);
	seed(s);
	s->launch = (struct launch){
		.given = options->given,
		.config = options->config,
		.plan = s->plan,
		.settings = &s->settings,
		.subcommands = options->subcommands,
		.session_name = s->session_name,
		.message_fd = s->messages.send_fd,
		.supervisor = getpid(),
	};
	supervisor_keep_log(s);
	int code = supervisor_preflight(s, &preflight, err);
	if (code != 0)
		return code;
	become_person(s, preflight.person);
	const struct settings_facts facts = {
		.database = preflight.database,
		.default_ready = preflight.has_default_ready ? preflight.default_ready : NULL,
		.release = environment_find(options->given->environment, "PIDONE_RELEASE"),
	};
	if (settings_load(&s->settings, options->config, s->plan, &facts, err) < 0 ||
	    open_descriptors(s, err) < 0)
		return EXIT_CODE_CONFIG;
	if (!s->settings.plain)
		name_session(s);
	settings_lifecycle_plan(&s->settings, s->plan, options->config, &s->lifecycle_plan);
	lifecycle_init(&s->lifecycle);
	fill_page(s);
	if (!options->given->is_pid1 && sys_become_subreaper() < 0)
		log_debug("subreaper", "not a subreaper: orphans go elsewhere");
	if (set_up_loop(s, err) < 0)
		return EXIT_CODE_INTERNAL;
	given_leave_cwd(options->given);
	/* libuv tells the kernel of its watchers in its first turn, and aborts where
	 * that fails: here, before the line. A signal that came since the first
	 * statement of main is decided on in this turn, so that nothing starts. */
	(void)uv_run(&s->loop, UV_RUN_NOWAIT);
	/* children that we were given with our pid may have ended unseen */
	supervisor_reap(s);
	supervisor_pump(s);
	return 0;
}
