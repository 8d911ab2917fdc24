/* The children's messages under any bytes: what passes is of one size, of a known type, and
 * one printable line; what it says does not depend on what stands behind its end. */
#include "pure/message.h"

#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_one_line(const char *text)
{
	char shown[MESSAGE_TEXT_SIZE];
	text_copy(shown, sizeof(shown), text);
	text_make_printable(shown);
	return streq(shown, text) && strpbrk(text, "\n\r") == NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message message, framed = { .type = MESSAGE_WAIT_REASON };
	if (message_decode(data, size, &message) == 0 &&
	    (size != sizeof(message) || message.type < MESSAGE_EXEC_FAILED ||
	     message.type >= MESSAGE_TYPE_END || !is_one_line(message.text)))
		abort();
	/* most inputs are no message: the same bytes as the text of one */
	size_t length = size < sizeof(framed.text) - 1 ? size : sizeof(framed.text) - 1;
	memcpy(framed.text, data, length);
	if (message_decode(&framed, sizeof(framed), &message) < 0 || !is_one_line(message.text))
		abort();
	const char *detail = message_detail(&message, "postgres");
	if (detail < message.text || detail > message.text + strlen(message.text))
		abort();
	return 0;
}
