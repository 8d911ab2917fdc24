/* Configuration + plan → typed settings of the role that runs. */
#include "supervisor/settings.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"

#include <signal.h>
#include <stdio.h>

static const char *get(const struct settings *settings, const struct config *config,
		       const char *key)
{
	return config_get(config, settings->role, key, NULL);
}

static void load_signals(struct settings *settings, const struct config *config)
{
	settings->stop_signal = config_signal(config, settings->role, "stop-signal");
	for (const struct config_entry *entry = NULL;
	     (entry = config_next(config, settings->role, "signal.", entry)) != NULL;) {
		int from = 0, to = -1;
		if (parse_signal(config_entry_suffix(entry), &from) < 0)
			continue;
		if (!streq(entry->value, "none") && parse_signal(entry->value, &to) < 0)
			continue;
		settings->signal_map[from] = to;
	}
}

static void load_success_codes(struct settings *settings, const struct config *config)
{
	settings->success[0] = true;
	for (const struct config_entry *entry = NULL;
	     (entry = config_next(config, settings->role, "success-codes", entry)) != NULL;) {
		char *words = mem_dup(entry->value), *rest = words, *word;
		unsigned long code = 0;
		while ((word = strsep(&rest, " \t")) != NULL)
			if (parse_uint(word, 255, &code) == 0)
				settings->success[code] = true;
		free(words);
	}
}

static int add_check(struct settings *settings, const char *text, bool is_live, int max_status,
		     const char *origin, struct err *err)
{
	if (settings->n_checks == SETTINGS_CHECKS_MAX)
		return err_set(err, 0, "%s: more than %d checks", origin, SETTINGS_CHECKS_MAX);
	struct settings_check *check = &settings->checks[settings->n_checks];
	if (check_spec_parse(text, is_live ? CHECK_FOR_LIVE : CHECK_FOR_READY, &check->spec, err) <
	    0)
		return err_prefix(err, "%s", origin);
	if (max_status != 0)
		check->spec.max_status = max_status;
	check->is_live = is_live;
	settings->notify = settings->notify || check->spec.kind == CHECK_NOTIFY;
	if (check->spec.kind == CHECK_NOTIFY && is_live) {
		int64_t ms = settings->limits.interval_ms * settings->limits.failures_max;
		int64_t max = INT64_MAX / 1000; /* it is told in microseconds */
		settings->watchdog_ms = ms < max ? ms : max;
	}
	(void)check_spec_name(&check->spec, check->name, sizeof(check->name));
	settings->n_checks++;
	return 0;
}

static size_t count(const struct settings *settings, const struct config *config, const char *key)
{
	size_t n = 0;
	for (const struct config_entry *entry = NULL;
	     (entry = config_next(config, settings->role, key, entry)) != NULL;)
		n++;
	return n;
}

/* Room for n of them, at most max: a plain command has none, and touches nothing. */
static void *make_room(size_t n, size_t max, size_t size)
{
	return n > 0 ? mem_alloc((n < max ? n : max) * size) : NULL;
}

static int load_checks(struct settings *settings, const struct config *config,
		       const char *default_ready, struct err *err)
{
	static const char *const keys[] = { "ready", "live" };
	size_t n = (default_ready != NULL) + count(settings, config, keys[0]) +
		   count(settings, config, keys[1]);
	settings->checks = make_room(n, SETTINGS_CHECKS_MAX, sizeof(settings->checks[0]));
	for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
		for (const struct config_entry *entry = NULL;
		     (entry = config_next(config, settings->role, keys[k], entry)) != NULL;)
			if (add_check(settings, entry->value, k == 1, 0, entry->origin, err) < 0)
				return -1;
	bool has_ready = false;
	for (size_t i = 0; i < settings->n_checks; i++)
		has_ready = has_ready || !settings->checks[i].is_live;
	/* read from the command's own words: what is no address in the end is no check */
	if (!has_ready && default_ready != NULL &&
	    add_check(settings, default_ready, false, 500, "default readiness", err) < 0)
		log_warning("ready", "no readiness check: %s", err->msg);
	return 0;
}

static int check_wait(const struct settings *settings, const struct check_spec *spec,
		      const char *origin, bool database, struct err *err)
{
	bool migrations = spec->kind == CHECK_MIGRATIONS;
	if (!database && (migrations || (spec->kind == CHECK_POSTGRES && spec->path[0] == '\0')))
		return err_set(
			err, 0,
			"%s: wait = %s, but no database is configured: set DATABASE_URL, or remove "
			"the line",
			origin, migrations ? "migrations" : "postgres");
	if (migrations && settings->release[0] == '\0')
		return err_set(
			err, 0,
			"%s: wait = migrations needs PIDONE_RELEASE: set it to the release's "
			"name or image tag, the same for /init and this role",
			origin);
	if (migrations && streq(settings->role, "init"))
		return err_set(err, 0, "%s: /init cannot wait for its own end: remove the line",
			       origin);
	return 0;
}

