"""The border between a customer's file and the hoster's: an app as Argo CD would render it, with a
customer's file of a case's own, and everything that the schema of the chart `django` lets a customer
or the hoster say."""
import json
import os
import re

import chart
import gitops
import harness
import schema

APP = "acme.shop"


class App:
    """The example's app `shop`, between whose files a case puts its own."""

    def __init__(self):
        self.world = gitops.World()
        self.application = self.world.applications()[APP]
        self.files = self.world.value_files(self.application)
        self.count = 0

    def values(self, customer):
        """customer: the text of its file, or a dictionary, in place of the example's."""
        text = customer if isinstance(customer, (str, bytes)) else json.dumps(customer)
        return [self.write(text)] + self.files[1:]

    def write(self, text):
        self.count += 1
        path = "%s/customer-%d-%d.yaml" % (harness.tmp, os.getpid(), self.count)
        if isinstance(text, str):
            text = text.encode("utf-8", "surrogatepass")
        with open(path, "wb") as file:
            file.write(text)
        return path

    def render(self, customer, helm=4):
        return self.world.render(self.application, helm, self.values(customer))

    def attempt(self, customer, helm=4, values=None):
        """(what was rendered, None) or (None, what Helm said)"""
        source = gitops.main_source(self.application)
        words = ["template", source["helm"]["releaseName"], chart.directory("django"),
                 "--namespace", self.application["spec"]["destination"]["namespace"]]
        for path in self.values(customer) if values is None else values:
            words += ["--values", path]
        done = chart.helm(helm, *words)
        return (done.stdout, None) if done.returncode == 0 else (None, done.stderr)


def example():
    """The customer's file of the example, as values."""
    return gitops.load(gitops.EXAMPLES + "/customer/apps/shop.yaml")


# ---- what the schema lets somebody say ----

def leaves(block):
    """(path, node) of each value below `app` or `hoster` that is no map of others; [] stands for an
    item, <name> for a key of the user's own."""
    root, _ = schema.load("django")
    for path, node in schema.walk(root):
        node = schema.resolved(root, node)
        if path[:1] == (block,) and not list(schema.children(node)):
            yield path, node


def built(path, value):
    """{"a": {"b": [value]}} of (a, b, []); a name of the user's own is a role's where it can be"""
    name = "run" if path[1] in ("resources", "replicas") else "x"
    for word in reversed(path):
        value = [value] if word == "[]" else {(name if word == "<name>" else word): value}
    return value


def blocks():
    """X → a hostile value of hoster.X that says everything which can be said there."""
    found, count = {}, 0
    for path, node in leaves("hoster"):
        leaf = built(path, hostile(node))["hoster"]
        found[path[1]] = gitops.merged(found.get(path[1], {}), leaf)
        count += 1
        assert contains(found[path[1]], leaf), path
    assert count > 80 and len(found) > 12, (count, sorted(found))
    return found


def contains(value, part):
    """Maps key by key; a list has an item that has the item."""
    if isinstance(part, dict):
        return isinstance(value, dict) and all(k in value and contains(value[k], v)
                                               for k, v in part.items())
    if isinstance(part, list):
        return isinstance(value, list) and all(any(contains(v, p) for v in value) for p in part)
    return value == part


CANDIDATES = ["evil.example.org", "evil", "64", "64Gi", "64s", "99h", "*.evil.example.org",
              "registry.example.org/evil/image@sha256:" + "e" * 64, "0 0 * * * *", "203.0.113.0/24",
              "2031-01-01T00:00:00Z", "registry.example.org/evil", "/evil", "Exists", "TCP", "v1", "#"]


def hostile(node):
    """A value that the schema lets pass, and that is hardly the default."""
    kind = [t for t in schema.types(node) if t != "null"][0]
    if "enum" in node:
        return node["enum"][-1]
    if kind == "boolean":
        return True
    if kind in ("integer", "number"):
        return max(node.get("minimum", 0), min(node.get("maximum", 64), 64))
    if kind == "string":
        for text in CANDIDATES:
            if re.search(node.get("pattern", ""), text) and \
                    node.get("minLength", 0) <= len(text) <= node.get("maxLength", 10**6):
                return text
        raise chart.Failure("no candidate for %s" % node)
    return [] if kind == "array" else {}
