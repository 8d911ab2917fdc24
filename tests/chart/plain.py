"""contrib/kubernetes: what somebody without Helm applies, and the values with which the chart
renders the same.

    sets()              name → (documents, values)
    kustomize(folder)   what `kubectl kustomize` makes of it
"""
import os
import shutil
import subprocess

import chart
import harness
import strict_yaml
from harness import Failure

FOLDER = os.path.join(harness.SRCDIR, "contrib", "kubernetes")
DIGEST = "sha256:8d9001d32c6a703d95921a77115050f33dd823d3f1730bd35215dcbecad6dc20"
SEALED = "AgB" + 400 * "x"
ASYNC = {"app": {"async": {"enabled": True}}}
FILES = {"app": {"files": {"mountPath": "/app/media"}}}
SHARED = {"hoster": {"files": {"accessMode": "ReadWriteMany"}}}

# name → files below FOLDER, and the values beyond VALUES
FILES_OF = {
    "plain": (["plain/service.yaml", "plain/site.yaml"], []),
    "plain, worker": (["plain/service.yaml", "plain/site.yaml", "plain/worker/worker.yaml"],
                      [ASYNC]),
    "plain, files": (["plain/service.yaml", "plain/site-with-files.yaml",
                      "plain/preflight/preflight.yaml"], [ASYNC, FILES]),
}
# name → the components of an overlay, and the values beyond VALUES
COMPONENTS_OF = {
    "kustomize": ([], []),
    "kustomize, worker": (["plain/worker"], [ASYNC]),
    "kustomize, files": (["components/files", "plain/preflight"], [FILES]),
    "kustomize, files, worker": (
        ["components/files", "plain/preflight", "components/worker-in-pod"], [ASYNC, FILES]),
    "kustomize, shared files": (["components/files-shared"], [FILES, SHARED]),
    "kustomize, shared files, worker": (["plain/worker", "components/files-shared"],
                                        [ASYNC, FILES, SHARED]),
}


def values(host="shop.example.org", digest=DIGEST, more=()):
    """What the files of FOLDER say, as values of the chart."""
    found = {"app": {"image": {"repository": "registry.example.org/acme/shop", "digest": digest},
                     "routes": [{"host": host}],
                     "sealedSecrets": {"shop-env": {"encryptedData": {"SECRET_KEY": SEALED}}}},
             "hoster": {"routing": {"ingressClassName": "nginx", "clusterIssuer": "letsencrypt"}}}
    for addition in more:
        for block, keys in addition.items():
            for key, value in keys.items():
                found[block][key] = {**found[block].get(key, {}), **value}
    return found


def kustomize(folder):
    done = subprocess.run([chart.tool("kubectl"), "kustomize", folder], stdin=subprocess.DEVNULL,
                          env={"PATH": "/usr/bin:/bin", "HOME": harness.tmp}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0 or done.stderr:
        raise Failure("kubectl kustomize %s: %s" % (folder, done.stderr.strip()))
    return strict_yaml.load_all(done.stdout)


def copy():
    """The folder, where overlays can be written beside the example."""
    target = harness.tmp + "/kubernetes"
    shutil.copytree(FOLDER, target, copy_function=shutil.copyfile)
    os.chmod(target, 0o755)
    return target


def overlay(folder, name, components, more=""):
    """A new folder in a copy()."""
    path = "%s/%s" % (folder, name)
    os.mkdir(path)
    with open(path + "/kustomization.yaml", "w", encoding="utf-8") as file:
        file.write("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
                   "resources: [../plain]\ncomponents: [%s]\n%s" % (
                       ", ".join("../" + component for component in components), more))
    return path


def sets():
    folder = copy()
    found = {}
    for name, (paths, more) in FILES_OF.items():
        text = "\n---\n".join(chart.read("%s/%s" % (FOLDER, path)) for path in paths)
        found[name] = (strict_yaml.load_all(text), values(more=more))
    paths = [overlay(folder, "overlay-%d" % n, components)
             for n, (components, _) in enumerate(COMPONENTS_OF.values())]
    for (name, (_, more)), documents in zip(COMPONENTS_OF.items(), chart.each(kustomize, paths)):
        found[name] = (documents, values(more=more))
    example = values("shop.example.net", "sha256:6249c639b64b963a000bd85266a92e0852ba547fb2081cec64"
                     "d7c759a6e076b1", [ASYNC, FILES, {"hoster": {"files": {
                         "accessMode": "ReadWriteMany", "storageClassName": "shared",
                         "size": "20Gi"}}}])
    found["kustomize, example"] = (kustomize(folder + "/example"), example)
    return found
