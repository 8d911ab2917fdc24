/* What to print when no source says what a role runs: how to say it, with what
 * fits this role and this image, and where was looked. */
#include "base/mem.h"
#include "pure/command.h"
#include "pure/plan_sources.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

/* A command that would do here, or shows the form. */
static char *example_command(const char *role, const struct plan_facts *facts)
{
	const char *program = NULL;
	const char *python = facts->python != NULL ? facts->python : "python";
	if (streq(role, "init"))
		return mem_format("%s manage.py migrate --noinput", python);
	if (streq(role, "run")) {
		char *server = plan_django_server(facts, &program);
		return server != NULL
			       ? server
			       : mem_format("gunicorn %s --bind [::]:${PORT:-8000} --threads 4",
					    facts->wsgi != NULL ? facts->wsgi : "mysite.wsgi");
	}
	if (streq(role, "async"))
		return mem_format("celery -A %s worker",
				  facts->celery_app != NULL ? facts->celery_app : "mysite");
	return mem_format("%s manage.py %s", python, role);
}

static const char *no_variable(const char *name ATTR_UNUSED, const void *context ATTR_UNUSED)
{
	return NULL;
}

/* The words as a JSON list: the form of CMD in a Dockerfile and of args in a
 * pod. No variable is expanded there, so one with a default becomes it. */
static void add_words(struct buf *help, const char *role, const char *command)
{
	struct list words = { 0 };
	struct err err;
	buf_format(help, "[\"/%s\", \"--\"", role);
	if (command_expand(command, no_variable, NULL, &words, &err) == 0)
		for (size_t i = 0; i < words.n; i++)
			buf_format(help, ", \"%s\"", words.items[i]);
	buf_add_text(help, "]");
	list_fini(&words);
}

/* "    ./Procfile          " and what was found there behind it. */
static void add_place(struct buf *help, const char *format, ...) ATTR_PRINTF(2, 3);
static void add_place(struct buf *help, const char *format, ...)
{
	char place[64];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(place, sizeof(place), format, args);
	va_end(args);
	buf_format(help, "    %-20s ", place);
}

static void add_servers(struct buf *help, const struct plan_facts *facts)
{
	if (facts->wsgi == NULL && facts->asgi == NULL) {
		buf_add_text(help, ", but no wsgi.py or asgi.py beside its settings");
		return;
	}
	buf_format(help, " with %s%s%s, but no server for it on PATH (%s)",
		   facts->wsgi != NULL ? facts->wsgi : "",
		   facts->wsgi != NULL && facts->asgi != NULL ? " and " : "",
		   facts->asgi != NULL ? facts->asgi : "",
		   facts->wsgi == NULL   ? "uvicorn, daphne"
		   : facts->asgi == NULL ? "gunicorn, uwsgi"
					 : "gunicorn, uvicorn, uwsgi, daphne");
}

static void add_django(struct buf *help, const char *role, const struct plan_facts *facts)
{
	bool is_init = streq(role, "init"), is_run = streq(role, "run");
	if (!is_init && !is_run && !streq(role, "async"))
		return;
	if (!facts->has_manage_py) {
		add_place(help, "./manage.py");
		buf_add_text(help, "not there\n");
		return;
	}
	add_place(help, "./manage.py");
	buf_add_text(help, "a Django project");
	if (is_init)
		buf_add_text(help, ", but no python or python3 on PATH");
	else if (is_run)
		add_servers(help, facts);
	else if (facts->celery_app != NULL)
		buf_format(help, " with %s.celery, but no celery on PATH", facts->celery_app);
	else
		buf_add_text(help, ", but no celery.py beside its settings, and no django_q");
	buf_add_char(help, '\n');
}

char *plan_help_nothing(const struct plan *plan, const struct plan_facts *facts)
{
	const char *role = plan->role, *key = streq(role, "init") ? "step" : "command";
	CLEANUP_FREE char *command = example_command(role, facts);
	struct buf help = { 0 };
	buf_format(&help, "The three shortest ways to define /%s:\n\n    CMD ", role);
	add_words(&help, role, command);
	buf_add_text(&help, "\n        in the Dockerfile, or the same list as args: in the pod\n");
	buf_format(&help, "    [%s]\n    %s = %s\n        in /etc/pidone.ini\n", role, key,
		   command);
	buf_add_text(&help, "    PIDONE_");
	for (const char *p = role; *p != '\0'; p++)
		buf_add_char(&help, (char)toupper((unsigned char)*p));
	buf_format(&help, "_%s=\"%s\"\n        as a variable of the container\n\n",
		   streq(key, "step") ? "STEP" : "COMMAND", command);
	buf_add_text(&help, "Looked for:\n");
	add_place(&help, "[%s] %s", role, key);
	buf_add_text(&help, "not set\n");
	add_place(&help, "/%s", role);
	buf_add_text(&help, "not an executable file\n");
	add_place(&help, "./Procfile");
	buf_format(&help, "%s'%s:'\n",
		   facts->procfile != NULL ? "has no line " : "not there; its line would be ",
		   plan_procfile_name(role));
	add_django(&help, role, facts);
	for (size_t i = 0; i < plan->notes.n; i++)
		buf_format(&help, "    %s\n", plan->notes.items[i]);
	return buf_take(&help);
}