static int add_wait(struct settings *settings, const char *text, const char *origin, bool database,
		    struct err *err)
{
	if (settings->n_waits == SETTINGS_WAITS_MAX)
		return err_set(err, 0, "%s: more than %d targets", origin, SETTINGS_WAITS_MAX);
	struct settings_wait *wait = &settings->waits[settings->n_waits];
	if (check_spec_parse(text, CHECK_FOR_WAIT, &wait->spec, err) < 0)
		return err_prefix(err, "%s", origin);
	if (check_wait(settings, &wait->spec, origin, database, err) < 0)
		return -1;
	(void)check_spec_name(&wait->spec, wait->name, sizeof(wait->name));
	settings->n_waits++;
	return 0;
}

static int load_waits(struct settings *settings, const struct config *config, bool database,
		      struct err *err)
{
	/* Every role waits for the database if there is one; a plain command does not. */
	bool has_postgres = settings->plain || !database;
	settings->waits = make_room(count(settings, config, "wait") + !has_postgres,
				    SETTINGS_WAITS_MAX, sizeof(settings->waits[0]));
	for (const struct config_entry *entry = NULL;
	     (entry = config_next(config, settings->role, "wait", entry)) != NULL;) {
		if (streq(entry->value, "none"))
			has_postgres = true; /* no wait that was not asked for */
		else if (add_wait(settings, entry->value, entry->origin, database, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < settings->n_waits; i++)
		has_postgres = has_postgres || settings->waits[i].spec.kind == CHECK_POSTGRES ||
			       settings->waits[i].spec.kind == CHECK_MIGRATIONS;
	return has_postgres ? 0 : add_wait(settings, "postgres", "default", database, err);
}

static const char *key_of(enum plan_step_kind kind)
{
	return kind == PLAN_ONCE ? "once" : "once-per-release";
}

/* Which steps have a mark. Without a release there is none that could be marked for it. */
static int load_marks(struct settings *settings, const struct plan *plan, bool database,
		      struct err *err)
{
	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct plan_step *step = &plan->steps[i];
		if (step->kind == PLAN_STEP)
			continue;
		if (step->kind == PLAN_ONCE_PER_RELEASE && settings->release[0] == '\0') {
			log_warning(
				"once",
				"%s: runs at every start, for PIDONE_RELEASE is not set: set it "
				"to the release's name or image tag",
				step->origin);
			continue;
		}
		if (!database)
			return err_set(
				err, 0,
				"%s: '%s' is marked in the database, but none is configured: "
				"set DATABASE_URL, or make it a 'step'",
				step->origin, key_of(step->kind));
		if (i >= LIFECYCLE_MARKED_STEPS_MAX)
			return err_set(err, 0, "%s: '%s' must be one of the first %d steps",
				       step->origin, key_of(step->kind),
				       LIFECYCLE_MARKED_STEPS_MAX);
		settings->marked |= UINT64_C(1) << i;
	}
	settings->marks_the_end = plan->one_shot && streq(plan->role, "init") && database &&
				  settings->release[0] != '\0';
	return 0;
}

/* What runs once never runs twice at a time: a service with such steps has the lock for
 * them, and gives it back. */
static int lock_for_marks(struct settings *settings, const char *origin, struct err *err)
{
	if (!streq(origin, "default"))
		return err_set(
			err, 0,
			"%s: lock = none, but what runs once needs the lock: remove the line, "
			"or make it a 'step'",
			origin);
	settings->lock = settings->lock_for_steps = true;
	return 0;
}

static void name_lock(struct settings *settings, const struct config *config,
		      const struct plan *plan)
{
	const char *project = config_get(config, "postgres", "project", NULL);
	bool is_singleton = settings->lock && !settings->lock_for_steps && !plan->one_shot;
	settings->lock_name =
		is_singleton ? mem_format("%s/%s", project, settings->role) : mem_dup(project);
}

static int load_lock(struct settings *settings, const struct config *config, bool database,
		     struct err *err)
{
	const char *origin = "default";
	const char *lock = config_get(config, settings->role, "lock", &origin);
	settings->lock = lock != NULL && streq(lock, "postgres");
	if (!settings->lock && settings->marked != 0)
		return lock_for_marks(settings, origin, err);
	if (!settings->lock || database)
		return 0;
	settings->lock = false; /* a default that cannot be had is left out */
	if (streq(origin, "default"))
		return 0;
	return err_set(err, 0,
		       "%s: lock = postgres, but no database is configured: set DATABASE_URL, or "
		       "write lock = none",
		       origin);
}

int settings_load(struct settings *settings, const struct config *config, const struct plan *plan,
		  const struct settings_facts *facts, struct err *err)
{
	const char *role = plan->role;
	*settings = (struct settings){ .role = role, .umask = -1 };
	settings->release = facts->release != NULL ? facts->release : "";
	settings->plain = streq(role, "command");
	settings->shell = config_bool(config, role, "shell");
	settings->no_new_privs = config_bool(config, role, "no-new-privs");
	settings->user = get(settings, config, "user");
	settings->group = get(settings, config, "group");
	settings->directory = get(settings, config, "directory");
	mode_t mask = 0;
	const char *text = get(settings, config, "umask");
	if (text != NULL && parse_octal(text, 0777, &mask) == 0)
		settings->umask = (int)mask;
	text = get(settings, config, "signal-scope");
	settings->group_scope = text != NULL && streq(text, "group");
	text = get(settings, config, "on-live-failure");
	settings->restart_when_unhealthy = text != NULL && streq(text, "restart");
	settings->wait_timeout_ms = config_duration(config, role, "wait-timeout");
	if (settings->wait_timeout_ms < 0)
		settings->wait_timeout_ms = config_duration(config, "postgres", "wait-timeout");
	settings->lock_timeout_ms = config_duration(config, role, "lock-timeout");
	settings->step_timeout_ms = config_duration(config, role, "step-timeout");
	settings->drain_ms = config_duration(config, role, "drain");
	settings->stop_grace_ms = config_duration(config, role, "stop-grace");
	settings->restart_delay_ms = config_duration(config, role, "restart-delay");
	settings->check_timeout_ms = config_duration(config, role, "check-timeout");
	settings->limits.interval_ms = config_duration(config, role, "check-interval");
	size_t failures = config_uint(config, role, "check-failures");
	settings->limits.failures_max = failures > UINT32_MAX ? UINT32_MAX : (uint32_t)failures;
	settings->check_host = config_get(config, "probes", "check-host", NULL);
	load_signals(settings, config);
	load_success_codes(settings, config);
	if (load_checks(settings, config, facts->default_ready, err) < 0 ||
	    load_waits(settings, config, facts->database, err) < 0 ||
	    load_marks(settings, plan, facts->database, err) < 0 ||
	    load_lock(settings, config, facts->database, err) < 0)
		return -1;
	name_lock(settings, config, plan);
	return 0;
}

void settings_fini(struct settings *settings)
{
	free(settings->checks);
	free(settings->waits);
	free(settings->lock_name);
	*settings = (struct settings){ 0 };
}

void settings_lifecycle_plan(const struct settings *settings, const struct plan *plan,
			     const struct config *config, struct lifecycle_plan *ret)
{
	const char *restart = get(settings, config, "restart");
	size_t retries = config_uint(config, settings->role, "step-retries");
	size_t restart_max = config_uint(config, settings->role, "restart-max");
	*ret = (struct lifecycle_plan){
		.plain = settings->plain,
		.waits = settings->n_waits > 0,
		.lock = settings->lock,
		.lock_for_steps = settings->lock_for_steps,
		.marked = settings->marked,
		.marks_the_end = settings->marks_the_end,
		.wait_timeout = settings->wait_timeout_ms >= 0,
		.lock_timeout = settings->lock_timeout_ms >= 0,
		.step_timeout = settings->step_timeout_ms >= 0,
		.drain = settings->drain_ms > 0,
		.grace = settings->stop_grace_ms >= 0,
		.n_steps = (uint16_t)plan->n_steps,
		.step_retries = retries > UINT16_MAX ? UINT16_MAX : (uint16_t)retries,
		.n_processes = (uint8_t)plan->n_processes,
		.restart_max =
			restart_max >= LIFECYCLE_NO_MAX ? LIFECYCLE_NO_MAX : (uint16_t)restart_max,
	};
	if (restart != NULL && streq(restart, "always"))
		ret->restart = LIFECYCLE_RESTART_ALWAYS;
	else if (restart != NULL && streq(restart, "on-failure"))
		ret->restart = LIFECYCLE_RESTART_ON_FAILURE;
	for (size_t i = 0; i < plan->n_processes; i++)
		ret->essential[i] = plan->processes[i].essential;
}
