/* Any bytes as a database URL: a refusal has a message, and what was understood
 * comes back when it is written as a URL; the masked form never has the
 * password. */
#include "base/mem.h"
#include "pure/conninfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(const struct conninfo *conninfo)
{
	struct conninfo again;
	struct err err;
	CLEANUP_FREE char *url = conninfo_to_url(conninfo);
	if (conninfo_parse_url(&again, url, &err) != CONNINFO_POSTGRES || again.n != conninfo->n)
		abort();
	for (size_t i = 0; i < conninfo->n; i++) {
		const char *value = conninfo_get(&again, conninfo->keywords[i]);
		if (value == NULL || !streq(value, conninfo->values[i]))
			abort();
	}
	conninfo_fini(&again);
}

/* Only of a password that stands in the URL once, not elsewhere by chance. */
static void check_masked(const struct conninfo *conninfo, const char *url, const char *masked)
{
	const char *password = conninfo_get(conninfo, "password");
	const char *first = password != NULL ? strstr(url, password) : NULL;
	if (first == NULL || strlen(password) < 4 || strstr(first + 1, password) != NULL)
		return;
	for (size_t i = 0; i < conninfo->n; i++)
		if (!streq(conninfo->keywords[i], "password") &&
		    strstr(conninfo->values[i], password) != NULL)
			return;
	if (strstr(masked, password) != NULL)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_dup_n((const char *)data, size);
	char *masked = conninfo_mask_url(text);
	char buffer[64];
	struct conninfo conninfo;
	struct list variables = { 0 };
	struct err err = { .code = 0 };
	if (conninfo_parse_url(&conninfo, text, &err) == CONNINFO_POSTGRES) {
		check_round_trip(&conninfo);
		check_masked(&conninfo, text, masked);
		check_masked(&conninfo, text,
			     conninfo_masked(&conninfo, buffer, sizeof(buffer)));
		conninfo_to_environment(&conninfo, &variables);
		conninfo_fini(&conninfo);
	} else if (err.msg[0] == '\0' || conninfo.n != 0) {
		abort();
	}
	list_fini(&variables);
	free(masked);
	free(text);
	return 0;
}
