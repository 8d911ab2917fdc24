"""What the pages say of the charts: values that there are, snippets that render, alerts, refusals,
commands that kubectl and Helm understand."""
import os
import re
import shlex
import stat
import subprocess

import chart
import docs
import pss
import schema
import strict_yaml
import typed
from chart import Failure

DIGEST = "sha256:8d9001d32c6a703d95921a77115050f33dd823d3f1730bd35215dcbecad6dc20"
BASE = {"app": {"image": {"repository": "registry.example.org/acme/shop", "digest": DIGEST},
                "routes": [{"host": "shop.example.org"}]},
        "hoster": {"fileServer": {"image": "registry.example.org/nginx@" + DIGEST}}}
TENANT = "tenants/"
# a value that is sealed, where the page has three dots
SEALED = "A" + "gB" * 200
README = "contrib/charts/django/README.md"
HOSTER = "doc/hoster.md"


def merged(one, other):
    """As Helm merges values."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return other
    return {key: merged(one[key], other[key]) if key in one and key in other
            else other.get(key, one.get(key)) for key in {**one, **other}}


# ---- values ----

def documents(name, text):
    try:
        return strict_yaml.load_all(text)
    except strict_yaml.Ambiguous as error:
        raise Failure("%s: %s" % (name, error)) from None


def snippets(wanted):
    """[(where, the first line, document)] of the YAML boxes for whose documents this holds"""
    found = []
    for name, text in docs.all_boxes("yaml"):
        # those of pods for who has no chart are tried by tests/ns/test_kubernetes.py, and plain
        # ones by test_plain.py
        if name.split(":")[0] in ("doc/kubernetes.md", "contrib/kubernetes/README.md"):
            continue
        text = re.sub(r"\bA[a-zA-Z]*…", SEALED, text).replace("sha256:…", DIGEST)
        found += [(name, text.split("\n")[0], document)
                  for document in documents(name, text) if wanted(document)]
    return found


def is_values(document):
    return "apiVersion" not in document and not {"services", "groups", "spec"} & set(document)


def test_snippets_render():
    """Each snippet of a values file renders with the chart that it is for, under both Helms."""
    found = snippets(is_values)
    assert len(found) >= 18, [name for name, _, _ in found]

    def one(job):
        (name, first, document), helm = job
        try:
            if TENANT in first:
                path = chart.cases("django-tenant")["least"]
                chart.render(path, document, chart="django-tenant", helm=helm)
            else:
                chart.render(BASE, document, helm=helm)
        except Failure as failure:
            raise Failure("%s: %s" % (name, failure)) from None
    chart.each(one, [(snippet, chart.HELMS[n % 2]) for n, snippet in enumerate(found)])


def test_ten_lines():
    """The first snippet of the chart's README is a whole values file, of ten lines at most."""
    _, text = docs.boxes(docs.page(README), "yaml")[0]
    assert len(text.splitlines()) <= 10, text
    rendered = chart.render(strict_yaml.load(text))
    assert rendered.one("Deployment") and rendered.one("Ingress"), rendered.text


