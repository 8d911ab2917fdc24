/* pidone status [--json] [/ROLE]: the running supervisor, as a person wants to
 * read it. The supervisor renders both forms; nothing is parsed here. */
#include "cmd/ask.h"

#include "effect/environment.h"
#include "pure/config.h"

#include <stdio.h>

#define STATUS_USAGE "pidone status [--json] [/ROLE]"

static int usage(const char *problem, const char *word)
{
	char hint[CMD_HINT_SIZE];
	(void)fprintf(stderr, "pidone status: %s%s%s\nusage: " STATUS_USAGE "\n", problem, word,
		      cmd_meant_role(hint, sizeof(hint), word));
	return EXIT_CODE_USAGE;
}

/* A terminal that understands them, and a person who has not asked for none
 * (no-color.org). */
static bool is_for_colors(char *const *environment)
{
	const char *no_color = environment_find(environment, "NO_COLOR");
	const char *term = environment_find(environment, "TERM");
	return isatty(STDOUT_FILENO) && (no_color == NULL || no_color[0] == '\0') && term != NULL &&
	       term[0] != '\0' && !streq(term, "dumb");
}

int cmd_status(const struct cmd_options *options)
{
	const char *role = NULL;
	const char *path = is_for_colors(options->environment) ? "/status?format=text&color"
							       : "/status?format=text";
	if (cmd_asks_for_help(options))
		return cmd_print_usage(STATUS_USAGE);
	for (char *const *arg = options->args; *arg != NULL; arg++) {
		if (streq(*arg, "--json"))
			path = "/status";
		else if (role == NULL && (*arg)[0] == '/' && config_is_role_name(*arg + 1))
			role = *arg;
		else
			return usage("not understood: ", *arg);
	}
	struct buf body = { 0 };
	struct err err;
	unsigned status = 0;
	int code = EXIT_CODE_FAILED;
	switch (ask_supervisor(options, role, path, &status, &body, &err)) {
	case ASK_ANSWERED:
		if (status == 200)
			code = EXIT_CODE_OK;
		(void)fputs(buf_text(&body), status == 200 ? stdout : stderr);
		break;
	case ASK_NOBODY:
		(void)fprintf(stderr, "pidone status: %s\n", err.msg);
		break;
	case ASK_USAGE:
		code = usage(err.msg, "");
		break;
	}
	buf_fini(&body);
	return cmd_finish_output(code);
}
