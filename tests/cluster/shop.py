"""What stands around the chart when it is really run: the images, a registry, the database and the
broker, what the hoster's operators would make, and the release of a values file."""
import base64
import functools
import hashlib
import json
import os
import struct
import subprocess
import sys
import traceback

import bases
import chart
import engine
import files
import harness
from engine import Container, docker, on_docker
from harness import Failure
from inits import Process, http_get
from kube import argocd
from kube.cluster import Cluster
from kube.kubelet import Times
from pod import NETWORK, PASSWORD, Database

HOST = "shop.example.org"
REGISTRY = "registry.example.org"
IMAGE = REGISTRY + "/acme/shop"
# the hoster's, by digest
FILE_SERVER, PIDONE = REGISTRY + "/hoster/nginx", REGISTRY + "/hoster/pidone"
FAST = Times(backoff=1.0, backoff_most=8.0, sync=1.0)

# A page that takes uploads, and one that tells what reached the site: the quickstart's has neither.
PAGES = '''
import json
import os
import tempfile

from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.http import HttpResponse
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def upload(request):
    store = FileSystemStorage(os.environ["MEDIA_ROOT"], file_permissions_mode=0o640)
    return HttpResponse(store.save(request.GET["name"], request.FILES["file"]))


def told(request):
    with tempfile.NamedTemporaryFile(dir=os.environ["HOME"]) as file:
        file.write(b"x")
    database = settings.DATABASES["default"]
    return HttpResponse(json.dumps({
        "env": {name: os.environ.get(name) for name in request.GET.getlist("env")},
        "ids": [os.getuid(), os.getgid(), sorted(os.getgroups())],
        "database": {key: str(database[key]) for key in ("HOST", "USER", "NAME", "PASSWORD")}}))
'''
URLS = '''
from . import pages

urlpatterns += [path("upload", pages.upload), path("told", pages.told)]
'''


def in_world(function=None, **more):
    """Decorator: the case has a Docker daemon and a World; on failure the cluster is described."""
    if function is None:
        return functools.partial(in_world, **more)

    @functools.wraps(function)
    @on_docker
    def case():
        world = World(**more)
        try:
            function(world)
        except Exception as error:
            raise Failure("%s\n%s" % (error if isinstance(error, Failure) else
                                      traceback.format_exc(), world.cluster.describe())) from error
    return case


# ---- images ----

@functools.lru_cache(None)
def context():
    """The shop's project with these pages."""
    directory = bases.shop_context()
    files.write(directory + "/shop/pages.py", PAGES)
    files.append(directory + "/shop/urls.py", URLS)
    return directory


def release(tag, changes=None, base=None):
    """IMAGE:tag is there: the shop's image, with these files (below /app → text) changed. Its
    digest."""
    if base is None:
        base = "celery:test"
        if not engine.image_exists(base):
            context()
            bases.shop("celery")
    name, directory = "%s:%s" % (IMAGE, tag), "%s/release-%s" % (harness.tmp, tag)
    files.write(directory + "/Dockerfile", "FROM %s\nCOPY files /app/\nLABEL release=%s\n" % (
        base, tag))
    os.makedirs(directory + "/files", exist_ok=True)
    for path, text in (changes or {}).items():
        files.write("%s/files/%s" % (directory, path), text)
    docker("build", "--quiet", "--tag", name, directory)
    return digest(name)


def foreign(tag):
    """IMAGE:tag is there, and its program is for another processor."""
    directory = "%s/release-%s" % (harness.tmp, tag)
    # an ELF header of a little-endian 64-bit program for aarch64 (183), and nothing behind it
    header = b"\x7fELF\2\1\1" + bytes(9) + struct.pack(
        "<HHIQQQIHHHHHH", 2, 183, 1, 0x400078, 64, 0, 0, 64, 56, 1, 0, 0, 0) + bytes(56)
    files.write(directory + "/Dockerfile",
                'FROM scratch\nCOPY pidone /pidone\nENTRYPOINT ["/pidone"]\n')
    with open(directory + "/pidone", "wb") as file:
        file.write(header)
    os.chmod(directory + "/pidone", 0o755)
    docker("build", "--quiet", "--tag", "%s:%s" % (IMAGE, tag), directory)


