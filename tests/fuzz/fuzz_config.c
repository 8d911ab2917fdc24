/* Any bytes as a configuration file, and what is behind a line "%%" as
 * PIDONE_* variables, each ended by a NUL. Beyond what the sanitizers see: no
 * value of a file has a line's end in it, and inih never gets to see a byte
 * that it would take for something else. */
#include "base/mem.h"
#include "pure/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct config *config)
{
	size_t n;
	const struct config_key *keys = config_keys(&n);
	struct list roles = { 0 };
	config_roles(config, &roles);
	list_add(&roles, "command");
	list_add(&roles, "postgres");
	for (size_t r = 0; r < roles.n; r++) {
		for (size_t i = 0; i < n; i++) {
			const char *section = roles.items[r];
			(void)config_get(config, section, keys[i].name, NULL);
			(void)config_duration(config, section, keys[i].name);
			(void)config_uint(config, section, keys[i].name);
			(void)config_signal(config, section, keys[i].name);
			(void)config_bool(config, section, keys[i].name);
		}
	}
	list_fini(&roles);
	for (size_t i = 0; i < config->n; i++)
		if (strpbrk(config->entries[i].value, "\n") != NULL &&
		    starts_with(config->entries[i].origin, "f:"))
			abort(); /* a value of a file is one line */
}

static void add_variables(struct config *config, const char *text, size_t length,
			  struct config_problems *problems)
{
	struct list variables = { 0 };
	while (length > 0) {
		size_t part = strnlen(text, length);
		CLEANUP_FREE char *value = mem_dup_n(text, part);
		list_add_take(&variables, mem_format("PIDONE_%s", value));
		part += part < length;
		text += part;
		length -= part;
	}
	list_add(&variables, "HOME=/");
	config_read_environment(config, variables.items, problems);
	list_fini(&variables);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config = { 0 };
	struct config_problems problems = { 0 };
	const char *text = (const char *)data;
	const char *mark = size > 0 ? memmem(text, size, "\n%%\n", 4) : NULL;
	size_t length = mark != NULL ? (size_t)(mark - text) : size;
	config_read(&config, text, length, "f", &problems);
	if (mark != NULL)
		add_variables(&config, mark + 4, size - length - 4, &problems);
	config_validate(&config, &problems);
	walk(&config);
	for (size_t i = 0; i < problems.n; i++)
		if (starts_with(problems.items[i].message, "the INI library lost"))
			abort();
	config_fini(&config);
	config_problems_fini(&problems);
	return 0;
}
