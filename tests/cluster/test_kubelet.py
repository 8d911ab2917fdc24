"""The small Kubernetes of kube/: that it does what Kubernetes does, where a test of the chart could
be fooled by one that does not. No engine is needed."""
import os
import stat
import types

import harness
from kube import environment, fields, probes, runtime, volumes
from kube.backoff import BackOff
from kube.environment import expand
from kube.fields import refused


class Objects:
    """Secrets and ConfigMaps by (kind, name)."""

    def __init__(self, **found):
        self.found = {tuple(name.split("_")): data for name, data in found.items()}

    def data(self, kind, name):
        return self.found.get((kind, name))


def a_pod(**spec):
    return types.SimpleNamespace(
        name="shop-1", namespace="acme", uid="u", address="172.17.0.9", sandbox="sb", labels={
            "app": "shop"}, annotations={}, spec={"containers": [], **spec})


# ---- environment ----

def test_expansion():
    """$(NAME) is replaced where the name is known, $$ is a dollar, and nothing else is touched;
    what was put in is not expanded again."""
    known = {"A": "1", "B": "$(A)", "E": ""}
    for text, wanted in (
            ("$(A)", "1"), ("x$(A)y$(A)", "x1y1"), ("$$(A)", "$(A)"), ("$$$(A)", "$1"),
            ("$$$$(A)", "$$(A)"), ("$A ${A}", "$A ${A}"), ("$(C)", "$(C)"), ("$(A", "$(A"),
            ("$", "$"), ("$$", "$"), ("$(B)", "$(A)"), ("$(E)", ""), ("$()", "$()"),
            ("$($(A))", "$($(A))"), ("a$$b$(A)", "a$b1")):
        assert expand(text, known) == wanted, (text, expand(text, known), wanted)


def test_environment():
    """env wins over envFrom, the later of two sources over the earlier; a variable knows those
    above it; what cannot be a name is left out; the values come whole."""
    difficult = "a'b\"c $(X) $$\n\\ é"
    objects = Objects(Secret_one={"X": b"1", "TEXT": difficult.encode(), "no name!": b""},
                      ConfigMap_two={"X": b"2", "Y": b"3"})
    container = {"name": "run", "envFrom": [
        {"secretRef": {"name": "one"}}, {"configMapRef": {"name": "two"}, "prefix": ""},
        {"secretRef": {"name": "gone", "optional": True}}], "env": [
            {"name": "LATER", "value": "$(LAST)"}, {"name": "Y", "value": "own"},
            {"name": "LAST", "value": "$(X) $(Y) $$(X)"},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "one", "key": "X"}}}]}
    found = environment.variables(a_pod(), container, objects)
    kept = {k: v for k, v in found.items() if not k.startswith("KUBERNETES_")}
    assert kept == {"X": "2", "Y": "own", "TEXT": difficult, "LATER": "$(LAST)",
                    "LAST": "2 own $(X)", "IP": "172.17.0.9", "KEY": "1"}, kept
    assert found["KUBERNETES_SERVICE_PORT"] == "443"


