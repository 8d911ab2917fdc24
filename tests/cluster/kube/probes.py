"""Startup, readiness and liveness probes: when they are asked, and when an answer counts."""
import http.client
import socket
import threading
import time

from .dockerd import Refused
from .fields import Unsupported, check, integer, one_of, text
from .runtime import ports

KINDS = ("startup", "readiness", "liveness")


class Verdict:
    """What a container is by one probe. A result counts when it has come so many times in a row;
    until then the last one holds."""

    def __init__(self, kind, success, failure):
        self.kind, self._needed = kind, {True: success, False: failure}
        self.begin()

    def begin(self):
        """A new container: taken for alive, and not for ready or started."""
        self.good = self.kind == "liveness"
        self._last, self._row = None, 0

    def add(self, good):
        """One answer; True where it makes the verdict (also if that was the same before)."""
        self._row = self._row + 1 if good == self._last else 1
        self._last = good
        if self._row < self._needed[good]:
            return False
        self.good = good
        return True


class Asked:
    """How a probe asks: (good, what is said of it)."""

    def __init__(self, where, spec, container):
        check(where, spec, *self.WAYS, "initialDelaySeconds", "periodSeconds", "timeoutSeconds",
              "successThreshold", "failureThreshold")
        ways = [way for way in self.WAYS if way in spec]
        if len(ways) != 1:
            raise Unsupported("%s: one of %s is wanted" % (where, ", ".join(self.WAYS)))
        self.way = ways[0]
        self.timeout = integer(where + ": timeoutSeconds", spec.get("timeoutSeconds", 1), 1)
        asked = check(where, spec[self.way], *self.WAYS[self.way])
        if self.way == "exec":
            self.command = [text(where, word) for word in asked["command"]]
            return
        port, named = asked["port"], ports(container)
        if isinstance(port, str) and port not in named:
            raise Unsupported("%s: the container has no port %s" % (where, port))
        self.port = named[port] if isinstance(port, str) else integer(where + ": port", port, 1)
        self.path = asked.get("path", "/")
        one_of(where + ": scheme", asked.get("scheme", "HTTP"), "HTTP")
        self.headers = {"User-Agent": "kube-probe/1.33", "Accept": "*/*", "Connection": "close"}
        for header in asked.get("httpHeaders") or []:
            check(where, header, "name", "value")
            self.headers[header["name"]] = header["value"]

    WAYS = {"httpGet": ("path", "port", "scheme", "httpHeaders"), "tcpSocket": ("port",),
            "exec": ("command",)}

    def ask(self, pod, identity):
        if self.way == "exec":
            return self._execute(pod.engine, identity)
        return self._get(pod) if self.way == "httpGet" else self._connect(pod)

    def _connect(self, pod):
        try:
            socket.create_connection((pod.address, self.port), self.timeout).close()
        except OSError as error:
            return False, repr(error)
        return True, ""

    def _get(self, pod):
        connection = http.client.HTTPConnection(pod.address, self.port, timeout=self.timeout)
        try:
            connection.request("GET", self.path, headers=self.headers)
            answer = connection.getresponse()
            body = answer.read(10240).decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            return False, repr(error)
        finally:
            connection.close()
        if 200 <= answer.status < 400:
            return True, body
        return False, "HTTP probe failed with statuscode: %d: %s" % (answer.status, body)

    def _execute(self, engine, identity):
        try:
            code, output = engine.execute(identity, self.command, self.timeout)
        except TimeoutError:
            return False, "command timed out after %d s" % self.timeout
        except Refused as refused:
            return False, str(refused)
        return code == 0, output


class Worker(threading.Thread):
    """One probe of one container of a pod, for as long as there is the pod."""

    def __init__(self, pod, container, kind):
        super().__init__(daemon=True, name="%s %s of %s" % (kind, container.name, pod.name))
        where, spec = self.name, container.spec[kind + "Probe"]
        self.pod, self.kind, self.container = pod, kind, container
        self.asked = Asked(where, spec, container.spec)
        self.period = integer(where + ": periodSeconds", spec.get("periodSeconds", 10), 1)
        self.delay = integer(where, spec.get("initialDelaySeconds", 0))
        success = integer(where + ": successThreshold", spec.get("successThreshold", 1), 1)
        if kind != "readiness":
            one_of(where + ": successThreshold", success, 1)
        self.threshold = integer(where, spec.get("failureThreshold", 3), 1)
        self.verdict = Verdict(kind, success, self.threshold)
        self.answers = 0        # so many there have been, of all containers
        self.over = threading.Event()
        self._known = None      # the container that the verdict is about
        self._done = False      # it is to be killed: nothing more is asked of it

    def run(self):
        # readiness is asked until the end, the others until the pod is to go
        while not self.over.is_set():
            self.pod.guard(self._turn)
            self.over.wait(self.period)

    def _turn(self):
        container = self.container
        identity = container.id if container.state == "running" else None
        if identity != self._known:
            self._known, self._done = identity, False
            self.verdict.begin()
        if identity is None or self._done or time.time() - container.since < self.delay or \
                container.started == (self.kind == "startup"):
            return
        good, said = self.asked.ask(self.pod, identity)
        if self.over.is_set() or container.id != identity:
            return
        self.answers += 1
        if not good:
            self.pod.event("Unhealthy", "%s probe of %s failed: %s" % (
                self.kind.capitalize(), container.name, said.strip()))
        if self.verdict.add(good):
            self._done = not good and self.kind != "readiness"
            self.pod.probed(self.kind, container, good)
