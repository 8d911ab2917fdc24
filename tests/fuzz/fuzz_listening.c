/* The kernel's tables of sockets under any bytes, a line at a time: what is read is
 * bounded, and what is said of it fits and ends. */
#include "pure/listening.h"

#define KEPT_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void explain(const struct listening *all, size_t n, unsigned how)
{
	char text[160];
	const struct listening_question question = {
		.asked = (enum listening_asked)(how & 3),
		.port = n > 0 && (how & 4) != 0 ? all[0].port : 8000,
		.ipv4_refused = (how & 8) != 0,
		.has_ipv4 = (how & 16) != 0,
		.has_ipv6 = (how & 32) != 0,
		.some_hidden = (how & 64) != 0,
	};
	if (listening_explain_refused(all, n, &question, text, sizeof(text)) &&
	    strnlen(text, sizeof(text)) == sizeof(text))
		abort();
	if (listening_explain_answered(all, n, &question, text, sizeof(text)) &&
	    (strnlen(text, sizeof(text)) == sizeof(text) || question.asked == LISTENING_ASKED_UNIX))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct listening all[KEPT_MAX], one;
	size_t n = 0;
	for (size_t used = 0; used < size && n < KEPT_MAX;) {
		const uint8_t *end = memchr(data + used, '\n', size - used);
		size_t length = end != NULL ? (size_t)(end - data) - used + 1 : size - used;
		char *line = malloc(length + 1); /* so that a byte too far is a heap overflow */
		if (line == NULL)
			return 0;
		memcpy(line, data + used, length);
		line[length] = '\0';
		used += length;
		bool is_tcp = listening_parse_tcp(line, &one);
		if (is_tcp && (one.port == 0 || one.inode == 0 || one.family == LISTENING_UNIX))
			abort();
		if (is_tcp || listening_parse_unix(line, &one)) {
			if (strnlen(one.path, sizeof(one.path)) == sizeof(one.path))
				abort();
			one.owner = (int)(length % 4) - 1;
			all[n++] = one;
		}
		free(line);
	}
	for (unsigned how = 0; how < 128; how++)
		explain(all, n, how);
	return 0;
}
