/* Plans: every source, their order, and what is said when there is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pure/plan.h"

struct fixture {
	struct config config;
	struct plan plan;
	struct plan_facts facts;
	enum plan_result result;
	char *help;
	struct err err;
};

/* An image with a shell, Python, and a kernel with IPv6; nothing else. */
static const struct plan_facts plain_image = {
	.has_shell = true,
	.python = (char *)(uintptr_t)"python",
	.has_ipv6 = true,
};

static struct plan_facts django_image(void)
{
	struct plan_facts facts = plain_image;
	facts.has_manage_py = true;
	facts.wsgi = (char *)(uintptr_t)"mysite.wsgi";
	facts.asgi = (char *)(uintptr_t)"mysite.asgi";
	return facts;
}

static void make(struct fixture *f, const char *ini, const char *role, char *const *argv,
		 struct plan_facts facts)
{
	struct config_problems problems = { 0 };
	*f = (struct fixture){ .facts = facts };
	config_read(&f->config, ini, strlen(ini), "pidone.ini", &problems);
	for (size_t i = 0; i < problems.n; i++)
		print_error("%s: %s\n", problems.items[i].origin, problems.items[i].message);
	assert_int_equal(problems.n, 0);
	config_problems_fini(&problems);
	f->result = plan_make(&f->plan, &f->config, role, argv, &f->facts, &f->help, &f->err);
}

static void done(struct fixture *f)
{
	plan_fini(&f->plan);
	config_fini(&f->config);
	free(f->help);
}

/* The plan as lines: "step COMMAND <ORIGIN>", "main COMMAND <ORIGIN>", notes,
 * or "! MESSAGE". */
static char *plan_lines(const struct fixture *f)
{
	static const char *const kinds[] = { "step", "once", "once-per-release" };
	struct buf out = { 0 };
	if (f->result != PLAN_OK)
		buf_format(&out, "%s %s\n", f->result == PLAN_NOTHING ? "?" : "!", f->err.msg);
	for (size_t i = 0; i < f->plan.n_steps; i++)
		buf_format(&out, "%s %s <%s>\n", kinds[f->plan.steps[i].kind],
			   f->plan.steps[i].command, f->plan.steps[i].origin);
	for (size_t i = 0; i < f->plan.n_processes; i++)
		buf_format(&out, "%s%s %s <%s>\n", f->plan.processes[i].name,
			   f->plan.processes[i].essential ? "" : " (not essential)",
			   f->plan.processes[i].command, f->plan.processes[i].origin);
	if (f->result == PLAN_OK && f->plan.one_shot)
		buf_add_text(&out, "one-shot\n");
	if (f->plan.shell)
		buf_add_text(&out, "shell\n");
	if (f->plan.default_ready != NULL)
		buf_format(&out, "ready %s\n", f->plan.default_ready);
	for (size_t i = 0; i < f->plan.notes.n; i++)
		buf_format(&out, "note %s\n", f->plan.notes.items[i]);
	return buf_take(&out);
}

static void assert_plan(const char *ini, const char *role, struct plan_facts facts,
			const char *expected)
{
	struct fixture f;
	make(&f, ini, role, NULL, facts);
	char *lines = plan_lines(&f);
	assert_string_equal(lines, expected);
	free(lines);
	done(&f);
}

#define TEXT(literal) ((char *)(uintptr_t)(literal))

/* ---- the command line ---- */

static void command_line_wins(void **state ATTR_UNUSED)
{
	char *argv[] = { TEXT("echo"), TEXT("a b"), TEXT("$HOME"), NULL };
	struct fixture f;
	make(&f, "[run]\ncommand = sleep 1\n", "run", argv, plain_image);
	char *lines = plan_lines(&f);
	assert_string_equal(lines, "main echo 'a b' '$HOME' <command line>\n");
	assert_int_equal(f.plan.argv.n, 3);
	assert_string_equal(f.plan.argv.items[2], "$HOME");
	assert_null(f.plan.argv.items[3]);
	free(lines);
	done(&f);
}

