/* Looks at the image and its working directory: the facts that a plan is made
 * from. Reads files at boot; runs nothing of the app's. */
#pragma once

#include "pure/plan.h"

/* role without slash; environment: the one that the role's children get, for
 * PATH, DJANGO_SETTINGS_MODULE, WEB_CONCURRENCY and GUNICORN_CMD_ARGS. */
void detect_facts(struct plan_facts *facts, const char *role, char *const *environment);
void detect_facts_fini(struct plan_facts *facts);

/* Does this command (expanded) start a uWSGI that TERM reloads, as far as its words, its
 * variables and the ini files that it names tell? directory: where it starts, or NULL. */
bool detect_uwsgi_reloads(const struct list *argv, const char *directory, char *const *environment);
