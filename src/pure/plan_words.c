/* The words of a command that starts a server: which program it is, and which
 * options it has. For hints and defaults: what is not plain to see is not there. */
#include "base/mem.h"
#include "pure/plan_sources.h"

/* ---- options ---- */

/* The option's value where words[i] is that option: behind '=', right behind
 * the letter, or the next word. Else NULL. */
static const char *option_value(const struct list *words, size_t i, const char *name, char letter)
{
	const char *word = words->items[i], *next = words->items[i + 1];
	size_t length = strlen(name);
	if (strncmp(word, name, length) == 0 && (word[length] == '\0' || word[length] == '='))
		return word[length] == '=' ? word + length + 1 : next != NULL ? next : "";
	if (letter == '-' || word[0] != '-' || word[1] != letter)
		return NULL;
	return word[2] != '\0' ? word + 2 : next != NULL ? next : "";
}

size_t plan_words_find(const struct list *words, size_t from, const char *name, char letter,
		       const char **ret_value)
{
	size_t n = 0;
	for (size_t i = from; i < words->n; i++) {
		const char *value = option_value(words, i, name, letter);
		if (value == NULL)
			continue;
		*ret_value = value;
		n++;
	}
	return n;
}

bool plan_words_have(const struct list *words, size_t from, const char *name)
{
	const char *value = NULL;
	char letter = name[1] != '-' ? name[1] : '-';
	return plan_words_find(words, from, name, letter, &value) > 0;
}

/* ---- the program ---- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash != NULL ? slash + 1 : path;
}

/* "python", "python3", "python3.11", but not "python-config". */
static bool is_python(const char *name)
{
	return starts_with(name, "python") && name[6 + strspn(name + 6, "0123456789.")] == '\0';
}

size_t plan_words_program(const struct list *words)
{
	size_t i = 0;
	if (words->n == 0 || !is_python(base_name(words->items[0])))
		return 0;
	for (i = 1; i < words->n && words->items[i][0] == '-'; i++)
		if (streq(words->items[i], "-m"))
			return i + 1;
	return i;
}

const char *plan_words_name(const struct list *words, size_t at)
{
	return base_name(words->items[at]);
}

/* Debian's has its plugin in its name. */
bool plan_is_uwsgi(const char *name)
{
	return streq(name, "uwsgi") || starts_with(name, "uwsgi_python");
}
