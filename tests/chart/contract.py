"""A container of a rendered pod, as Kubernetes would start it, with pidone itself: the environment
with $(VAR) expanded, the mounted Secrets and ConfigMaps at their paths, the user, the words.

    for pod in contract.pods(where, documents): pod.where, pod.containers
        pod.pidone(container, words)        a running Pidone
        pod.explained(container)            what `pidone explain --ini` says of it

Kubernetes' part is tests/cluster/kube, which also runs the chart as a whole.
"""
import os
import re
import sys
import tempfile

import files
import harness
import pss
from harness import BIN, Failure
from inits import Pidone
from servers import Postgres

sys.path.append(os.path.join(harness.HERE, "cluster"))
from kube import environment, volumes  # noqa: E402

NAMESPACE = "acme"
ETC = ("passwd", "group", "nsswitch.conf")
ZALANDO = ".credentials.postgresql.acid.zalan.do"
SERVER = {"host": "shop-db-rw", "port": "5432", "dbname": "app", "user": "app",
          "password": "s3cr3t"}


def cloudnativepg(server):
    """The keys that the operator writes into CLUSTER-app."""
    uri = "postgresql://%(user)s:%(password)s@%(host)s:%(port)s/%(dbname)s" % server
    jdbc = "jdbc:postgresql://%(host)s:%(port)s/%(dbname)s?password=%(password)s&user=%(user)s" \
        % server
    return {"username": server["user"], "user": server["user"], "password": server["password"],
            "host": server["host"], "port": server["port"], "dbname": server["dbname"],
            "uri": uri, "jdbc-uri": jdbc, "fqdn-uri": uri, "fqdn-jdbc-uri": jdbc,
            "pgpass": "%(host)s:%(port)s:%(dbname)s:%(user)s:%(password)s\n" % server}


class Objects:
    """The Secrets and ConfigMaps of a namespace: what is rendered, what is unsealed from it, and
    what operators make. secrets: others, by name."""

    def __init__(self, documents, secrets=()):
        self.documents, self.secrets = documents, dict(secrets)

    def hosts(self):
        """A file for /etc/hosts: wherever the database may be, it is here."""
        names = [d["data"]["host"] for d in self.documents
                 if d["kind"] == "ConfigMap" and "host" in d["data"]]
        path = tempfile.mkdtemp(prefix="hosts.", dir=harness.tmp) + "/hosts"
        files.write(path, "127.0.0.1 %s\n" % " ".join(["localhost", SERVER["host"]] + names))
        os.chmod(os.path.dirname(path), 0o755)
        return path

    def data(self, kind, name):
        found = self._rendered(kind, name)
        if found is None and kind == "Secret":
            found = self.secrets.get(name) or self._of_operators(name)
        return found and {key: value.encode() for key, value in found.items()}

    def _rendered(self, kind, name):
        for document in self.documents:
            if document["metadata"]["name"] == name:
                if document["kind"] == kind:
                    return document["data"]
                if kind == "Secret" and document["kind"] == "SealedSecret":
                    return {key: "unsealed " + key for key in document["spec"]["encryptedData"]}
        return None

    @staticmethod
    def _of_operators(name):
        if name.endswith(ZALANDO):
            return {"username": SERVER["user"], "password": SERVER["password"]}
        return cloudnativepg(SERVER)

    @staticmethod
    def claim(name, pod):
        return tempfile.mkdtemp(prefix="claim-%s-%s." % (name, pod.name), dir=harness.tmp)