def test_environment_refused():
    """What is missing is waited for, with Kubernetes' words; what is wrong is refused."""
    def of(**container):
        return environment.variables(a_pod(), {"name": "run", **container}, Objects(Secret_s={}))
    gone = [{"secretRef": {"name": "gone"}}]
    assert refused(lambda: of(envFrom=gone)) == 'secret "gone" not found'
    key = {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    assert refused(lambda: of(env=[key])) == "couldn't find key k in Secret s"
    assert "quote it" in refused(lambda: of(env=[{"name": "A", "value": 5}]))
    assert "twice" in refused(lambda: of(env=[{"name": "A"}, {"name": "A"}]))
    assert "valeu" in refused(lambda: of(env=[{"name": "A", "valeu": "x"}]))


def test_words():
    """args replace the image's CMD, a command replaces ENTRYPOINT and CMD; both are expanded."""
    known = {"A": "1"}
    for container, wanted in (({}, (None, None)), ({"args": ["/run"]}, (None, ["/run"])),
                              ({"command": ["x"]}, (["x"], [])),
                              ({"command": ["x"], "args": ["$(A)", "$$(A)"]},
                               (["x"], ["1", "$(A)"]))):
        assert environment.words(container, known) == wanted, container


# ---- restarts and probes ----

def test_backoff():
    """The first end costs nothing, then 10 s, doubled up to 5 minutes; after 10 quiet minutes it
    begins anew."""
    backoff, now, pauses = BackOff(), 1000.0, []
    for _ in range(8):
        start = backoff.until(now)
        pauses.append(start - now)
        now = start + 1
    assert pauses == [0, 10, 20, 40, 80, 160, 300, 300], pauses
    assert backoff.until(now + 598) - (now + 598) == 300
    now = now + 598 + 300
    assert backoff.until(now + 601) == now + 601


def verdicts(kind, answers, success=1, failure=3):
    """The verdict after each answer (y, n); capitals where the answer made it."""
    verdict, found = probes.Verdict(kind, success, failure), ""
    for answer in answers:
        made = verdict.add(answer == "y")
        letter = "y" if verdict.good else "n"
        found += letter.upper() if made else letter
    return found


def test_thresholds():
    """An answer counts when it came as often in a row as the threshold says; until then the last
    verdict holds; a container begins alive, and neither ready nor started."""
    assert verdicts("liveness", "nnn") == "yyN"
    assert verdicts("liveness", "nnynnn") == "yyYyyN"
    assert verdicts("readiness", "yny", failure=1) == "YNY"
    assert verdicts("readiness", "yynyy", success=2, failure=1) == "nYNnY"
    assert verdicts("startup", "nny", failure=900) == "nnY"
    verdict = probes.Verdict("liveness", 1, 2)
    verdict.add(False)
    verdict.begin()
    assert not verdict.add(False) and verdict.good, "a new container begins anew"


def test_probe_refused():
    """A port that the container does not have, two ways to ask, an unknown field."""
    container = {"name": "run", "ports": [{"name": "probes", "containerPort": 9480}]}

    def asked(**spec):
        return probes.Asked("probe", spec, container)
    assert asked(httpGet={"path": "/livez", "port": "probes"}).port == 9480
    assert "no port web" in refused(lambda: asked(tcpSocket={"port": "web"}))
    assert "one of" in refused(lambda: asked(httpGet={"port": 1}, tcpSocket={"port": 1}))
    assert "periodSecond" in refused(lambda: asked(tcpSocket={"port": 1}, periodSecond=3))


# ---- volumes ----

def mode_of(path):
    found = os.stat(path)
    return "%o:%d" % (stat.S_IMODE(found.st_mode), found.st_gid)


def tree(files):
    top = harness.tmp + "/tree"
    for path, mode in files.items():
        os.makedirs(os.path.dirname(top + "/" + path), exist_ok=True)
        with open(top + "/" + path, "w", encoding="ascii"):
            os.chmod(top + "/" + path, mode)
    os.chmod(top, 0o755)
    return top


def test_fs_group():
    """fsGroup gives all to the group and adds its rights, also below; a read-only volume only
    to read. OnRootMismatch looks at the top alone: it does nothing where that is right."""
    harness.need_root()
    top = tree({"a/b": 0o600, "c": 0o755})
    os.symlink("/etc/passwd", top + "/link")
    assert volumes.give_to_group(top, 2000, on_mismatch=True)
    assert [mode_of(top + path) for path in ("", "/a", "/a/b", "/c")] == [
        "2775:2000", "2775:2000", "660:2000", "775:2000"]
    assert os.stat("/etc/passwd").st_gid == 0, "a link was followed"
    os.chown(top + "/c", 0, 0)
    assert not volumes.give_to_group(top, 2000, on_mismatch=True)
    assert mode_of(top + "/c") == "775:0", "a file below a right top was touched"
    os.chmod(top, 0o775)
    assert volumes.give_to_group(top, 2000, on_mismatch=True), "a top without setgid is wrong"
    assert volumes.give_to_group(top, 2000), "Always is always"
    assert volumes.give_to_group(top, 2001, read_only=True)
    os.chmod(top + "/a/b", 0o400)
    volumes.give_to_group(top, 2001, read_only=True)
    assert mode_of(top + "/a/b") == "440:2001"


def made(*wanted, **spec):
    """The volumes of a pod, by name."""
    pod = a_pod(volumes=list(wanted), **spec)
    return volumes.make(pod, harness.tmp + "/volumes", Objects(
        Secret_db={"user": b"shop", "password": b"x\n"}, ConfigMap_c={"a.ini": b"[a]"}))


def read(path):
    with open(path, "rb") as file:
        return file.read()


def test_volumes():
    """Keys are files, with the mode that is asked for and fsGroup's; items choose and rename; a
    projected volume has all of its sources; an emptyDir may be written by all."""
    harness.need_root()
    found = made({"name": "s", "secret": {"secretName": "db", "defaultMode": 0o400}},
                 {"name": "i", "secret": {"secretName": "db", "items": [
                     {"key": "user", "path": "deep/name"}]}},
                 {"name": "p", "projected": {"sources": [
                     {"secret": {"name": "db", "items": [{"key": "user", "path": "user"}]}},
                     {"configMap": {"name": "c"}}]}},
                 {"name": "e", "emptyDir": {"sizeLimit": "1Mi"}},
                 securityContext={"fsGroup": 2000})
    assert read(found["s"].place + "/password") == b"x\n"
    assert mode_of(found["s"].place + "/password") == "440:2000"
    assert read(found["i"].place + "/deep/name") == b"shop"
    assert not os.path.exists(found["i"].place + "/user")
    assert {n for n in os.listdir(found["p"].place) if not n.startswith("..")} == {"user", "a.ini"}
    assert mode_of(found["e"].place) == "2777:2000" and found["e"].limit == 1 << 20
    assert [found[name].read_only for name in "sipe"] == [True, True, True, False]


def test_volumes_refused():
    """A Secret or key that is missing is waited for; optional ones are not; an unknown kind of
    volume, and two sources with one file, are refused."""
    secret = {"name": "v", "secret": {"secretName": "gone"}}
    assert 'secret "gone" not found' in refused(made, secret)
    assert made({"name": "v", "secret": {"secretName": "gone", "optional": True}})
    assert "non-existent" in refused(made, {"name": "w", "secret": {
        "secretName": "db", "items": [{"key": "x", "path": "x"}]}})
    assert "hostPath" in refused(made, {"name": "h", "hostPath": {"path": "/"}})
    both = [{"secret": {"name": "db"}}, {"secret": {"name": "db"}}]
    assert "two sources" in refused(made, {"name": "p", "projected": {"sources": both}})


def test_mounts():
    """A subPath is made inside of its volume and may not leave it; a Secret is read-only."""
    harness.need_root()
    found = made({"name": "e", "emptyDir": {}}, {"name": "s", "secret": {"secretName": "db"}})
    container = {"name": "run", "volumeMounts": [
        {"name": "e", "mountPath": "/media", "subPath": "media"},
        {"name": "s", "mountPath": "/secret"}]}
    media, secret = volumes.mounts(a_pod(), container, found)
    assert os.path.isdir(media["Source"]) and media["Source"].endswith("/e/media")
    assert (media["ReadOnly"], secret["ReadOnly"]) == (False, True)

    def one(**mount):
        return volumes.mounts(a_pod(), {"name": "run", "volumeMounts": [mount]}, found)
    assert "leaves" in refused(lambda: one(name="e", mountPath="/x", subPath="../s"))
    assert "no volume f" in refused(lambda: one(name="f", mountPath="/x"))


# ---- what the engine is told ----

LOCKED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
          "capabilities": {"drop": ["ALL"]}}


