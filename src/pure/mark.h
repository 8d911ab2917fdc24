/* Which of the marks of what runs once is meant, and who asks. */
#pragma once

#include "base/base.h"

#define MARK_HASH_SIZE 65

/* A step is known by its command's text alone: a changed text is another step. The texts are
 * the caller's. */
struct mark {
	const char *project;
	const char *hash;    /* of the text, see mark_hash(); "": of all steps of /init together */
	const char *release; /* "": once for the database, whatever the release */
	const char *step;    /* what a person calls it: "createsuperuser" */
	const char *by;      /* the container */
};

/* SHA-256 in hex. */
const char *mark_hash(const char *text, char buffer[MARK_HASH_SIZE]);
