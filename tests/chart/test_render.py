"""What the charts render for every values file of tests/chart/cases: by both Helms, unambiguous,
as it was (golden), and with nothing for pods in it that changes with the chart's version."""
import difflib
import glob
import os
import re
import shutil

import chart
import harness
import pss
import strict_yaml
import trees

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
WORD = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
VARIABLE = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
# The longest names by kind; what a controller makes of them is longer, and is a label's value.
LONGEST = {"Secret": 253, "ConfigMap": 253, "SealedSecret": 253, "CronJob": 52, "StatefulSet": 52,
           "Cluster": 50}
DOTTED = {"Secret", "ConfigMap", "SealedSecret", "StorageClass"}
# What the version of a chart may change: labels of an object, never those of its pods
VERSION = re.compile(r'((?:helm\.sh/chart|app\.kubernetes\.io/version)"?: ?"?)[^",}\n]*')
LEFTOVERS = ("{{", "}}", "<no value>", "%!", "map[")
# What Prometheus fills in when an alert fires
ALERTS_OWN = re.compile(r'\{\{ \$(labels\.[a-z_]+|value( \| printf "%\.0f")?) \}\}')


def test_strict_yaml():
    """The reader of what is rendered refuses what different readers take for different things."""
    for bad in ("a: 1\na: 2", "a: &x 1\nb: *x", "a: !!str 1", "a:", "a: ~", "a: null", "a: yes",
                "a: Off", "a: 0440", "a: 0x1f", "a: 0o17", "a: 1_000", "a: 1e3", "a: 12:30:45",
                "a: .inf", "a: 2026-01-31", "a: TRUE", "y: 1", "1: a", "true: a", "a: [1", "<<: {}",
                "a: \"\0\"", "a: 1.", "a: +1", "a: =", "- a: 1\n  a: 2", "a: .5"):
        try:
            read = strict_yaml.load_all(bad)
        except strict_yaml.Ambiguous:
            continue
        raise chart.Failure("reads %r as %r" % (bad, read))
    good = "# x\n---\n---\na: [\"yes\", true, 0.5, -1, 10.0.0.1, 100m, '']\nb:\n  c: |\n    0440\n"
    assert strict_yaml.load_all(good) == [
        {"a": ["yes", True, 0.5, -1, "10.0.0.1", "100m", ""], "b": {"c": "0440\n"}}]


@harness.limit(60)
def test_cases():
    """Every values file of tests/chart/cases renders, and everybody reads the same in what comes
    of it."""
    def one(case):
        for helm in chart.HELMS:
            assert chart.render(case[2], chart=case[0], helm=helm).docs, case
    chart.each(one, chart.all_cases())


def test_both_helms():
    """Helm 3 and Helm 4 render the same, byte for byte, but for the white space with which a
    document ends, and neither warns of anything."""
    def complaints():
        four = dict(chart.rendered(helm=4))
        for case, three in chart.rendered(helm=3):
            assert case in four, case
            old, new = (re.sub(r"\s+(?=^---$|\Z)", "\n", rendered.text, flags=re.M)
                        for rendered in (three, four[case]))
            if old != new or three.docs != four[case].docs:
                yield "%s:\n%s" % (case, difference(old, new, "Helm 3", "Helm 4"))
            for number, rendered in ((3, three), (4, four[case])):
                if rendered.warnings.strip():
                    yield "%s: Helm %d warns: %s" % (case, number, rendered.warnings.strip())
    chart.complain(complaints())


def difference(old, new, old_name, new_name):
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), old_name, new_name,
                                      lineterm=""))
    return "\n".join(lines[:80] + (["…"] if len(lines) > 80 else []))


def test_lint():
    """`helm lint --strict` of both Helms has nothing to say about any case."""
    def one(job):
        (name, case, path), number = job
        done = chart.helm(number, "lint", "--strict", "--quiet", chart.directory(name),
                          "--values", path, "--namespace", chart.NAMESPACE)
        said = re.sub(r"\[INFO\] Chart\.yaml: icon is recommended\n*", "",
                      done.stdout + done.stderr).strip()
        if done.returncode != 0 or "[WARNING]" in said or "[ERROR]" in said:
            raise chart.Failure("%s/%s: Helm %d: %s" % (name, case, number, said))

    first = {}
    for case in chart.all_cases():
        first.setdefault(case[0], case)
    chart.each(one, [(case, number) for case in first.values() for number in chart.HELMS])


