"""What Argo CD does with the example repositories of contrib/gitops, as far as the cases need it.

ApplicationSets: git's file generator and the matrix, with Go templates that Go's own engine renders
(Helm's `tpl`). Applications: their sources and value files. AppProjects: which sources, clusters,
namespaces and kinds they let through. The rules are those of Argo CD's documentation:
operator-manual/applicationset, user-guide/multiple_sources, user-guide/projects."""
import json
import os
import re
import subprocess

import yaml

import chart
import files
import harness
import strict_yaml
from harness import Failure

EXAMPLES = os.path.join(harness.SRCDIR, "contrib", "gitops")
CHARTS_URL = "https://git.example.org/hoster/charts.git"
HOSTER_URL = "https://git.example.org/hoster/gitops.git"
CUSTOMER_URL = "https://git.example.org/customers/acme.git"
# kinds without a namespace among all that our charts render; Argo CD asks the cluster
CLUSTER_KINDS = {"Namespace", "StorageClass", "ValidatingAdmissionPolicy",
                 "ValidatingAdmissionPolicyBinding"}
# Sprig's functions that Argo CD and Helm have in common, and the examples use
FUNCTIONS = {"trimSuffix"}


class Refused(Exception):
    """What Argo CD would show instead of doing it."""


class World:
    """Repositories by their URLs; each a directory."""

    def __init__(self, hoster=EXAMPLES + "/hoster", customer=EXAMPLES + "/customer"):
        charts = os.path.join(harness.tmp, "charts-repository")
        if not os.path.exists(charts):
            os.mkdir(charts)
            os.symlink(chart.CHARTS, charts + "/charts")
        self.directories = {CHARTS_URL: charts, HOSTER_URL: hoster, CUSTOMER_URL: customer}
        self._listed = {}

    def listed(self, url, pattern):
        """The files that match, as git matches: its * goes through slashes, too."""
        directory = self.directories[url]
        index = self._listed.setdefault(url, "%s/index-%d" % (harness.tmp, len(self._listed)))
        git = ["git", "--git-dir", index, "--work-tree", directory]
        if not os.path.exists(index):
            for words in (["init", "-q"], ["add", "--all"]):
                subprocess.run(git + words, check=True, cwd=directory)
        return sorted(filter(None, subprocess.run(
            git + ["ls-files", "-z", "--", pattern], cwd=directory, check=True, text=True,
            stdout=subprocess.PIPE).stdout.split("\0")))

    def application_sets(self):
        return {d["metadata"]["name"]: d for name in ("apps", "tenants", "projects")
                for d in [load(self.directories[HOSTER_URL] + "/argocd/%s.yaml" % name)]}

    def applications(self):
        """name → Application, of all ApplicationSets."""
        found = {}
        for application_set in self.application_sets().values():
            for application in self.generated(application_set):
                name = application["metadata"]["name"]
                if name in found:
                    raise Refused("two Applications are called " + name)
                found[name] = application
        return found

    def generated(self, application_set):
        spec = application_set["spec"]
        parameters = [p for generator in spec["generators"]
                      for p in self._parameters(generator, {})]
        done = go_templates([(spec["template"], p) for p in parameters])
        return [dict(template, apiVersion="argoproj.io/v1alpha1", kind="Application")
                for template in done]

    def _parameters(self, generator, given):
        """A list of parameters; those of the generator before, in a matrix, are given."""
        (kind, body), = generator.items()
        if kind == "matrix":
            first, second = body["generators"]
            return [merged(b, a) for a in self._parameters(first, given)
                    for b in self._parameters(second, a)]
        if kind != "git":
            raise Failure("a generator that this does not know: " + kind)
        if given:
            (body,) = go_templates([(body, given)])
        return [self._of_file(body, name) for entry in body["files"]
                for name in self.listed(body["repoURL"], entry["path"])]

    def _of_file(self, body, name):
        found = load(os.path.join(self.directories[body["repoURL"]], name))
        folder, base = os.path.split(name)
        path = {"path": {"path": folder, "basename": os.path.basename(folder), "filename": base,
                         "segments": folder.split("/")}}
        prefix = body.get("pathParamPrefix")
        return merged(found, {prefix: path} if prefix else path)

    # ---- an Application ----

    def value_files(self, application):
        """The files on this machine, in their order; Refused where Argo CD would refuse."""
        sources = application["spec"]["sources"]
        refs = {s["ref"]: self.directories[s["repoURL"]] for s in sources if "ref" in s}
        return [self._resolved(refs, name) for name in main_source(application)["helm"]["valueFiles"]]

    @staticmethod
    def _resolved(refs, name):
        match = re.fullmatch(r"\$([A-Za-z0-9_-]+)/(.+)", name)
        if not match or match.group(1) not in refs:
            raise Refused("%s: no source has that ref" % name)
        root = os.path.realpath(refs[match.group(1)])
        path = os.path.realpath(os.path.join(root, match.group(2)))
        if not path.startswith(root + "/"):
            raise Refused("%s leads out of its repository" % name)
        if not os.path.isfile(path):
            raise Refused("%s: there is no such file" % name)
        return path

    def render(self, application, helm=4, values=None):
        """values: other value files than the Application's."""
        source, spec = main_source(application), application["spec"]
        values = self.value_files(application) if values is None else values
        if source["helm"].get("valuesObject"):
            values = values + [source["helm"]["valuesObject"]]
        directory = os.path.join(self.directories[source["repoURL"]], source["path"])
        return chart.render(*values, release=source["helm"]["releaseName"],
                            namespace=spec["destination"]["namespace"], helm=helm,
                            chart=os.path.realpath(directory))


