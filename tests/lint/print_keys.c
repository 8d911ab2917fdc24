/* Prints the table of keys, one a line: section ("role" for all of them) and
 * name. For tests/lint/keys-documented. */
#include "pure/config.h"

#include <stdio.h>

int main(void)
{
	size_t n;
	const struct config_key *keys = config_keys(&n);
	for (size_t i = 0; i < n; i++) {
		const char *section = "role";
		switch (keys[i].where) {
		case CONFIG_IN_POSTGRES:
			section = "postgres";
			break;
		case CONFIG_IN_PROBES:
			section = "probes";
			break;
		case CONFIG_IN_ENV:
			section = "env";
			break;
		case CONFIG_IN_LOG:
			section = "log";
			break;
		case CONFIG_IN_ROLE:
			break;
		}
		printf("%s %s %s\n", section, keys[i].name,
		       keys[i].fallback != NULL ? keys[i].fallback : "-");
	}
	return ferror(stdout) != 0 || fflush(stdout) != 0;
}