def told(container, user="", **spec):
    return runtime.config(a_pod(**spec), {"name": "run", "image": "shop:1", **container},
                          ("sha256:x", {"User": user}), "/log", {}, Objects())


def test_engine_is_told():
    """User, group, fsGroup, privileges, limits and words reach the engine."""
    config = told({"args": ["/run"], "securityContext": LOCKED, "resources": {
        "requests": {"cpu": "100m"}, "limits": {"memory": "64Mi", "cpu": "1.5"}}},
        securityContext={"runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10002,
                         "fsGroup": 10003, "seccompProfile": {"type": "RuntimeDefault"}})
    host = config["HostConfig"]
    assert (config["User"], config["Cmd"], "Entrypoint" in config) == (
        "10001:10002", ["/run"], False)
    assert host["CapDrop"] == ["ALL"] and host["ReadonlyRootfs"]
    assert host["SecurityOpt"] == ["no-new-privileges"] and host["GroupAdd"] == ["10003"]
    assert (host["Memory"], host["CpuQuota"], host["CpuShares"]) == (64 << 20, 150000, 102)
    assert told({})["HostConfig"]["SecurityOpt"] == ["seccomp=unconfined"]


def test_root_is_refused():
    """runAsNonRoot: neither root nor an image's user that only has a name"""
    context = {"runAsNonRoot": True}
    for user, words in (("", "will run as root"), ("0:0", "will run as root"),
                        ("django", "non-numeric user (django)")):
        assert words in refused(lambda: told({}, user, securityContext=context)), user
    assert told({}, "7", securityContext=context)["User"] == "7"


def test_unknown_is_refused():
    """A field that nothing here acts on is an error that names it."""
    for container, word in (({"stdin": True}, "stdin"), ({"securityContext": {
            "procMount": "x"}}, "procMount"), ({"resources": {"claims": []}}, "claims"),
            ({"lifecycle": {"postStart": {}}}, "postStart"), ({"ports": [
                {"containerPort": 1, "hostPort": 1}]}, "hostPort")):
        assert word in refused(told, container), container
    assert "text" in refused(fields.text, "x", 5) and "whole" in refused(fields.integer, "x", "5")
    assert fields.quantity("x", "1.5Gi") == 1.5 * (1 << 30)
    assert "no quantity" in refused(fields.quantity, "x", "5 Gb")

harness.main(under_valgrind=False, sanitized=False)
