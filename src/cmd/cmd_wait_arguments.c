/* The command line of `pidone wait`. */
#include "cmd/cmd_wait_parts.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "pure/conninfo.h"

#include <stdio.h>

static int usage(const char *problem, const char *word)
{
	log_error("usage", "%s%s: write for instance "
			   "`pidone wait --timeout 30s postgres tcp://cache:6379 -- COMMAND`",
		  problem, word);
	return EXIT_CODE_USAGE;
}

/* What ps shows of us is no place for a password. */
static void show_name(char *argument, const char *name)
{
	size_t length = strlen(argument);
	memset(argument, 0, length);
	memcpy(argument, name, strnlen(name, length));
}

static int parse_target(struct wait_target *target, struct err *err)
{
	char *text = target->argument;
	struct conninfo conninfo;
	if (check_spec_parse(text, CHECK_FOR_WAIT, &target->spec, err) < 0)
		return -1;
	if (target->spec.kind == CHECK_MIGRATIONS)
		return err_set(err, 0, "'migrations' is a role's: write 'wait = migrations' into "
				       "its section of the configuration");
	if (target->spec.kind == CHECK_POSTGRES && target->spec.path[0] != '\0') {
		if (conninfo_parse_url(&conninfo, text, err) != CONNINFO_POSTGRES)
			return -1;
		conninfo_fini(&conninfo);
	}
	(void)check_spec_name(&target->spec, target->name, sizeof(target->name));
	if (strstr(text, "://") != NULL)
		show_name(text, target->name);
	return 0;
}

static int parse_timeout(struct wait *wait, const char *text)
{
	if (text == NULL)
		return usage("a duration is missing behind ", "--timeout");
	if (parse_duration_ms(text, &wait->timeout_ms) < 0 || wait->timeout_ms == 0)
		return usage("--timeout is a duration such as 500ms, 30s, 5m, or none, not ", text);
	return 0;
}

int cmd_wait_parse_arguments(struct wait *wait)
{
	char *const *args = wait->options->args;
	size_t n_args = 0;
	while (args[n_args] != NULL)
		n_args++;
	wait->targets = mem_alloc((n_args + 1) * sizeof(wait->targets[0]));
	for (; *args != NULL && !streq(*args, "--"); args++) {
		int code = 0;
		if (starts_with(*args, "--timeout="))
			code = parse_timeout(wait, strchr(*args, '=') + 1);
		else if (streq(*args, "--timeout"))
			code = parse_timeout(wait, args[1] != NULL ? *++args : NULL);
		else if ((*args)[0] == '-')
			code = usage("unknown option ", *args);
		else
			wait->targets[wait->n++].argument = *args;
		if (code != 0)
			return code;
	}
	if (*args != NULL)
		wait->command = args + 1;
	if (wait->command != NULL && wait->command[0] == NULL)
		return usage("a command is missing behind ", "--");
	return wait->n == 0 ? usage("no target is named", "") : 0;
}

int cmd_wait_parse_targets(struct wait *wait)
{
	char reason[ERR_MSG_SIZE + 32];
	struct err err;
	for (size_t i = 0; i < wait->n; i++) {
		if (parse_target(&wait->targets[i], &err) == 0)
			continue;
		(void)snprintf(reason, sizeof(reason), "target %zu: %s", i + 1, err.msg);
		cmd_wait_give_up(wait, EXIT_CODE_CONFIG, reason);
	}
	return wait->code < 0 ? 0 : wait->code;
}
