/* Strict scalars: text from a person or a file → a value, or -1. Nothing is
 * guessed, no trailing bytes are ignored. Not for whole lines or files. */
#pragma once

#include "base/base.h"

#define DURATION_NONE INT64_C(-1) /* the word "none": never, no limit */

/* "500ms", "10s", "5m", "1h", "0s", "none" → milliseconds. A unit is required,
 * so that nobody has to guess one; at most 10 years. */
int parse_duration_ms(const char *text, int64_t *ret_ms) ATTR_CHECK;

/* The shortest spelling that parse_duration_ms() reads back: 90000 → "90s". */
const char *duration_text(int64_t ms, char *buffer, size_t size);

/* "TERM", "SIGTERM", "term", "15", "RTMIN+2" → the signal's number, 1 … 64. */
int parse_signal(const char *text, int *ret_signo) ATTR_CHECK;

/* "TERM", "RTMIN+2"; any number is spelled, never NULL. The text is static or
 * in the caller's buffer. */
const char *signal_name(int signo, char *buffer, size_t size);

/* How a process ended: "was ended by KILL", "exited with 1". */
const char *end_text(int code, int signo, char *buffer, size_t size);

int parse_uint(const char *text, unsigned long max, unsigned long *ret) ATTR_CHECK;
int parse_port(const char *text, uint16_t *ret_port) ATTR_CHECK; /* 1 … 65535 */
int parse_bool(const char *text, bool *ret) ATTR_CHECK; /* yes no true false on off 1 0 */
int parse_octal(const char *text, mode_t max, mode_t *ret) ATTR_CHECK; /* "022" */

/* "[::]:9480", "0.0.0.0:80", "host:80" → host (without brackets) and port.
 * ":80" and "80" leave host empty: every address of both families. -1 also
 * when host does not fit into host_size. */
int parse_host_port(const char *text, char *ret_host, size_t host_size,
		    uint16_t *ret_port) ATTR_CHECK;

/* Of n candidates the one that a typing mistake most likely made of word (at
 * most a third of its letters differ), or NULL. For "did you mean". */
const char *parse_suggest(const char *word, const char *const *candidates, size_t n);
