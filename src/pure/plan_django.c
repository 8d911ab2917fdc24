/* Source 6: a Django project in the working directory. Every command line here
 * was tried with Debian's packages: it answers on 127.0.0.1 and on [::1], and
 * ends on TERM. */
#include "base/mem.h"
#include "pure/plan_sources.h"

#define PORT "${PORT:-8000}"

/* Threads, so that one slow request does not fail a probe. The number of
 * workers is left to WEB_CONCURRENCY, which gunicorn reads itself. Its workers
 * touch a file all the time: in /dev/shm this never waits for a disk, and works
 * with a read-only root without /tmp. A connection that is kept is reset at a stop
 * under a client that is just sending: doc/servers.md. */
static char *gunicorn(const struct plan_facts *facts)
{
	struct buf text = { 0 };
	buf_format(&text, "gunicorn %s", facts->wsgi);
	if (!facts->gunicorn_sets_bind)
		buf_format(&text, " --bind %s:" PORT, facts->has_ipv6 ? "[::]" : "0.0.0.0");
	if (!facts->gunicorn_sets_workers)
		buf_add_text(&text, " --threads 4");
	if (!facts->gunicorn_sets_workers && !facts->gunicorn_sets_keep_alive)
		buf_add_text(&text, " --keep-alive 0");
	if (facts->has_dev_shm)
		buf_add_text(&text, " --worker-tmp-dir /dev/shm");
	return buf_take(&text);
}

/* One process: asyncio binds, which makes `::` IPv6 only (it sets IPV6_V6ONLY),
 * and '' both. Several: uvicorn binds one socket itself, IPv4 for '' and both
 * for `::`. */
static char *uvicorn(const struct plan_facts *facts)
{
	const char *host = !facts->has_ipv6 ? "0.0.0.0" : facts->several_workers ? "::" : "''";
	return mem_format("uvicorn %s:application --host %s --port " PORT, facts->asgi, host);
}

/* http-socket, for Debian's uwsgi-core has no http router; it keeps no connection,
 * but does not say so by itself. Without die-on-term TERM reloads; with it alone
 * requests are cut, with the hook they are answered. Without need-app a broken project
 * is served as errors; headers of more than 4 KiB are refused by default, and cookies
 * grow beyond that. */
static char *uwsgi(const struct plan_facts *facts)
{
	return mem_format("%s --http-socket %s:" PORT " --module %s --master --die-on-term "
			  "--hook-master-start 'unix_signal:15 gracefully_kill_them_all' "
			  "--add-header 'Connection: close' --need-app --enable-threads "
			  "--processes ${WEB_CONCURRENCY:-1} "
			  "--threads 4 --buffer-size 32768",
			  facts->uwsgi, facts->has_ipv6 ? "[::]" : "0.0.0.0", facts->wsgi);
}

/* Twisted binds `::` for both families. */
static char *daphne(const struct plan_facts *facts)
{
	return mem_format("daphne -b %s -p " PORT " %s:application",
			  facts->has_ipv6 ? "::" : "0.0.0.0", facts->asgi);
}

/* A project with an ASGI module only is not for gunicorn: its worker class for
 * uvicorn is deprecated, and uvicorn, which it would need, serves by itself. */
char *plan_django_server(const struct plan_facts *facts, const char **ret_program)
{
	if (facts->has_gunicorn && facts->wsgi != NULL) {
		*ret_program = "gunicorn";
		return gunicorn(facts);
	}
	if (facts->has_uvicorn && facts->asgi != NULL) {
		*ret_program = "uvicorn";
		return uvicorn(facts);
	}
	if (facts->uwsgi != NULL && facts->wsgi != NULL) {
		*ret_program = "uwsgi";
		return uwsgi(facts);
	}
	if (facts->has_daphne && facts->asgi != NULL) {
		*ret_program = "daphne";
		return daphne(facts);
	}
	return NULL;
}

static void add_init(struct plan *plan, const struct plan_facts *facts)
{
	CLEANUP_FREE char *migrate = mem_format("%s manage.py migrate --noinput", facts->python);
	plan_add_step(plan, PLAN_STEP, migrate, "detected: manage.py");
	if (facts->static_root == PLAN_STATIC_ON_VOLUME) {
		CLEANUP_FREE char *collect = mem_format("%s manage.py collectstatic --noinput",
							facts->python);
		CLEANUP_FREE char *origin = mem_format("detected: STATIC_ROOT %s is on a volume",
						       facts->static_root_path);
		plan_add_step(plan, PLAN_STEP, collect, origin);
	} else if (facts->static_root == PLAN_STATIC_IN_LAYER) {
		list_add_take(&plan->notes,
			      mem_format("STATIC_ROOT %s is in the image and empty: what /init "
					 "collects there would be lost; put 'RUN %s manage.py "
					 "collectstatic --noinput' into the Dockerfile",
					 facts->static_root_path, facts->python));
	}
}

static void add_run(struct plan *plan, const struct plan_facts *facts)
{
	const char *program = NULL;
	CLEANUP_FREE char *command = plan_django_server(facts, &program);
	if (command == NULL)
		return;
	bool is_wsgi = streq(program, "gunicorn") || streq(program, "uwsgi");
	CLEANUP_FREE char *origin = mem_format("detected: %s, %s", program,
					       is_wsgi ? facts->wsgi : facts->asgi);
	plan_add_command(plan, command, origin);
}

/* Without --concurrency, Celery starts a process for every CPU of the node,
 * whatever the container's limit is. Mingle, the chat with other workers at each
 * connection, has Celery 5.2 take no task any more after a short outage of its
 * Redis (doc/workers.md). */
static void add_async(struct plan *plan, const struct plan_facts *facts)
{
	if (facts->has_celery && facts->celery_app != NULL) {
		CLEANUP_FREE char *command = mem_format(
			"celery -A %s worker --loglevel INFO --without-mingle%s", facts->celery_app,
			facts->celery_sets_concurrency ? "" : " --concurrency ${PIDONE_CPUS}");
		CLEANUP_FREE char *origin = mem_format("detected: celery, %s.celery",
						       facts->celery_app);
		plan_add_command(plan, command, origin);
	} else if (facts->has_django_q && facts->python != NULL) {
		CLEANUP_FREE char *command = mem_format("%s manage.py qcluster", facts->python);
		plan_add_command(plan, command, "detected: django_q in INSTALLED_APPS");
	}
}

void plan_from_django(struct plan *plan, const struct plan_facts *facts)
{
	if (!facts->has_manage_py)
		return;
	if (streq(plan->role, "init") && facts->python != NULL)
		add_init(plan, facts);
	else if (streq(plan->role, "run"))
		add_run(plan, facts);
	else if (streq(plan->role, "async"))
		add_async(plan, facts);
}
