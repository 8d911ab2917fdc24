/* Any bytes as a command and as a value of [env]. What the check accepts, the
 * expansion must read (but for ${VAR:?…} and commands of empty variables); what
 * is quoted must come back as it was. */
#include "base/mem.h"
#include "pure/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *lookup(const char *name, const void *context)
{
	(void)context;
	return name[0] < 'M' ? "a \"$B" : NULL;
}

static void check_round_trip(const char *text)
{
	struct buf quoted = { 0 };
	struct list words = { 0 };
	struct err err;
	buf_add_text(&quoted, "x ");
	command_quote(&quoted, text);
	if (command_check(buf_text(&quoted), &err) < 0 ||
	    command_expand(buf_text(&quoted), lookup, NULL, &words, &err) < 0 || words.n != 2 ||
	    !streq(words.items[1], text) || command_shell_operator(buf_text(&quoted)) != NULL)
		abort();
	list_fini(&words);
	buf_fini(&quoted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_FREE char *text = mem_dup_n((const char *)data, size);
	CLEANUP_FREE char *value = NULL;
	struct list words = { 0 };
	struct err err = { 0 };
	char buffer[16];
	bool is_right = command_check(text, &err) == 0;
	bool is_expanded = command_expand(text, lookup, NULL, &words, &err) == 0;
	if (is_expanded && !is_right)
		abort();
	if (is_right && !is_expanded && strstr(text, ":?") == NULL &&
	    strstr(err.msg, "is empty") == NULL)
		abort();
	(void)!command_expand_text(text, lookup, NULL, &value, &err);
	(void)command_program(text, buffer, sizeof(buffer));
	(void)command_program(text, buffer, 1);
	(void)command_shell_operator(text);
	check_round_trip(text);
	list_fini(&words);
	return 0;
}
