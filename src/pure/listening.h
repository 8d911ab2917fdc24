/* Who listens where: a line of the kernel's tables of sockets → a value, and many of
 * these → the sentence that says why nobody reaches the app. Not here: reading the
 * tables, and whose socket it is (effect/socket_table.h). */
#pragma once

#include "base/base.h"

enum listening_family { LISTENING_IPV4, LISTENING_IPV6, LISTENING_UNIX };

#define LISTENING_OWNER_UNKNOWN (-1) /* maybe somebody else's, in another container */

struct listening {
	enum listening_family family;
	unsigned char address[16]; /* as on the wire; four bytes of it are IPv4 */
	uint16_t port;
	char path[108]; /* of a unix socket */
	uint64_t inode;
	int owner;     /* whose it is: the smallest is the command, the largest an orphan */
	char name[16]; /* the process's, as ps shows it; "" while the owner is unknown */
};

/* A line of /proc/net/tcp or tcp6: of a socket that listens? An IPv4 address within
 * IPv6 (::ffff:127.0.0.1) is IPv4. */
bool listening_parse_tcp(const char *line, struct listening *ret) ATTR_CHECK;
/* A line of /proc/net/unix. */
bool listening_parse_unix(const char *line, struct listening *ret) ATTR_CHECK;

enum listening_asked {
	LISTENING_ASKED_LOCALHOST,
	LISTENING_ASKED_IPV4,
	LISTENING_ASKED_IPV6,
	LISTENING_ASKED_UNIX
};

/* What the check asked, and what is known of this host. */
struct listening_question {
	enum listening_asked asked;
	unsigned char address[16]; /* as in struct listening; not of localhost */
	uint16_t port;
	bool ipv4_refused;       /* of localhost, which answers by IPv6 */
	bool no_ipv6;            /* the kernel does without it */
	bool has_ipv4, has_ipv6; /* addresses by which others reach it */
	bool some_hidden;        /* which sockets some process of ours has cannot be seen */
};

/* A refused check: where the app listens instead, with what to do. False: the table
 * does not show it, and nothing is claimed. */
bool listening_explain_refused(const struct listening *all, size_t n,
			       const struct listening_question *question, char *ret,
			       size_t size) ATTR_CHECK;
/* A check that holds, by loopback: why nobody outside reaches what it asked. */
bool listening_explain_answered(const struct listening *all, size_t n,
				const struct listening_question *question, char *ret,
				size_t size) ATTR_CHECK;