static void command_line_replaces_init(void **state ATTR_UNUSED)
{
	char *argv[] = { TEXT("true"), NULL };
	struct fixture f;
	make(&f, "[init]\nstep = a\ncommand = b\n", "init", argv, plain_image);
	char *lines = plan_lines(&f);
	assert_string_equal(lines, "step true <command line>\none-shot\n");
	free(lines);
	done(&f);
}

static void command_line_keeps_steps_and_processes(void **state ATTR_UNUSED)
{
	char *argv[] = { TEXT("true"), NULL };
	struct fixture f;
	make(&f, "[async]\nstep = a\nprocess.beat = beat\nessential.beat = no\n", "async", argv,
	     plain_image);
	char *lines = plan_lines(&f);
	assert_string_equal(lines, "step a <pidone.ini:2>\n"
				   "main true <command line>\n"
				   "beat (not essential) beat <pidone.ini:3>\n");
	free(lines);
	done(&f);
}

static void plain_command(void **state ATTR_UNUSED)
{
	char *argv[] = { TEXT("python"), TEXT("manage.py"), TEXT("shell"), NULL };
	struct fixture f;
	make(&f, "", "command", argv, django_image());
	char *lines = plan_lines(&f);
	assert_string_equal(lines, "main python manage.py shell <command line>\n");
	free(lines);
	done(&f);
	assert_plan("", "command", django_image(),
		    "? no command given: pidone COMMAND ARG…, or pidone /ROLE\n");
}

/* ---- the configuration ---- */

static void variable_replaces_the_file(void **state ATTR_UNUSED)
{
	char *environment[] = { TEXT("PIDONE_RUN_COMMAND=sleep 9"), NULL };
	struct config_problems problems = { 0 };
	struct config config = { 0 };
	struct plan plan;
	struct err err;
	char *help = NULL;
	static const char ini[] = "[run]\ncommand = sleep 1\n";
	config_read(&config, ini, sizeof(ini) - 1, "pidone.ini", &problems);
	config_read_environment(&config, environment, &problems);
	assert_int_equal(problems.n, 0);
	assert_int_equal(plan_make(&plan, &config, "run", NULL, &plain_image, &help, &err), PLAN_OK);
	assert_int_equal(plan.n_processes, 1);
	assert_string_equal(plan.processes[0].command, "sleep 9");
	assert_string_equal(plan.processes[0].origin, "PIDONE_RUN_COMMAND");
	plan_fini(&plan);
	config_fini(&config);
}

static void steps_keep_their_order(void **state ATTR_UNUSED)
{
	assert_plan("[init]\nonce = a\nstep = b\ncommand = last\nonce-per-release = c\nstep = d\n",
		    "init", django_image(),
		    "once a <pidone.ini:2>\nstep b <pidone.ini:3>\n"
		    "once-per-release c <pidone.ini:5>\nstep d <pidone.ini:6>\n"
		    "step last <pidone.ini:4>\none-shot\n");
}

static void role_of_steps_is_one_shot(void **state ATTR_UNUSED)
{
	assert_plan("[warm]\nstep = a\n", "warm", plain_image,
		    "step a <pidone.ini:2>\none-shot\n");
	assert_plan("[warm]\nstep = a\ncommand = b\nprocess.c = d\n", "warm", plain_image,
		    "step a <pidone.ini:2>\nmain b <pidone.ini:3>\nc d <pidone.ini:4>\n");
}

static void process_in_init_is_an_error(void **state ATTR_UNUSED)
{
	assert_plan("[init]\nstep = a\nprocess.b = c\n", "init", plain_image,
		    "! pidone.ini:3: /init runs steps and ends: process.b cannot run there; make it "
		    "a 'step', or put it into [run] or [async]\n");
}

static void process_without_main_is_an_error(void **state ATTR_UNUSED)
{
	assert_plan("[jobs]\nprocess.b = c\n", "jobs", plain_image,
		    "! pidone.ini:2: /jobs has process.b but no main process: add 'command = …' to "
		    "[jobs]\n");
}

