/* Looks at the image and its working directory: the facts that a plan is made
 * from. Reads files at boot; runs nothing of the app's. */
#pragma once

#include "pure/plan.h"

/* role without slash; environment: the one that the role's children get, for
 * PATH, DJANGO_SETTINGS_MODULE, WEB_CONCURRENCY and GUNICORN_CMD_ARGS. */
void detect_facts(struct plan_facts *facts, const char *role, char *const *environment);
void detect_facts_fini(struct plan_facts *facts);
