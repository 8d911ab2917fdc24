"""The controllers of kube/: which pods there are to be, what a sync does in which order, who
answers visitors. No engine is needed."""
import types

import harness
from kube import argocd, front, services
from kube.controllers import Deployments
from kube.fields import refused


# ---- controllers ----

class FakePod:
    """A pod as a controller sees it."""

    def __init__(self, name, template, ready):
        self.name, self.owner = name, ("Deployment", "shop")
        self.labels = dict(template["metadata"]["labels"])
        self.ready_since = 1.0 if ready else None
        self.active, self.is_gone = True, False
        self.gone = types.SimpleNamespace(is_set=lambda: self.is_gone)

    @property
    def ready(self):
        return self.active and self.ready_since is not None

    def delete(self):
        self.active = False


class FakeCluster:
    def __init__(self):
        self.objects, self.pods = {}, []
        self.deployments = Deployments(self)

    def start_pod(self, name, template, _):
        self.pods.append(FakePod(name, template, False))

    def deploy(self, image, strategy, replicas):
        template = {"metadata": {"labels": {"app": "shop"}}, "spec": {"image": image}}
        manifest = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"},
                    "spec": {"replicas": replicas, "strategy": strategy, "template": template,
                             "selector": {"matchLabels": {"app": "shop"}}}}
        self.deployments.accept(manifest)
        self.objects["Deployment", "shop"] = manifest

    def turn(self, ready=()):
        """What it does until it does nothing more; then (active pods' letters by age: capitals are
        ready). ready: these become so before."""
        for number in ready:
            self.pods[number].ready_since = 1.0
        for _ in range(9):
            self.deployments.turn()
        first = self.pods[0].labels["pod-template-hash"]
        return "".join(
            "-" if pod.is_gone else "x" if not pod.active else
            ("o" if pod.labels["pod-template-hash"] == first else "n").upper() if pod.ready else
            ("o" if pod.labels["pod-template-hash"] == first else "n") for pod in self.pods)


ROLLING = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


def test_rolling_update():
    """One new pod more than there are to be; an old one goes when a new one is ready, and the next
    new one comes at once, while the old one is on its way out. One that never is ready keeps all
    of the old ones."""
    cluster = FakeCluster()
    cluster.deploy("1", ROLLING, 2)
    assert cluster.turn() == "oo"
    assert cluster.turn(ready=(0, 1)) == "OO"
    cluster.deploy("2", ROLLING, 2)
    assert cluster.turn() == "OOn"
    assert cluster.deployments.health("shop")[0] == "Progressing"
    assert cluster.turn(ready=[2]) == "xONn"
    cluster.deploy("3", ROLLING, 2)
    # the second one of the bad release is the first to go, the surge is not exceeded
    assert cluster.turn() == "xONxn"
    cluster.deploy("2", ROLLING, 2)
    assert cluster.turn() == "xONxxn"
    assert cluster.turn(ready=[5]) == "xxNxxN"
    assert cluster.deployments.health("shop")[0] == "Healthy"


def test_recreate():
    """No new pod before the last old one is gone, and not only told to go."""
    cluster = FakeCluster()
    cluster.deploy("1", {"type": "Recreate"}, 1)
    assert cluster.turn(ready=[]) == "o"
    assert cluster.turn(ready=[0]) == "O"
    cluster.deploy("2", {"type": "Recreate"}, 1)
    assert cluster.turn() == "x"
    cluster.pods[0].is_gone = True
    assert cluster.turn() == "-n"


def test_deployment_refused():
    """A strategy with the other's settings, a selector that does not fit"""
    cluster = FakeCluster()
    bad = {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}
    assert "maxSurge" in refused(cluster.deploy, "1", bad, 1)
    cluster.deploy("1", ROLLING, 1)
    manifest = cluster.objects["Deployment", "shop"]
    manifest["spec"]["selector"] = {"matchLabels": {"app": "other"}}
    assert "does not fit" in refused(cluster.deployments.accept, manifest)


