"""Volumes grow, and never shrink; their class and access mode never change."""
from checks import amounts
from checks.tree import get

SIZES = ("files.size", "postgres.cluster.size", "postgres.cluster.walSize")
FIXED = ("files.accessMode", "files.storageClassName", "postgres.cluster.storageClassName")


def check(before, now):
    old = {app.file: app for app in before.apps}
    for app in now.apps:
        earlier = old.get(app.file)
        # another cluster, or a claim that was made by hand: other volumes
        if not earlier or earlier.cluster != app.cluster:
            continue
        other_claim = get(earlier.hoster, "files.existingClaim") != \
            get(app.hoster, "files.existingClaim")
        for path in SIZES + FIXED:
            if not (path.startswith("files.") and other_claim):
                yield from _compare(earlier, app, path)


def _compare(earlier, app, path):
    was, is_ = get(earlier.hoster, path), get(app.hoster, path)
    if was in (None, "") or was == is_:
        return
    where = "%s: hoster.%s" % (app.file_of(path) if is_ is not None else app.file, path)
    if path in FIXED:
        yield ("%s was %s and is %s now, but an existing volume keeps it. For %s/%s make a new "
               "volume, copy the files, and name it in hoster.files.existingClaim; for a database, "
               "see doc/hoster.md." % (where, was, is_ or "no longer there", app.customer, app.name))
        return
    if is_ in (None, ""):
        yield "%s was %s and is no longer there: the volume would shrink. Put it back." % (where, was)
        return
    old, new = amounts.number(was), amounts.number(is_)
    if old is not None and new is not None and new < old:
        yield ("%s shrinks from %s to %s, which no volume can (%s/%s). Put it back; for less, move "
               "the data to a new volume." % (where, was, is_, app.customer, app.name))
