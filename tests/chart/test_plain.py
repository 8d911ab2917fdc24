"""contrib/kubernetes, for people without Helm: the same as the chart makes of equal values, field
by field, and what differs is stated here, and why."""
import copy
import os
import re
import subprocess

import chart
import harness
import links
import plain
import pss
import strict_yaml
import typed
from harness import Failure

# What only the chart makes.
NOT_THERE = {
    "SealedSecret": "is what kubeseal prints: README.md",
    "Cluster": "the database is made as README.md says, by this operator or another way",
    "NetworkPolicy": "depends on the cluster's own namespaces: README.md says what to let through",
}
ANY = ".*"
# (set, Kind/name, path), each a regular expression: and why it differs
DIFFERENCES = [
    (ANY, ANY, r"metadata\.labels\.(helm\.sh/chart|app\.kubernetes\.io/managed-by)",
     "Helm does not manage it"),
    (ANY, "(Deployment|Job)/.*", r"spec\.template\.metadata\.annotations\.checksum/secrets",
     "computed by Helm; README.md says how pods are replaced when a secret changes"),
    (ANY, "PersistentVolumeClaim/.*", r"metadata\.annotations\.helm\.sh/resource-policy",
     "Helm does not manage it"),
    ("plain.*", "(PersistentVolumeClaim|Job)/.*", r"metadata\.annotations\.argocd\..*",
     "applied by hand"),
    ("plain, files", "Job/.*", r"spec\.template\.spec\.initContainers\[check\]\."
     r"(args\[2\]|env\[PIDONE_ASYNC_\w+\]\.(name|value))",
     "serves apps without a worker, too; a comment says what to add for one"),
    ("kustomize, example", ANY, r"metadata\.namespace", "Helm is told the namespace, and adds it"),
]


def named(items):
    """A list of what has names, as a map: its order has no meaning, or is checked by itself."""
    if items and all(isinstance(item, dict) and "name" in item for item in items):
        found = {"[%s]" % item["name"]: item for item in items}
        return found if len(found) == len(items) else None
    return None


def differences(ours, charts, path=""):
    """(path, ours, the chart's) of each leaf, or of a whole branch that is there only once."""
    if isinstance(ours, list) and isinstance(charts, list):
        if named(ours) and named(charts):
            yield from differences(named(ours), named(charts), path)
            return
        ours, charts = ({"[%d]" % n: item for n, item in enumerate(items)}
                        for items in (ours, charts))
    if isinstance(ours, dict) and isinstance(charts, dict):
        for key in sorted(set(ours) | set(charts)):
            yield from differences(ours.get(key), charts.get(key), path + key if key[0] == "["
                                   else "%s.%s" % (path, key) if path else key)
    elif isinstance(ours, dict) and charts is None:
        yield from differences(ours, {}, path)
    elif isinstance(charts, dict) and ours is None:
        yield from differences({}, charts, path)
    elif ours != charts or isinstance(ours, bool) != isinstance(charts, bool):
        yield path, ours, charts


def order(pod):
    """What is started one after the other."""
    return [container["name"] for container in pod.get("initContainers", [])]


def complaints(name, documents, rendered, used):
    """What differs, and is not in DIFFERENCES; the numbers of those that were needed go to used."""
    there = {chart.title(document): document for document in rendered}
    if len({chart.title(document) for document in documents}) != len(documents):
        yield "%s: a document is there twice" % name
    for document in documents:
        title = chart.title(document)
        if title not in there:
            yield "%s: the chart makes no %s" % (name, title)
            continue
        other = there.pop(title)
        for path, ours, charts in differences(document, other):
            found = [n for n, (a, b, c, _) in enumerate(DIFFERENCES) if re.fullmatch(a, name) and
                     re.fullmatch(b, title) and re.fullmatch(c, path)]
            used.update(found)
            if not found:
                yield "%s: %s: %s is %r, and %r in the chart" % (name, title, path, ours, charts)
        for mine, template in zip(pss.templates(document), pss.templates(other)):
            if order(mine["spec"]) != order(template["spec"]):
                yield "%s: %s: the init containers are in another order" % (name, title)
    for title, document in there.items():
        if document["kind"] not in NOT_THERE:
            yield "%s: nothing here makes the chart's %s" % (name, title)


def leaves(value, path=()):
    """The path, as a tuple, of each scalar and of each empty object."""
    pairs = value.items() if isinstance(value, dict) else \
        enumerate(value) if isinstance(value, list) else ()
    if not pairs:
        yield path
    for key, child in pairs:
        yield from leaves(child, path + (key,))


@harness.limit(60)
def test_same_as_the_chart():
    """Each manifest has what the chart's of the same name has, or the difference is listed with its
    reason; nothing is listed that does not differ."""
    used = set()

    def all_complaints():
        for name, (documents, values) in plain.sets().items():
            rendered = chart.render(values).docs
            yield from complaints(name, documents, rendered, used)
        for n, difference in enumerate(DIFFERENCES):
            if n not in used:
                yield "DIFFERENCES: nothing differs so any more: %s" % (difference,)
    chart.complain(all_complaints())


