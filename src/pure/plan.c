/* The order of the sources, and what the configuration's sections add. */
#include "pure/plan.h"

#include "base/mem.h"
#include "base/parse.h"
#include "pure/command.h"
#include "pure/lifecycle.h"
#include "pure/plan_sources.h"

static const struct {
	const char *key;
	enum plan_step_kind kind;
} step_keys[] = {
	{ "step", PLAN_STEP },
	{ "once", PLAN_ONCE },
	{ "once-per-release", PLAN_ONCE_PER_RELEASE },
};

static bool is_init(const struct plan *plan)
{
	return streq(plan->role, "init");
}

static bool is_plain_command(const struct plan *plan)
{
	return streq(plan->role, "command");
}

bool plan_is_empty(const struct plan *plan)
{
	return plan->n_steps == 0 && plan->n_processes == 0;
}

void plan_add_step(struct plan *plan, enum plan_step_kind kind, const char *command,
		   const char *origin)
{
	plan->steps = mem_resize(plan->steps, (plan->n_steps + 1) * sizeof(plan->steps[0]));
	plan->steps[plan->n_steps++] = (struct plan_step){
		.kind = kind,
		.command = mem_dup(command),
		.origin = mem_dup(origin),
	};
}

static void add_process(struct plan *plan, const char *name, const char *command,
			const char *origin, bool essential)
{
	plan->processes =
		mem_resize(plan->processes, (plan->n_processes + 1) * sizeof(plan->processes[0]));
	plan->processes[plan->n_processes++] = (struct plan_process){
		.name = mem_dup(name),
		.command = mem_dup(command),
		.origin = mem_dup(origin),
		.essential = essential,
	};
}

void plan_add_command(struct plan *plan, const char *command, const char *origin)
{
	if (is_init(plan))
		plan_add_step(plan, PLAN_STEP, command, origin);
	else
		add_process(plan, "main", command, origin, true);
}

/* ---- what the role's section has ---- */

/* The three kinds share one order, that in which they were written, so this
 * walks the entries themselves and not one key after the other. */
static void add_config_steps(struct plan *plan, const struct config *config)
{
	for (size_t i = 0; i < config->n; i++) {
		const struct config_entry *entry = &config->entries[i];
		if (!streq(entry->section, plan->role))
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(step_keys); k++)
			if (streq(entry->name, step_keys[k].key))
				plan_add_step(plan, step_keys[k].kind, entry->value, entry->origin);
	}
}

static bool is_essential(const struct plan *plan, const struct config *config, const char *name)
{
	bool essential = true;
	const struct config_entry *entry = NULL;
	while ((entry = config_next(config, plan->role, "essential.", entry)) != NULL)
		if (streq(config_entry_suffix(entry), name) &&
		    parse_bool(entry->value, &essential) < 0)
			essential = true; /* unreachable for a checked configuration */
	return essential;
}

static int add_config_processes(struct plan *plan, const struct config *config, struct err *err)
{
	const struct config_entry *entry = NULL;
	while ((entry = config_next(config, plan->role, "process.", entry)) != NULL) {
		if (is_init(plan))
			return err_set(
				err, 0,
				"%s: /init runs steps and ends: %s cannot run there; make it "
				"a 'step', or put it into [run] or [async]",
				entry->origin, entry->name);
		if (plan->n_processes == 0)
			return err_set(err, 0,
				       "%s: /%s has %s but no main process: add 'command = …' to "
				       "[%s]",
				       entry->origin, plan->role, entry->name, plan->role);
		const char *name = config_entry_suffix(entry);
		add_process(plan, name, entry->value, entry->origin,
			    is_essential(plan, config, name));
	}
	return 0;
}

/* Whoever writes [init] replaces what would be detected. One who only wanted to
 * add a `once` to it should hear that nothing migrates now. */
static void note_missing_migrate(struct plan *plan, const struct plan_facts *facts)
{
	if (!is_init(plan) || !facts->has_manage_py || facts->python == NULL)
		return;
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->steps[i].kind == PLAN_STEP)
			return;
	list_add_take(&plan->notes,
		      mem_format("[init] replaces the detected steps: add 'step = %s manage.py "
				 "migrate --noinput' if nothing else migrates the database",
				 facts->python));
}

/* ---- the sources in their order ---- */

static void add_argv(struct plan *plan, char *const *argv)
{
	struct buf text = { 0 };
	for (size_t i = 0; argv[i] != NULL; i++) {
		list_add(&plan->argv, argv[i]);
		if (i > 0)
			buf_add_char(&text, ' ');
		command_quote(&text, argv[i]);
	}
	plan_add_command(plan, buf_text(&text), "command line");
	buf_fini(&text);
}

/* Sources 4 to 6: the image. */
static int add_from_image(struct plan *plan, const struct plan_facts *facts, char **ret_help,
			  struct err *err)
{
	size_t before = plan->n_steps;
	if (is_plain_command(plan))
		return 0;
	if (facts->role_file) {
		CLEANUP_FREE char *path = mem_format("/%s", plan->role);
		CLEANUP_FREE char *origin = mem_format("executable file %s", path);
		plan_add_command(plan, path, origin);
		return 0;
	}
	if (plan_from_procfile(plan, facts, ret_help, err) < 0)
		return -1;
	if (plan->n_steps == before && plan->n_processes == 0)
		plan_from_django(plan, facts);
	return 0;
}

