"""The charts of contrib/charts, rendered by the real Helm 3 and Helm 4, as a case of tests/chart
wants it. A test file ends with chart.main() in place of harness.main(): that finds the programs
while there is a network, and a case skips where there are none.

    chart.render({"app": {…}}, "file.yaml").one("Deployment")["spec"]
    assert "replicas" in chart.fails({"app": {…}})
    chart.each(function, list)          in a pool of threads: Helm takes 0.1 s for a rendering
    chart.cases("django")               the values files of tests/chart/cases/django; the first line
                                        of one may be "# release: NAME", else the name is shop

PIDONE_UPDATE=1, or the argument --update: the golden files are written anew.
"""
import atexit
import concurrent.futures
import contextlib
import fcntl
import functools
import glob
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile

import harness
import strict_yaml
from harness import Failure

HERE = os.path.dirname(os.path.abspath(__file__))
CHARTS = os.path.join(harness.SRCDIR, "contrib", "charts")
HELMS = (3, 4)
RELEASE, NAMESPACE = "shop", "acme"
UPDATE = os.environ.get("PIDONE_UPDATE") == "1"
_tools = {"directory": None, "reason": "chart.main() was not called"}


def main(modules=()):
    """harness.main(), with the tools."""
    global UPDATE
    if "--update" in sys.argv:
        sys.argv.remove("--update")
        UPDATE = True
    if not harness.WRAPPER and not harness.SANITIZED:
        if "PIDONE_TEST_CACHE" not in os.environ:
            cache = tempfile.TemporaryDirectory(prefix="pidone-test.")
            os.environ["PIDONE_TEST_CACHE"] = cache.name
            os.chmod(cache.name, 0o1777)  # servers keep theirs there, too, as users of their own
            atexit.register(cache.cleanup)
        done = subprocess.run([HERE + "/tools"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, check=False)
        if done.returncode == 0:
            _tools.update(directory=done.stdout.strip(), reason=None)
        else:
            _tools["reason"] = " ".join(done.stderr.split()) or "tests/chart/tools failed"
    harness.main(under_valgrind=False, sanitized=False, modules=modules)


def tools():
    """Where the programs are; skips the case where they are not to be had."""
    if _tools["reason"]:
        harness.skip(_tools["reason"])
    return _tools["directory"]


def tool(name):
    return "%s/bin/%s" % (tools(), name)


# ---- what there is ----

def names():
    """The charts."""
    found = sorted(os.path.basename(os.path.dirname(path))
                   for path in glob.glob(CHARTS + "/*/Chart.yaml"))
    if not found:
        raise Failure("no chart in " + CHARTS)
    return found


def cases(name):
    """case → values file, for one chart."""
    found = {os.path.basename(path)[:-len(".yaml")]: path
             for path in glob.glob("%s/cases/%s/*.yaml" % (HERE, name))}
    if not found:
        raise Failure("no values file for the chart %s in tests/chart/cases/%s" % (name, name))
    return dict(sorted(found.items()))


def all_cases():
    """(chart, case, values file) of all charts."""
    return [(name, case, path) for name in names() for case, path in cases(name).items()]


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def each(function, items):
    """[function(item), …], several at a time; the failures of all are one failure."""
    def one(item):
        try:
            return function(item), None
        except Failure as failure:
            return None, str(failure)
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0)) + 1) as pool:
        done = list(pool.map(one, items))
    complain(failure for _, failure in done if failure)
    return [result for result, _ in done]


def complain(complaints):
    """Fails when there are any; shows so many that one still reads them."""
    complaints = list(dict.fromkeys(complaints))
    shown, lines = [], 0
    for complaint in complaints:
        lines += complaint.count("\n") + 1
        if shown and lines > 60:
            shown.append("… and %d more" % (len(complaints) - len(shown)))
            break
        shown.append(complaint)
    if complaints:
        raise Failure("\n".join(shown))


# ---- rendering ----

class Rendered:
    """text: what Helm printed; warnings: what it said beside that."""

    def __init__(self, text, warnings="", name="rendered"):
        self.text, self.warnings, self.name = text, warnings, name

    @functools.cached_property
    def docs(self):
        with _kept("documents", self.text) as kept:
            if not os.path.exists(kept):
                try:
                    _write(kept, json.dumps(strict_yaml.load_all(self.text)))
                except strict_yaml.Ambiguous as error:
                    raise Failure("%s: %s\n%s" % (
                        self.name, error, excerpt(self.text, str(error)))) from None
            return json.loads(read(kept))

    def all(self, kind, name=None):
        return [d for d in self.docs if d["kind"] == kind and
                (name is None or d["metadata"]["name"] == name)]

    def one(self, kind, name=None):
        found = self.all(kind, name)
        if len(found) != 1:
            raise Failure("%d and not one: %s %s; there is: %s" % (
                len(found), kind, name or "", ", ".join(map(title, self.docs))))
        return found[0]

    def kinds(self):
        return sorted({d["kind"] for d in self.docs})


