/* The facts of the image: programs on PATH, files, what the kernel can. */
#include "effect/detect.h"

#include "base/mem.h"
#include "base/parse.h"
#include "effect/detect_parts.h"
#include "effect/program.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define TEXT_MAX ((size_t)1024 * 1024)

char *detect_read_text(const char *path)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	struct buf text = { 0 };
	char chunk[4096];
	ssize_t got;
	while ((got = read(fd, chunk, sizeof(chunk))) > 0 && text.length < TEXT_MAX)
		buf_add(&text, chunk, (size_t)got);
	if (got != 0 || strlen(buf_text(&text)) != text.length) {
		buf_fini(&text);
		return NULL;
	}
	return buf_take(&text);
}

static const char *get_variable(char *const *environment, const char *name)
{
	size_t length = strlen(name);
	for (; *environment != NULL; environment++)
		if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
			return *environment + length + 1;
	return NULL;
}

static bool is_executable(const char *path, struct stat *ret_st)
{
	return stat(path, ret_st) == 0 && S_ISREG(ret_st->st_mode) && access(path, X_OK) == 0;
}

bool detect_is_other_program(const char *path)
{
	struct stat st, own;
	return is_executable(path, &st) &&
	       (stat("/proc/self/exe", &own) < 0 || st.st_dev != own.st_dev ||
		st.st_ino != own.st_ino);
}

/* The first of n names in the first directory of PATH that has one, or NULL. */
static const char *find_program(const char *path, const char *const *names, size_t n)
{
	while (path != NULL) {
		const char *end = strchrnul(path, ':');
		for (size_t i = 0; i < n; i++) {
			struct stat st;
			/* an empty item is the working directory */
			CLEANUP_FREE char *file = mem_format("%.*s%s%s", (int)(end - path), path,
							     end > path ? "/" : "./", names[i]);
			if (is_executable(file, &st))
				return names[i];
		}
		path = *end == ':' ? end + 1 : NULL;
	}
	return NULL;
}

static bool has_program(const char *path, const char *name)
{
	return find_program(path, &name, 1) != NULL;
}

/* A kernel without IPv6 fails the socket; one with net.ipv6.bindv6only would
 * serve IPv6 only, and Kubernetes may well probe by IPv4. */
static bool serves_both_families(void)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_addr = in6addr_any };
	int only = 1;
	socklen_t length = sizeof(only);
	CLEANUP_CLOSE int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return fd >= 0 && getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &length) == 0 &&
	       only == 0 && bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0;
}

/* Does a Python file of plain assignments set this name? */
static bool assigns(const char *text, const char *name)
{
	size_t length = strlen(name);
	while (text != NULL && *text != '\0') {
		if (strncmp(text, name, length) == 0) {
			const char *behind = text + length + strspn(text + length, " \t");
			if (behind[0] == '=' && behind[1] != '=')
				return true;
		}
		text = strchr(text, '\n');
		text = text != NULL ? text + 1 : NULL;
	}
	return false;
}

/* Is one of the words an option in this line of options? "-b" also as "-b:80". */
static bool has_option(const char *options, const char *long_name, char short_name)
{
	size_t length = strlen(long_name);
	while (*options != '\0') {
		options += strspn(options, " \t\n");
		size_t word = strcspn(options, " \t\n");
		if (word >= 2 && options[0] == '-' && options[1] == short_name)
			return true;
		if (word >= length && strncmp(options, long_name, length) == 0 &&
		    (word == length || options[length] == '='))
			return true;
		options += word;
	}
	return false;
}

static void detect_gunicorn(struct plan_facts *facts, char *const *environment)
{
	CLEANUP_FREE char *file = detect_read_text("gunicorn.conf.py");
	const char *options = get_variable(environment, "GUNICORN_CMD_ARGS");
	if (file != NULL) {
		facts->gunicorn_sets_bind = assigns(file, "bind");
		facts->gunicorn_sets_workers = assigns(file, "threads") ||
					       assigns(file, "worker_class");
		facts->gunicorn_sets_keep_alive = assigns(file, "keepalive");
	}
	if (options != NULL) {
		facts->gunicorn_sets_bind |= has_option(options, "--bind", 'b');
		facts->gunicorn_sets_workers |= has_option(options, "--threads", '\0') ||
						has_option(options, "--worker-class", 'k');
		facts->gunicorn_sets_keep_alive |= has_option(options, "--keep-alive", '\0');
	}
}

static void detect_programs(struct plan_facts *facts, const char *path)
{
	static const char *const pythons[] = { "python", "python3" };
	/* Debian's uwsgi has Python as a plugin, which uwsgi_python3 loads; that of
	 * PyPI has it built in, and no such name. */
	static const char *const uwsgis[] = { "uwsgi_python3", "uwsgi" };
	const char *python = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(pythons) && python == NULL; i++)
		python = find_program(path, &pythons[i], 1);
	const char *uwsgi = find_program(path, uwsgis, ARRAY_SIZE(uwsgis));
	facts->python = python != NULL ? mem_dup(python) : NULL;
	facts->uwsgi = uwsgi != NULL ? mem_dup(uwsgi) : NULL;
	facts->has_gunicorn = has_program(path, "gunicorn");
	facts->has_uvicorn = has_program(path, "uvicorn");
	facts->has_daphne = has_program(path, "daphne");
	facts->has_celery = has_program(path, "celery");
}

void detect_facts(struct plan_facts *facts, const char *role, char *const *environment)
{
	struct stat st;
	const char *path = get_variable(environment, "PATH");
	const char *workers = get_variable(environment, "WEB_CONCURRENCY");
	const char *settings = get_variable(environment, "DJANGO_SETTINGS_MODULE");
	CLEANUP_FREE char *role_path = mem_format("/%s", role);
	*facts = (struct plan_facts){
		.role_file = detect_is_other_program(role_path),
		.procfile = detect_read_text("Procfile"),
		.has_shell = is_executable("/bin/sh", &st),
		.has_manage_py = stat("manage.py", &st) == 0 && S_ISREG(st.st_mode),
		.has_dev_shm = access("/dev/shm", W_OK | X_OK) == 0,
		.has_ipv6 = serves_both_families(),
	};
	unsigned long count = 0;
	facts->several_workers = workers != NULL && parse_uint(workers, 100000, &count) == 0 &&
				 count > 1;
	detect_programs(facts, path != NULL ? path : PROGRAM_PATH);
	detect_gunicorn(facts, environment);
	if (facts->has_manage_py)
		detect_django(facts, settings != NULL && settings[0] != '\0' ? settings : NULL);
}

void detect_facts_fini(struct plan_facts *facts)
{
	free(facts->procfile);
	free(facts->python);
	free(facts->wsgi);
	free(facts->asgi);
	free(facts->celery_app);
	free(facts->uwsgi);
	free(facts->static_root_path);
	*facts = (struct plan_facts){ 0 };
}