def digest(name):
    """What a registry would call it: here an image's own."""
    return engine.inspect(name, "{{.Id}}", "image")


def plain():
    """The image before pidone is put into it."""
    if not engine.image_exists("plain:test"):
        directory = context()
        bases.shop("django-debian")
        bases.build(directory + "/django-debian.Dockerfile", "plain:test", directory,
                    "--target", "build")
    return "plain:test"


def hosters(tag, repository):
    """The hoster's image, named by digest."""
    docker("tag", tag, repository + ":1")
    return "%s@%s" % (repository, digest(tag))


# ---- the place ----

class World:
    """A namespace with a database and its secret, and the operators that a cluster has."""

    def __init__(self, times=FAST, database=True, delay=1.0):
        bases.need("debian:bookworm-slim", "nginx:1.22-bookworm")
        bases.need_pidone()
        self.file_server = hosters("nginx:1.22-bookworm", FILE_SERVER)
        docker("network", "create", NETWORK)
        engine.weigh(10)
        self.sealed = {}        # ciphertext → plaintext
        self.unsealed = {}      # name of a SealedSecret → its health
        self.cluster = Cluster(engine.socket(), NETWORK, "debian:bookworm-slim", chart.NAMESPACE,
                               times, {"SealedSecret": self._unseal, "Cluster": self._database},
                               delay)
        self.cluster.health_of["SealedSecret"] = self.unsealed.get
        self.database = self.redis = None
        if database:
            self.start_database()
        self.give_secret("shop-db-app", {
            "username": "shop", "user": "shop", "password": PASSWORD, "dbname": "shop",
            "host": "db", "port": "5432", "pgpass": "db:5432:shop:shop:" + PASSWORD,
            "uri": "postgresql://shop:geheim%2F%3A%40@db:5432/shop",
            "jdbc-uri": "jdbc:postgresql://db:5432/shop?user=shop"})

    def start_database(self):
        """PostgreSQL, from an image with an empty database: to make one takes seconds."""
        if not engine.image_exists("db:made"):
            first = Database()
            harness.wait_until(lambda: first.psql("SELECT 1") == "1", 40, "a database")
            docker("stop", first.id)
            docker("commit", first.id, "db:made")
            docker("rm", first.id)
        self.database = Database("db:made")

    def start_broker(self):
        """Redis. When it has ended its machine is still there, and refuses connections: in a real
        cluster the name of a Service does not go away with what is behind it."""
        bases.need("redis:7-bookworm")
        self.redis = Container("redis:7-bookworm", name="redis", options=[
            "--network", NETWORK, "--network-alias", "redis", "--entrypoint", "sh"], args=[
                "-c", "redis-server --protected-mode no; exec sleep infinity"])
        self.redis.expect("Ready to accept connections", 20)

    def kill_broker(self):
        self.redis.execute("redis-cli", "shutdown", "nosave")
        self.redis.expect("bye bye", 10)

    def _database(self, cluster, manifest):
        """CloudNativePG: the database is there already, and so is the secret that it would make."""

    def give_secret(self, name, data):
        self.cluster.give({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
                           "data": {key: base64.b64encode(value.encode()).decode()
                                    for key, value in data.items()}})

    # ---- sealed secrets ----

    def seal(self, text):
        """A ciphertext as kubeseal's look; nobody but this world can open it."""
        stream = hashlib.shake_256(b"%d" % len(self.sealed) + text.encode()).digest(300)
        ciphertext = "Ag" + base64.b64encode(stream).decode()
        self.sealed[ciphertext] = text
        return ciphertext

    def _unseal(self, cluster, manifest):
        """What the controller in the cluster does. The Secret is its, and goes with it."""
        spec = manifest["spec"]
        name = manifest["metadata"]["name"]
        unknown = [key for key, value in spec["encryptedData"].items() if value not in self.sealed]
        self.unsealed[name] = ("Degraded", "no key could decrypt secret (%s)" % ", ".join(
            unknown)) if unknown else ("Healthy", "")
        if unknown:
            return      # an older Secret of this name stays
        if spec["template"]["metadata"]["name"] != name:
            raise Failure("SealedSecret %s: strict scope seals to its own name" % name)
        cluster.give({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
                      "type": spec["template"]["type"],
                      "data": {key: base64.b64encode(self.sealed[value].encode()).decode()
                               for key, value in spec["encryptedData"].items()}})

    # ---- a release ----

    def values(self, tag, app=None, hoster=None, secret=None):
        """A customer's and a hoster's file, as small as they can be, and what the test says."""
        plain_texts = {"SECRET_KEY": "x", "REDIS_URL": "redis://redis:6379/0", **(secret or {})}
        values = {
            "app": {"image": {"repository": IMAGE, "tag": tag, "immutableTags": True},
                    "routes": [{"host": HOST}], "readOnlyRootFilesystem": True,
                    "sealedSecrets": {"shop-env": {"encryptedData": {
                        key: self._sealed_once(value) for key, value in plain_texts.items()}}}},
            "hoster": {"fileServer": {"image": self.file_server}}}
        return merged(values, {"app": app or {}, "hoster": hoster or {}})

    def _sealed_once(self, text):
        """The same text in two releases is the same in the repository."""
        known = {plain_text: sealed for sealed, plain_text in self.sealed.items()}
        return known.get(text) or self.seal(text)

    def manifests(self, values):
        return chart.render(values).docs

    def sync(self, values, seconds=60, **more):
        return argocd.sync(self.cluster, self.manifests(values), seconds, **more)

    def deploy(self, values, seconds=60):
        """A sync that must succeed; when it returns, visitors see what it made."""
        result = self.sync(values, seconds)
        if not result.ok:
            raise Failure(result.message + "\n" + self.cluster.describe())
        self.cluster.until_visible()
        return result

    def pods(self, name="shop"):
        return self.cluster.pods_of("Deployment", name)

    def allow_connections(self, yes):
        """The database takes connections, or ends those that it has and refuses new ones."""
        self.database.execute(*self.database.PSQL[:-1], "postgres", "-c",
                              "ALTER DATABASE shop ALLOW_CONNECTIONS %s" % yes, "-c",
                              "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                              "WHERE datname = 'shop' AND NOT %s" % yes)

    def pod(self, name="shop"):
        """The only one that is not on its way out."""
        def only():
            found = [pod for pod in self.pods(name) if pod.active]
            return len(found) == 1 and found[0]
        return self.cluster.until(only, 20, "one pod of " + name)

    # ---- the visitor ----

    def visit(self, path="/", host=HOST, **more):
        """(status, body), through the ingress."""
        headers = {"Host": host, **more.pop("headers", {})}
        return http_get(path, self.cluster.front_port, host="127.0.0.1", headers=headers, **more)

    def of_pod(self, pod, path, port):
        """(status, body) from a port of the pod itself, as a probe sees it."""
        if pod.address is None:
            raise ConnectionError(pod.name + " has no address yet")
        return http_get(path, port, host=pod.address)

    def told(self, *names):
        """What the site says of itself and of these variables."""
        status, body = self.visit("/told?" + "&".join("env=" + name for name in names))
        assert status == 200, body
        return json.loads(body)

    def upload(self, name, text):
        body = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n" \
            "%s\r\n--x--\r\n" % text
        return self.visit("/upload?name=" + name, method="POST", body=body, headers={
            "Content-Type": "multipart/form-data; boundary=x"})


class Load:
    """Visitors: 16 clients through the ingress, some keep their connection and some do not. They
    try nothing again, so each failure is one that somebody has seen."""

    def __init__(self, world, rate=4):
        self.process = Process([sys.executable, harness.HERE + "/load.py", "--host", HOST,
                                str(rate), str(world.cluster.front_port)],
                               stdin=subprocess.PIPE, name="load")

    def failures(self):
        return [line[1] for line in list(self.process.lines) if line[1].startswith("failed")]

    def finish(self):
        """(requests, failed ones, seconds)"""
        self.process.popen.stdin.close()
        total, failed, seconds = self.process.expect("^done", 30).split()[1:]
        return int(total), int(failed), float(seconds)


def merged(values, more):
    """more wins, mapping by mapping, as Helm merges files."""
    found = dict(values)
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(found.get(key), dict):
            value = merged(found[key], value)
        found[key] = value
    return found
