/* The door: the command line decides what this process is: the supervisor of a
 * role, of a plain command, or a subcommand that helps a person. */
#include "base/log.h"
#include "cmd/cmd.h"
#include "config.h"
#include "effect/config_file.h"
#include "effect/detect.h"
#include "effect/environment.h"
#include "effect/given.h"
#include "effect/termination.h"
#include "supervisor/supervisor.h"
#include "sys/sys.h"

#include <errno.h>
#include <stdio.h>

struct door {
	struct given given;
	const char *config_path;
	bool has_level, has_format; /* on the command line: the configuration's do not count */
	const char *role;           /* without slash; "command" for a plain command */
	char *const *command;       /* behind the role or "--"; NULL: none */
	bool after_dashes;          /* it stood behind "--" */
};

static const char usage[] =
	"usage: pidone [OPTION…] /ROLE [-- COMMAND ARG…]   run a role: /init, /run, /async, …\n"
	"       pidone [OPTION…] [--] COMMAND ARG…         run any command, as a plain PID 1\n"
	"       pidone check [/ROLE ...]                   validate the configuration\n"
	"       pidone explain [--ini] [/ROLE]             what would run, and why\n"
	"       pidone probe live|ready|startup [/ROLE]    ask the running supervisor\n"
	"       pidone status [--json] [/ROLE]             the running supervisor, for a person\n"
	"       pidone wait [--timeout D] TARGET… [-- COMMAND ARG…]\n"
	"                                                  wait, then run COMMAND\n"
	"       pidone once list | forget STEP             what runs once: what has run\n"
	"       pidone install PATH                        copy pidone to PATH\n"
	"\n"
	"  -c, --config FILE          read FILE instead of /etc/pidone.ini\n"
	"  -q, -v                     log less, log more\n"
	"      --log-format text|json\n"
	"  -h, --help\n"
	"  -V, --version\n";

static const struct {
	const char *word;
	int (*run)(const struct cmd_options *options);
} subcommands[] = {
	{ "check", cmd_check },     { "explain", cmd_explain }, { "probe", cmd_probe },
	{ "status", cmd_status },   { "wait", cmd_wait },       { "once", cmd_once },
	{ "install", cmd_install },
};

static int usage_error(const char *format, const char *word)
{
	char message[256];
	(void)snprintf(message, sizeof(message), "%s '%s': `pidone --help` shows how to call it",
		       format, word);
	log_error("usage", "%s", message);
	return EXIT_CODE_USAGE;
}

/* An argument is a role when it is a slash and one word. */
static bool is_role(const char *word)
{
	return word[0] == '/' && config_is_role_name(word + 1);
}

/* ---- the command line ---- */

static int set_format(struct door *door, const char *format)
{
	if (!streq(format, "text") && !streq(format, "json"))
		return usage_error("--log-format is text or json, not", format);
	log_set_format(streq(format, "json") ? LOG_JSON : LOG_TEXT);
	door->has_format = true;
	return 0;
}

/* As take_option(). */
static int end_with_output(void)
{
	int code = cmd_finish_output(EXIT_CODE_OK);
	return code == EXIT_CODE_OK ? -1 : code;
}

/* One option at *args; moves behind it. 0; or an exit code, or -1: end with 0. */
static int take_option(struct door *door, char **args, size_t *at)
{
	const char *option = args[*at], *value = NULL, *equals = strchr(option, '=');
	static const char *const with_value[] = { "-c", "--config", "--log-format" };
	size_t length = starts_with(option, "--") && equals != NULL ? (size_t)(equals - option)
								    : strlen(option);
	for (size_t i = 0; i < ARRAY_SIZE(with_value); i++) {
		if (strlen(with_value[i]) != length || strncmp(option, with_value[i], length) != 0)
			continue;
		value = equals != NULL ? equals + 1 : args[++*at];
		if (value == NULL || value[0] == '\0')
			return usage_error("a value is missing behind", option);
	}
	++*at;
	if (starts_with(option, "--log-format"))
		return set_format(door, value != NULL ? value : "");
	if (value != NULL) {
		door->config_path = value;
		return 0;
	}
	if (streq(option, "-q") || streq(option, "-v")) {
		log_set_level(option[1] == 'q' ? LOG_WARNING : LOG_DEBUG);
		door->has_level = true;
		return 0;
	}
	if (streq(option, "-h") || streq(option, "--help")) {
		(void)fputs(usage, stdout);
		return end_with_output();
	}
	if (streq(option, "-V") || streq(option, "--version")) {
		(void)puts(PACKAGE_STRING);
		return end_with_output();
	}
	return usage_error("unknown option", option);
}

