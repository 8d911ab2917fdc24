/* Any bytes as a Procfile, for every role, with and without a shell; and as a
 * text to mask. Every command of a plan must be one that can be run, a refusal
 * must have a message. */
#include "base/mem.h"
#include "pure/command.h"
#include "pure/mask.h"
#include "pure/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_plan(const char *role, const struct plan_facts *facts)
{
	struct config config = { 0 };
	struct plan plan;
	struct err err;
	char *help = NULL;
	if (plan_make(&plan, &config, role, NULL, facts, &help, &err) == PLAN_OK) {
		for (size_t i = 0; i < plan.n_steps; i++)
			if (command_check(plan.steps[i].command, &err) < 0)
				abort();
		for (size_t i = 0; i < plan.n_processes; i++)
			if (command_check(plan.processes[i].command, &err) < 0)
				abort();
		plan_fini(&plan);
	} else if (err.msg[0] == '\0') {
		abort();
	}
	free(help);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const roles[] = { "init", "run", "async", "beat" };
	char *text = mem_dup_n((const char *)data, size);
	struct plan_facts facts = { .procfile = text };
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		facts.has_shell = false;
		check_plan(roles[i], &facts);
		facts.has_shell = true;
		check_plan(roles[i], &facts);
	}
	free(mask_text(text));
	free(text);
	return 0;
}
