/* Runs the agent as PID 1 does, in a forked child, and prints what it reports:
 * one line "TYPE code text" for each message. For the tests of this folder.
 *
 *     agent_tool wait|lock|ping [CONFIG-FILE [SESSION-ID]]
 *
 * The first line is "PID n", the last one "EXIT n" (128 + signal). The agent's
 * environment is the tool's. */
#include "children/agent.h"
#include "effect/messages.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static const char *const names[MESSAGE_TYPE_END] = {
	[MESSAGE_WAIT_REASON] = "WAIT_REASON", [MESSAGE_WAIT_DONE] = "WAIT_DONE",
	[MESSAGE_WAIT_FAILED] = "WAIT_FAILED", [MESSAGE_LOCK_REASON] = "LOCK_REASON",
	[MESSAGE_LOCK_GAINED] = "LOCK_GAINED", [MESSAGE_LOCK_LOST] = "LOCK_LOST",
	[MESSAGE_LOCK_FAILED] = "LOCK_FAILED",
};

static int64_t now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void print_messages(const struct messages *messages)
{
	struct message message;
	pid_t sender = 0;
	while (messages_receive(messages, &message, &sender) > 0)
		printf("%s %d %s\n", names[message.type] != NULL ? names[message.type] : "?",
		       message.code, message.text);
}

static int load(struct config *config, const char *path)
{
	static char text[65536];
	struct config_problems problems = { 0 };
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return -1;
	size_t length = fread(text, 1, sizeof(text), file);
	(void)fclose(file);
	config_read(config, text, length, path, &problems);
	for (size_t i = 0; i < problems.n; i++)
		fprintf(stderr, "%s: %s\n", problems.items[i].origin, problems.items[i].message);
	int result = problems.n_errors > 0 ? -1 : 0;
	config_problems_fini(&problems);
	return result;
}

static int run_agent(const struct agent_options *options)
{
	struct messages messages;
	struct err err;
	if (messages_open(&messages, &err) < 0)
		return EXIT_CODE_INTERNAL;
	struct agent_options own = *options;
	own.message_fd = messages.send_fd;
	pid_t pid = fork();
	if (pid < 0)
		return EXIT_CODE_INTERNAL;
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(agent_main(&own));
	}
	printf("PID %d\n", (int)pid);
	struct pollfd fds[2] = {
		{ .fd = messages.receive_fd, .events = POLLIN },
		{ .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN },
	};
	while (fds[1].revents == 0) {
		if (poll(fds, 2, -1) < 0)
			return EXIT_CODE_INTERNAL;
		print_messages(&messages);
	}
	int status = 0;
	(void)waitpid(pid, &status, 0);
	print_messages(&messages);
	printf("EXIT %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return EXIT_CODE_OK;
}

int main(int argc, char **argv)
{
	struct config config = { 0 };
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 2 || (argc > 2 && argv[2][0] != '\0' && load(&config, argv[2]) < 0))
		return EXIT_CODE_USAGE;
	if (streq(argv[1], "ping")) {
		struct err err = { .code = 0 };
		int result = agent_ping(&config, environ, now_ms() + 1000, &err);
		printf("%s\n", result == 0 ? "OK" : err.msg);
		config_fini(&config);
		return result == 0 ? EXIT_CODE_OK : EXIT_CODE_FAILED;
	}
	struct agent_options options = {
		.mission = streq(argv[1], "lock") ? AGENT_LOCK : AGENT_WAIT,
		.config = &config,
		.environment = environ,
		.since_ms = now_ms(),
		.session_id = argc > 3 ? argv[3] : "id1",
		.lock_name = config_get(&config, "postgres", "project", NULL),
	};
	int code = run_agent(&options);
	config_fini(&config);
	return code;
}
