/* The message format's gate: nothing unchecked passes into PID 1. */
#include "pure/message.h"

#include "base/text.h"

int message_decode(const void *bytes, size_t length, struct message *ret)
{
	if (length != sizeof(*ret))
		return -1;
	memcpy(ret, bytes, sizeof(*ret));
	if (ret->type < MESSAGE_EXEC_FAILED || ret->type >= MESSAGE_TYPE_END)
		return -1;
	if (memchr(ret->text, '\0', sizeof(ret->text)) == NULL)
		return -1;
	text_make_printable(ret->text);
	return 0;
}

const char *message_detail(const struct message *message, const char *name)
{
	size_t length = strlen(name);
	bool is_named = starts_with(message->text, name) &&
			starts_with(message->text + length, ": ");
	return is_named ? message->text + length + 2 : message->text;
}
