/* Marks in the table pidone_once. */
#include "children/marks.h"

#include "base/parse.h"

#include <limits.h>

#define TIMEOUT_MS 10000

/* What a person sees of a moment. */
#define WHEN(column)                                                                               \
	"pg_catalog.to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS\"Z\"')"
/* The one row that is meant. */
#define THIS "project = $1 AND hash = $2 AND release = $3"

static void keep_first(const struct pg_row *row, void *context)
{
	struct pg_row *kept = context;
	if (!kept->is_there)
		*kept = *row;
}

static enum pg_answer ask(struct pg_link *link, const char *sql, const char *const *values,
			  struct pg_row *ret_row, struct pg_failure *ret_failure)
{
	const struct pg_query query = {
		.sql = sql,
		.values = values,
		.each = keep_first,
		.context = ret_row,
	};
	*ret_row = (struct pg_row){ .is_there = false };
	return pg_link_ask(link, &query, TIMEOUT_MS, ret_failure);
}

/* ---- the table ---- */

static enum pg_answer has_table(struct pg_link *link, bool *ret, struct pg_failure *ret_failure)
{
	struct pg_row row;
	enum pg_answer answer =
		pg_link_query(link, "SELECT pg_catalog.to_regclass('pidone_once') IS NOT NULL",
			      TIMEOUT_MS, &row, ret_failure);
	*ret = answer == PG_ANSWERED && streq(row.cells[0], "t");
	return answer;
}

/* Not every failure is one: another project of this database may have made it in the same
 * moment. CREATE TABLE IF NOT EXISTS alone would want the right to create one where it is. */
static enum pg_answer make_table(struct pg_link *link, struct pg_failure *ret_failure)
{
	static const char sql[] =
		"CREATE TABLE IF NOT EXISTS pidone_once ("
		"project text NOT NULL, hash text NOT NULL, release text NOT NULL,"
		" step text NOT NULL, started timestamptz NOT NULL,"
		" done timestamptz, by text NOT NULL,"
		" PRIMARY KEY (project, hash, release))";
	bool is_there = false, is_there_now = false;
	enum pg_answer answer = has_table(link, &is_there, ret_failure);
	if (answer != PG_ANSWERED || is_there)
		return answer;
	answer = pg_link_query(link, sql, TIMEOUT_MS, NULL, ret_failure);
	if (answer != PG_FAILED)
		return answer;
	struct pg_failure cause = *ret_failure;
	if (has_table(link, &is_there_now, ret_failure) == PG_ANSWERED && is_there_now)
		return PG_ANSWERED;
	*ret_failure = cause;
	if (streq(cause.sqlstate, "42501") || streq(cause.sqlstate, "3F000")) {
		pg_failure_set(
			ret_failure, PG_GRACE,
			"%s: the table pidone_once, in which steps that run once are marked, "
			"cannot be made (%s): GRANT CREATE ON SCHEMA public to the user that "
			"pidone connects as, or set lock-url in [postgres]",
			pg_link_server(link), cause.sqlstate);
		text_copy(ret_failure->sqlstate, sizeof(ret_failure->sqlstate), cause.sqlstate);
	}
	return PG_FAILED;
}

/* ---- one mark ---- */

static enum pg_answer find(struct pg_link *link, const struct mark *mark, struct mark_found *ret,
			   struct pg_failure *ret_failure)
{
	const char *const values[] = { mark->project, mark->hash, mark->release, NULL };
	struct pg_row row;
	enum pg_answer answer =
		ask(link,
		    "SELECT done IS NOT NULL, " WHEN(
			    "coalesce(done, started)") ", by"
						       " FROM pidone_once WHERE " THIS,
		    values, &row, ret_failure);
	*ret = (struct mark_found){ .is_there = row.is_there };
	ret->is_done = streq(row.cells[0], "t");
	text_copy(ret->when, sizeof(ret->when), row.cells[1]);
	text_copy(ret->by, sizeof(ret->by), row.cells[2]);
	return answer;
}

