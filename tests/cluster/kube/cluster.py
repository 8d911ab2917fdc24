"""The objects of one namespace, what operators would make of them, and where visitors come in."""
import base64
import json
import os
import subprocess
import sys
import threading
import time

import harness
from inits import Process

from . import services
from .controllers import Deployments, Jobs
from .dockerd import Engine
from .fields import Unsupported, check, text
from .kubelet import Pod, Times
from .volumes import NotMounted

FRONT = os.path.dirname(os.path.abspath(__file__)) + "/front.py"
# what nothing here acts on: no test of a running pod can tell whether it is there
INERT = ("NetworkPolicy", "PodDisruptionBudget", "PodMonitor", "PrometheusRule", "ServiceMonitor",
         "ServiceAccount")
META = ("name", "namespace", "labels", "annotations")


class Cluster:
    """A namespace. network: the engine's; pause: the image that holds a pod's network; operators:
    kind → function(cluster, manifest) for what no controller of Kubernetes itself knows; delay:
    seconds until a change of endpoints has reached everybody."""

    def __init__(self, socket, network, pause, namespace="default", times=None, operators=None,
                 delay=1.0):
        self.engine, self.network, self.pause = Engine(socket), network, pause
        self.namespace, self.times, self.delay = namespace, times or Times(), delay
        self.operators = operators or {}
        self.directory = harness.tmp + "/pods"
        os.makedirs(self.directory)
        self.changed = threading.Condition(threading.RLock())
        self.objects = {}       # (kind, name) → manifest
        self.given = set()      # those that no release has: they are never pruned
        self.health_of = {}     # kind → function(name) → (Healthy, Progressing or Degraded, why)
        self.pods = []          # those that are there, and the finished ones of Jobs
        self.events = []        # (seconds, what, reason, message)
        self.errors = []
        self._names = 0
        self._tables = [0, None]
        self.front_port = harness.free_port()
        self.front = Process([sys.executable, FRONT, str(self.front_port)],
                             stdin=subprocess.PIPE, name="front", env=dict(
                                 os.environ, PYTHONPATH=harness.HERE))
        self.front.expect("listening", 10)
        self.deployments, self.jobs = Deployments(self), Jobs(self)
        threading.Thread(target=self._control, daemon=True, name="controllers").start()

    # ---- what happened ----

    def event(self, what, reason, message):
        with self.changed:
            self.events.append((time.time(), what, reason, message))

    def broken(self, what, error):
        """A thread has met what it should not have."""
        with self.changed:
            self.errors.append((what, error))
            self.changed.notify_all()

    def told(self, what="", reason=""):
        """The messages of the events of these objects: their names begin so."""
        with self.changed:
            return [e[3] for e in self.events if e[1].split(" ")[-1].startswith(what) and
                    e[2].startswith(reason)]

    def until(self, condition, seconds, what):
        """condition()'s value once it is true. A mistake of any thread ends it."""
        deadline = time.monotonic() + seconds * harness.SLOW
        with self.changed:
            while True:
                if self.errors:
                    raise self.errors[0][1]
                found = condition()
                if found:
                    return found
                left = deadline - time.monotonic()
                if left <= 0:
                    raise harness.Failure("waited %.0f s for %s\n%s" % (
                        seconds * harness.SLOW, what, self.describe()))
                self.changed.wait(min(left, 0.1))

    def describe(self):
        """For a failure: pods, events, logs."""
        lines = []
        for pod in self.pods:
            lines.append("pod %s: %s %s%s" % (pod.name, pod.phase, "ready" if pod.ready else
                                              "not ready", pod.deleting.is_set() and " deleting"
                                              or ""))
            for c in pod.containers.values():
                lines.append("  %s: %s %s %s, %d restarts" % (c.name, c.state, c.reason, c.message,
                                                             c.restarts))
                lines += ["    | " + line for line in c.log().splitlines()[-15:]]
        began = self.events[0][0] if self.events else 0
        lines += ["%6.1f %s: %s: %s" % (e[0] - began, e[1], e[2], e[3]) for e in self.events[-60:]]
        return "\n".join(lines)

    # ---- objects ----

    def apply(self, manifest):
        """As `kubectl apply`: made, or replaced by what it is now."""
        kind = manifest["kind"]
        meta = check(kind + ": metadata", manifest["metadata"], *META)
        name = text(kind + ": name", meta["name"])
        if meta.get("namespace", self.namespace) != self.namespace:
            raise Unsupported("%s %s: of another namespace" % (kind, name))
        with self.changed:
            self._accept(kind, name, manifest)
            old = self.objects.get((kind, name), {})
            if old.get("immutable") and old.get("data") != manifest.get("data"):
                raise Unsupported("%s %s: it is immutable" % (kind, name))
            self.objects[kind, name] = manifest
            if kind in self.operators:
                self.operators[kind](self, manifest)
            self.changed.notify_all()
        self.pod_changed()

    def give(self, manifest):
        """An object that is no part of a release: somebody else's, such as an operator's."""
        self.given.add((manifest["kind"], manifest["metadata"]["name"]))
        self.apply(manifest)

    def _accept(self, kind, name, manifest):
        if kind == "Deployment":
            self.deployments.accept(manifest)
        elif kind in ("Job", "CronJob"):
            self.jobs.accept(manifest, self.objects.get((kind, name)))
        elif kind == "PersistentVolumeClaim":
            os.makedirs("%s/claims/%s" % (harness.tmp, name), exist_ok=True)
        elif kind in services.KINDS:
            services.accept(manifest)
        elif kind not in ("Secret", "ConfigMap") + INERT and kind not in self.operators:
            raise Unsupported("%s %s: nothing here knows this kind" % (kind, name))

    def delete(self, kind, name):
        """The object goes, and its pods with it."""
        with self.changed:
            self.objects.pop((kind, name), None)
            self.jobs.forget(kind, name)
            mine = [pod for pod in self.pods if pod.owner == (kind, name)]
        for pod in mine:
            pod.delete()
        self.until(lambda: all(pod.gone.is_set() for pod in mine), 120, "the end of " + name)
        with self.changed:
            self.pods = [pod for pod in self.pods if pod not in mine]

    def data(self, kind, name):
        """key → bytes of a Secret or ConfigMap, None if there is none."""
        with self.changed:
            found = self.objects.get((kind, name))
        if found is None:
            return None
        where = "%s %s" % (kind, name)
        check(where, found, "apiVersion", "kind", "metadata", "type", "data", "stringData",
              "binaryData", "immutable")
        plain = found.get("data") if kind == "ConfigMap" else found.get("stringData")
        coded = found.get("binaryData") if kind == "ConfigMap" else found.get("data")
        data = {key: base64.b64decode(value, validate=True) for key, value in (coded or {}).items()}
        data.update((key, text(where, value).encode()) for key, value in (plain or {}).items())
        return data

    def claim(self, name, pod):
        """Where the volume of a claim is. ReadWriteOncePod: one pod at a time."""
        with self.changed:
            claim = self.objects.get(("PersistentVolumeClaim", name))
            if claim is None:
                raise NotMounted('persistentvolumeclaim "%s" not found' % name)
            others = [other.name for other in self.pods if other is not pod and
                      not other.gone.is_set() and any(
                          volume.get("persistentVolumeClaim", {}).get("claimName") == name
                          for volume in other.spec.get("volumes") or [])
                      and self.pods.index(other) < self.pods.index(pod)]
        if claim["spec"]["accessModes"] == ["ReadWriteOncePod"] and others:
            raise NotMounted("volume %s is in use by pod %s, and ReadWriteOncePod" % (
                name, others[0]))
        return "%s/claims/%s" % (harness.tmp, name)

    # ---- pods ----

    def start_pod(self, name, template, owner):
        """A pod of this owner, with a name of its own. The lock is held."""
        self._names += 1
        pod = Pod(self, "%s-%05d" % (name, self._names), template, owner)
        self.pods.append(pod)
        self.event("Pod " + pod.name, "Created", "")
        return pod

    def pods_of(self, kind, name):
        with self.changed:
            return [pod for pod in self.pods if pod.owner == (kind, name)]

    def pause_config(self, pod):
        """What holds a pod's network, as the engine is told."""
        return {"Image": self.pause, "Entrypoint": ["sleep", "infinity"], "Hostname": pod.name,
                "HostConfig": {"Init": True, "IpcMode": "shareable", "NetworkMode": self.network}}

    def pod_changed(self):
        """Endpoints follow, and whoever waits is told."""
        with self.changed:
            rules = services.rules(self.objects, self.pods)
            if rules != self._tables[1] and self.front.alive():
                self._tables = [self._tables[0] + 1, rules]
                line = json.dumps({"rules": rules, "delay": self.delay}) + "\n"
                self.front.popen.stdin.write(line.encode())
                self.front.popen.stdin.flush()
            self.changed.notify_all()

    def until_visible(self):
        """Every change of endpoints up to now has reached the visitors."""
        with self.changed:
            line = "^now %d$" % self._tables[0]
        harness.wait_until(lambda: self.front.count(line), 10, "the front's new table")

    def _control(self):
        """The controllers' loop."""
        while True:
            try:
                with self.changed:
                    self.deployments.turn()
                    self.jobs.turn()
                    self.changed.wait(0.1)
            except Exception as error:  # pylint: disable=broad-except
                self.broken("controllers", error)
                return
