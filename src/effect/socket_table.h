/* The kernel's tables of listening sockets, and which of them are those of the app: all
 * containers of a pod share one network. It opens and reads a lot, so it is for forked
 * children. What the tables mean is pure/listening.h. */
#pragma once

#include "pure/listening.h"

/* Starts as all zeroes. */
struct socket_table {
	struct listening *items;
	size_t n, room;
	bool no_ipv6;     /* the kernel does without it */
	bool some_hidden; /* some process of ours does not show what it has open */
};

/* Who is ours: what descends from root, but not what is among these children of its
 * own, or below them. */
struct socket_owners {
	pid_t root;
	const pid_t *own;
	size_t n_own;
	const pid_t *processes; /* the command, then the further ones */
	size_t n_processes;
};

/* All that listens. -1: it cannot be read, or not until then. */
int socket_table_read(struct socket_table *table, int64_t deadline_ms) ATTR_CHECK;
/* Finds the owners of these; of the others nothing becomes known. -1: not all of our
 * processes could be looked at until then. */
int socket_table_find_owners(struct socket_table *table, const struct socket_owners *owners,
			     int64_t deadline_ms) ATTR_CHECK;
void socket_table_fini(struct socket_table *table);

/* Is this host, or one of its addresses, what was asked? Resolves no names. */
bool socket_table_is_here(const char *host, struct listening_question *ret);
/* Of which families others reach this host. */
void socket_table_look_at_addresses(struct listening_question *ret);