enum pg_answer mark_find(struct pg_link *link, const struct mark *mark, struct mark_found *ret,
			 struct pg_failure *ret_failure)
{
	bool is_there = false;
	*ret = (struct mark_found){ .is_there = false };
	enum pg_answer answer = has_table(link, &is_there, ret_failure);
	return answer == PG_ANSWERED && is_there ? find(link, mark, ret, ret_failure) : answer;
}

enum pg_answer mark_begin(struct pg_link *link, const struct mark *mark,
			  struct mark_found *ret_before, struct pg_failure *ret_failure)
{
	const char *const values[] = { mark->project, mark->hash, mark->release,
				       mark->step,    mark->by,   NULL };
	struct pg_row row;
	*ret_before = (struct mark_found){ .is_there = false };
	enum pg_answer answer = make_table(link, ret_failure);
	if (answer == PG_ANSWERED)
		answer = find(link, mark, ret_before, ret_failure);
	if (answer != PG_ANSWERED || ret_before->is_done)
		return answer;
	answer = ask(link,
		     "INSERT INTO pidone_once (project, hash, release, step, by, started)"
		     " VALUES ($1, $2, $3, $4, $5, pg_catalog.clock_timestamp())"
		     " ON CONFLICT (project, hash, release) DO UPDATE"
		     " SET step = excluded.step, by = excluded.by, started = excluded.started"
		     " WHERE pidone_once.done IS NULL RETURNING hash",
		     values, &row, ret_failure);
	/* the lock was lost in between, and another holder has done it: no harm */
	if (answer == PG_ANSWERED && !row.is_there)
		return find(link, mark, ret_before, ret_failure);
	return answer;
}

enum pg_answer mark_end(struct pg_link *link, const struct mark *mark,
			struct pg_failure *ret_failure)
{
	const char *const values[] = { mark->project, mark->hash, mark->release,
				       mark->step,    mark->by,   NULL };
	struct pg_row row;
	enum pg_answer answer = make_table(link, ret_failure);
	if (answer != PG_ANSWERED)
		return answer;
	return ask(link,
		   "INSERT INTO pidone_once (project, hash, release, step, by, started, done)"
		   " SELECT $1, $2, $3, $4, $5, now, now"
		   " FROM (SELECT pg_catalog.clock_timestamp() AS now) AS clock"
		   " ON CONFLICT (project, hash, release) DO UPDATE"
		   " SET step = excluded.step, by = excluded.by, done = excluded.done",
		   values, &row, ret_failure);
}

/* ---- all of them ---- */

enum pg_answer marks_list(struct pg_link *link, const char *project,
			  void (*each)(const struct pg_row *row, void *context), void *context,
			  struct pg_failure *ret_failure)
{
	const char *const values[] = { project, NULL };
	const struct pg_query query = {
		.sql = "SELECT step, hash, release, " WHEN("started") ", " WHEN(
			"done") ", by FROM pidone_once WHERE project = $1 ORDER BY started, hash",
		.values = values,
		.each = each,
		.context = context,
	};
	bool is_there = false;
	enum pg_answer answer = has_table(link, &is_there, ret_failure);
	return answer == PG_ANSWERED && is_there
		       ? pg_link_ask(link, &query, TIMEOUT_MS, ret_failure)
		       : answer;
}

enum pg_answer marks_forget(struct pg_link *link, const char *project, const char *step,
			    unsigned long *ret_n, struct pg_failure *ret_failure)
{
	const char *const values[] = { project, step, NULL };
	struct pg_row row;
	bool is_there = false;
	*ret_n = 0;
	enum pg_answer answer = has_table(link, &is_there, ret_failure);
	if (answer != PG_ANSWERED || !is_there)
		return answer;
	answer = ask(link,
		     "WITH gone AS (DELETE FROM pidone_once WHERE project = $1 AND (step = $2"
		     " OR pg_catalog.length($2) >= 8 AND pg_catalog.starts_with(hash, $2))"
		     " RETURNING 1) SELECT pg_catalog.count(*) FROM gone",
		     values, &row, ret_failure);
	if (answer == PG_ANSWERED && parse_uint(row.cells[0], ULONG_MAX, ret_n) < 0)
		*ret_n = 0;
	return answer;
}
