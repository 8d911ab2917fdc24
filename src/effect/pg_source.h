/* Where the connection information comes from (contract §6, "Sources"): first
 * found wins, re-read at every attempt, since secrets rotate and appear late. */
#pragma once

#include "pure/config.h"
#include "pure/conninfo.h"

enum pg_source_result {
	PG_SOURCE_NONE,         /* nothing anywhere: the app has no database */
	PG_SOURCE_FOUND,
	PG_SOURCE_OTHER_ENGINE, /* sqlite:///…: ends the search; err names engine and place */
	PG_SOURCE_NOT_YET,      /* named, but its file is not there yet; err says which */
	PG_SOURCE_INVALID,      /* cannot be parsed, or names what cannot be: err says where */
};

/* lookup/context: the environment to search (command_lookup). On FOUND,
 * *ret_conninfo is filled and ret_origin says from where: "DATABASE_URL",
 * "/run/secrets/db (secret-dir)", "PGHOST"; else *ret_conninfo is empty. What
 * the source leaves open is taken from PG* variables, as libpq does it in the
 * app, and the user is always set (unless a service file may have it), for a
 * UID without a name has no default. Reads files; resolves nothing. */
enum pg_source_result pg_source_find(const struct config *config,
				     const char *(*lookup)(const char *, const void *),
				     const void *context, struct conninfo *ret_conninfo,
				     char *ret_origin, size_t origin_size,
				     struct err *err) ATTR_CHECK;

/* The same for the lock and the marks: `lock-url` if there is one (the way past
 * a pooler; PGHOST and PGPORT do not belong to it), else as above. */
enum pg_source_result pg_source_find_lock(const struct config *config,
					  const char *(*lookup)(const char *, const void *),
					  const void *context, struct conninfo *ret_conninfo,
					  char *ret_origin, size_t origin_size,
					  struct err *err) ATTR_CHECK;

/* Do two sources name different servers or databases? *ret names both, for a warning: the
 * one that counts may be the forgotten one. */
bool pg_source_disagrees(const struct config *config,
			 const char *(*lookup)(const char *, const void *), const void *context,
			 struct err *ret);
