/* What the subcommands share: their help, and the end of their output. */
#include "cmd/cmd.h"

#include "base/log.h"
#include "base/parse.h"

#include <errno.h>
#include <stdio.h>

int cmd_finish_output(int exit_code)
{
	errno = 0;
	bool lost = fflush(stdout) != 0 || ferror(stdout) != 0;
	if (!lost)
		return exit_code;
	/* an earlier write may have failed, whose reason is gone */
	log_error("output", "write the result: %s", strerror(errno != 0 ? errno : EIO));
	return exit_code == EXIT_CODE_OK ? EXIT_CODE_INTERNAL : exit_code;
}

bool cmd_asks_for_help(const struct cmd_options *options)
{
	for (char *const *arg = options->args; *arg != NULL && !streq(*arg, "--"); arg++)
		if (streq(*arg, "--help") || streq(*arg, "-h"))
			return true;
	return false;
}

int cmd_print_usage(const char *usage)
{
	(void)printf("usage: %s\n", usage);
	return cmd_finish_output(EXIT_CODE_OK);
}

const char *cmd_meant_role(char *buffer, size_t size, const char *word)
{
	static const char *const roles[] = { "init", "run", "async" };
	const char *meant = word[0] == '-' || word[0] == '/'
				    ? NULL
				    : parse_suggest(word, roles, ARRAY_SIZE(roles));
	buffer[0] = '\0';
	if (meant != NULL)
		(void)snprintf(buffer, size, ": did you mean /%s?", meant);
	return buffer;
}