class Pod:
    """A pod template of a document. where: for messages."""
    namespace, uid, address, annotations = NAMESPACE, "0", "127.0.0.1", {}

    def __init__(self, where, document, template, objects):
        self.where, self.document, self.objects = where, document, objects
        self.spec = template["spec"]
        self.name, self.labels = document["metadata"]["name"], template["metadata"]["labels"]
        context = self.spec["securityContext"]
        self.user = (context["runAsUser"], context["runAsGroup"])
        self._volumes = None

    @property
    def volumes(self):
        if self._volumes is None:
            directory = tempfile.mkdtemp(prefix="volumes.", dir=harness.tmp)
            os.chmod(directory, 0o755)
            try:
                self._volumes = volumes.make(self, directory, self.objects)
            except environment.NotYet as error:
                raise Failure("%s: %s" % (self.where, error)) from None
        return self._volumes

    @property
    def containers(self):
        """Those that run pidone, in the order in which they start; the hoster's install first."""
        return [container for kind in ("initContainers", "containers")
                for container in self.spec.get(kind, []) if container["name"] != "files"]

    @property
    def installs(self):
        """The container that puts pidone into a volume, if there is one."""
        return next((c for c in self.containers if c["name"] == "install"), None)

    def env(self, container):
        return environment.variables(self, container, self.objects)

    def words(self, container):
        """(the program, its arguments) in an image whose ENTRYPOINT is ["/pidone"]."""
        command, arguments = environment.words(container, self.env(container))
        command = command or [BIN]
        return command[:1], command[1:] + (arguments or [])

    def pidone(self, container, arguments=None, env=None, remove=(), **more):
        """Starts it, or its pidone with other arguments; env is added, remove taken away."""
        program, given = self.words(container)
        variables = {**self.env(container), **(env or {})}
        for name in remove:
            del variables[name]
        role = next((w for w in given[:1] if w.startswith("/")), None)
        process = Pidone([], env=variables, user=self.user, nsrun=self._nsrun(container),
                         words=program + (given if arguments is None else arguments),
                         name="%s, %s" % (self.where, container["name"]), **more)
        process.role = role
        return process

    def _nsrun(self, container):
        """What is mounted below /etc, /opt and /tmp: all that pidone is told of."""
        options = ["--tmpfs", "/etc", "--tmpfs", "/opt", "--tmpfs", "/tmp"]
        options += ["--bind", self.objects.hosts() + ":/etc/hosts"]
        for name in ETC:
            if os.path.exists("/etc/" + name):
                options += ["--bind", "/etc/%s:/etc/%s" % (name, name)]
        for mount in container.get("volumeMounts", []):
            if mount["mountPath"].startswith(("/etc/", "/opt/")):
                options += ["--bind", "%s:%s" % (self.volumes[mount["name"]].place,
                                                mount["mountPath"])]
        return options

    def install(self):
        """The init container that brings pidone, where there is one, really run."""
        if self.installs:
            process = self.pidone(self.installs)
            if process.wait() != 0:
                raise Failure("%s: install: %s" % (self.where, process.output()))
            harness.started.remove(process)

    def explained(self, container, env=None, remove=()):
        """(Settings, what stood on stderr: complaints)"""
        role, more = role_of(container), dict(env or {})
        for name in roles_of(container):
            prefix = "PIDONE_%s_" % name[1:].upper()
            if not {prefix + "ONCE", prefix + "COMMAND"} & set(self.env(container)):
                # what the image would have; with it there is something to explain
                more[prefix + "COMMAND"] = "true"
        process = self.pidone(container, ["explain", "--ini"] + [role] * bool(role), more, remove)
        process.wait()
        harness.started.remove(process)  # one of hundreds: nothing to be shown with a failure
        return Settings(process.stdout), process.stderr


def role_of(container):
    """The role's word in its args, or None."""
    first = (container.get("args") or [""])[0]
    return first if re.fullmatch(r"/[a-z][a-z0-9]*", first) else None


def roles_of(container):
    """All that its args name: of `check`, each that shall be able to start."""
    words = container.get("args") or []
    return words[1:] if words[:1] == ["check"] else [w for w in [role_of(container)] if w]


class Settings:
    """The text of `pidone explain --ini`."""

    def __init__(self, text):
        self.values, self.origins, self.database = {}, {}, None
        section = origin = None
        for line in text.splitlines():
            match = re.fullmatch(r"\[([a-z][a-z0-9]*)\]|; from (.*)|(?:; )?([A-Za-z0-9_.-]+) = (.*)|"
                                 r"; database: (.*?)(?:  \(.*)?", line)
            if not match:
                continue
            if match.group(1):
                section = match.group(1)
            elif match.group(5):
                self.database = match.group(5)
            elif match.group(2):
                origin = match.group(2)
            elif match.group(3):
                self.values[section, match.group(3)] = match.group(4)
                if origin:
                    self.origins.setdefault(origin, []).append((section, match.group(3)))
                origin = None

    def seconds(self, section, key):
        """A duration, or None for none."""
        value = self.values[section, key]
        match = re.fullmatch(r"(\d+)(ms|s|m|h)", value)
        if value == "none":
            return None
        return int(match.group(1)) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[match.group(2)]


def database(password=None):
    """The server that SERVER, and what the charts say of Zalando's, lead to. With a password it is
    asked for, which takes a second longer."""
    server = Postgres(password=password, port=int(SERVER["port"]))
    server.psql("CREATE ROLE app SUPERUSER LOGIN PASSWORD '%s'" % SERVER["password"])
    for name in ("app", "shop"):
        server.psql("CREATE DATABASE " + name)
    return server


def pods(where, documents, secrets=()):
    objects = Objects(documents, secrets)
    return [Pod("%s: %s/%s" % (where, d["kind"], d["metadata"]["name"]), d, template, objects)
            for d in documents for template in pss.templates(d)]
