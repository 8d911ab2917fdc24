/* The app runs, and nobody reaches it: what the kernel's table of sockets tells of that. */
#include "children/checks_parts.h"

#include "effect/stream.h"
#include "sys/sys.h"

#include <errno.h>

#define LOOK_MS 500 /* at most, of the check's time: thousands of processes are not looked at */

/* Refused again, now that the table is known: so it does not listen there since a moment
 * ago only. */
static bool is_refused(const struct check_spec *spec, int64_t deadline_ms)
{
	struct err err = { .code = 0 };
	CLEANUP_CLOSE int fd = stream_connect_tcp(spec->host, spec->port, deadline_ms, &err);
	return fd < 0 && err.code == ECONNREFUSED;
}

static bool is_asked(const struct check_spec *spec, bool ok, int code,
		     struct listening_question *ret)
{
	*ret = (struct listening_question){ .port = spec->port,
					    .ipv4_refused = code == ECONNREFUSED };
	if (spec->kind == CHECK_UNIX) {
		ret->asked = LISTENING_ASKED_UNIX;
		return !ok && (code == ECONNREFUSED || code == ENOENT);
	}
	return (spec->kind == CHECK_HTTP || spec->kind == CHECK_TCP) &&
	       (ok || code == ECONNREFUSED) && socket_table_is_here(spec->host, ret);
}

/* Only what is odd at a first look is worth a walk through all processes. */
static bool is_odd(const struct socket_table *table, const struct listening_question *question)
{
	char text[ERR_MSG_SIZE];
	bool odd = false;
	for (size_t i = 0; i < table->n; i++)
		table->items[i].owner = 0;
	odd = listening_explain_answered(table->items, table->n, question, text, sizeof(text));
	for (size_t i = 0; i < table->n; i++)
		table->items[i].owner = LISTENING_OWNER_UNKNOWN;
	return odd;
}

enum message_where checks_explain(const struct check_spec *spec,
				  const struct check_context *context, bool ok, int code,
				  int64_t deadline_ms, char *ret, size_t size)
{
	struct listening_question question;
	struct socket_table table = { .n = 0 };
	bool explained = false;
	if (!is_asked(spec, ok, code, &question))
		return MESSAGE_SAYS_NOTHING;
	if (deadline_ms > sys_now_ms() + LOOK_MS)
		deadline_ms = sys_now_ms() + LOOK_MS;
	socket_table_look_at_addresses(&question);
	int known = socket_table_read(&table, deadline_ms);
	bool nothing_odd = known == 0 && ok && !is_odd(&table, &question);
	if (known == 0 && !nothing_odd)
		known = socket_table_find_owners(&table, context->owners, deadline_ms);
	if (known < 0 || nothing_odd) {
		socket_table_fini(&table);
		return known < 0 ? MESSAGE_LOOK_FAILED : MESSAGE_SAYS_NOTHING;
	}
	question.no_ipv6 = table.no_ipv6;
	question.some_hidden = table.some_hidden;
	if (ok)
		explained = listening_explain_answered(table.items, table.n, &question, ret, size);
	else if (question.asked == LISTENING_ASKED_UNIX || is_refused(spec, deadline_ms))
		explained = listening_explain_refused(table.items, table.n, &question, ret, size);
	socket_table_fini(&table);
	return explained ? MESSAGE_SAYS_WHERE : MESSAGE_SAYS_NOTHING;
}