def load(path):
    return strict_yaml.load(chart.read(path), nulls=True)


def main_source(application):
    """The one from which manifests are made: it has a path."""
    found = [s for s in application["spec"]["sources"] if "path" in s or "chart" in s]
    if len(found) != 1:
        raise Failure("%d sources, and not one, make manifests" % len(found))
    return found[0]


def merged(low, high):
    """Maps key by key; what high has wins."""
    result = dict(low)
    for key, value in high.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


# ---- Go templates ----

def strings(value):
    if isinstance(value, dict):
        for child in value.values():
            yield from strings(child)
    elif isinstance(value, list):
        for child in value:
            yield from strings(child)
    elif isinstance(value, str):
        yield value


def replaced(value, texts):
    """value with each string that is a template replaced by the next of texts."""
    if isinstance(value, dict):
        return {key: replaced(child, texts) for key, child in value.items()}
    if isinstance(value, list):
        return [replaced(child, texts) for child in value]
    return next(texts) if isinstance(value, str) and "{{" in value else value


def go_templates(pairs):
    """For each (value, parameters) the value with all its strings rendered, as goTemplate: true
    and missingkey=error do it."""
    jobs = []
    for value, parameters in pairs:
        for text in strings(value):
            if "{{" in text:
                _check_actions(text, parameters)
                jobs.append({"template": text, "parameters": parameters})
    texts = iter(_rendered(jobs) if jobs else [])
    return [replaced(value, texts) for value, _ in pairs]


def _check_actions(text, parameters):
    """Helm's `tpl` takes an unknown parameter for nothing; missingkey=error does not."""
    for action in re.findall(r"{{(.*?)}}", text, re.S):
        bare = re.sub(r'"[^"]*"', "", action)
        for word in re.findall(r"(?<![\w.])[A-Za-z]\w*", bare):
            if word not in FUNCTIONS:
                raise Failure("%s: may Argo CD do `%s`? Add it to FUNCTIONS" % (text, word))
        for words in re.findall(r"(?<!\w)((?:\.[A-Za-z]\w*)+)", bare):
            at = parameters
            for word in words[1:].split("."):
                if not isinstance(at, dict) or word not in at:
                    raise Refused("%s: there is no %s" % (text, words))
                at = at[word]