static void section_without_command_falls_through(void **state ATTR_UNUSED)
{
	struct plan_facts facts = plain_image;
	facts.procfile = TEXT("web: serve\n");
	assert_plan("[run]\nstep = a\nprocess.b = c\nstop-grace = 3s\n", "run", facts,
		    "step a <pidone.ini:2>\nmain serve <Procfile:1 (web)>\nb c <pidone.ini:3>\n");
}

static void shell_needs_a_shell(void **state ATTR_UNUSED)
{
	struct plan_facts facts = plain_image;
	assert_plan("[run]\nshell = yes\ncommand = a | b\n", "run", facts,
		    "main a | b <pidone.ini:3>\nshell\n");
	facts.has_shell = false;
	assert_plan("[run]\nshell = yes\ncommand = a | b\n", "run", facts,
		    "! pidone.ini:2: 'shell = yes', but this image has no /bin/sh: remove it and "
		    "write one program with its arguments per 'step' or 'command'\n");
}

static void once_alone_loses_migrate(void **state ATTR_UNUSED)
{
	assert_plan("[init]\nonce = a\n", "init", django_image(),
		    "once a <pidone.ini:2>\none-shot\n"
		    "note [init] replaces the detected steps: add 'step = python manage.py migrate "
		    "--noinput' if nothing else migrates the database\n");
}

/* ---- file and Procfile ---- */

static void role_file(void **state ATTR_UNUSED)
{
	struct plan_facts facts = django_image();
	facts.role_file = true;
	facts.procfile = TEXT("web: serve\nrelease: migrate\n");
	assert_plan("", "run", facts, "main /run <executable file /run>\n");
	assert_plan("", "init", facts, "step /init <executable file /init>\none-shot\n");
	assert_plan("[run]\ncommand = x\n", "run", facts, "main x <pidone.ini:2>\n");
}

static void procfile_lines(void **state ATTR_UNUSED)
{
	struct plan_facts facts = django_image();
	facts.procfile = TEXT("# web: not this\r\n\n  release :python manage.py migrate\r\n"
			      "web:  exec gunicorn \"my site\" --bind :$PORT  \n"
			      "worker: celery\nbeat: celery beat");
	assert_plan("", "init", facts,
		    "step python manage.py migrate <Procfile:3 (release)>\none-shot\n");
	assert_plan("", "run", facts,
		    "main gunicorn \"my site\" --bind :$PORT <Procfile:4 (web)>\n"
		    "ready http://localhost:$PORT/\n");
	assert_plan("", "async", facts, "main celery <Procfile:5 (worker)>\n");
	assert_plan("", "beat", facts, "main celery beat <Procfile:6 (beat)>\n");
}

static void procfile_mistakes(void **state ATTR_UNUSED)
{
	struct plan_facts facts = plain_image;
	facts.procfile = TEXT("web: a\nworker b\nweb: c\n");
	assert_plan("", "run", facts, "! Procfile:3: 'web' stands in line 1 already\n");
	facts.procfile = TEXT("web gunicorn\nworker: b\n");
	assert_plan("", "async", facts, "main b <Procfile:2 (worker)>\n"
					"note Procfile:1: not 'NAME: COMMAND', ignored\n");
	facts.procfile = TEXT("web: echo 'a\n");
	struct fixture f;
	make(&f, "", "run", NULL, facts);
	assert_int_equal(f.result, PLAN_INVALID);
	assert_memory_equal(f.err.msg, "Procfile:1 (web): ", 18);
	done(&f);
}

static void procfile_with_operators(void **state ATTR_UNUSED)
{
	struct plan_facts facts = plain_image;
	facts.procfile = TEXT("web: cd 'my site' && gunicorn app\nrelease: A=b migrate\n"
			      "worker: cd sub\n");
	assert_plan("", "run", facts,
		    "main /bin/sh -c 'cd '\\''my site'\\'' && gunicorn app' <Procfile:1 (web)>\n");
	assert_plan("", "init", facts,
		    "step /bin/sh -c 'A=b migrate' <Procfile:2 (release)>\none-shot\n");
	assert_plan("", "async", facts, "main /bin/sh -c 'cd sub' <Procfile:3 (worker)>\n");
	assert_plan("[run]\nshell = yes\n", "run", facts,
		    "main cd 'my site' && gunicorn app <Procfile:1 (web)>\nshell\n");
}

