"""Names and files: whether Argo CD finds what belongs together, and two apps never meet."""
import os
import re

from checks.tree import get, load

CUSTOMER = re.compile(r"[a-z]([a-z0-9]|-[a-z0-9])*")
APP = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
REVISION = re.compile(r"v?\d+\.\d+\.\d+([-+][0-9A-Za-z.-]+)?|[0-9a-f]{40}")
CUSTOMER_LENGTH, APP_LENGTH = 40, 30
# names of projects and namespaces that are somebody else's
TAKEN = {"argocd", "default", "hoster", "in-cluster"}


def check(now, customers):
    yield from _files(now)
    yield from _reset(now)
    yield from _rings(now)
    for name in sorted(now.tenants):
        yield from _tenant(now, name)
    yield from _repositories(now)
    for app in now.apps:
        yield from _app(now, app)
        yield from _customer_file(app, customers)
    yield from _neighbours(now)


def _files(now):
    for name in sorted(now.links):
        yield ("%s: a symbolic link. What Argo CD reads must be what was reviewed: put the file "
               "itself here." % name)
    for name in sorted(now.files):
        folder = name.split("/")[0]
        if folder not in ("apps", "tenants", "rings") or not re.search(r"\.ya?ml$", name):
            continue
        # git's own patterns, which Argo CD uses, let `*` match a slash, too
        if name.count("/") != (2 if folder == "apps" else 1):
            yield "%s: it must be %s; move it there." % (
                name, {"apps": "apps/CUSTOMER/APP.yaml"}.get(folder, folder + "/NAME.yaml"))
        elif name.endswith(".yml"):
            yield "%s: nobody reads it, since the name does not end in .yaml; rename it." % name


def _reset(now):
    if now.values("_reset.yaml") != {"hoster": None}:
        yield ("_reset.yaml: it must be `hoster: null` and nothing else, or what a customer writes "
               "below `hoster` reaches the chart. Restore it.")


def _rings(now):
    for name in sorted(n for n in now.files if re.fullmatch(r"rings/[^/]*\.yaml", n)):
        revision = get(now.values(name), "ring.revision")
        if not isinstance(revision, str) or not REVISION.fullmatch(revision):
            yield ("%s: ring.revision is %r, but must be a tag such as v1.4.0 or a whole commit: a "
                   "branch would move all its apps without a change here." % (name, revision))


def _name(file, what, name, pattern, length):
    if len(name) > length:
        yield ("%s: the %s's name %s has %d characters; at most %d leave room for those of its "
               "objects. Choose a shorter one." % (file, what, name, len(name), length))
    elif not pattern.fullmatch(name):
        yield ("%s: the %s's name %s is none: small letters, digits and single dashes, a letter "
               "first. Rename the file or directory." % (file, what, name))


def _tenant(now, name):
    file = "tenants/%s.yaml" % name
    values = now.values(file)
    yield from _name(file, "customer", name, CUSTOMER, CUSTOMER_LENGTH)
    if name in TAKEN or name.startswith("kube-"):
        yield "%s: %s is no customer's name here: there is a project or namespace of that name. " \
              "Choose another one." % (file, name)
    if values.get("customer") != name:
        yield "%s: customer is %r, but must be what the file is called: %s." % (
            file, values.get("customer"), name)
    if get(values, "namespace.name") not in (None, "", name):
        yield ("%s: namespace.name is %s, but argocd/apps.yaml deploys into %s. Two customers in "
               "one namespace could have two apps of one name. Remove the line." % (
                   file, get(values, "namespace.name"), name))
    for key in ("project.repositories.customer", "project.destination.name"):
        if not isinstance(get(values, key), str) or not get(values, key):
            yield "%s: %s is missing; argocd/apps.yaml reads it here." % (file, key)
    cluster = get(values, "project.destination.name")
    if isinstance(cluster, str) and cluster:
        for needed in ("clusters/%s.yaml" % cluster, "clusters/%s.tenants.yaml" % cluster,
                       "clusters/all.tenants.yaml"):
            if needed not in now.files:
                yield "%s: it is on the cluster %s, but there is no %s. Add that file, or correct " \
                      "project.destination.name." % (file, cluster, needed)
    yield from _ring(now, file, get(values, "global.ring"))