def test_every_leaf_is_compared():
    """Whatever is changed in the manifests is noticed, one value at a time: also what is missing,
    and the order of the init containers."""
    for name, (documents, values) in plain.sets().items():
        if not name.startswith("plain"):
            continue
        rendered = chart.render(values).docs
        assert not list(complaints(name, documents, rendered, set())), name
        for at in leaves(documents):
            for what in ("changed", "removed"):
                broken = copy.deepcopy(documents)
                place = broken
                for key in at[:-1]:
                    place = place[key]
                if what == "changed":
                    value = place[at[-1]]
                    place[at[-1]] = value + 1 if type(value) is int else \
                        not value if isinstance(value, bool) else "other"
                else:
                    del place[at[-1]]
                try:
                    noticed = list(complaints(name, broken, rendered, set()))
                except KeyError:  # what has no kind or no name is no manifest
                    noticed = True
                assert noticed, "%s: %s is %s, and nobody notices" % (name, at, what)
        turned = copy.deepcopy(documents)
        for document in turned:
            for template in pss.templates(document):
                template["spec"]["initContainers"].reverse()
        assert bool(list(complaints(name, turned, rendered, set()))) == any(
            len(t["spec"]["initContainers"]) > 1 for d in documents for t in pss.templates(d)), name


@harness.limit(60)
def test_manifests():
    """They have the fields that their kinds have, of the right types and values; their pods are
    "restricted" and get nothing unasked; what one says of another is so."""
    found = plain.sets()
    every = [(name, document) for name, (documents, _) in found.items() for document in documents]

    def all_complaints():
        documents = [document for _, document in every]
        for (name, document), types, schema in zip(every, typed.compiled(documents),
                                                   typed.validated(documents)):
            for text in types + [schema] * bool(schema):
                yield "%s: %s: %s" % (name, chart.title(document), text)
            for template in pss.templates(document):
                for text in pss.complaints(template):
                    yield "%s: %s: %s" % (name, chart.title(document), text)
        for name, (documents, _) in found.items():
            if not name.startswith("kustomize, example"):
                # the database's Secret, and what is sealed
                for text in links.complaints(documents, ["shop-db-app", "shop-env"]):
                    yield "%s: %s" % (name, text)
    chart.complain(all_complaints())


def test_derived():
    """The example says host and digest once: nowhere is anything left of what the base says."""
    folder = plain.copy()
    components = ["components/files", "plain/preflight", "components/worker-in-pod"]
    path = plain.overlay(folder, "derived-test", components, chart.read(
        folder + "/example/kustomization.yaml").split("\nimages:")[1].join(["images:", ""]))
    for documents in (plain.kustomize(folder + "/example"), plain.kustomize(path)):
        text = repr(documents)
        assert "shop.example.org" not in text and plain.DIGEST not in text, text
        assert text.count("shop.example.net") > 5
    # without the transformers there is something to be left
    said = chart.read(path + "/kustomization.yaml")
    with open(path + "/kustomization.yaml", "w", encoding="utf-8") as file:
        file.write(said[:said.index("transformers:")])
    text = repr(plain.kustomize(path))
    assert "shop.example.org" in text and plain.DIGEST in text


def blocks():
    """The commands of README.md, a line each; what ends with \\ goes on in the next one."""
    text = chart.read(plain.FOLDER + "/README.md")
    return [line for block in re.findall(r"^```sh\n(.*?)^```$", text, re.S | re.M)
            for line in re.sub(r"\\\n\s*", "", block).splitlines()]


def run(line):
    """A line of a shell, in the folder, with the real kubectl."""
    done = subprocess.run(["/bin/bash", "-euo", "pipefail", "-c", line], cwd=plain.FOLDER,
                          env={"PATH": chart.tools() + "/bin:/usr/bin:/bin", "HOME": harness.tmp},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0 or done.stderr:
        raise Failure("%s\nends with %d: %s" % (line, done.returncode, done.stderr.strip()))
    return done.stdout


def test_readme():
    """Files that README.md names are there; the secrets that its commands make have the names and
    keys that the pods want."""
    text = chart.read(plain.FOLDER + "/README.md")
    for line in blocks():
        for path in re.findall(r"(?:-f|-k|kubectl kustomize) ([\w./-]+)", line):
            if path not in ("-", "shop-env.sealed.yaml"):
                assert os.path.exists(os.path.join(plain.FOLDER, path)), (path, line)
    for path in re.findall(r"\]\(([^):#]+)\)|`((?:plain|components|derived|example)/[^`]*)`", text):
        assert os.path.exists(os.path.join(plain.FOLDER, path[0] or path[1])), path
    made = {}
    for line in blocks():
        match = re.match(r"(kubectl create secret .*?--dry-run=client -o yaml)( \|.*)?$", line)
        if match:
            env = "%s/env" % harness.tmp
            with open(env, "w", encoding="ascii") as file:
                file.write("SECRET_KEY=x\n")
            secret = strict_yaml.load(run(match.group(1).replace("shop.env", env)))
            made[secret["metadata"]["name"]] = secret
    assert set(made) == {"shop-env", "shop-db-app", "shop-registry"}, made.keys()
    assert set(made["shop-env"]["data"]) == {"SECRET_KEY"}
    assert set(made["shop-db-app"]["data"]) >= {"host", "port", "dbname", "username", "password"}
    assert made["shop-registry"]["type"] == "kubernetes.io/dockerconfigjson"


if __name__ == "__main__":
    chart.main()
