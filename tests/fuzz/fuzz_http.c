/* The HTTP parser under any bytes. The first byte chooses how the rest is cut;
 * however it is cut, the result is the same. */
#include "pure/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum http_progress parse(const char *bytes, size_t length, size_t piece,
				struct http_parser *parser, size_t *ret_used)
{
	enum http_progress progress = HTTP_MORE;
	*ret_used = 0;
	http_parser_init(parser);
	while (progress == HTTP_MORE && *ret_used < length) {
		size_t left = length - *ret_used, used = 0;
		progress = http_parser_feed(parser, bytes + *ret_used, left < piece ? left : piece,
					    &used);
		*ret_used += used;
	}
	return progress;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_parser whole, cut;
	size_t whole_used = 0, cut_used = 0;
	if (size < 2)
		return 0;
	const char *bytes = (const char *)data + 1;
	enum http_progress progress = parse(bytes, size - 1, size, &whole, &whole_used);
	if (parse(bytes, size - 1, (size_t)data[0] % 64 + 1, &cut, &cut_used) != progress ||
	    cut_used != whole_used || cut.bad_status != whole.bad_status ||
	    memcmp(&cut.request, &whole.request, sizeof(cut.request)) != 0)
		abort();
	if (whole_used > HTTP_HEAD_MAX + 1 || (progress == HTTP_BAD) != (whole.bad_status != 0))
		abort();
	return 0;
}
