"""Manifests against the published types of Kubernetes and of the operators, without a cluster.

Each manifest becomes a literal of its type in a TypeScript file, and the compiler refuses an
unknown field, a missing one, and a value of the wrong type; then the schemas of the same packages
look at patterns, ranges and formats, which types do not have."""
import json
import os
import re
import shutil
import subprocess
import tempfile

import chart
import harness
from harness import Failure

# API group → the package that has its types; those without a dot are Kubernetes' own
PACKAGES = {"argoproj.io": "@kubernetes-models/argo-cd",
            "bitnami.com": "@kubernetes-models/sealed-secrets",
            "gateway.networking.k8s.io": "@kubernetes-models/gateway-api",
            "monitoring.coreos.com": "@kubernetes-models/prometheus-operator",
            "postgresql.cnpg.io": "@kubernetes-models/cloudnative-pg"}
CONFIG = {"compilerOptions": {"noEmit": True, "strict": True, "skipLibCheck": True,
                              "module": "nodenext", "moduleResolution": "nodenext",
                              "target": "es2022", "types": []}, "files": ["manifests.ts"]}


def specifier(document):
    """What to import for it."""
    group, _, version = document["apiVersion"].rpartition("/")
    return "/".join(filter(None, [PACKAGES.get(group, "kubernetes-models"), group, version,
                                  document["kind"]]))


def typed_as(document):
    """The plugin for backups publishes no types, but what its ObjectStore is configured with is what
    a Cluster without the plugin has."""
    if document["apiVersion"] != "barmancloud.cnpg.io/v1" or document["kind"] != "ObjectStore":
        return document
    spec = document["spec"]
    return dict(document, apiVersion="postgresql.cnpg.io/v1", kind="Cluster", spec={
        "instances": 1, "storage": {"size": "1Gi"},
        "backup": {"retentionPolicy": spec["retentionPolicy"],
                   "barmanObjectStore": spec["configuration"]}})


def _literals(documents):
    """(the TypeScript text, the number of the line with which each document begins)"""
    kinds = list(dict.fromkeys(map(specifier, documents)))
    lines = ['import type {I%s as T%d} from %s;' % (kind.rpartition("/")[2], n, json.dumps(kind))
             for n, kind in enumerate(kinds)]
    starts = []
    for n, document in enumerate(documents):
        starts.append(len(lines) + 1)
        text = json.dumps(document, indent=1)
        lines += ("export const d%d: T%d = %s;" % (
            n, kinds.index(specifier(document)), text)).split("\n")
    return "\n".join(lines) + "\n", starts


def _workplace():
    """A directory beside whose files node finds the packages."""
    directory = tempfile.mkdtemp(dir=harness.tmp)
    os.symlink(chart.tools() + "/node_modules", directory + "/node_modules")
    with open(directory + "/tsconfig.json", "w", encoding="ascii") as file:
        json.dump(CONFIG, file)
    with open(directory + "/package.json", "w", encoding="ascii") as file:
        json.dump({"private": True, "type": "module"}, file)
    return directory


def _run(words, directory, text=None):
    return subprocess.run(words, cwd=directory, input=text, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)


def compiled(documents):
    """For each document a list of what the compiler has against it. It tells of the first unknown
    field of an object only."""
    directory = _workplace()
    text, starts = _literals(documents)
    with open(directory + "/manifests.ts", "w", encoding="utf-8") as file:
        file.write(text)
    done = _run([directory + "/node_modules/.bin/tsc", "-p", ".", "--pretty", "false"], directory)
    found = [[] for _ in documents]
    errors = re.findall(r"^manifests\.ts\((\d+),\d+\): error TS\d+: (.*(?:\n .*)*)", done.stdout,
                        re.M)
    if (done.returncode != 0) != bool(errors):
        raise Failure("tsc ended with %d: %s%s" % (done.returncode, done.stdout[:2000],
                                                   done.stderr[:2000]))
    lines = text.split("\n")
    for number, message in errors:
        at = int(number)
        if at < starts[0]:
            raise Failure("%s: %s" % (lines[at - 1], message))
        index = max(n for n, start in enumerate(starts) if start <= at)
        found[index].append("%s: %s" % (lines[at - 1].strip(), message))
    return found


def validated(documents):
    """For each document what its schema has against it, or None."""
    directory = _workplace()
    shutil.copy(chart.HERE + "/validate.mjs", directory)
    done = _run(["node", "validate.mjs"], directory, json.dumps(
        [{"document": document, "specifier": specifier(document)} for document in documents]))
    if done.returncode != 0:
        raise Failure("node ended with %d: %s" % (done.returncode, done.stderr[-2000:]))
    return json.loads(done.stdout)
