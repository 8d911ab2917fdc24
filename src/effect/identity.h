/* Who a child runs as: `user`, `group`, in the right order. For the app, and
 * for the checks and the agent too. */
#pragma once

#include "base/err.h"

/* Names or numbers; NULL: as we are. Supplementary groups are those of the
 * user's name, or none for a number without one. The group first, then the
 * user, and then it is proved that there is no way back. Not being root is an
 * error unless nothing would change. Reads passwd and group: in a child only. */
int identity_assume(const char *user, const char *group, struct err *err) ATTR_CHECK;

/* "NAME:HOME:HOME" of the user, for USER and HOME, and of whom we are now: a HOME that is
 * another one was chosen by somebody. False: user is NULL, a number that passwd does not
 * know, or who we are already. */
bool identity_person(const char *user, char *ret, size_t size) ATTR_CHECK;

/* Before identity_assume(), as root: makes the user the owner of what stdin, stdout and
 * stderr are where these are pipes or terminals, so that /dev/stdout can be opened (a
 * server's log, say). What cannot be changed stays. */
void identity_give_stdio(const char *user);

/* Are there such a user and such a group? For the look at boot; changes nothing. */
int identity_check(const char *user, const char *group, struct err *err) ATTR_CHECK;