# ---- documents ----

def every_document():
    """(case, document)"""
    return [(case, document) for case, rendered in chart.rendered()
            for document in rendered.docs]


def test_documents():
    """Each document is an object of Kubernetes; none is there twice; none of an app is for another
    namespace, whatever the values say."""
    def complaints():
        seen = set()
        for case, document in every_document():
            where = "%s: %s" % (case, chart.title(document))
            for key in ("apiVersion", "kind", "metadata"):
                if not document.get(key):
                    yield "%s: no %s" % (where, key)
            this = (case, document["apiVersion"].split("/")[0], chart.title(document))
            if this in seen:
                yield "%s is there twice" % where
            seen.add(this)
            if document["metadata"].get("namespace", chart.NAMESPACE) != chart.NAMESPACE and \
                    case.startswith("django/"):
                yield "%s: is for the namespace %s" % (where, document["metadata"]["namespace"])
    chart.complain(complaints())


def test_names():
    """Names are names to Kubernetes, and so short that what is made of them is one, too."""
    def complaints():
        for case, document in every_document():
            kind, name = document["kind"], document["metadata"]["name"]
            where = "%s: %s" % (case, chart.title(document))
            limit = LONGEST.get(kind, 63)
            if len(name) > limit:
                yield "%s: the name has %d characters, and may have %d" % (where, len(name), limit)
            if not (SUBDOMAIN if kind in DOTTED else LABEL).fullmatch(name):
                yield "%s: is no name" % where
            if kind == "Service" and not name[0].isalpha():
                yield "%s: the name of a Service begins with a letter" % where
            for template in pss.templates(document):
                yield from ("%s: %s" % (where, text) for text in names_in_pod(template["spec"]))
    chart.complain(complaints())


def names_in_pod(spec):
    for place, container in pss.containers(spec):
        for name in [container["name"]] + [m["name"] for m in container.get("volumeMounts", [])]:
            if not LABEL.fullmatch(name) or len(name) > 63:
                yield "%s: %s is no name" % (place, name)
        for port in container.get("ports", []):
            name = port.get("name", "x")
            if not LABEL.fullmatch(name) or len(name) > 15 or "--" in name or \
                    not re.search("[a-z]", name):
                yield "%s: %s is no name of a port" % (place, name)
        for variable in container.get("env", []):
            if not VARIABLE.fullmatch(variable["name"]):
                yield "%s: %s is no name of a variable" % (place, variable["name"])


def test_labels():
    """Labels, selectors and annotations are such to Kubernetes."""
    def complaints():
        for case, document in every_document():
            where = "%s: %s" % (case, chart.title(document))
            for kind, found in trees.maps_of(document, ("labels", "matchLabels", "annotations",
                                                  "nodeSelector")):
                for key, value in found.items():
                    prefix, _, word = key.rpartition("/")
                    if not (word and WORD.fullmatch(word) and len(word) <= 63 and
                            (not prefix or SUBDOMAIN.fullmatch(prefix))):
                        yield "%s: %s: %s is no key" % (where, kind, key)
                    if kind != "annotations" and not (
                            isinstance(value, str) and len(value) <= 63 and WORD.fullmatch(value)):
                        yield "%s: %s: %s: %r is no value" % (where, kind, key, value)
                    if kind == "annotations" and not isinstance(value, str):
                        yield "%s: annotation %s: %r is no text" % (where, key, value)
    chart.complain(complaints())


def test_leftovers():
    """Nothing is left of a template, and nothing is printed that was no text."""
    def complaints():
        for case, rendered in chart.rendered():
            given = list(trees.scalars(strict_yaml.load(chart.read(rendered.values))))
            for document in rendered.docs:
                for text in trees.scalars(document):
                    if document["kind"] == "PrometheusRule":
                        text = ALERTS_OWN.sub("", text)
                    for left in LEFTOVERS:
                        if left in text and not any(left in word for word in given):
                            yield "%s: %s: %s in: %s" % (case, chart.title(document), left,
                                                         text[:200])
    chart.complain(complaints())


