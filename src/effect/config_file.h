/* The configuration file: finds and reads it, adds the PIDONE_* variables, and
 * says what is wrong. Reads one file, blocking, at boot. */
#pragma once

#include "pure/config.h"

#define CONFIG_FILE_DEFAULT "/etc/pidone.ini"

/* The file is explicit_path (of --config), else the one that PIDONE_CONFIG
 * names, else /etc/pidone.ini, which alone may be absent. Everything wrong goes
 * to problems. 0: no errors (there may be warnings); -1: at least one. The
 * caller finishes config and problems in both cases. */
int config_file_load(struct config *config, const char *explicit_path, char *const *environment,
		     struct config_problems *problems) ATTR_CHECK;

/* The file that config_file_load() read or would have read; borrowed from the
 * arguments. *ret_exists: it is there. */
const char *config_file_path(const char *explicit_path, char *const *environment, bool *ret_exists);

/* One log line for each problem: "/etc/pidone.ini:12: unknown key …". */
void config_problems_print(const struct config_problems *problems);

/* What every start does: loads it, logs what is wrong (the first error goes to the
 * termination log, too), and sets the log as [log] says, but for what the command
 * line said already. 0, or EXIT_CODE_CONFIG. */
int config_file_start(struct config *config, const char *explicit_path, char *const *environment,
		      bool has_level, bool has_format) ATTR_CHECK;
