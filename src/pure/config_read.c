/* The file: which of its sections are meant, which settings count, which are
 * set twice. The whole file is read before it is judged, because a section that
 * defines nothing to run and is called [postgre] is a misspelling, but one that
 * has a command is a role. */
#include "pure/config_internal.h"

#include "base/mem.h"
#include "base/parse.h"
#include "pure/config_reader.h"

#include <ctype.h>
#include <stdio.h>

struct setting {
	char *section, *name, *value;
	char *canonical; /* name as its entry will have it */
	const struct config_key *key;
	size_t line;
};

struct section {
	char *name;
	size_t line;     /* of its first header */
	bool runs;       /* defines something to run */
	bool is_refused; /* its settings are not looked at */
};

struct file {
	struct setting *settings;
	size_t n_settings;
	struct section *sections;
	size_t n_sections;
};

/* ---- reading ---- */

static struct section *find_section(struct file *file, const char *name)
{
	for (size_t i = 0; i < file->n_sections; i++)
		if (streq(file->sections[i].name, name))
			return &file->sections[i];
	return NULL;
}

static void take_section(void *context, const char *name, size_t line)
{
	struct file *file = context;
	if (find_section(file, name) != NULL)
		return;
	file->sections =
		mem_resize(file->sections, (file->n_sections + 1) * sizeof(file->sections[0]));
	file->sections[file->n_sections++] =
		(struct section){ .name = mem_dup(name), .line = line };
}

static void take_setting(void *context, const char *section, const char *name, const char *value,
			 size_t line)
{
	struct file *file = context;
	const struct config_key *key = config_key_find(config_section_where(section), name);
	if (key != NULL && key->type == CONFIG_COMMAND)
		find_section(file, section)->runs = true;
	file->settings =
		mem_resize(file->settings, (file->n_settings + 1) * sizeof(file->settings[0]));
	file->settings[file->n_settings++] = (struct setting){
		.section = mem_dup(section),
		.name = mem_dup(name),
		.value = mem_dup(value),
		.canonical = config_canonical_name(key, name),
		.key = key,
		.line = line,
	};
}

static void file_fini(struct file *file)
{
	for (size_t i = 0; i < file->n_settings; i++) {
		free(file->settings[i].section);
		free(file->settings[i].name);
		free(file->settings[i].value);
		free(file->settings[i].canonical);
	}
	for (size_t i = 0; i < file->n_sections; i++)
		free(file->sections[i].name);
	free(file->settings);
	free(file->sections);
}

/* ---- judging ---- */

static void judge_section(struct section *section, const char *name,
			  struct config_problems *problems)
{
	char lower[64];
	size_t length = 0;
	if (config_section_is_reserved(section->name))
		return;
	for (; section->name[length] != '\0' && length + 1 < sizeof(lower); length++)
		lower[length] = (char)tolower((unsigned char)section->name[length]);
	lower[length] = '\0';
	const char *meant = config_section_suggest(lower);
	CLEANUP_FREE char *origin = mem_format("%s:%zu", name, section->line);
	if (config_is_role_name(section->name)) {
		if (meant == NULL || section->runs)
			return;
		config_problem_add(
			problems, true, origin,
			"unknown section [%s]: did you mean [%s]? (a role of that name needs "
			"a command here)",
			section->name, meant);
	} else if (meant != NULL || config_is_role_name(lower)) {
		config_problem_add(problems, true, origin,
				   "unknown section [%s]: did you mean [%s]?", section->name,
				   meant != NULL ? meant : lower);
	} else {
		config_problem_add(
			problems, true, origin,
			"unknown section [%s]: a role's name is a small letter and then small "
			"letters and digits only",
			section->name);
	}
	section->is_refused = true;
}

/* The earlier one of two settings of a key that may stand only once, or NULL. */
static const struct setting *find_earlier(const struct file *file, const struct setting *setting)
{
	if (setting->key != NULL && setting->key->repeats)
		return NULL;
	for (const struct setting *s = file->settings; s != setting; s++)
		if (streq(s->canonical, setting->canonical) && streq(s->section, setting->section))
			return s;
	return NULL;
}

static void judge_setting(struct config *config, struct file *file, const struct setting *setting,
			  const char *name, struct config_problems *problems)
{
	CLEANUP_FREE char *origin = mem_format("%s:%zu", name, setting->line);
	if (find_section(file, setting->section)->is_refused)
		return;
	const struct setting *earlier = find_earlier(file, setting);
	if (earlier != NULL) {
		config_problem_add(
			problems, true, origin,
			"'%s' in [%s] is set twice, in line %zu and in line %zu: keep one",
			setting->name, setting->section, earlier->line, setting->line);
		return;
	}
	(void)config_add(config, config->n, setting->section, setting->name, setting->value, origin,
			 problems);
}

static size_t line_of(const struct config_problem *problem)
{
	const char *colon = strrchr(problem->origin, ':');
	unsigned long line = 0;
	return colon != NULL && parse_uint(colon + 1, SIZE_MAX, &line) == 0 ? line : 0;
}

/* In the order of the file, as a person goes through it. Stable. */
static void sort_problems(struct config_problem *items, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct config_problem problem = items[i];
		size_t at = i;
		for (; at > 0 && line_of(&items[at - 1]) > line_of(&problem); at--)
			items[at] = items[at - 1];
		items[at] = problem;
	}
}

void config_read(struct config *config, const char *text, size_t length, const char *name,
		 struct config_problems *problems)
{
	struct file file = { 0 };
	size_t first = problems->n;
	if (length > CONFIG_SIZE_MAX) {
		config_problem_add(problems, true, name,
				   "the file is larger than %d KiB: is it a "
				   "configuration?",
				   CONFIG_SIZE_MAX / 1024);
		return;
	}
	const struct config_reader_handler handler = { take_section, take_setting, &file };
	config_reader_run(text, length, name, &handler, problems);
	for (size_t i = 0; i < file.n_sections; i++) {
		judge_section(&file.sections[i], name, problems);
		if (!file.sections[i].is_refused)
			config_mention(config, file.sections[i].name);
	}
	for (size_t i = 0; i < file.n_settings; i++)
		judge_setting(config, &file, &file.settings[i], name, problems);
	if (problems->n > first)
		sort_problems(problems->items + first, problems->n - first);
	file_fini(&file);
}
