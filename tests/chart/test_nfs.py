"""The chart nfs: what its server may do, and that NFS-Ganesha, with the configuration that the chart
writes and the capabilities that it gives, serves files."""
import os
import re
import signal

import chart
import files
import harness
import pss
from harness import Failure, wait_until
from inits import Process

LEAST = chart.cases("nfs")["least"]


def nfs(*values):
    return chart.render(LEAST, *values, chart="nfs", release="nfs", namespace="nfs")


def refusal(*values):
    return " ".join(chart.fails(LEAST, *values, chart="nfs").split())


def container(rendered):
    found, = rendered.one("Deployment")["spec"]["template"]["spec"]["containers"]
    return found


def test_no_more_than_needed():
    """Of what "restricted" forbids the server has root and seven capabilities, and nothing else: not
    privileged, no host, no service account, a file system that it cannot write."""
    rendered = nfs()
    template = rendered.one("Deployment")["spec"]["template"]
    broken = {re.sub(r": .*", "", text) for text in pss.complaints(template)}
    assert broken == {"Capabilities", "Running as Non-root", "Running as Non-root user"}, broken
    security = container(rendered)["securityContext"]
    assert security["readOnlyRootFilesystem"] is True and security["privileged"] is False
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"]["drop"] == ["ALL"]
    labels = rendered.one("Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "privileged"
    assert not nfs({"namespace": {"create": False}}).all("Namespace")


def test_one_writer():
    """One server, stopped before the next one starts; its data and its namespace stay."""
    rendered = nfs()
    spec = rendered.one("Deployment")["spec"]
    assert spec["replicas"] == 1 and spec["strategy"] == {"type": "Recreate"}
    for kind in ("PersistentVolumeClaim", "Namespace"):
        annotations = rendered.one(kind)["metadata"]["annotations"]
        assert annotations == {"argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
                               "helm.sh/resource-policy": "keep"}, annotations
    assert rendered.one("StorageClass")["reclaimPolicy"] == "Retain"


def test_who_may_mount():
    """The nodes, in the server's own list and in the network; nobody else, and no pod."""
    rendered = chart.render(chart.cases("nfs")["all"], chart="nfs")
    rule, = rendered.one("NetworkPolicy")["spec"]["ingress"]
    assert [p["ipBlock"]["cidr"] for p in rule["from"]] == [
        "192.0.2.0/24", "2001:db8::/64", "198.51.100.7/32", "2001:db8:1::7/128"]
    config = rendered.one("ConfigMap")["data"]["ganesha.conf"]
    assert re.findall(r"Clients = (\S+);", config) == [
        "192.0.2.0/24", "2001:db8::/64", "198.51.100.7", "2001:db8:1::7"]
    assert "Access_Type = None;" in config
    assert rendered.one("NetworkPolicy")["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_storage_class():
    """The class is csi-driver-nfs's, and leads to the server's Service."""
    rendered = nfs()
    found = rendered.one("StorageClass")
    assert found["provisioner"] == "nfs.csi.k8s.io"
    service = rendered.one("Service")["metadata"]
    assert found["parameters"]["server"] == "%s.%s.svc.cluster.local" % (
        service["name"], service["namespace"])
    assert "${pvc.metadata.namespace}/${pvc.metadata.name}" == found["parameters"]["subDir"]
    assert {"hard", "nfsvers=4.1"} <= set(found["mountOptions"])


def test_refused():
    """No image, no clients, no volume or two: a sentence that names the key."""
    for values, sentence in (
            ({"image": ""}, "image: it is empty. Name an image with NFS-Ganesha by its digest"),
            ({"clients": []}, "clients: it is empty. List the addresses of the nodes"),
            ({"storage": {"size": ""}}, "storage: give either `size`, for a new volume, or"),
            ({"storage": {"existingClaim": "x"}}, "storage: give either `size`")):
        assert sentence in refusal(values), refusal(values)
    assert "image" in refusal({"image": "registry.example.org/nfs:4"})
    assert "clients" in refusal({"clients": ["nodes"]})


# ---- a real server ----

class Ganesha:
    """The chart's server on this machine: its configuration with other paths and another port."""

    def __init__(self, clients):
        harness.need_root()
        harness.need_command("ganesha.nfsd", "nfs-cp", "setpriv")
        rendered = nfs({"clients": clients, "graceSeconds": 10})
        self.export, self.port = harness.tmp + "/export", harness.free_port()
        os.makedirs(self.export, exist_ok=True)
        config = rendered.one("ConfigMap")["data"]["ganesha.conf"]
        for old, new in (("/export", self.export), ("NFS_Port = 2049", "NFS_Port = %d" % self.port),
                         # the client that Debian has speaks 4.0 only
                         ("Minor_Versions = 1, 2", "Minor_Versions = 0, 1, 2")):
            if old not in config:
                raise Failure("the configuration has no " + old)
            config = config.replace(old, new)
        self.config = config
        self.words = self._words(container(rendered))

    def _words(self, found):
        """The container's command, with its capabilities and nothing more."""
        files.write(harness.tmp + "/ganesha.conf", self.config)
        command = [w.replace("/etc/ganesha-config", harness.tmp).replace("/run", harness.tmp)
                   for w in found["command"]]
        bounds = "-all," + ",".join("+" + name.lower()
                                    for name in found["securityContext"]["capabilities"]["add"])
        return ["setpriv", "--bounding-set", bounds, "--no-new-privs"] + command

    def start(self):
        server = Process(self.words, name="ganesha")
        server.expect("NFS SERVER INITIALIZED", timeout=20)
        if not server.alive():
            raise Failure(server.output()[-2000:])
        return server

    def url(self, path, host="127.0.0.1"):
        return "nfs://%s//%s?version=4&nfsport=%d" % (host, path, self.port)

    def run(self, *words):
        client = Process(list(words), name=words[0])
        code = client.wait(20)
        return code, client.output()


@harness.limit(120)
def test_serves():
    """The server starts with the chart's configuration and capabilities, takes a file as root and
    gives it back, also after it was stopped and started again; nobody else may even mount."""
    ganesha = Ganesha(["127.0.0.0/8"])
    files.write(harness.tmp + "/text", "over NFS\n")
    server = ganesha.start()
    assert "rror" not in "".join(l for l in server.output().splitlines() if ":CONFIG :" in l), \
        server.output()
    code, said = ganesha.run("nfs-cp", harness.tmp + "/text", ganesha.url("file"))
    assert code == 0, said
    assert chart.read(ganesha.export + "/file") == "over NFS\n"
    server.signal(signal.SIGTERM)
    server.wait(30)
    server = ganesha.start()
    code, said = wait_until(lambda: (lambda r: r[0] == 0 and r)(ganesha.run(
        "nfs-cat", ganesha.url("file"))), 60, "the file, after the grace period")
    assert "over NFS" in said, said
    server.signal(signal.SIGTERM)
    server.wait(30)
    stranger = Ganesha(["192.0.2.0/24", "2001:db8::/64", "2001:db8:1::7/128"])
    stranger.start()
    code, said = stranger.run("nfs-cat", stranger.url("file"))
    assert code != 0 and "over NFS" not in said, said


if __name__ == "__main__":
    chart.main()