static void assert_shell_help(const char *procfile, const char *role, const char *err,
			      const char *help)
{
	struct plan_facts facts = plain_image;
	struct fixture f;
	facts.has_shell = false;
	facts.procfile = TEXT(procfile);
	make(&f, "", role, NULL, facts);
	assert_int_equal(f.result, PLAN_INVALID);
	assert_string_equal(f.err.msg, err);
	assert_non_null(f.help);
	assert_string_equal(f.help, help);
	done(&f);
}

static void procfile_without_shell(void **state ATTR_UNUSED)
{
	assert_shell_help("release: a 'x && y' && b ; c\n", "init",
			  "Procfile:1 (release): '&&' needs a shell, and this image has no /bin/sh: "
			  "write [init] in /etc/pidone.ini instead",
			  "Write it without a shell, in /etc/pidone.ini:\n\n"
			  "    [init]\n    step = a 'x && y'\n    step = b\n    step = c\n");
	assert_shell_help("web: a && b;\n", "run",
			  "Procfile:1 (web): '&&' needs a shell, and this image has no /bin/sh: "
			  "write [run] in /etc/pidone.ini instead",
			  "Write it without a shell, in /etc/pidone.ini:\n\n"
			  "    [run]\n    step = a\n    command = b\n");
	assert_shell_help("web: a && b | c\n", "run",
			  "Procfile:1 (web): '&&' needs a shell, and this image has no /bin/sh: "
			  "write [run] in /etc/pidone.ini instead",
			  "Write it without a shell, one program with its arguments a line, in "
			  "/etc/pidone.ini:\n\n    [run]\n    command = PROGRAM ARG…\n\n"
			  "Variables that it needs go into [env].\n");
}

/* ---- Django ---- */

static void django_init(void **state ATTR_UNUSED)
{
	struct plan_facts facts = django_image();
	assert_plan("", "init", facts,
		    "step python manage.py migrate --noinput <detected: manage.py>\none-shot\n");
	facts.static_root = PLAN_STATIC_ON_VOLUME;
	facts.static_root_path = TEXT("/static");
	facts.python = TEXT("python3");
	assert_plan("[init]\nwait = tcp://a:1\n", "init", facts,
		    "step python3 manage.py migrate --noinput <detected: manage.py>\n"
		    "step python3 manage.py collectstatic --noinput "
		    "<detected: STATIC_ROOT /static is on a volume>\none-shot\n");
	facts.static_root = PLAN_STATIC_IN_LAYER;
	assert_plan("", "init", facts,
		    "step python3 manage.py migrate --noinput <detected: manage.py>\none-shot\n"
		    "note STATIC_ROOT /static is in the image and empty: what /init collects there "
		    "would be lost; put 'RUN python3 manage.py collectstatic --noinput' into the "
		    "Dockerfile\n");
	facts.static_root = PLAN_STATIC_COLLECTED;
	assert_plan("", "init", facts,
		    "step python3 manage.py migrate --noinput <detected: manage.py>\none-shot\n");
}

#define READY "ready http://localhost:${PORT:-8000}/\n"

/* ---- readiness from the words ---- */

static void assert_ready(const char *command, struct plan_facts facts, const char *expected)
{
	struct fixture f;
	char *ini = mem_format("[run]\ncommand = %s\n", command);
	make(&f, ini, "run", NULL, facts);
	assert_int_equal(f.result, PLAN_OK);
	char *url = expected != NULL ? mem_format("http://localhost:%s/", expected) : NULL;
	const char *ready = f.plan.default_ready;
	if ((ready == NULL) != (url == NULL) || (url != NULL && !streq(ready, url)))
		fail_msg("'%s': %s instead of %s", command, ready != NULL ? ready : "none",
			 url != NULL ? url : "none");
	free(url);
	free(ini);
	done(&f);
}

