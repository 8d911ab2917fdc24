/* What the programs of the benchmark share: one clock, and how they fail. */
#pragma once

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The one clock of all programs here: it is the same in every process. */
static inline int64_t now_ns(void)
{
	struct timespec now = { 0 };
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

__attribute__((noreturn)) static inline void die(const char *program, const char *what)
{
	(void)fprintf(stderr, "%s: %s: %s\n", program, what, strerror(errno));
	_exit(1);
}

/* A number above 0 from the command line. */
static inline size_t count_of(const char *program, const char *text)
{
	char *end = NULL;
	errno = 0;
	unsigned long value = text != NULL ? strtoul(text, &end, 10) : 0;
	if (value == 0 || errno != 0 || *end != '\0') {
		(void)fprintf(stderr, "%s: not a number above 0: '%s'\n", program,
			      text != NULL ? text : "");
		_exit(2);
	}
	return value;
}

/* A new order of these, the same in every run of the benchmark: random() is not
 * seeded. Whatever the machine does meanwhile hits all inits alike. */
static inline void shuffle(size_t *order, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		size_t other = (size_t)random() % i, kept = order[i - 1];
		order[i - 1] = order[other];
		order[other] = kept;
	}
}