def _ring(now, file, ring):
    names = sorted(n[len("rings/"):-len(".yaml")] for n in now.files
                   if re.fullmatch(r"rings/[^/]*\.yaml", n))
    if not ring:
        yield "%s: global.ring is missing; there are: %s." % (file, ", ".join(names))
    elif ring not in names:
        yield "%s: global.ring is %s, and there is no such ring; there are: %s." % (
            file, ring, ", ".join(names))


def normal(url):
    """As Argo CD compares repositories."""
    url = str(url).strip().lower()
    url = re.sub(r"^(?:ssh://)?(?:[^@/]*@)([^:/]+)[:/]", r"https://\1/", url)
    return re.sub(r"(\.git)?/*$", "", re.sub(r"^[a-z+]*://(?:[^@/]*@)?", "", url))


def _repositories(now):
    common = get(now.values("clusters/all.tenants.yaml"), "project.repositories") or {}
    for name, values in sorted(now.tenants.items()):
        url = get(values, "project.repositories.customer")
        for whose in ("charts", "hoster"):
            ours = get(values, "project.repositories." + whose) or common.get(whose)
            if url and ours and normal(url) == normal(ours):
                yield ("tenants/%s.yaml: project.repositories.customer is the repository of %s: who "
                       "may write there decides over everybody. Give the customer one of its "
                       "own." % (name, {"charts": "the charts", "hoster": "the hoster"}[whose]))


def _app(now, app):
    yield from _name(app.file, "app", app.name, APP, APP_LENGTH)
    if app.name == "tenant" or app.name.startswith("tenant-"):
        yield "%s: names of objects that begin with `tenant` are those of django-tenant. Choose " \
              "another name." % app.file
    for key in sorted(set(app.values) - {"hoster", "global"}, key=str):
        yield ("%s: `%s` does not belong here: only `hoster`, and `global.ring`. What the app is, "
               "its customer says." % (app.file, key))
    if not isinstance(app.values.get("hoster"), dict):
        yield "%s: there is no `hoster` in it, so nothing is decided about this app." % app.file
    if app.customer not in now.tenants:
        yield "%s: there is no tenants/%s.yaml, so the app has no namespace and no project. Add " \
              "it, or correct the directory's name." % (app.file, app.customer)
    elif get(app.values, "global.ring"):
        yield from _ring(now, app.file, app.ring)
    for key in sorted(set(now.values(app.cluster_file)) - {"hoster"}, key=str):
        yield "%s: `%s` does not belong here, only `hoster`." % (app.cluster_file, key)


def _customer_file(app, customers):
    if not customers or not os.path.isdir(os.path.join(customers, app.customer)):
        return
    path = os.path.join(customers, app.customer, "apps", app.name + ".yaml")
    said = "%s: the customer's apps/%s.yaml" % (app.file, app.name)
    if os.path.islink(path) or not os.path.isfile(path):
        yield "%s is %s. The customer adds it first, then the app is added here." % (
            said, "a symbolic link" if os.path.islink(path) else "not there")
        return
    with open(path, encoding="utf-8", errors="replace") as file:
        try:
            values = load(file.read())
        except Exception as error:  # whatever a stranger's file does to the parser
            yield "%s cannot be read: %s. The customer has to correct it." % (
                said, " ".join(str(error).split()))
            return
    if not isinstance(values, dict) or "app" not in values:
        yield "%s has no `app` in it. The customer has to add it." % said


def _neighbours(now):
    """One app's objects are called APP-something: another app must not be."""
    for app in now.apps:
        for other in now.apps:
            if app.customer == other.customer and app.name.startswith(other.name + "-"):
                yield ("%s: the name begins with that of %s, whose objects are called %s-db, "
                       "%s-async and so on: the two would meet. Call it %s-%s, for instance." % (
                           app.file, other.file, other.name, other.name,
                           app.name[len(other.name) + 1:], other.name))
    names = {}
    for name in sorted(now.files):
        match = re.fullmatch(r"apps/([^/]+)/([^/]+?)\.ya?ml", name)
        if match:
            names.setdefault((match.group(1), match.group(2).lower()), []).append(name)
    for files in names.values():
        if len(files) > 1:
            yield "%s: two apps of one name in one namespace. Keep one of them." % " and ".join(files)
