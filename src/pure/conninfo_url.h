/* A database URL taken apart, for the two that read it: the parser and the
 * masking. Private to conninfo_*.c. */
#pragma once

#include "pure/conninfo.h"

#define CONNINFO_SCHEME_SIZE 32

/* Pieces of the URL as they stand there, not decoded. */
struct conninfo_parts {
	char scheme[CONNINFO_SCHEME_SIZE]; /* lower case */
	const char *userinfo;     /* NULL: none; ends before the authority's last '@' */
	size_t userinfo_length;
	const char *hosts;
	size_t hosts_length;
	const char *path; /* with its slash; "" for none */
	size_t path_length;
	const char *query; /* behind '?'; NULL: none */
};

/* "PostgreSQL://…" → "postgresql" and what follows; false: the URL has no
 * scheme that could be shown to anybody. */
bool conninfo_split_scheme(const char *url, char ret_scheme[CONNINFO_SCHEME_SIZE],
			   const char **ret_rest) ATTR_CHECK;
/* Fills everything but the scheme. */
void conninfo_split_rest(const char *rest, struct conninfo_parts *parts);

/* A newline from a file, or a blank from a copy: no URL has them there. */
bool conninfo_has_blank_around(const char *url);
/* For what is no URL: what it most likely is, and what to write instead. */
void conninfo_explain_no_url(const char *url, struct err *err);

/* Percent-decodes into a text that the caller frees; NULL: it has a NUL byte. */
char *conninfo_decode(const char *text, size_t length) ATTR_CHECK;
