/* pidone once list | forget STEP: the marks of what runs once, for a person who wants to know
 * what has run, or to have it run again. Connects as a start would. */
#include "cmd/cmd.h"

#include "base/log.h"
#include "base/text.h"
#include "children/agent.h"
#include "children/marks.h"
#include "effect/config_file.h"
#include "effect/environment.h"

#include <stdio.h>

#define ONCE_USAGE "pidone once list | forget STEP"
#define TIMEOUT_MS 30000

struct once {
	struct config config;
	struct environment sources; /* libpq's own from then on, also at the exit: never freed */
	const char *project;
	struct pg_link *link;
	size_t n_printed;
};

static int usage(const char *problem, const char *word)
{
	(void)fprintf(stderr, "pidone once: %s%s\nusage: " ONCE_USAGE "\n", problem, word);
	return EXIT_CODE_USAGE;
}

static int fail(const char *reason)
{
	(void)fprintf(stderr, "pidone once: postgres: %s\n", reason);
	return EXIT_CODE_UNAVAILABLE;
}

/* Of the hash what tells two steps of one name apart. */
static void print_mark(const struct pg_row *row, void *context)
{
	struct once *once = context;
	struct pg_row mark = *row;
	for (size_t i = 0; i < PG_ROW_CELLS; i++)
		text_make_printable(mark.cells[i]);
	const char *hash = mark.cells[1], *release = mark.cells[2], *done = mark.cells[4];
	if (once->n_printed++ == 0)
		printf("%-24s %-8s %-20s %-20s %s\n", "STEP", "HASH", "RELEASE", "DONE", "BY");
	printf("%-24s %-8.8s %-20s %-20s %s\n", mark.cells[0], hash[0] != '\0' ? hash : "-",
	       release[0] != '\0' ? release : "-", done[0] != '\0' ? done : "begun, not done",
	       mark.cells[5]);
}

static int list(struct once *once)
{
	struct pg_failure failure = { .class = PG_OK };
	if (marks_list(once->link, once->project, print_mark, once, &failure) != PG_ANSWERED)
		return fail(failure.reason);
	if (once->n_printed == 0)
		printf("no marks of project %s\n", once->project);
	return EXIT_CODE_OK;
}

static int forget(struct once *once, const char *step)
{
	struct pg_failure failure = { .class = PG_OK };
	unsigned long n = 0;
	if (marks_forget(once->link, once->project, step, &n, &failure) != PG_ANSWERED)
		return fail(failure.reason);
	if (n == 0) {
		(void)fprintf(stderr,
			      "pidone once: project %s has no mark of %s: `pidone once list` shows "
			      "all, by name and hash\n",
			      once->project, step);
		return EXIT_CODE_FAILED;
	}
	printf("forgot %lu mark%s of %s: it runs again at the next start\n", n, n == 1 ? "" : "s",
	       step);
	return EXIT_CODE_OK;
}

static int work(struct once *once, const struct cmd_options *options)
{
	struct err err = { .code = 0 };
	if (config_file_start(&once->config, options->config_path, options->environment,
			      options->has_level, options->has_format) != 0)
		return EXIT_CODE_CONFIG;
	if (environment_build_sources(&once->sources, &once->config, options->environment, &err) <
	    0) {
		log_error("environment", "%s", err.msg);
		return EXIT_CODE_CONFIG;
	}
	once->project = config_get(&once->config, "postgres", "project", NULL);
	once->link = agent_open_once(AGENT_SET_MARK, "pidone-once", &once->config,
				     once->sources.items.items, pg_now_ms() + TIMEOUT_MS, &err);
	if (once->link == NULL)
		return fail(err.msg);
	return options->args[1] != NULL ? forget(once, options->args[1]) : list(once);
}

int cmd_once(const struct cmd_options *options)
{
	struct once once = { .n_printed = 0 };
	char *const *args = options->args;
	if (cmd_asks_for_help(options))
		return cmd_print_usage(ONCE_USAGE);
	if (args[0] == NULL)
		return usage("list or forget?", "");
	bool lists = streq(args[0], "list"), forgets = streq(args[0], "forget");
	if (!lists && !forgets)
		return usage("not understood: ", args[0]);
	if (forgets && args[1] == NULL)
		return usage("which step? `pidone once list` shows them", "");
	const char *extra = args[forgets ? 2 : 1];
	if (extra != NULL)
		return usage("not understood: ", extra);
	int code = work(&once, options);
	if (once.link != NULL)
		pg_link_close(once.link);
	config_fini(&once.config);
	return cmd_finish_output(code);
}
