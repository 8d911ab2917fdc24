/* What the files of detect*.c share; only they and their test include it. */
#pragma once

#include "effect/detect.h"

/* A whole text file (at most 1 MiB, no NUL), or NULL. */
char *detect_read_text(const char *path) ATTR_CHECK;

/* An executable regular file that is not this program. */
bool detect_is_other_program(const char *path);

/* The project behind ./manage.py; settings_module may be NULL: manage.py tells. */
void detect_django(struct plan_facts *facts, const char *settings_module);

/* The value of STATIC_ROOT in a settings text, where it is written in one of the
 * usual literal forms: BASE_DIR / "x", os.path.join(BASE_DIR, "x"), "/abs". The
 * last assignment counts. NULL: none, or another form. */
char *detect_static_root(const char *settings, const char *base_directory) ATTR_CHECK;

/* Does path (absolute, without links) lie on another mount than the root's, by
 * the text of /proc/self/mountinfo? */
bool detect_on_volume(const char *path, const char *mountinfo);
