"""Who owns which host: each is one app's, on all clusters together, since DNS is one."""
from checks.tree import get


def overlap(one, other):
    """A host that both of two entries of hoster.domains allow; None if there is none. `*.` stands
    for one label, or more."""
    if one == other:
        return one
    for wide, narrow in ((one, other), (other, one)):
        if wide.startswith("*.") and narrow.endswith(wide[1:]):
            return narrow
    return None


def check(now):
    owners = []
    for app in now.apps:
        if get(app.hoster, "routing.type") == "none":
            continue
        domains = app.hoster.get("domains")
        if not isinstance(domains, list) or not domains:
            yield ("%s: hoster.domains is empty, so the customer could take any host, also another "
                   "customer's. List the app's hosts." % app.file)
            continue
        for domain in map(str, domains):
            domain = domain.lower().rstrip(".")
            for other, theirs in owners:
                host = overlap(domain, theirs)
                if host and other is not app:
                    yield "%s: hoster.domains has %s, but %s is already the app's of %s (%s). " \
                          "Give it to one of them." % (app.file_of("domains"), domain, host,
                                                       other.file, theirs)
            owners.append((app, domain))
