/* Between the parts of tests/nsrun. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Ends nsrun, or its child, with 125 and the text of errno. */
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);

/* nsrun_deny.c */
void deny(const char *text);

/* nsrun_faults.c */
struct faults {
	const char *log;      /* the file that names each system call, in order; NULL: no tracing */
	unsigned long number; /* the one that fails; 0: none */
};
void faults_attach(pid_t pid);
/* Its wait status. */
int faults_run(pid_t pid, const struct faults *faults);
