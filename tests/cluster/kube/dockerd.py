"""The engine's API, over its socket: what the kubelet asks of a container runtime."""
import datetime
import http.client
import json
import struct
from urllib.parse import quote, urlencode

from inits import UnixConnection


class Refused(Exception):
    """The engine's answer is an error: .status, and its message."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def seconds(stamp):
    """The engine's time as seconds since 1970."""
    whole, _, fraction = stamp.rstrip("Z").partition(".")
    moment = datetime.datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S")
    moment = moment.replace(tzinfo=datetime.timezone.utc)
    return moment.timestamp() + float("0." + (fraction or "0"))


class Engine:
    """Each call has a connection of its own, so that all may be made at once."""

    def __init__(self, socket):
        self._socket = socket

    def call(self, method, path, body=None, timeout=60.0, **query):
        """The answer's body; Refused where it is an error."""
        connection = UnixConnection(self._socket, timeout)
        try:
            connection.request(
                method, "/v1.41" + path + ("?" + urlencode(query) if query else ""),
                body=None if body is None else json.dumps(body),
                headers={"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        except http.client.HTTPException as error:
            raise Refused(0, repr(error)) from None
        finally:
            connection.close()
        if answer.status >= 400:
            try:
                message = json.loads(text)["message"]
            except (ValueError, KeyError):
                message = text.decode(errors="replace")
            raise Refused(answer.status, message)
        return text

    def ask(self, method, path, body=None, **more):
        return json.loads(self.call(method, path, body, **more) or b"null")

    # ---- images ----

    def image(self, reference):
        """(what the engine runs, its configuration) of an image, as a registry would have it: by
        a tag that it has here, or by a digest, which is here an image's own. None: there is none
        of this name."""
        name, _, digest = reference.partition("@")
        try:
            found = self.ask("GET", "/images/%s/json" % quote(digest or name))
        except Refused:
            return None
        if digest:
            repository, _, tag = name.rpartition(":") if ":" in name.split("/")[-1] else \
                (name, "", "")
            wanted = repository + ":" + tag
            if not any(known.startswith(wanted) for known in found["RepoTags"] or ()):
                return None
        return found["Id"], found["Config"]

    # ---- containers ----

    def create(self, name, config):
        return self.ask("POST", "/containers/create", config, name=name)["Id"]

    def start(self, container):
        self.call("POST", "/containers/%s/start" % container)

    def wait(self, container):
        """Until it has ended."""
        self.call("POST", "/containers/%s/wait" % container, timeout=None)

    def stop(self, container, grace):
        """Its stop signal, and KILL when the grace is over; returns when it has ended."""
        try:
            self.call("POST", "/containers/%s/stop" % container, timeout=None, t=int(grace))
        except Refused as refused:
            if refused.status not in (304, 404):
                raise

    def inspect(self, container):
        return self.ask("GET", "/containers/%s/json" % container)

    def remove(self, container):
        try:
            self.call("DELETE", "/containers/" + container, force="true", v="true")
        except Refused as refused:
            if refused.status not in (404, 409):
                raise

    def logs(self, container):
        """All that it wrote, both streams as they came."""
        raw = self.call("GET", "/containers/%s/logs" % container, stdout="true", stderr="true")
        text, at = [], 0
        while at + 8 <= len(raw):
            size = struct.unpack_from(">I", raw, at + 4)[0]
            text.append(raw[at + 8:at + 8 + size])
            at += 8 + size
        return b"".join(text).decode(errors="replace")

    def execute(self, container, command, timeout=60.0):
        """(exit code, output) of a further process inside; TimeoutError when its time is over."""
        run = self.ask("POST", "/containers/%s/exec" % container,
                       {"Cmd": command, "AttachStdout": True, "AttachStderr": True, "Tty": True})
        output = self.call("POST", "/exec/%s/start" % run["Id"], {"Detach": False, "Tty": True},
                           timeout=timeout)
        code = self.ask("GET", "/exec/%s/json" % run["Id"])["ExitCode"]
        return code, output.decode(errors="replace").replace("\r\n", "\n")
