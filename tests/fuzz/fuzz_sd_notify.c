/* sd_notify's datagrams under any bytes: what is heard is bounded and printable, and
 * the same when lines that say nothing are put around it. */
#include "pure/sd_notify.h"

#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char framed[SD_NOTIFY_SIZE_MAX];
	struct sd_notify what, again;
	char shown[SD_NOTIFY_STATUS_SIZE];
	bool heard = sd_notify_parse((const char *)data, size, &what);
	if (strnlen(what.status, sizeof(what.status)) == sizeof(what.status) ||
	    (what.main_pid != 0 && what.main_pid <= 1) ||
	    (!what.has_status && what.status[0] != '\0'))
		abort();
	text_copy(shown, sizeof(shown), what.status);
	text_make_printable(shown);
	if (!streq(shown, what.status))
		abort();
	if (size + 8 > sizeof(framed))
		return 0;
	memcpy(framed, "X=1\n", 4);
	memcpy(framed + 4, data, size);
	memcpy(framed + 4 + size, "\nY=", 3);
	if (sd_notify_parse(framed, size + 7, &again) != heard || again.ready != what.ready ||
	    again.main_pid != what.main_pid || !streq(again.status, what.status))
		abort();
	return 0;
}
