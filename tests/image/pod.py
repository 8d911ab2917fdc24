"""What stands around the shop's containers: a database, a broker, and what Kubernetes calls a
pod: containers that share a network."""
import os
import subprocess

import bases
import harness
from engine import LOCKED, Container, docker, environment
from inits import Process

NETWORK = "cluster"
PASSWORD = "geheim/:@"
ENV = {"DATABASE_URL": "postgresql://shop:geheim%2F%3A%40@db:5432/shop", "SECRET_KEY": "x",
       "REDIS_URL": "redis://redis:6379/0"}


class Inside(Process):
    """A further process in a container, which is told what to do."""

    def __init__(self, container, words):
        super().__init__(["docker", "exec", "--interactive", container.id] + words, cwd="/",
                         env=environment(), stdin=subprocess.PIPE, name=words[0])

    def tell(self, line):
        self.popen.stdin.write(line.encode() + b"\n")
        self.popen.stdin.flush()


class Database(Container):
    """PostgreSQL with an empty database, as db in the network."""

    def __init__(self, image="postgres:15-bookworm"):
        bases.need("postgres:15-bookworm")
        super().__init__(image, name="db", options=[
            "--network", NETWORK, "--network-alias", "db"], env={
                "POSTGRES_USER": "shop", "POSTGRES_DB": "shop", "POSTGRES_PASSWORD": PASSWORD})

    PSQL = ["/usr/lib/postgresql/15/bin/psql", "-XqAt", "-U", "shop", "-d", "shop"]

    def psql(self, sql):
        """The output of one command; None if it failed."""
        code, text = self.execute(*self.PSQL, "-c", sql)
        return text.strip() if code == 0 else None

    def session(self):
        """A connection that executes what its .tell(SQL) is given."""
        return Inside(self, self.PSQL)


def broker():
    """Redis, as redis in the network."""
    bases.need("redis:7-bookworm")
    return Container("redis:7-bookworm", ["redis-server"], name="redis", options=[
        "--network", NETWORK, "--network-alias", "redis"])


def empty_directory(name):
    """What Kubernetes' emptyDir is: a directory that all may write to."""
    path = harness.tmp + "/" + name
    os.mkdir(path)
    os.chmod(path, 0o777)
    return path


class Pod:
    """The shop's containers in one network, on a cluster with a database."""

    def __init__(self, image, database=True):
        self.image = image
        docker("network", "create", NETWORK)
        self.database = None
        if database:
            self.start_database()
        # what holds the network, as Kubernetes' pause does
        bases.need("debian:bookworm-slim")
        self.pause = Container("debian:bookworm-slim", ["sleep", "infinity"], name="pause",
                               options=["--network", NETWORK, "--init"])
        self.address = self.pause.address()

    def start_database(self):
        self.database = Database()

    def role(self, name, options=(), env=None, image=None, args=()):
        """A container of it, locked down as a careful hoster does."""
        options = LOCKED + ["--network", "container:" + self.pause.id, *options]
        return Container(image or self.image, [name, *args], options, dict(ENV, **(env or {})),
                         name.strip("/"))

    def migrate(self):
        init = self.role("/init")
        assert init.wait(60) == 0, init.output()
        return init

    def site(self, **more):
        """/run, and it is ready."""
        run = self.role("/run", **more)
        run.until("/readyz", 200, 9480, self.address)
        return run
