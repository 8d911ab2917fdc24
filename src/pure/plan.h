/* Which commands a role runs, and from which of the six sources of the
 * contract's §2 they come. Pure: what the image looks like is given as facts
 * (effect/detect.h gathers them). */
#pragma once

#include "base/err.h"
#include "base/text.h"
#include "pure/config.h"

enum plan_static_root {
	PLAN_STATIC_NONE,      /* not set, or written in a way that text cannot tell */
	PLAN_STATIC_COLLECTED, /* in the image, with files in it: the Dockerfile did it */
	PLAN_STATIC_IN_LAYER,  /* in the container's own layer and empty: lost with it */
	PLAN_STATIC_ON_VOLUME,
};

/* What was found in the image and its working directory. Texts are NULL where
 * there is nothing. */
struct plan_facts {
	bool role_file;          /* a regular, executable file of that path, not pidone itself */
	char *procfile;          /* the text of ./Procfile */
	bool has_shell;          /* /bin/sh is there */
	bool has_manage_py;
	char *python;            /* "python" or "python3": what PATH has */
	char *wsgi;              /* "mysite.wsgi" */
	char *asgi;              /* "mysite.asgi" */
	char *celery_app;        /* "mysite" */
	bool has_django_q;
	bool has_gunicorn, has_uvicorn, has_daphne, has_celery; /* on PATH */
	char *uwsgi;             /* "uwsgi", or "uwsgi_python3": Debian's, which has its plugin */
	bool gunicorn_sets_bind;    /* gunicorn.conf.py or GUNICORN_CMD_ARGS do: theirs counts */
	bool gunicorn_sets_workers; /* the same for threads or the worker class */
	bool gunicorn_sets_keep_alive;
	bool celery_sets_concurrency; /* the project's settings do */
	bool several_workers;    /* WEB_CONCURRENCY is above 1: uvicorn binds another way then */
	bool has_dev_shm;        /* /dev/shm can be written: gunicorn's heartbeat files */
	bool has_ipv6;           /* binding [::] serves both families here */
	enum plan_static_root static_root;
	char *static_root_path;  /* for the hint */
};

enum plan_step_kind { PLAN_STEP, PLAN_ONCE, PLAN_ONCE_PER_RELEASE };

struct plan_step {
	enum plan_step_kind kind;
	char *command;   /* text for command_expand(); of plan.argv: the same words, quoted */
	char *origin;    /* "/etc/pidone.ini:20", "Procfile:1 (release)", "detected: manage.py" */
};

struct plan_process {
	char *name;      /* "main", or the NAME of process.NAME */
	char *command;   /* as in plan_step */
	char *origin;
	bool essential;
};

/* The command line, a variable or a source further down gives the main
 * command; the steps and further processes of the role's section belong to it
 * whichever source that is (a [run] with nothing but a step runs that step,
 * then the server that was detected). /init has no main process: there every
 * command is a step, `command` the last one. */
struct plan {
	char *role;              /* "run", without slash; "command" for a plain command */
	bool one_shot;           /* steps only: ends when they are done */
	struct list argv;        /* given on the command line: run as it is, not expanded;
	                          * else empty. It is the main process, or the only step of /init */
	struct plan_step *steps;
	size_t n_steps;
	struct plan_process *processes; /* main first */
	size_t n_processes;
	bool shell;              /* `shell = yes`: every command text is run by /bin/sh -c (a
	                          * Procfile line that needs one says so itself) */
	char *default_ready;     /* check text where the main process is a server whose
	                          * words say its port, any answer below 500 is good:
	                          * "http://localhost:${PORT:-8000}/", to be expanded with
	                          * the child's environment; or NULL */
	struct list notes;       /* hints to log: "STATIC_ROOT /app/static is in the image: run
	                          * collectstatic in the Dockerfile" */
};

enum plan_result {
	PLAN_OK = 0,
	PLAN_INVALID = -1, /* what is there cannot be run */
	PLAN_NOTHING = -2, /* no source says what this role is */
};

/* role: without slash. argv: what stood behind "--" or the plain command, with
 * its words; NULL or empty otherwise. Below 0 the exit code is 78, *plan is
 * empty, err has one line, and *ret_help (freed by the caller), where it is not
 * NULL, the lines to write instead. */
enum plan_result plan_make(struct plan *plan, const struct config *config, const char *role,
			   char *const *argv, const struct plan_facts *facts, char **ret_help,
			   struct err *err) ATTR_CHECK;
void plan_fini(struct plan *plan);

/* All roles that have a name here, each once: init, run and async, those of the
 * configuration, those of the Procfile. */
void plan_roles(const struct config *config, const struct plan_facts *facts,
		struct list *ret_roles);

/* ---- uWSGI, which TERM reloads unless it is told otherwise ---- */

/* Do these words (expanded) start it, and say nothing of TERM? The files that may say it
 * are added to ret_ini_files: "app.ini", or "app.ini:section". */
bool plan_uwsgi_reloads(const struct list *words, struct list *ret_ini_files);
/* Does such a file's text, or "UWSGI_NAME=value" of the environment, tell it what TERM is,
 * or where else it is told? */
bool plan_uwsgi_ini_tells(const char *text);
bool plan_uwsgi_variable_tells(const char *variable);
/* Is TERM what the role's processes get to stop? */
bool plan_stops_by_term(const struct config *config, const char *role);
/* What happens, and what to do. origin: the command's. */
char *plan_uwsgi_warning(const char *origin) ATTR_CHECK;