# ---- Argo CD, Services, the front ----

def manifest(kind, name, **annotations):
    return {"kind": kind, "metadata": {"name": name, "annotations": {
        argocd.PREFIX + key.replace("_", "-"): value for key, value in annotations.items()}}}


class FakeArgo:
    """A cluster for sync(): what was done to it, in order. sick: (kind, name) → health."""

    def __init__(self, **sick):
        self.objects, self.given, self.done, self.sick = {}, {("Secret", "db")}, [], sick
        self.health_of = {"ConfigMap": lambda name: self.sick.get(name, ("Healthy", ""))}

    def apply(self, wanted):
        key = wanted["kind"], wanted["metadata"]["name"]
        self.objects[key] = wanted
        self.done.append(key[1])

    def delete(self, kind, name):
        self.objects.pop((kind, name), None)
        self.done.append("-" + name)

    @staticmethod
    def until(condition, seconds, what):
        found = condition()
        assert found, what
        return found


def test_sync():
    """By wave and kind; a hook is made anew; a sick wave ends it, and what comes later is as it
    was; what is not in the release any more goes at the end, unless it is protected or somebody
    else's."""
    release = [manifest("Ingress", "i"), manifest("Service", "s"),
               manifest("ConfigMap", "c", sync_wave="-2"),
               manifest("ConfigMap", "h", hook="Sync", sync_wave="-1")]
    cluster = FakeArgo()
    cluster.objects = {("Secret", "db"): manifest("Secret", "db"),
                       ("Secret", "old"): manifest("Secret", "old"),
                       ("PersistentVolumeClaim", "p"): manifest(
                           "PersistentVolumeClaim", "p", sync_options="Delete=false,Prune=false")}
    assert argocd.sync(cluster, release).ok
    assert cluster.done == ["c", "-h", "h", "s", "i", "-old"], cluster.done
    cluster = FakeArgo(h=("Degraded", "why"))
    result = argocd.sync(cluster, release)
    assert not result.ok and result.message == "ConfigMap h is Degraded: why", result
    assert cluster.done == ["c", "-h", "h"], cluster.done


def test_sync_refused():
    """An annotation of Argo CD's that nothing here knows, and Helm's hooks"""
    assert "sync-waves" in refused(argocd.sync, FakeArgo(), [manifest("Service", "s",
                                                                     sync_waves="1")])
    helm = {"kind": "Job", "metadata": {"name": "j", "annotations": {"helm.sh/hook": "test"}}}
    assert "Helm" in refused(argocd.sync, FakeArgo(), [helm])


def test_endpoints():
    """Ready pods that the selector fits, at the port of the name that the Service means"""
    def pod(address, ready=True, label="shop"):
        container = types.SimpleNamespace(spec={"name": "run", "ports": [
            {"name": "http", "containerPort": 8000}]})
        return types.SimpleNamespace(address=address, ready=ready, labels={"app": label},
                                     main=[container])
    service = {"metadata": {"name": "shop"}, "spec": {"selector": {"app": "shop"}, "ports": [
        {"name": "http", "port": 80, "targetPort": "http"}, {"name": "f", "port": 81,
                                                            "targetPort": "files"}]}}
    pods = [pod("b"), pod("a"), pod("c", False), pod("d", True, "other")]
    assert services.endpoints(service, "http", pods) == ["a:8000", "b:8000"]
    assert services.endpoints(service, 80, pods) == ["a:8000", "b:8000"]
    assert services.endpoints(service, "f", pods) == [], "no container has such a port"
    assert "no port x" in refused(services.endpoints, service, "x", pods)


def test_paths():
    """A Prefix covers whole elements of a path."""
    for path, wanted, covered in (("/", "/x", True), ("/media/", "/media/x", True),
                                  ("/media", "/mediax", False), ("/media", "/media", True),
                                  ("/media/", "/media", False)):
        assert front.covers(path, wanted) == covered, (path, wanted)


harness.main(under_valgrind=False, sanitized=False)