static void ready_is_read_from_the_command(void **state ATTR_UNUSED)
{
	static const struct {
		const char *command, *port;
	} cases[] = {
		{ "gunicorn mysite.wsgi --bind [::]:${PORT:-8000} --threads 4", "${PORT:-8000}" },
		{ "gunicorn --bind=0.0.0.0:8001 a.wsgi", "8001" },
		{ "gunicorn -b :8002 a.wsgi", "8002" },
		{ "/venv/bin/gunicorn -b:8003 a.wsgi", "8003" },
		{ "${VENV:-/venv}/bin/gunicorn -b localhost:8004 a.wsgi", "8004" },
		{ "gunicorn --bind \"0.0.0.0:${PORT}\" a.wsgi", "${PORT}" },
		{ "gunicorn '--bind' '127.0.0.1:81' a.wsgi", "81" },
		{ "gunicorn a.wsgi -b 0.0.0.0:$PORT", "$PORT" },
		{ "gunicorn a.wsgi", "${PORT:-8000}" },
		{ "gunicorn -c conf.py -b :8005 a.wsgi", "8005" },
		{ "python -m gunicorn a.wsgi -b :8006", "8006" },
		{ "python3.11 -u -m gunicorn a.wsgi", "${PORT:-8000}" },
		{ "python /venv/bin/gunicorn a.wsgi -b :8007", "8007" },
		{ "uvicorn a.asgi:application", "${UVICORN_PORT:-8000}" },
		{ "uvicorn a.asgi:application --host '' --port ${PORT:-8000}", "${PORT:-8000}" },
		{ "uvicorn a.asgi:application --host=0.0.0.0 --port=8011", "8011" },
		{ "uvicorn --host :: -p 8012 a.asgi:application", "8012" },
		{ "python -m uvicorn a.asgi:application --port 8013", "8013" },
		{ "daphne a.asgi:application", "8000" },
		{ "daphne -b 0.0.0.0 -p 8021 a.asgi:application", "8021" },
		{ "daphne --bind :: --port ${P} a.asgi:application", "${P}" },
		{ "uwsgi --http-socket [::]:8031 --module a.wsgi", "8031" },
		{ "uwsgi_python3 --http=:8032 --module a.wsgi", "8032" },
		{ "uwsgi --module a.wsgi --http 0.0.0.0:${PORT:-80} --socket /x", "${PORT:-80}" },
		{ "python manage.py runserver 0.0.0.0:8001", "8001" },
		{ "python -u manage.py runserver --noreload 8041", "8041" },
		{ "./manage.py runserver", "8000" },
		{ "/app/manage.py runserver --settings a.b 0:${PORT:-8042}", "${PORT:-8042}" },
		{ "python3 manage.py runserver -v 2 [::]:8043", "8043" },
		{ "python3 manage.py runserver $PORT", "$PORT" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_ready(cases[i].command, plain_image, cases[i].port);
}

static void ready_is_not_guessed(void **state ATTR_UNUSED)
{
	static const char *const commands[] = {
		"gunicorn a.wsgi --bind unix:/run/a.sock",
		"gunicorn a.wsgi --bind unix:/run/a.sock -b :8000",
		"gunicorn a.wsgi -b :8000 -b :8001",
		"gunicorn a.wsgi -b 10.0.0.7:8000",
		"gunicorn a.wsgi -b ${HOST}:8000",
		"gunicorn a.wsgi -b ${BIND:-0.0.0.0:8000}",
		"gunicorn a.wsgi -b 0.0.0.0",
		"gunicorn a.wsgi -b :0",
		"gunicorn a.wsgi -b :80${X}",
		"gunicorn a.wsgi -b :${X}0",
		"gunicorn a.wsgi -b :${X:-}",
		"gunicorn a.wsgi -b :${X:-${Y:-8000}}",
		"gunicorn a.wsgi -b :${X:-8000}1",
		"gunicorn a.wsgi -b ':${PORT}'",
		"gunicorn a.wsgi -b :\\$PORT",
		"gunicorn a.wsgi -b fd://3",
		"gunicorn a.wsgi -b",
		"gunicorn -c conf.py a.wsgi",
		"gunicorn --config=conf.py a.wsgi",
		"gunicorn a.wsgi -b :8000 --certfile a.pem",
		"uvicorn a:b --uds /run/a.sock",
		"uvicorn a:b --fd 3",
		"uvicorn a:b --port 8000 --ssl-keyfile=k.pem",
		"uvicorn a:b --host 10.0.0.7 --port 8000",
		"uvicorn a:b --port 0",
		"uvicorn a:b --port 1 --port 2",
		"daphne -u /run/a.sock a:b",
		"daphne -e ssl:443 a:b",
		"uwsgi --module a.wsgi",
		"uwsgi --socket :8000",
		"uwsgi --http :8000 --http-socket :8001",
		"uwsgi --ini a.ini",
		"python manage.py migrate",
		"python manage.py runserver a b",
		"python manage.py runserver shop.example.org:8000",
		"python manage.py",
		"python -m",
		"python -c 'import gunicorn'",
		"python app.py gunicorn",
		"python-gunicorn -b :8000",
		"env A=b gunicorn -b :8000",
		"nginx -p 8000",
		"/bin/sh -c 'gunicorn -b :8000'",
	};
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		assert_ready(commands[i], plain_image, NULL);
}

static void ready_from_every_source(void **state ATTR_UNUSED)
{
	char *argv[] = { TEXT("gunicorn"), TEXT("a.wsgi"), TEXT("-b"), TEXT(":8001"), NULL };
	char *literal[] = { TEXT("gunicorn"), TEXT("a.wsgi"), TEXT("-b"), TEXT(":$PORT"), NULL };
	static const struct {
		const char *role, *ready;
	} roles[] = { { "run", "http://localhost:8001/" }, { "init", NULL }, { "command", NULL } };
	struct plan_facts facts = plain_image;
	struct fixture f;
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		make(&f, "", roles[i].role, argv, plain_image);
		assert_int_equal(f.result, PLAN_OK);
		if (roles[i].ready != NULL)
			assert_string_equal(f.plan.default_ready, roles[i].ready);
		else
			assert_null(f.plan.default_ready);
		done(&f);
	}
	make(&f, "", "run", literal, plain_image); /* no variable: the words are as they are */
	assert_null(f.plan.default_ready);
	done(&f);
	assert_plan("[run]\nshell = yes\ncommand = gunicorn a.wsgi -b :8000\n", "run", plain_image,
		    "main gunicorn a.wsgi -b :8000 <pidone.ini:3>\nshell\n");
	assert_plan("[run]\ncommand = nginx\nprocess.web = gunicorn a.wsgi -b :8000\n", "run",
		    plain_image,
		    "main nginx <pidone.ini:2>\nweb gunicorn a.wsgi -b :8000 <pidone.ini:3>\n");
	facts.procfile = TEXT("web: gunicorn a.wsgi -b :$PORT\nrelease: gunicorn a.wsgi\n");
	assert_plan("", "run", facts,
		    "main gunicorn a.wsgi -b :$PORT <Procfile:1 (web)>\n"
		    "ready http://localhost:$PORT/\n");
	assert_plan("", "init", facts, "step gunicorn a.wsgi <Procfile:2 (release)>\none-shot\n");
	facts = plain_image;
	assert_plan("[run]\ndirectory = /app\ncommand = gunicorn a.wsgi\n", "run", facts,
		    "main gunicorn a.wsgi <pidone.ini:3>\n");
	assert_plan("[run]\ndirectory = /app\ncommand = gunicorn a.wsgi -b :80\n", "run", facts,
		    "main gunicorn a.wsgi -b :80 <pidone.ini:3>\nready http://localhost:80/\n");
	facts.gunicorn_sets_bind = true;
	assert_ready("gunicorn a.wsgi", facts, NULL);
	assert_ready("gunicorn a.wsgi -b :8001", facts, "8001");
}

static void django_run_takes_the_first_server(void **state ATTR_UNUSED)
{
	struct plan_facts facts = django_image();
	facts.has_daphne = true;
	assert_plan("", "run", facts,
		    "main daphne -b :: -p ${PORT:-8000} mysite.asgi:application "
		    "<detected: daphne, mysite.asgi>\n" READY);
	facts.uwsgi = TEXT("uwsgi_python3");
	assert_plan("", "run", facts,
		    "main uwsgi_python3 --http-socket [::]:${PORT:-8000} --module mysite.wsgi "
		    "--master --die-on-term "
		    "--hook-master-start 'unix_signal:15 gracefully_kill_them_all' "
		    "--add-header 'Connection: close' --need-app --enable-threads --processes "
		    "${WEB_CONCURRENCY:-1} --threads 4 --buffer-size 32768 "
		    "<detected: uwsgi, mysite.wsgi>\n" READY);
	facts.has_uvicorn = true;
	assert_plan("", "run", facts,
		    "main uvicorn mysite.asgi:application --host '' --port ${PORT:-8000} "
		    "<detected: uvicorn, mysite.asgi>\n" READY);
	facts.has_gunicorn = true;
	assert_plan(
		"", "run", facts,
		"main gunicorn mysite.wsgi --bind [::]:${PORT:-8000} --threads 4 --keep-alive 0 "
		"<detected: gunicorn, mysite.wsgi>\n" READY);
	facts.wsgi = NULL; /* gunicorn and uwsgi have nothing to serve */
	assert_plan("", "run", facts,
		    "main uvicorn mysite.asgi:application --host '' --port ${PORT:-8000} "
		    "<detected: uvicorn, mysite.asgi>\n" READY);
}

static void django_run_fits_the_image(void **state ATTR_UNUSED)
{
	struct plan_facts facts = django_image();
	facts.has_uvicorn = true;
	facts.several_workers = true;
	assert_plan("", "run", facts,
		    "main uvicorn mysite.asgi:application --host :: --port ${PORT:-8000} "
		    "<detected: uvicorn, mysite.asgi>\n" READY);
	facts.has_ipv6 = false;
	assert_plan("", "run", facts,
		    "main uvicorn mysite.asgi:application --host 0.0.0.0 --port ${PORT:-8000} "
		    "<detected: uvicorn, mysite.asgi>\n" READY);
	facts.has_gunicorn = true;
	facts.has_dev_shm = true;
	assert_plan("", "run", facts,
		    "main gunicorn mysite.wsgi --bind 0.0.0.0:${PORT:-8000} --threads 4 "
		    "--keep-alive 0 --worker-tmp-dir /dev/shm "
		    "<detected: gunicorn, mysite.wsgi>\n" READY);
	facts.gunicorn_sets_keep_alive = true;
	facts.has_dev_shm = false;
	assert_plan("", "run", facts,
		    "main gunicorn mysite.wsgi --bind 0.0.0.0:${PORT:-8000} --threads 4 "
		    "<detected: gunicorn, mysite.wsgi>\n" READY);
	facts.gunicorn_sets_keep_alive = false;
	facts.gunicorn_sets_workers = true;
	facts.gunicorn_sets_bind = true;
	assert_plan("", "run", facts,
		    "main gunicorn mysite.wsgi <detected: gunicorn, mysite.wsgi>\n");
}

static void django_async(void **state ATTR_UNUSED)
{
	struct plan_facts facts = django_image();
	facts.has_django_q = true;
	facts.has_celery = true;
	assert_plan("", "async", facts,
		    "main python manage.py qcluster <detected: django_q in INSTALLED_APPS>\n");
	facts.celery_app = TEXT("mysite");
	assert_plan("", "async", facts,
		    "main celery -A mysite worker --loglevel INFO --without-mingle --concurrency "
		    "${PIDONE_CPUS} "
		    "<detected: celery, mysite.celery>\n");
	facts.celery_sets_concurrency = true;
	assert_plan("", "async", facts,
		    "main celery -A mysite worker --loglevel INFO --without-mingle "
		    "<detected: celery, mysite.celery>\n");
}

/* ---- nothing ---- */

static void nothing_found(void **state ATTR_UNUSED)
{
	struct fixture f;
	make(&f, "", "run", NULL, plain_image);
	assert_int_equal(f.result, PLAN_NOTHING);
	assert_string_equal(f.err.msg, "nothing says what /run runs");
	assert_string_equal(
		f.help,
		"The three shortest ways to define /run:\n\n"
		"    CMD [\"/run\", \"--\", \"gunicorn\", \"mysite.wsgi\", \"--bind\", "
		"\"[::]:8000\", \"--threads\", \"4\"]\n"
		"        in the Dockerfile, or the same list as args: in the pod\n"
		"    [run]\n"
		"    command = gunicorn mysite.wsgi --bind [::]:${PORT:-8000} --threads 4\n"
		"        in /etc/pidone.ini\n"
		"    PIDONE_RUN_COMMAND=\"gunicorn mysite.wsgi --bind [::]:${PORT:-8000} "
		"--threads 4\"\n"
		"        as a variable of the container\n\n"
		"Looked for:\n"
		"    [run] command        not set\n"
		"    /run                 not an executable file\n"
		"    ./Procfile           not there; its line would be 'web:'\n"
		"    ./manage.py          not there\n");
	done(&f);
}

static void nothing_found_but_a_project(void **state ATTR_UNUSED)
{
	struct plan_facts facts = django_image();
	struct fixture f;
	facts.procfile = TEXT("web gunicorn\n");
	make(&f, "", "run", NULL, facts);
	assert_int_equal(f.result, PLAN_NOTHING);
	assert_non_null(strstr(f.help, "    ./Procfile           has no line 'web:'\n"
				       "    ./manage.py          a Django project with mysite.wsgi "
				       "and mysite.asgi, but no server for it on PATH (gunicorn, "
				       "uvicorn, uwsgi, daphne)\n"
				       "    Procfile:1: not 'NAME: COMMAND', ignored\n"));
	done(&f);
	facts.python = NULL;
	make(&f, "", "init", NULL, facts);
	assert_non_null(strstr(f.help, "CMD [\"/init\", \"--\", \"python\", \"manage.py\", "
				       "\"migrate\", \"--noinput\"]\n"));
	assert_non_null(strstr(f.help, "PIDONE_INIT_STEP=\"python manage.py migrate"));
	assert_non_null(strstr(f.help, "a Django project, but no python or python3 on PATH\n"));
	done(&f);
	facts.celery_app = TEXT("mysite");
	make(&f, "", "async", NULL, facts);
	assert_non_null(strstr(f.help, "with mysite.celery, but no celery on PATH\n"));
	done(&f);
}

static void unknown_role(void **state ATTR_UNUSED)
{
	struct plan_facts facts = plain_image;
	facts.procfile = TEXT("web: a\nworker: b\nbeat: c\nWeb-2: d\n");
	assert_plan("[warm]\nstep = a\n", "baet", facts,
		    "? no role /baet: did you mean /beat? (roles: /init, /run, /async, /warm, "
		    "/beat)\n");
	assert_plan("", "somethingelse", plain_image,
		    "? no role /somethingelse (roles: /init, /run, /async)\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_line_wins),
		cmocka_unit_test(command_line_replaces_init),
		cmocka_unit_test(command_line_keeps_steps_and_processes),
		cmocka_unit_test(plain_command),
		cmocka_unit_test(variable_replaces_the_file),
		cmocka_unit_test(steps_keep_their_order),
		cmocka_unit_test(role_of_steps_is_one_shot),
		cmocka_unit_test(process_in_init_is_an_error),
		cmocka_unit_test(process_without_main_is_an_error),
		cmocka_unit_test(section_without_command_falls_through),
		cmocka_unit_test(shell_needs_a_shell),
		cmocka_unit_test(once_alone_loses_migrate),
		cmocka_unit_test(role_file),
		cmocka_unit_test(procfile_lines),
		cmocka_unit_test(procfile_mistakes),
		cmocka_unit_test(procfile_with_operators),
		cmocka_unit_test(procfile_without_shell),
		cmocka_unit_test(django_init),
		cmocka_unit_test(ready_is_read_from_the_command),
		cmocka_unit_test(ready_is_not_guessed),
		cmocka_unit_test(ready_from_every_source),
		cmocka_unit_test(django_run_takes_the_first_server),
		cmocka_unit_test(django_run_fits_the_image),
		cmocka_unit_test(django_async),
		cmocka_unit_test(nothing_found),
		cmocka_unit_test(nothing_found_but_a_project),
		cmocka_unit_test(unknown_role),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
