/* pidone probe live|ready|startup [/ROLE]: for exec probes and HEALTHCHECK in
 * images without a shell. */
#include "cmd/ask.h"

#include "pure/config.h"

#include <stdio.h>

static const struct {
	const char *word, *path;
} probes[] = { { "live", "/livez" }, { "ready", "/readyz" }, { "startup", "/startupz" } };

#define PROBE_USAGE "pidone probe live|ready|startup [/ROLE]"

static int usage(const char *problem, const char *word)
{
	(void)fprintf(stderr, "pidone probe: %s%s\nusage: " PROBE_USAGE "\n", problem, word);
	return EXIT_CODE_USAGE;
}

static int not_a_role(const char *word)
{
	char hint[CMD_HINT_SIZE], text[CMD_HINT_SIZE + 64];
	(void)snprintf(text, sizeof(text), "%.60s%s", word,
		       cmd_meant_role(hint, sizeof(hint), word));
	return usage("not a role: ", text);
}

/* By the word, and by the name of the path that an httpGet probe has. */
static const char *find_probe(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++)
		if (streq(word, probes[i].word) || streq(word, probes[i].path) ||
		    streq(word, probes[i].path + 1))
			return probes[i].path;
	return NULL;
}

int cmd_probe(const struct cmd_options *options)
{
	const char *word = options->args[0];
	if (cmd_asks_for_help(options))
		return cmd_print_usage(PROBE_USAGE);
	if (word == NULL)
		return usage("which one?", "");
	const char *path = find_probe(word);
	if (path == NULL)
		return usage("no such probe: ", word);
	const char *role = options->args[1];
	if (role != NULL && (role[0] != '/' || !config_is_role_name(role + 1)))
		return not_a_role(role);
	if (role != NULL && options->args[2] != NULL)
		return usage("too many words: ", options->args[2]);

	struct buf body = { 0 };
	struct err err;
	unsigned status = 0;
	int code = EXIT_CODE_FAILED;
	switch (ask_supervisor(options, role, path, &status, &body, &err)) {
	case ASK_ANSWERED:
		if (status == 200)
			code = EXIT_CODE_OK;
		(void)fputs(buf_text(&body), stdout);
		break;
	case ASK_NOBODY:
		(void)fprintf(stderr, "pidone probe: %s\n", err.msg);
		break;
	case ASK_USAGE:
		code = usage(err.msg, "");
		break;
	}
	buf_fini(&body);
	return code;
}