/* ---- running a role or a command ---- */

static int cannot_plan(const struct err *err, const char *help)
{
	log_error("config", "%s", err->msg);
	if (help != NULL)
		log_help(help);
	char reason[ERR_MSG_SIZE + 16];
	(void)snprintf(reason, sizeof(reason), "exit %d: %s", EXIT_CODE_CONFIG, err->msg);
	termination_write(reason);
	return EXIT_CODE_CONFIG;
}

/* Only a file of the role's path takes arguments without "--": they are its own. */
static int append_arguments(const struct door *door, const struct plan_facts *facts,
			    struct list *command)
{
	if (door->command == NULL || door->after_dashes || streq(door->role, "command"))
		return 0;
	if (!facts->role_file)
		return usage_error("put the command behind '--': unexpected", door->command[0]);
	char path[64] = "/";
	list_add(command, text_append(path, sizeof(path), door->role));
	for (size_t i = 0; door->command[i] != NULL; i++)
		list_add(command, door->command[i]);
	return 0;
}

/* With the environment that the app will have: [env] may name its settings. What
 * is wrong with it is found again, and told, before anything starts. */
static void look_at_image(const struct door *door, const struct config *config,
			  struct plan_facts *facts)
{
	struct environment environment = { 0 };
	struct err err;
	int built = environment_build(&environment, config, door->given.environment, &err);
	detect_facts(facts, door->role,
		     built == 0 ? environment.items.items : door->given.environment);
	environment_fini(&environment);
}

/* The role of which this is the name, as a program's last component; or NULL. */
static const char *role_of_name(const char *program)
{
	static const char *const names[] = { "init", "run", "async" };
	const char *slash = strrchr(program, '/');
	const char *name = slash != NULL ? slash + 1 : program;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (streq(name, names[i]))
			return names[i];
	return NULL;
}

/* `pidone init` finds /sbin/init: it may be meant, but mostly a slash was forgotten. */
static void hint_at_role(const struct door *door)
{
	const char *word = door->command != NULL ? door->command[0] : NULL;
	if (word == NULL || door->after_dashes || strchr(word, '/') != NULL ||
	    role_of_name(word) == NULL)
		return;
	log_info("hint", "runs the program '%s'; the role is /%s", word, word);
}

static int run(struct door *door)
{
	static struct config config;
	static struct plan plan;
	static struct plan_facts facts; /* kept where we end before the start */
	static struct list arguments;
	struct err err;
	char *help = NULL;
	char role[34] = "/";
	bool plain = streq(door->role, "command");
	log_set_role(plain ? "" : text_append(role, sizeof(role), door->role));
	termination_open();
	int code = config_file_start(&config, door->config_path, door->given.environment,
				     door->has_level, door->has_format);
	if (code != 0)
		return code;
	if (!plain)
		look_at_image(door, &config, &facts);
	code = append_arguments(door, &facts, &arguments);
	if (code != 0)
		return code;
	char *const *argv = arguments.n > 0 ? arguments.items : door->command;
	if (plan_make(&plan, &config, door->role, argv, &facts, &help, &err) != PLAN_OK)
		return cannot_plan(&err, help);
	for (size_t i = 0; i < plan.notes.n; i++)
		log_info("hint", "%s", plan.notes.items[i]);
	detect_facts_fini(&facts);
	list_fini(&arguments);
	if (plain)
		hint_at_role(door);
	const char *words[ARRAY_SIZE(subcommands) + 1] = { NULL };
	for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++)
		words[i] = subcommands[i].word;
	const struct supervisor_options options = {
		.given = &door->given,
		.config = &config,
		.plan = &plan,
		.subcommands = words,
	};
	sys_exit(supervisor_main(&options));
}

