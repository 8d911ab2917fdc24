/* What pidone's children tell PID 1: one datagram, one message, all of the
 * same form. The pid of the sender comes from the kernel (SCM_CREDENTIALS),
 * never from the message, so a message cannot speak for another process.
 * Here is the format only; the socket is effect/messages.h. */
#pragma once

#include "base/base.h"

#define MESSAGE_TEXT_SIZE 384

enum message_type {
	MESSAGE_EXEC_FAILED = 1, /* code: exit code to die with; text: stage and reason */
	MESSAGE_DEFAULT_READY,   /* at boot; text: the server's own check */
	MESSAGE_PERSON,          /* at boot; text: who `user` is, as identity_person() says it */
	MESSAGE_CHECK_OK,        /* a check's verdict; text: short detail ("HTTP 200") */
	MESSAGE_CHECK_FAILED,    /* text: the reason, for a person; code: see below */
	MESSAGE_WAIT_REASON,     /* still waiting; text: for what and why */
	MESSAGE_WAIT_DONE,       /* the target is there; the sender ends with 0 */
	MESSAGE_WAIT_FAILED,     /* give up; code: exit code (69, 78); text: why */
	MESSAGE_LOCK_REASON,     /* the lock is not ours yet; text: who holds it */
	MESSAGE_LOCK_GAINED,     /* text: "" or a note */
	MESSAGE_LOCK_LOST,       /* was ours, may be somebody else's now; text: why */
	MESSAGE_LOCK_FAILED,     /* cannot be had; code: exit code (69, 75, 78) */
	MESSAGE_STEP_DUE,        /* the step is to run now; text: "" or a warning */
	MESSAGE_MARK_THERE,      /* the step is done; text: when, and by whom, or "" */
	MESSAGE_MARK_FAILED,     /* cannot be had; code: exit code (69, 78); text: why */
	MESSAGE_TYPE_END,
};

/* The code of a check's verdict: whether its text says why nobody reaches the app. */
enum message_where {
	MESSAGE_SAYS_NOTHING, /* there is nothing to say, or nobody looked */
	MESSAGE_SAYS_WHERE,
	MESSAGE_LOOK_FAILED, /* or took too long */
};

/* The datagram, byte for byte (host order: both ends are one binary). text is
 * NUL-terminated and followed by zeroes up to its end. */
struct message {
	uint32_t type; /* enum message_type */
	int32_t code;
	char text[MESSAGE_TEXT_SIZE];
};

/* Bytes of a datagram → *ret; -1 for a wrong size, an unknown type, or a text
 * that is not terminated. The text is made printable. */
int message_decode(const void *bytes, size_t length, struct message *ret) ATTR_CHECK;

/* The text without "NAME: " in front: for a line that names the target already. */
const char *message_detail(const struct message *message, const char *name);