# ---- as it was ----

def as_golden(text):
    """Without the chart's version, and without white space that nobody would see."""
    lines = VERSION.sub(r"\g<1>…", text).splitlines()
    return "\n".join(line.rstrip() for line in lines if line.strip()) + "\n"


@harness.limit(60)
def test_golden():
    """Each case renders what tests/chart/golden has; PIDONE_UPDATE=1 writes it anew."""
    def complaints():
        for case, rendered in chart.rendered():
            path = "%s/golden/%s.yaml" % (chart.HERE, case)
            there = chart.read(path) if os.path.exists(path) else ""
            text = as_golden(rendered.text)
            if chart.UPDATE and there != text:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
            elif there != text:
                yield "%s; if that is meant: PIDONE_UPDATE=1 tests/chart/run test_render " \
                    "test_golden\n%s" % (case, difference(there, text, "golden", "rendered"))
        for name in chart.names():
            for path in glob.glob("%s/golden/%s/*.yaml" % (chart.HERE, name)):
                if os.path.basename(path)[:-len(".yaml")] in chart.cases(name):
                    continue
                if chart.UPDATE:
                    os.remove(path)
                else:
                    yield "%s has no case" % os.path.relpath(path, chart.HERE)
    chart.complain(complaints())


def bumped(name):
    """A copy of the chart with other versions."""
    copy = "%s/%s" % (harness.tmp, name)
    shutil.copytree(chart.directory(name), copy, copy_function=shutil.copyfile)
    os.chmod(copy, 0o755)   # as it is where `make distcheck` unpacked it, it cannot be written
    text, found = re.subn(r"^((?:version|appVersion):).*$", r'\1 "99.88.77"',
                          chart.read(copy + "/Chart.yaml"), flags=re.M)
    assert found, "Chart.yaml of %s has no version" % name
    with open(copy + "/Chart.yaml", "w", encoding="utf-8") as file:
        file.write(text)
    return copy


def places(document):
    """Each key of each object, without the numbers of lists."""
    return {"%s %s %s" % (document["kind"], re.sub(r"\.\d+\b", "", path), key)
            for path, value in trees.objects(document) for key in value}


def covering(rendered):
    """So few of [(case, Rendered)] that every place which any has is in one of them."""
    left = {case: set().union(*map(places, result.docs)) for case, result in rendered}
    chosen = []
    while any(left.values()):
        best = max(left, key=lambda case: len(left[case]))
        chosen.append(best)
        covered = left.pop(best)
        left = {case: found - covered for case, found in left.items()}
    return [(case, result) for case, result in rendered if case in chosen]


def test_covering():
    """Of cases those are left out that have nothing that the others have not."""
    def case(*documents):
        return chart.Rendered("\n---\n".join("{kind: A, %s}" % d for d in documents))
    found = covering([("a", case("a: 1")), ("b", case("a: 2", "b: [{c: 1}, {c: 2}]")),
                      ("c", case("b: [{d: 1}]")), ("d", case("b: [{c: 3}, {d: 5}]"))])
    assert [name for name, _ in found] in (["b", "d"], ["b", "c"]), found


@harness.limit(60)
def test_new_version():
    """With another version of the chart the same values change nothing but the labels that name
    it, and those are not on a pod: no app restarts for a label, and a Job stays as it is."""
    def one(job):
        case, old = job
        new = chart.render(old.values, chart=copies[old.chart])
        before, after = (VERSION.sub("", text) for text in (old.text, new.text))
        if before != after:
            raise chart.Failure("%s:\n%s" % (case, difference(
                before, after, "this version", "another version")))
        for document in new.docs:
            for template in pss.templates(document):
                if "99.88.77" in str(template) or "99.88.77" in str(document.get("spec")):
                    raise chart.Failure("%s: %s: the version is on its pods" % (
                        case, chart.title(document)))
        return "99.88.77" in new.text

    copies = {name: bumped(name) for name in chart.names()}
    assert any(chart.each(one, covering(chart.rendered()))), "the version is nowhere: is this a test?"


if __name__ == "__main__":
    chart.main()
