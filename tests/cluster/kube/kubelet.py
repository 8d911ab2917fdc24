"""The life of a pod: its network, its volumes, init containers one after the other, then the
containers; what crashes is started again, and at the end there is grace."""
import os
import shutil
import threading
import time
import uuid
from dataclasses import dataclass

from . import volumes
from .container import Container
from .fields import NotYet, Unsupported, check, integer, one_of

POD = ("restartPolicy", "terminationGracePeriodSeconds", "enableServiceLinks",
       "automountServiceAccountToken", "securityContext", "initContainers", "containers",
       "volumes", "imagePullSecrets",
       # these choose a node, and there is only one
       "affinity", "nodeSelector", "tolerations", "topologySpreadConstraints", "priorityClassName")


@dataclass
class Times:
    """What tests may shorten: Kubernetes' own are here."""
    backoff: float = 10.0       # the first pause of what crashed, or could not be pulled
    backoff_most: float = 300.0
    sync: float = 10.0          # until what was missing is looked for again


class Pod:
    """One pod, which lives from here on in a thread of its own. cluster: what it needs of the
    node and of the API server."""

    def __init__(self, cluster, name, template, owner):
        meta = check("template: metadata", template.get("metadata"), "labels", "annotations")
        self.spec = check("template: spec", template["spec"], *POD)
        self.cluster, self.engine, self.name, self.owner = cluster, cluster.engine, name, owner
        self.namespace, self.uid = cluster.namespace, str(uuid.uuid4())
        self.labels = dict(meta.get("labels") or {})
        self.annotations = dict(meta.get("annotations") or {})
        self.policy = one_of("restartPolicy", self.spec.get("restartPolicy", "Always"),
                             "Always", "OnFailure", "Never")
        self.grace = integer("terminationGracePeriodSeconds",
                             self.spec.get("terminationGracePeriodSeconds", 30))
        one_of("enableServiceLinks", self.spec.get("enableServiceLinks", True), False)
        one_of("automountServiceAccountToken",
               self.spec.get("automountServiceAccountToken", True), False)
        self.phase, self.reason = "Pending", ""
        self.address = self.sandbox = self.ready_since = None
        self.deleting, self.gone = threading.Event(), threading.Event()
        self.created, self.deleted_at = time.time(), None
        self.directory = "%s/%s" % (cluster.directory, self.uid)
        os.makedirs(self.directory)
        self.volumes = {}
        self.init = [Container(self, spec) for spec in self.spec.get("initContainers") or []]
        self.main = [Container(self, spec) for spec in self.spec["containers"]]
        self.containers = {c.name: c for c in self.init + self.main}
        if any(c.workers for c in self.init):
            raise Unsupported(name + ": an init container has no probes")
        threading.Thread(target=self.guard, args=(self._live,), daemon=True, name=name).start()

    @property
    def ready(self):
        """Is it among the endpoints of its Services? Not any more from the moment on in which it
        is to go."""
        return self.ready_since is not None and not self.deleting.is_set()

    @property
    def active(self):
        """Does it count for its controller?"""
        return not self.deleting.is_set() and self.phase not in ("Succeeded", "Failed")

    def event(self, reason, message):
        self.cluster.event("Pod " + self.name, reason, message)

    def execute(self, name, *command):
        """(exit code, output): `kubectl exec`"""
        return self.engine.execute(self.containers[name].id, list(command))

    def guard(self, function, *arguments):
        """What goes wrong in a thread is the test's failure."""
        try:
            function(*arguments)
        except Exception as error:  # pylint: disable=broad-except
            self.cluster.broken(self.name, error)

    def look_at_readiness(self):
        """Ready is a pod whose containers all are: one that is between a crash and its next start
        is not, with or without a probe. The cluster's lock is held."""
        missing = [c.name for c in self.main if not c.ready]
        ready = self.phase == "Running" and not missing
        if ready != (self.ready_since is not None):
            self.ready_since = time.time() if ready else None
            self.event("Ready" if ready else "NotReady", ", ".join(missing))
        self.cluster.pod_changed()

    def retry(self, function, failed):
        """function()'s result, once it does not raise NotYet; None if the pod is to go. failed:
        is told why it did not work."""
        last = None
        while not self.deleting.is_set():
            try:
                return function()
            except NotYet as why:
                if str(why) != last:
                    last = str(why)
                    failed(last)
                self.deleting.wait(self.cluster.times.sync)
        return None

    # ---- the life ----

    def _live(self):
        workers = [worker for container in self.main for worker in container.workers]
        try:
            self._make_sandbox()
            if not self.retry(self._mount, lambda why: self.event("FailedMount", why)) or \
                    not all(map(self._run_init, self.init)):
                return
            self._become("Running")
            keepers = [threading.Thread(target=self.guard, args=(self._keep, container),
                                        daemon=True) for container in self.main]
            for thread in keepers + workers:
                thread.start()
            while any(thread.is_alive() for thread in keepers):
                self._check_limits()
                for thread in keepers:
                    thread.join(0.5 / len(keepers))
            if self.active:
                self._become("Failed" if any(c.ends[-1].code for c in self.main) else "Succeeded")
        finally:
            for worker in workers:
                worker.over.set()
            if not self.active:
                self._tear_down()

    def _become(self, phase, reason=""):
        with self.cluster.changed:
            self.phase, self.reason = phase, reason
            self.look_at_readiness()

    def _make_sandbox(self):
        self.sandbox = self.engine.create("pause-" + self.name, self.cluster.pause_config(self))
        self.engine.start(self.sandbox)
        networks = self.engine.inspect(self.sandbox)["NetworkSettings"]["Networks"]
        self.address = networks[self.cluster.network]["IPAddress"]

    def _mount(self):
        # what a try before this one made would be in the way
        shutil.rmtree(self.directory + "/volumes", ignore_errors=True)
        self.volumes = volumes.make(self, self.directory + "/volumes", self.cluster)
        return True

    def _run_init(self, container):
        """An init container, until it has ended well. False: the pod ends here."""
        while True:
            end = container.run_once()
            if end is None or self.deleting.is_set():
                return False
            if end.code == 0:
                return True
            if self.policy == "Never":
                self._become("Failed", "Init:Error")
                return False
            container.pause()

    def _keep(self, container):
        while True:
            end = container.run_once()
            if end is None or self.policy == "Never" or (
                    self.policy == "OnFailure" and end.code == 0) or not container.pause():
                return

    # ---- probes, limits, the end ----

    def probed(self, kind, container, good):
        """A probe's verdict, and what Kubernetes does about it."""
        if kind == "readiness":
            container.set(ready=good)
        elif kind == "startup" and good:
            container.set(started=True, ready=not container.probed_by("readiness"))
        elif not good and not self.deleting.is_set():
            self.event("Killing", "Container %s failed %s probe, will be restarted" % (
                container.name, kind))
            container.stop(self.grace)

    def _check_limits(self):
        for name, volume in self.volumes.items():
            if volume.limit and self.active and volume.size() > volume.limit:
                self.event("Evicted", 'Usage of EmptyDir volume "%s" exceeds the limit' % name)
                self._become("Failed", "Evicted")
                self.delete()

    def delete(self, grace=None):
        """The pod is to go: at once for its Services, with grace for its containers."""
        with self.cluster.changed:
            if self.deleting.is_set():
                return
            self.deleted_at = time.time()
            self.deleting.set()
            self.event("Deleting", "")
            self.cluster.pod_changed()
        for container in self.containers.values():
            for worker in container.workers:
                # readiness is asked to the end
                if worker.kind != "readiness":
                    worker.over.set()
            threading.Thread(target=self.guard, daemon=True, args=(
                container.stop, self.grace if grace is None else grace)).start()

    def _tear_down(self):
        for container in self.containers.values():
            container.forget()
        if self.sandbox is not None:
            self.engine.remove(self.sandbox)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.gone.set()
        with self.cluster.changed:
            self.cluster.pod_changed()