def title(document):
    return "%s/%s" % (document.get("kind"), document.get("metadata", {}).get("name"))


def excerpt(text, message, around=3):
    """The lines about which the message speaks."""
    match = re.search(r"line (\d+)", message)
    if not match:
        return ""
    at = int(match.group(1))
    lines = list(enumerate(text.splitlines(), 1))[max(0, at - around):at + around]
    return "\n".join("%5d %s" % line for line in lines)


def _environment():
    """Nothing of the user's Helm, and no cluster."""
    return {"PATH": "/usr/bin:/bin", "HOME": harness.tmp, "LC_ALL": "C.UTF-8",
            "HELM_CACHE_HOME": harness.tmp + "/helm", "HELM_CONFIG_HOME": harness.tmp + "/helm",
            "HELM_DATA_HOME": harness.tmp + "/helm"}


def helm(number, *words):
    """The finished process; its output is text."""
    return subprocess.run([tool("helm%d" % number)] + list(words), env=_environment(),
                          cwd=harness.tmp, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)


def directory(chart):
    """A chart's: a name stands for one of contrib/charts."""
    return chart if os.path.isabs(chart) else os.path.join(CHARTS, chart)


def _contents(path):
    total = hashlib.sha256()
    for folder, folders, files in os.walk(path):
        folders.sort()
        for name in sorted(files):
            with open(os.path.join(folder, name), "rb") as file:
                total.update(b"%s\0%s\0" % (os.path.join(folder, name).encode(), file.read()))
    return total.hexdigest()


@contextlib.contextmanager
def _kept(*what):
    """A file for what comes of this, which other tests want, too; one of them makes it."""
    total = hashlib.sha256(json.dumps(what).encode()).hexdigest()
    path = "%s/chart-%s" % (os.environ["PIDONE_TEST_CACHE"], total[:32])
    with open(path + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield path


def _yaml(value):
    """JSON is YAML, but for a character beyond the first plane, which JSON writes as two."""
    return re.sub(r"\\u(d[89ab]..)\\u(d[c-f]..)", lambda m: "\\U%08x" % ord(
        json.loads('"%s"' % m.group())), json.dumps(value))


def _texts(values):
    return [_yaml(v) if isinstance(v, dict) else read(v) for v in values]


def _call(values, release, namespace, number, chart):
    """(exit code, what was rendered, what was said)"""
    texts = _texts(values)
    words = ["template", release, directory(chart), "--namespace", namespace]
    with _kept(_contents(directory(chart)), tools(), number, words, texts) as kept:
        if not os.path.exists(kept):
            for n, text in enumerate(texts):
                _write("%s.%d" % (kept, n), text)
                words += ["--values", "%s.%d" % (kept, n)]
            done = helm(number, *words)
            _write(kept, json.dumps([done.returncode, done.stdout, done.stderr]))
        return json.loads(read(kept))


def _write(path, text):
    """Whole or not at all, should this process be killed."""
    beside = path + ".new"
    with open(beside, "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(beside, path)


def _release(values):
    """What the first values file says, or the usual one."""
    found = re.match(r"# release: (\S+)\n", read(values[0])) \
        if values and not isinstance(values[0], dict) else None
    return found.group(1) if found else RELEASE


def render(*values, release=None, namespace=NAMESPACE, helm=4, chart="django"):
    """values: files and dictionaries, the last wins, as in Helm."""
    code, text, said = _call(values, release or _release(values), namespace, helm, chart)
    if code != 0:
        raise Failure("Helm %d refuses %s: %s" % (helm, _named(values), said.strip()))
    return Rendered(text, said, "what Helm %d makes of %s" % (helm, _named(values)))


def fails(*values, release=None, namespace=NAMESPACE, helm=4, chart="django"):
    """What Helm says against these values; fails the case when it renders them."""
    code, text, said = _call(values, release or _release(values), namespace, helm, chart)
    if code == 0:
        raise Failure("Helm %d renders, and should refuse, %s:\n%s" % (
            helm, _named(values), text[:1500]))
    return said.strip()


def _named(values):
    return ", ".join(json.dumps(v)[:600] if isinstance(v, dict) else os.path.relpath(v, HERE)
                     for v in values)


def rendered(helm=4):
    """[(chart/case, Rendered)] of every case of all charts that renders: test_render.py has a case
    that says which do not. chart and values of each: where it is from."""
    def one(case):
        try:
            result = render(case[2], chart=case[0], helm=helm)
            result.chart, result.values = case[0], case[2]
            return bool(result.docs) and ("%s/%s" % case[:2], result)
        except Failure:
            return None
    found = list(filter(None, each(one, all_cases())))
    if not found:
        raise Failure("no case renders: test_render.py test_cases says why")
    return found
