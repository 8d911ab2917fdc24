/* Dropping privileges. */
#include "effect/identity.h"

#include "base/parse.h"
#include "base/text.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>

struct identity {
	uid_t uid;
	gid_t gid;
	const char *name; /* of the user, where there is one: for its groups */
};

static int find_user(const char *text, struct identity *identity, struct err *err)
{
	unsigned long number = 0;
	errno = 0;
	const struct passwd *entry = getpwnam(text);
	if (entry == NULL && parse_uint(text, UINT32_MAX - 1, &number) == 0)
		entry = getpwuid((uid_t)number);
	else if (entry == NULL)
		return err_set(err, 0,
			       "there is no user '%s': write a number, or add it to /etc/passwd",
			       text);
	if (entry == NULL) {
		identity->uid = (uid_t)number; /* any UID will do, with the group we have */
		return 0;
	}
	identity->uid = entry->pw_uid;
	identity->gid = entry->pw_gid;
	identity->name = entry->pw_name;
	return 0;
}

static int find_group(const char *text, gid_t *ret_gid, struct err *err)
{
	unsigned long number = 0;
	const struct group *entry = getgrnam(text);
	if (entry != NULL)
		*ret_gid = entry->gr_gid;
	else if (parse_uint(text, UINT32_MAX - 1, &number) == 0)
		*ret_gid = (gid_t)number;
	else
		return err_set(err, 0,
			       "there is no group '%s': write a number, or add it to /etc/group",
			       text);
	return 0;
}

bool identity_person(const char *user, char *ret, size_t size)
{
	struct identity identity = { .uid = 0 };
	struct err err;
	char home_before[256] = "";
	const struct passwd *entry = getpwuid(getuid());
	if (entry != NULL)
		text_copy(home_before, sizeof(home_before), entry->pw_dir);
	if (user == NULL || find_user(user, &identity, &err) < 0 || identity.uid == getuid())
		return false;
	entry = getpwuid(identity.uid);
	if (entry == NULL)
		return false;
	(void)snprintf(ret, size, "%s:%s:%s", entry->pw_name, entry->pw_dir, home_before);
	return true;
}

void identity_give_stdio(const char *user)
{
	struct identity identity = { .uid = 0 };
	struct err err;
	struct stat st;
	if (user == NULL || find_user(user, &identity, &err) < 0)
		return;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fstat(fd, &st) == 0 && st.st_uid != identity.uid &&
		    (S_ISFIFO(st.st_mode) || isatty(fd)))
			(void)!fchown(fd, identity.uid, (gid_t)-1);
}

int identity_check(const char *user, const char *group, struct err *err)
{
	struct identity identity = { .uid = 0 };
	if (user != NULL && find_user(user, &identity, err) < 0)
		return -1;
	return group != NULL ? find_group(group, &identity.gid, err) : 0;
}

int identity_assume(const char *user, const char *group, struct err *err)
{
	if (user == NULL && group == NULL)
		return 0;
	struct identity identity = { .uid = getuid(), .gid = getgid() };
	if (user != NULL && find_user(user, &identity, err) < 0)
		return -1;
	if (group != NULL && find_group(group, &identity.gid, err) < 0)
		return -1;
	if (identity.uid == getuid() && identity.uid == geteuid() && identity.gid == getgid() &&
	    identity.gid == getegid())
		return 0;
	int grouped = identity.name != NULL ? initgroups(identity.name, identity.gid)
					    : setgroups(1, &identity.gid);
	if (grouped < 0)
		return err_set(err, errno, "set the groups of user '%s' (only root may)",
			       user != NULL ? user : "");
	if (setresgid(identity.gid, identity.gid, identity.gid) < 0)
		return err_set(err, errno, "become group %u", (unsigned)identity.gid);
	if (setresuid(identity.uid, identity.uid, identity.uid) < 0)
		return err_set(err, errno, "become user %u", (unsigned)identity.uid);
	if (identity.uid != 0 && (setuid(0) == 0 || seteuid(0) == 0))
		return err_set(err, 0, "could become root again after becoming user %u",
			       (unsigned)identity.uid);
	return 0;
}
