/* `pidone check /ROLE …`: could these roles start here? For a Dockerfile's last line
 * and for the trial of a new image: a command that is not there is found before the
 * old container goes. The start looks again (supervisor/launch_look.c). */
#include "cmd/cmd_check_role.h"

#include "base/log.h"
#include "effect/detect.h"
#include "effect/identity.h"
#include "effect/program.h"
#include "pure/command.h"
#include "pure/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The program as the role's directory makes it. */
static int find_program(const char *program, const char *directory, const char *path,
			struct err *err)
{
	char joined[4096];
	if (directory == NULL || program[0] == '/' || strchr(program, '/') == NULL)
		return program_find(program, path, err);
	if (snprintf(joined, sizeof(joined), "%s/%s", directory, program) >= (int)sizeof(joined))
		return err_set(err, 0, "directory = %s: too long", directory);
	return program_find(joined, path, err);
}

static int check_command(const struct plan *plan, const char *command, const char *directory,
			 const struct environment *environment, struct err *err)
{
	struct list argv = { 0 };
	if (plan->shell)
		return program_find("/bin/sh", NULL, err) == 0 ? 0 : -1;
	int result = command_expand(command, environment_lookup, environment, &argv, err);
	if (result == 0 &&
	    find_program(argv.items[0], directory, environment_get(environment, "PATH"), err) != 0)
		result = -1;
	list_fini(&argv);
	return result;
}

/* Behind a step anything may have changed: of several the first one is looked for. */
static int check_plan(const struct config *config, const struct plan *plan,
		      const struct environment *environment, struct err *err)
{
	const char *directory = config_get(config, plan->role, "directory", NULL);
	if (plan->n_steps > 0)
		return check_command(plan, plan->steps[0].command, directory, environment, err);
	for (size_t i = 0; i < plan->n_processes; i++)
		if (check_command(plan, plan->processes[i].command, directory, environment, err) <
		    0)
			return -1;
	return 0;
}

int cmd_check_can_start(const struct config *config, const char *role,
			const struct environment *environment)
{
	struct plan plan;
	struct plan_facts facts;
	struct err err = { 0 };
	char *help = NULL;
	detect_facts(&facts, role, environment->items.items);
	bool found = plan_make(&plan, config, role, NULL, &facts, &help, &err) == PLAN_OK;
	detect_facts_fini(&facts);
	int result = -1;
	if (found) {
		result = check_plan(config, &plan, environment, &err);
		plan_fini(&plan);
	}
	if (result == 0)
		result = identity_check(config_get(config, role, "user", NULL),
					config_get(config, role, "group", NULL), &err);
	if (result < 0)
		log_error("config", "/%s: %s", role, err.msg);
	if (!found && help != NULL)
		(void)fprintf(stderr, "%s", help);
	free(help);
	return result < 0 ? EXIT_CODE_CONFIG : EXIT_CODE_OK;
}