static bool names_config(const char *word)
{
	return streq(word, "-c") || streq(word, "--config") || starts_with(word, "--config=");
}

/* `pidone check --config FILE`, too: who writes it there means the same. Takes it out of
 * the words; as take_option(). */
static int take_config(struct door *door, char **args)
{
	for (size_t i = 0; args[i] != NULL && !streq(args[i], "--");) {
		size_t behind = i;
		if (!names_config(args[i])) {
			i++;
			continue;
		}
		int code = take_option(door, args, &behind);
		if (code != 0)
			return code;
		for (size_t to = i; (args[to] = args[behind]) != NULL; to++)
			behind++;
	}
	return 0;
}

static int run_subcommand(struct door *door, char **args)
{
	for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++) {
		if (!streq(args[0], subcommands[i].word))
			continue;
		int code = take_config(door, args + 1);
		if (code != 0)
			return code;
		const struct cmd_options options = {
			.config_path = door->config_path,
			.environment = door->given.environment,
			.args = args + 1,
			.given = &door->given,
			.has_level = door->has_level,
			.has_format = door->has_format,
		};
		if (subcommands[i].run != cmd_wait)
			signals_give_back(&door->given.signals); /* a tool: Ctrl-C ends it */
		return subcommands[i].run(&options);
	}
	return -1;
}

/* args: what is left behind the options. */
static int dispatch(struct door *door, char **args)
{
	bool dashes = args[0] != NULL && streq(args[0], "--");
	if (dashes)
		args++;
	if (args[0] == NULL)
		return usage_error(dashes ? "a command is missing behind"
					  : "a role or a command is missing behind",
				   dashes ? "--" : "pidone");
	if (!dashes) {
		int code = run_subcommand(door, args);
		if (code >= 0)
			return code;
		if (code == CMD_RUN_COMMAND) {
			while (!streq(*args, "--"))
				args++;
			args++;
			dashes = true;
		}
	}
	if (dashes || !is_role(args[0])) {
		door->role = "command";
		door->after_dashes = dashes;
		door->command = args;
		return run(door);
	}
	door->role = args[0] + 1;
	door->after_dashes = args[1] != NULL && streq(args[1], "--");
	if (door->after_dashes && args[2] == NULL)
		return usage_error("a command is missing behind", "--");
	if (args[1] != NULL)
		door->command = door->after_dashes ? args + 2 : args + 1;
	return run(door);
}

/* Under the name init, run or async (a symlink) it runs that role; what follows
 * are arguments of the role, as behind /ROLE. */
static int dispatch_by_name(struct door *door, const char *role, char **args)
{
	door->role = role;
	door->after_dashes = args[0] != NULL && streq(args[0], "--");
	if (door->after_dashes && args[1] == NULL)
		return usage_error("a command is missing behind", "--");
	if (args[0] != NULL)
		door->command = door->after_dashes ? args + 1 : args;
	return run(door);
}

int main(int argc, char **argv, char **environment)
{
	static struct door door;
	/* room for all that is printed, whatever the C library has: what is written at the
	 * end is written by cmd_finish_output(), which can tell why it failed */
	static char output[32 * 1024];
	struct err err;
	if (signals_block_all(&door.given.signals) < 0) {
		log_error("boot", "cannot block signals: %s", strerror(errno));
		return EXIT_CODE_INTERNAL;
	}
	sys_protect_tables();
	if (given_note(&door.given, environment, &err) < 0) {
		log_error("boot", "%s", err.msg);
		return EXIT_CODE_INTERNAL;
	}
	sys_title_init(argc, argv);
	log_open();
	(void)setvbuf(stdout, output, _IOFBF, sizeof(output));
	size_t at = 1;
	while (at < (size_t)argc && argv[at][0] == '-' && argv[at][1] != '\0' &&
	       !streq(argv[at], "--")) {
		int code = take_option(&door, argv, &at);
		if (code != 0)
			return code < 0 ? 0 : code;
	}
	const char *role = argc > 0 ? role_of_name(argv[0]) : NULL;
	return role != NULL ? dispatch_by_name(&door, role, argv + at) : dispatch(&door, argv + at);
}
