/* What the files of the configuration share among themselves. */
#pragma once

#include "pure/config.h"

/* A section of that name holds keys of which kind? Reserved ones have their
 * own; "command" and every role's name are CONFIG_IN_ROLE. */
enum config_where config_section_where(const char *section);
bool config_section_is_reserved(const char *section);
/* The reserved section that name is most likely a misspelling of, or NULL. */
const char *config_section_suggest(const char *name);

/* The key of that name, or of the family that name belongs to; NULL: none. */
const struct config_key *config_key_find(enum config_where where, const char *name);
bool config_key_is_family(const struct config_key *key);
/* The name that was most likely meant, into buffer (which is returned), or NULL. */
const char *config_key_suggest(enum config_where where, const char *name, char *buffer,
			       size_t size);
/* The default of a key in this section, or NULL. */
const char *config_key_default(const struct config_key *key, const char *section);

/* Is value right for key? Else err says what to write instead. */
int config_value_check(const struct config_key *key, const char *value, struct err *err) ATTR_CHECK;
/* The value without the quotes around the whole of it; the caller frees. */
char *config_value_unquote(const struct config_key *key, const char *value) ATTR_CHECK;
bool config_is_variable_name(const char *name);

/* Checks name and value and adds the entry at index `at` (at most config->n).
 * Returns false when the name or value was refused; problems then says why. */
bool config_add(struct config *config, size_t at, const char *section, const char *name,
		const char *value, const char *origin, struct config_problems *problems);
/* The name as entries have it ("signal.SIGTERM" → "signal.TERM"); caller frees. */
char *config_canonical_name(const struct config_key *key, const char *name) ATTR_CHECK;
const struct config_entry *config_find(const struct config *config, const char *section,
				       const char *name);
/* Notes that the section is mentioned. */
void config_mention(struct config *config, const char *section);
void config_entry_fini(struct config_entry *entry);
