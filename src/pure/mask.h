/* Text for a person with its secrets replaced by "***": passwords in URLs,
 * and values behind a name that looks secret (--password X, TOKEN=X,
 * ?password=X). Guesses by looks, so it hides rather too much. References to
 * variables (${DB_PASSWORD}) are no secrets and stay. */
#pragma once

#include "base/base.h"

bool mask_is_secret_name(const char *name, size_t length);

/* The caller frees the result. */
char *mask_text(const char *text) ATTR_CHECK;
