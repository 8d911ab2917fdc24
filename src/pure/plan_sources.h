/* What the files of plan*.c share; nobody else includes it. */
#pragma once

#include "pure/plan.h"

/* A step of /init, the main process of every other role. */
void plan_add_command(struct plan *plan, const char *command, const char *origin);
void plan_add_step(struct plan *plan, enum plan_step_kind kind, const char *command,
		   const char *origin);
bool plan_is_empty(const struct plan *plan);

/* Source 5. -1: the role's line is there but cannot be run. Nothing is added
 * when there is no line for the role. */
int plan_from_procfile(struct plan *plan, const struct plan_facts *facts, char **ret_help,
		       struct err *err) ATTR_CHECK;
/* The name that a Procfile has for a role: "web" for "run", else the role's own. */
const char *plan_procfile_name(const char *role);
void plan_procfile_roles(const char *text, struct list *roles);
void plan_add_role(struct list *roles, const char *role);

/* Source 6. Nothing is added when the project has nothing for the role; why
 * not goes to plan->notes. */
void plan_from_django(struct plan *plan, const struct plan_facts *facts);
/* The command line that the image's server needs. NULL when the image has no
 * server for the project. */
char *plan_django_server(const struct plan_facts *facts, const char **ret_program);

/* The check that tells whether the server which this command starts listens;
 * NULL where it is no server, or its words leave the port open. */
char *plan_ready_of(const char *command, const struct plan_facts *facts) ATTR_CHECK;

/* The words of a command, which a person would take for a server's. Where the word is
 * that says what runs, behind "python -u" and "-m" (words->n: nowhere); its name without
 * the path. */
size_t plan_words_program(const struct list *words);
const char *plan_words_name(const struct list *words, size_t at);
bool plan_is_uwsgi(const char *name);
/* How often an option is there, long or by its letter ('-': it has none); *ret_value, of
 * the last, stays as it is when it is not. */
size_t plan_words_find(const struct list *words, size_t from, const char *name, char letter,
		       const char **ret_value);
bool plan_words_have(const struct list *words, size_t from, const char *name);

/* What to print when no source has anything for the role. */
char *plan_help_nothing(const struct plan *plan, const struct plan_facts *facts) ATTR_CHECK;