def _rendered(jobs):
    directory = os.path.join(harness.tmp, "stub")
    if not os.path.exists(directory):
        files.write(directory + "/Chart.yaml", "apiVersion: v2\nname: stub\nversion: 0.1.0\n")
        files.write(directory + "/values.yaml", "jobs: []\n")
        files.write(directory + "/templates/all.yaml",
                    "done:\n{{- range .Values.jobs }}\n- {{ tpl .template .parameters | toJson }}"
                    "\n{{- end }}\n")
    path = "%s/jobs-%d.json" % (harness.tmp, len(os.listdir(harness.tmp)))
    files.write(path, json.dumps({"jobs": jobs}))
    done = chart.helm(4, "template", "stub", directory, "--values", path)
    if done.returncode:
        raise Failure("Helm: " + done.stderr)
    return yaml.safe_load(done.stdout)["done"] or []


# ---- an AppProject ----

def matches(pattern, text, separator=None):
    """Argo CD's globs: * stops at the separator, ** does not."""
    one = "[^%s]" % re.escape(separator) if separator else "."
    words = {"**": ".*", "*": one + "*", "?": one}
    parts = re.findall(r"\*\*|\*|\?|\[[^\]]*\]|[^*?\[]+|\[", pattern)
    return re.fullmatch("".join(
        words.get(p) or (p if re.fullmatch(r"\[[^\]]+\]", p) else re.escape(p))
        for p in parts), text, re.S) is not None


def allows(patterns, text, separator=None):
    """A pattern that begins with ! refuses, whatever the others say."""
    if any(matches(p[1:], text, separator) for p in patterns if p.startswith("!")):
        return False
    return any(matches(p, text, separator) for p in patterns if not p.startswith("!"))


def normal(url):
    return re.sub(r"\.git$", "", url.lower())


def permits(project, application):
    """Raises Refused where the project does not let the Application through."""
    spec, rules = application["spec"], project["spec"]
    if spec["project"] != project["metadata"]["name"]:
        raise Refused("it is in the project " + spec["project"])
    if application["metadata"]["namespace"] != "argocd" and \
            application["metadata"]["namespace"] not in rules.get("sourceNamespaces", []):
        raise Refused("an Application in " + application["metadata"]["namespace"])
    for source in spec["sources"]:
        if not allows([normal(u) for u in rules["sourceRepos"]], normal(source["repoURL"]), "/"):
            raise Refused("the source " + source["repoURL"])
    permits_place(project, spec["destination"])


def permits_place(project, place):
    for item in project["spec"]["destinations"]:
        where = any(item.get(k) and place.get(k) and matches(item[k], place[k])
                    for k in ("name", "server"))
        if where and matches(item["namespace"], place["namespace"]):
            return
    raise Refused("the destination %s" % place)


def permits_object(project, document):
    """An object of a kind, with Argo CD's rules: no list of kinds in a namespace means all of
    them, no list of others means none."""
    group = document["apiVersion"].rpartition("/")[0]
    key = "clusterResourceWhitelist" if document["kind"] in CLUSTER_KINDS else \
        "namespaceResourceWhitelist"
    allowed = project["spec"].get(key)
    if not allowed and key == "namespaceResourceWhitelist":
        return
    for item in allowed or []:
        if matches(item["kind"], document["kind"]) and matches(item["group"], group):
            return
    raise Refused("%s of %s" % (document["kind"], group or "Kubernetes' own"))


def kinds(project, key="namespaceResourceWhitelist"):
    return {(item["group"], item["kind"]) for item in project["spec"][key]}


def kinds_of(documents):
    return {(d["apiVersion"].rpartition("/")[0], d["kind"]) for d in documents}


def kinds_of_charts(*names):
    """Of all cases of these charts."""
    return {pair for _, rendered in chart.rendered() if rendered.chart in names
            for pair in kinds_of(rendered.docs)}
