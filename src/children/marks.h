/* The marks of what runs once: rows of the table pidone_once in the project's own database,
 * so that a database restored from a backup brings its own. Asked for and set under the
 * project's lock, on a connection of their own (the lock's is a transaction that never
 * commits). Blocks, with deadlines; for children and tools, never PID 1. */
#pragma once

#include "children/pg_link.h"
#include "pure/mark.h"

struct mark_found {
	bool is_there; /* at least begun */
	bool is_done;
	char when[PG_ROW_CELL_SIZE]; /* it was done, or else begun: "2026-01-31 12:00:00Z" */
	char by[PG_ROW_CELL_SIZE];
};

/* Without a table there is no mark. */
enum pg_answer mark_find(struct pg_link *link, const struct mark *mark, struct mark_found *ret,
			 struct pg_failure *ret_failure) ATTR_CHECK;
/* Finds it, and notes that the step begins unless it is done. Makes the table. */
enum pg_answer mark_begin(struct pg_link *link, const struct mark *mark,
			  struct mark_found *ret_before, struct pg_failure *ret_failure) ATTR_CHECK;
/* Notes that it is done. Makes the table. */
enum pg_answer mark_end(struct pg_link *link, const struct mark *mark,
			struct pg_failure *ret_failure) ATTR_CHECK;

/* All of a project, the oldest first: step, hash, release, begun, done ("": never), by. */
enum pg_answer marks_list(struct pg_link *link, const char *project,
			  void (*each)(const struct pg_row *row, void *context), void *context,
			  struct pg_failure *ret_failure) ATTR_CHECK;
/* Deletes those of a step (its name, or the beginning of its hash: 8 digits or more), in
 * all releases. */
enum pg_answer marks_forget(struct pg_link *link, const char *project, const char *step,
			    unsigned long *ret_n, struct pg_failure *ret_failure) ATTR_CHECK;
