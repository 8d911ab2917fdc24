"""The life of one container of a pod: from its image to its end, and again with back-off."""
import os
import threading
import time
from dataclasses import dataclass

from . import probes, runtime
from .backoff import BackOff
from .dockerd import Refused, seconds
from .fields import NotYet, one_of

MESSAGE, LOG_BYTES, LOG_LINES = 4096, 2048, 80


@dataclass
class End:
    """How a container ended."""
    code: int
    reason: str
    message: str
    began: float
    ended: float


class Container:
    """What `kubectl get pod -o yaml` says of it: state (waiting, running, terminated), reason,
    message, since, started, ready, restarts; ends has all of its ends."""

    def __init__(self, pod, spec):
        self.pod, self.spec, self.name = pod, spec, spec["name"]
        self.engine, self.times = pod.engine, pod.cluster.times
        self.state, self.reason, self.message, self.since = "waiting", "ContainerCreating", "", 0.0
        self.id = None
        self.started = self.ready = False
        self.restarts, self.ends = 0, []
        self.lock = threading.RLock()
        self._logs = []
        self._backoff = self._new_backoff()
        self.workers = [probes.Worker(pod, self, kind) for kind in probes.KINDS
                        if kind + "Probe" in spec]

    def _new_backoff(self):
        return BackOff(self.times.backoff, self.times.backoff_most)

    def probed_by(self, kind):
        return any(worker.kind == kind for worker in self.workers)

    def set(self, **values):
        """A change of the status, which may be one of the pod's readiness."""
        with self.pod.cluster.changed:
            for key, value in values.items():
                setattr(self, key, value)
            if self.state != "running":
                self.ready = self.started = False
            self.pod.look_at_readiness()

    def log(self):
        """All that it has written, in all of its lives."""
        with self.lock:
            kept = list(self._logs)
            if self.id is not None:
                kept.append(self.engine.logs(self.id))
        return "".join(kept)

    def stop(self, grace):
        """Its stop signal, and KILL when the grace is over. What has not started never will,
        once the pod is to go."""
        with self.lock:
            identity = self.id
        if identity is not None:
            # the hook's time is part of the grace
            began, pause = time.time(), min(grace, runtime.pause_before_stop(self.spec))
            while time.time() - began < pause and self.state == "running":
                time.sleep(0.05)
            self.engine.stop(identity, grace - pause)

    def forget(self):
        """The engine's container is removed; its log stays."""
        with self.lock:
            identity, self.id = self.id, None
            if identity is not None:
                self._logs.append(self.engine.logs(identity))
                self.engine.remove(identity)

    # ---- one life ----

    def run_once(self):
        """The End of a life; None if the pod is to go before it began."""
        image = self._image()
        made = image and self.pod.retry(lambda: self._create(image), self._cannot_be_made)
        if not made:
            return None
        identity, log = made
        failure = None
        with self.lock:
            if self.pod.deleting.is_set():
                self.engine.remove(identity)
                return None
            self.forget()
            self.id = identity
            try:
                self.engine.start(identity)
            except Refused as refused:
                failure = str(refused)
        if failure is None:
            starting = self.probed_by("startup")
            self.set(state="running", reason="", message="", since=time.time(),
                     started=not starting, ready=not starting and not self.probed_by("readiness"))
            self.engine.wait(identity)
        return self._record(identity, log, failure)

    def pause(self):
        """Between the last end and the next start. False: the pod is to go instead."""
        ended = self.ends[-1].ended
        start = self._backoff.until(ended)
        if start > time.time():
            self.set(state="waiting", reason="CrashLoopBackOff", message=(
                "back-off %.0fs restarting failed container=%s" % (start - ended, self.name)))
            self.pod.event("BackOff", "Back-off restarting failed container " + self.name)
        if self.pod.deleting.wait(max(0, start - time.time())):
            return False
        self.set(restarts=self.restarts + 1)
        return True

    def _image(self):
        """The engine's image, once there is one of this name; None if the pod is to go."""
        name, backoff = self.spec["image"], self._new_backoff()
        while not self.pod.deleting.is_set():
            found = self.engine.image(name)
            if found is not None:
                return found
            message = 'Failed to pull image "%s": not found' % name
            self.pod.event("Failed", message)
            self.set(state="waiting", reason="ErrImagePull", message=message)
            again = max(backoff.until(time.time()), time.time() + self.times.sync)
            self.pod.deleting.wait(min(1.0, again - time.time()))
            self.set(reason="ImagePullBackOff", message='Back-off pulling image "%s"' % name)
            self.pod.deleting.wait(again - time.time())
        return None

    def _cannot_be_made(self, why):
        self.set(state="waiting", reason="CreateContainerConfigError", message=why)
        self.pod.event("Failed", "%s: %s" % (self.name, why))

    def _create(self, image):
        """The engine's container and its termination log."""
        log = "%s/termination-%s-%d" % (self.pod.directory, self.name, len(self.ends))
        with open(log, "w", encoding="utf-8"):
            os.chmod(log, 0o666)
        config = runtime.config(self.pod, self.spec, image, log, self.pod.volumes,
                                self.pod.cluster)
        try:
            return self.engine.create("%s-%s-%d" % (self.pod.name, self.name, len(self.ends)),
                                      config), log
        except Refused as refused:
            raise NotYet(str(refused)) from None

    def _record(self, identity, log, failure):
        found = self.engine.inspect(identity)["State"]
        code = 128 if failure else found["ExitCode"]
        reason = "StartError" if failure else "Completed" if code == 0 else \
            "OOMKilled" if found["OOMKilled"] and code == 137 else "Error"
        end = End(code, reason, failure or self._last_words(identity, log, code),
                  seconds(found["StartedAt"]),
                  time.time() if failure else seconds(found["FinishedAt"]))
        with self.pod.cluster.changed:
            self.ends.append(end)
            self.set(state="terminated", reason=reason, message=end.message, since=end.ended)
        return end

    def _last_words(self, identity, log, code):
        """What is in the termination log, or where the pod asks for that the end of its log."""
        with open(log, "rb") as file:
            text = file.read(MESSAGE).decode(errors="replace")
        policy = one_of("terminationMessagePolicy",
                        self.spec.get("terminationMessagePolicy", "File"), "File",
                        "FallbackToLogsOnError")
        if text or policy == "File" or code == 0:
            return text
        return "".join(self.engine.logs(identity)[-LOG_BYTES:].splitlines(True)[-LOG_LINES:])