static int add_all(struct plan *plan, const struct config *config, char *const *argv,
		   const struct plan_facts *facts, char **ret_help, struct err *err)
{
	bool has_argv = argv != NULL && argv[0] != NULL;
	const char *origin = NULL;
	const char *command = config_get(config, plan->role, "command", &origin);
	if (!has_argv || !is_init(plan))
		add_config_steps(plan, config);
	if (has_argv)
		add_argv(plan, argv);
	else if (command != NULL)
		plan_add_command(plan, command, origin);
	else if (is_init(plan) && plan->n_steps > 0)
		note_missing_migrate(plan, facts);
	else if (add_from_image(plan, facts, ret_help, err) < 0)
		return -1;
	return add_config_processes(plan, config, err);
}

static int check_number(const struct plan *plan, struct err *err)
{
	if (plan->n_processes <= LIFECYCLE_PROCESSES_MAX)
		return 0;
	return err_set(err, 0, "/%s has %zu processes, %d is the limit: make it two roles",
		       plan->role, plan->n_processes, LIFECYCLE_PROCESSES_MAX);
}

static int check_shell(const struct plan *plan, const struct config *config,
		       const struct plan_facts *facts, struct err *err)
{
	const char *origin = NULL;
	if (!plan->shell || facts->has_shell)
		return 0;
	(void)config_get(config, plan->role, "shell", &origin);
	return err_set(err, 0,
		       "%s: 'shell = yes', but this image has no /bin/sh: remove it and write one "
		       "program with its arguments per 'step' or 'command'",
		       origin);
}

static void set_nothing_err(const struct plan *plan, const struct config *config,
			    const struct plan_facts *facts, struct err *err)
{
	struct list roles = { 0 };
	struct buf names = { 0 };
	plan_roles(config, facts, &roles);
	bool known = is_plain_command(plan);
	for (size_t i = 0; i < roles.n; i++) {
		known = known || streq(roles.items[i], plan->role);
		buf_format(&names, "%s/%s", i > 0 ? ", " : "", roles.items[i]);
	}
	const char *near = parse_suggest(plan->role, (const char *const *)roles.items, roles.n);
	if (is_plain_command(plan))
		(void)err_set(err, 0, "no command given: pidone COMMAND ARG…, or pidone /ROLE");
	else if (known)
		(void)err_set(err, 0, "nothing says what /%s runs", plan->role);
	else if (near != NULL)
		(void)err_set(err, 0, "no role /%s: did you mean /%s? (roles: %s)", plan->role,
			      near, buf_text(&names));
	else
		(void)err_set(err, 0, "no role /%s (roles: %s)", plan->role, buf_text(&names));
	buf_fini(&names);
	list_fini(&roles);
}

/* Of `directory` no facts are known: a gunicorn.conf.py may be there. */
static void add_default_ready(struct plan *plan, const struct config *config,
			      const struct plan_facts *facts)
{
	struct plan_facts there = *facts;
	if (config_get(config, plan->role, "directory", NULL) != NULL)
		there.gunicorn_sets_bind = true;
	plan->default_ready = plan_ready_of(plan->processes[0].command, &there);
}

enum plan_result plan_make(struct plan *plan, const struct config *config, const char *role,
			   char *const *argv, const struct plan_facts *facts, char **ret_help,
			   struct err *err)
{
	*ret_help = NULL;
	*plan = (struct plan){
		.role = mem_dup(role),
		.shell = config_bool(config, role, "shell"),
	};
	if (check_shell(plan, config, facts, err) < 0 ||
	    add_all(plan, config, argv, facts, ret_help, err) < 0 || check_number(plan, err) < 0) {
		plan_fini(plan);
		return PLAN_INVALID;
	}
	if (plan_is_empty(plan)) {
		set_nothing_err(plan, config, facts, err);
		if (!is_plain_command(plan))
			*ret_help = plan_help_nothing(plan, facts);
		plan_fini(plan);
		return PLAN_NOTHING;
	}
	plan->one_shot = plan->n_processes == 0;
	/* From the words and not from the source: the same command is ready at the
	 * same moment, whoever wrote it. A plain command has no readiness. */
	if (!plan->one_shot && !plan->shell && !is_plain_command(plan))
		add_default_ready(plan, config, facts);
	return PLAN_OK;
}

void plan_fini(struct plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++) {
		free(plan->steps[i].command);
		free(plan->steps[i].origin);
	}
	for (size_t i = 0; i < plan->n_processes; i++) {
		free(plan->processes[i].name);
		free(plan->processes[i].command);
		free(plan->processes[i].origin);
	}
	free(plan->steps);
	free(plan->processes);
	free(plan->default_ready);
	free(plan->role);
	list_fini(&plan->argv);
	list_fini(&plan->notes);
	*plan = (struct plan){ 0 };
}

/* ---- names ---- */

void plan_add_role(struct list *roles, const char *role)
{
	for (size_t i = 0; i < roles->n; i++)
		if (streq(roles->items[i], role))
			return;
	list_add(roles, role);
}

void plan_roles(const struct config *config, const struct plan_facts *facts, struct list *ret_roles)
{
	struct list configured = { 0 };
	plan_add_role(ret_roles, "init");
	plan_add_role(ret_roles, "run");
	plan_add_role(ret_roles, "async");
	config_roles(config, &configured);
	for (size_t i = 0; i < configured.n; i++)
		plan_add_role(ret_roles, configured.items[i]);
	list_fini(&configured);
	if (facts->procfile != NULL)
		plan_procfile_roles(facts->procfile, ret_roles);
}