def test_configurations():
    """pidone finds nothing wrong with what the snippets have as app.config."""
    if not os.path.exists(chart.harness.BIN):
        chart.harness.skip("needs a build of pidone: PIDONE_BIN")
    texts = [(name, document["app"]["config"]) for name, _, document in snippets(is_values)
             if document.get("app", {}).get("config")]
    assert len(texts) >= 2, texts
    for name, text in texts:
        path = chart.harness.tmp + "/pidone.ini"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        done = subprocess.run([chart.harness.BIN, "-c", path, "check"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        assert done.returncode == 0, (name, done.stdout)


def test_manifests():
    """Each manifest has the fields of its kind, and pods that may run in a customer's namespace."""
    found = [(name, document) for name, _, document in snippets(lambda d: "apiVersion" in d)]
    assert len(found) >= 3, found
    texts = []
    for (name, document), errors in zip(found, typed.compiled([d for _, d in found])):
        texts += ["%s: %s: %s" % (name, document["kind"], error) for error in errors]
        texts += ["%s: %s: %s" % (name, document["kind"], complaint)
                  for template in pss.templates(document) for complaint in pss.complaints(template)]
    chart.complain(texts)


def known(root):
    return {schema.text_of(path) for path, _ in schema.walk(root) if path}


def unknown_keys(text, there):
    """Keys such as app.files.urls that the schema has not."""
    text = re.sub(r"app\.kubernetes\.io|[\w-]+\.md\b", "", text)
    for key in re.findall(r"(?<![\w./-])((?:app|hoster)(?:\.[A-Za-z][\w-]*|\.<name>)+)", text):
        words = key.split(".")
        # what stands in a map has the user's own name
        names = [".".join(words[:n] + ["<name>"] + words[n + 1:]) for n in range(len(words))]
        if not there & {key, *names}:
            yield key


def test_keys():
    """Each value that a page names is one of the chart's."""
    there = known(schema.load("django")[0])
    assert {"app.image.digest", "app.cron.<name>.schedule"} <= there, sorted(there)
    for bad in ("`app.imag.digest`", "hoster.replicas.run.x", "app.cron.nightly.when"):
        assert list(unknown_keys(bad, there)), bad
    for good in ("app.cron.nightly.schedule", "`hoster.replicas.run`", "app.kubernetes.io/name",
                 "[it](hoster.md#alerts)"):
        assert not list(unknown_keys(good, there)), good
    chart.complain("%s: the chart has no value %s" % (path, key)
                   for path, text in sorted(docs.pages().items())
                   for key in unknown_keys(text, there))


# ---- alerts and refusals ----

EVERYTHING = {"app": {"async": {"enabled": True}, "files": {"mountPath": "/app/media"}},
              "hoster": {"monitoring": {"enabled": True},
                         "postgres": {"cluster": {"instances": 3,
                                                  "backup": {"objectStore": "backup"}}}}}


def test_alerts():
    """The table of alerts has a row for each that there is, and for no other."""
    rules = [rule for values in (EVERYTHING, merged(
        EVERYTHING, {"hoster": {"files": {"accessMode": "ReadWriteMany"}}}))
        for document in chart.render(BASE, values).all("PrometheusRule")
        for group in document["spec"]["groups"] for rule in group["rules"]]
    there = {rule["alert"] for rule in rules if "alert" in rule}
    assert len(there) > 5, there
    told = set(re.findall(r"^\| `(Django\w+)` \|", docs.page(HOSTER), re.M))
    chart.complain(["%s does not tell of the alert %s" % (HOSTER, name)
                    for name in sorted(there - told)] +
                   ["%s tells of the alert %s, which there is not" % (HOSTER, name)
                    for name in sorted(told - there)])
    chart.complain("%s: there is no alert %s" % (path, name)
                   for path, text in docs.pages().items()
                   for name in re.findall(r"\bDjango[A-Z]\w+", text) if name not in there)


def test_refusals():
    """The sentences that the chart's README quotes are those with which it refuses."""
    page = " ".join(docs.page(README).split())
    for values, said in (
            ({"app": {"routes": [{"host": "shop.example.com"}]},
              "hoster": {"domains": ["shop.example.org"]}}, "hoster.domains"),
            ({"app": {"files": {"mountPath": "/app/media"}}, "hoster": {"replicas": {"run": 2}}},
             "hoster.replicas.run")):
        lines = [" ".join(line.split()) for line in chart.fails(BASE, values).split("\n")
                 if said in line]
        assert len(lines) == 1 and lines[0] in page, (lines, README)


# ---- commands ----

def commands(text, program):
    """[words] of each call of the program in a text of a shell."""
    text = text.replace("\\\n", " ")
    found = []
    for line in re.split(r"\n|&&|(?<!\\)\|", text):
        line = re.sub(r"^[\w.-]+\(\) *\{|\}$", "", line.strip()).split(" #")[0].strip()
        if line.startswith(program + " "):
            found.append(shlex.split(line.replace("…", "x"))[1:])
    return found


def written_commands(program):
    """[(where, words)] of those in boxes, and in the prose between backquotes."""
    found = [(name, words) for name, text in docs.all_boxes("sh")
             for words in commands(re.sub(r"\|\n\s+", "|\n", text), program)]
    for path, text in sorted(docs.pages().items()):
        for line in re.findall(r"`(%s [^`]+)`" % program, docs.prose(text)):
            found += [(path, words) for words in commands(" ".join(line.split()), program)]
    return found


def redirected(words):
    """Without what is the shell's."""
    for mark in (">", "<"):
        if mark in words:
            words = words[:words.index(mark)]
    return words


# plugins of kubectl, which are not here
PLUGINS = ("cnpg",)
# nobody listens there: what a command means is understood before anybody is asked
NOBODY = ["--server=http://127.0.0.1:1"]
HEARD = re.compile(r"connection refused|was refused|does not exist|doesn't exist|no such file|"
                   r"no objects passed", re.I)


def kubectl(words):
    """(exit code, what it said)"""
    there = words.index("--") if "--" in words else len(words)
    done = subprocess.run([chart.tool("kubectl")] + words[:there] + NOBODY + words[there:],
                          env={"PATH": "/usr/bin:/bin", "HOME": chart.harness.tmp},
                          cwd=chart.harness.tmp, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


def covering(found):
    """So many of these commands that each verb is there with each of its options: each run of
    kubectl costs a seventh of a second."""
    seen, chosen = {}, []
    for where, words in found:
        words = redirected(words)
        plain = [word for word in words if not word.startswith("-") and word != "acme"]
        verb = tuple(plain[:3 if plain[0] == "create" else 2 if plain[0] == "rollout" else 1])
        options = {word.split("=")[0] for word in words if word.startswith("-")}
        if not options <= seen.setdefault(verb, set()) or not seen[verb]:
            seen[verb] |= options | {"verb"}
            chosen.append((where, words))
    return chosen


def misunderstood(where, words):
    code, said = kubectl(words)
    if code != 0 and not HEARD.search(said):
        yield "%s: kubectl %s: %s" % (where, " ".join(words), said.strip().split("\n")[0])


@chart.harness.limit(120)
def test_kubectl():
    """kubectl knows the verbs and options of each command that is written somewhere."""
    found = [(where, words) for where, words in written_commands("kubectl")
             if not set(PLUGINS) & set(words) and len(words) > 1]
    assert len(found) > 30, found
    for bad in (["get", "pods", "--frob"], ["frob", "x"], ["-n", "acme", "wait", "job/x", "--for"],
                ["taint", "nodes", "x", "a=b:NoSuch"]):
        assert list(misunderstood("x", bad)), bad
    assert not list(misunderstood("x", ["-n", "acme", "get", "pods"]))
    each = covering(found)
    assert 15 < len(each) < len(found), each
    chart.complain(complaint for some in chart.each(lambda job: list(misunderstood(*job)), each)
                   for complaint in some)


def test_other_programs():
    """Commands of programs that are not here are written in one way: kubeseal seals one value for
    a name in a namespace, or fetches the certificate; the plugin of the database names both."""
    sealing = written_commands("kubeseal")
    assert len(sealing) >= 2, sealing
    for where, words in sealing:
        text = " ".join(redirected(words))
        assert re.fullmatch(r"--fetch-cert|--namespace acme --format yaml|--raw (--cert cert\.pem )?"
                            r"(--namespace acme --name [\w-]+|--name [\w-]+ --namespace acme)",
                            text), (where, text)
    for where, words in written_commands("kubectl"):
        if "cnpg" in words and len(words) > 2:
            assert re.match(r"cnpg -n acme (promote|status|destroy|backup) shop-db\b",
                            " ".join(words)), (where, words)


# ---- without Argo CD ----

HELM = """#!/bin/sh
echo "helm $*" >>"$LOG"
case $1 in
template) exec "$REAL_HELM" "$@" ;;
esac
"""
KUBECTL = """#!/bin/sh
echo "kubectl $*" >>"$LOG"
case "$*" in
*apply*) cat >applied.yaml ;;
*condition=complete*) exit "$TRIAL" ;;
esac
"""
FILES = {"customer/apps/shop.yaml": {"app": dict(
    BASE["app"], files={"mountPath": "/app/media"}, config="[run]\ndrain = 1s\n",
    sealedSecrets={"shop-env": {"encryptedData": {"SECRET_KEY": SEALED}}})},
    "_reset.yaml": {"hoster": None}, "clusters/c1.yaml": {"hoster": {"deployer": "helm"}},
    "apps/acme/shop.yaml": {"hoster": {"domains": ["shop.example.org"]}}}


def by_hand(helm, trial):
    """Runs the page's two boxes in a hoster's repository. (exit code, the calls, what was applied,
    preflight.yaml)"""
    import json
    directory = "%s/hoster-%d-%d" % (chart.harness.tmp, helm, trial)
    section = docs.page(HOSTER).split("\n## Without Argo CD\n")[1]
    boxes = [text for _, text in docs.boxes(section, "sh")][:2]
    for name, text in list((name, json.dumps(values)) for name, values in FILES.items()) + \
            [("bin/helm", HELM), ("bin/kubectl", KUBECTL)]:
        os.makedirs(os.path.dirname(os.path.join(directory, name)), exist_ok=True)
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            file.write(text)
    for name in ("helm", "kubectl"):
        os.chmod(directory + "/bin/" + name, stat.S_IRWXU)
    os.symlink(chart.CHARTS, directory + "/charts")
    done = subprocess.run(["sh", "-c", "\n".join(boxes)], cwd=directory, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False,
                          env={"PATH": directory + "/bin:/usr/bin:/bin", "HOME": directory,
                               "LOG": directory + "/log", "TRIAL": str(trial),
                               "REAL_HELM": chart.tool("helm%d" % helm)})
    assert "rror" not in done.stdout, done.stdout
    return (done.returncode, chart.read(directory + "/log").splitlines(),
            strict_yaml.load_all(chart.read(directory + "/applied.yaml")),
            strict_yaml.load_all(chart.read(directory + "/preflight.yaml")))


def test_without_argocd():
    """The page's commands apply what the trial of an image needs, and the trial alone; the release
    follows only if that has succeeded."""
    for helm in chart.HELMS:
        code, calls, applied, waited = by_hand(helm, 0)
        assert code == 0 and calls[-1].startswith("helm upgrade") and \
            "--take-ownership" in calls[-1], calls
        assert sorted(d["kind"] for d in applied) == ["ConfigMap", "Job", "SealedSecret"], applied
        assert [d["kind"] for d in waited] == ["Job"], waited
        assert waited[0] in applied, (waited, applied)
        assert "preflight" in waited[0]["metadata"]["name"], waited
        code, calls, _, _ = by_hand(helm, 1)
        assert code != 0 and calls[-1].startswith("kubectl"), calls


if __name__ == "__main__":
    chart.main()
