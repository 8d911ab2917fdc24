"""Servers that pidone talks to: Debian's PostgreSQL and Redis, and one that misbehaves."""
import glob
import os
import pwd
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading

import harness
from harness import IS_ROOT, Failure, free_port, need_command, skip, wait_until
from inits import BASE_ENV, Process


class Postgres:
    """Debian's PostgreSQL 15 in a directory of its own, on a port of its own unless one is named.
    password: require it (scram-sha-256) of everybody over TCP. standby_of: a streaming
    standby of that one."""

    def __init__(self, start=True, password=None, options=(), standby_of=None, port=None):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
        if not found:
            skip("needs postgresql-15")
        self.bin = os.path.dirname(found[-1])
        self.user = "postgres" if IS_ROOT else pwd.getpwuid(os.geteuid()).pw_name
        self.password = password
        self.port = port or free_port()
        self.dir = tempfile.mkdtemp(prefix="pg.", dir=harness.tmp)
        os.chmod(self.dir, 0o755)
        self.data, self.socket_dir = self.dir + "/data", self.dir + "/socket"
        os.mkdir(self.socket_dir)
        if IS_ROOT:
            entry = pwd.getpwnam("postgres")
            os.chown(self.dir, entry.pw_uid, entry.pw_gid)
            os.chown(self.socket_dir, entry.pw_uid, entry.pw_gid)
        self._make_data(standby_of)
        settings = ["listen_addresses='127.0.0.1,::1'", "port=%d" % self.port,
                    "unix_socket_directories='%s'" % self.socket_dir, "fsync=off",
                    "max_connections=50", "shared_buffers=16MB"] + list(options)
        with open(self.data + "/postgresql.conf", "a") as file:
            file.write("\n".join(settings) + "\n")
        self.process = None
        if password is not None:
            self.start()
            self.psql("ALTER USER postgres PASSWORD '%s'" % password)
            self.stop()
            with open(self.data + "/pg_hba.conf", "w") as file:
                file.write("local all all trust\nhost all all all scram-sha-256\n")
        if start:
            self.start()

    def _make_data(self, standby_of):
        cache = os.environ.get("PIDONE_TEST_CACHE")
        if standby_of is not None:
            self._must("pg_basebackup", "-D", self.data, "-R", "--no-sync", "-c", "fast",
                       "-h", standby_of.socket_dir, "-p", str(standby_of.port), "-U", "postgres")
        elif cache is None:
            self._initdb(self.data)
        else:
            self._copy_of_empty(cache + "/initdb")

    def _initdb(self, directory):
        self._must("initdb", "-D", directory, "-A", "trust", "-U", "postgres", "--no-sync",
                   "-E", "UTF8", "--locale=C.UTF-8")

    def _copy_of_empty(self, empty):
        """initdb takes longer than most tests need it for: once for a whole run."""
        if not os.path.exists(empty):
            own = "%s.%d" % (empty, os.getpid())
            self._initdb(own)
            try:
                os.rename(own, empty)
            except OSError:
                shutil.rmtree(own)  # another test was quicker
        self._must("/bin/cp", "-a", empty, self.data)

    def _must(self, program, *args):
        done = self._run([os.path.join(self.bin, program)] + list(args))
        if done.returncode != 0:
            raise Failure("%s: %s" % (program, done.stdout))

    def _run(self, argv, **more):
        if IS_ROOT:
            entry = pwd.getpwnam(self.user)
            more.update(user=entry.pw_uid, group=entry.pw_gid, extra_groups=[])
        return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              cwd="/", env={"PATH": BASE_ENV["PATH"], "LC_ALL": "C.UTF-8"},
                              stdin=subprocess.DEVNULL, check=False, **more)

    def start(self, wait=True):
        """Starts the server; with wait=False it may not accept yet."""
        self.process = Process([self.bin + "/postgres", "-D", self.data], name="postgres",
                               env={"PATH": BASE_ENV["PATH"], "LC_ALL": "C.UTF-8"}, cwd="/",
                               user=self.user if IS_ROOT else None)
        if wait:
            wait_until(self.is_ready, 15, "PostgreSQL to accept")

    def is_ready(self):
        return self._run([self.bin + "/pg_isready", "-q", "-h", self.socket_dir,
                          "-p", str(self.port)]).returncode == 0

    def stop(self, sig=signal.SIGINT):
        """INT: fast; QUIT: as if the machine had crashed."""
        if self.process is not None and self.process.alive():
            self.process.signal(sig)
            self.process.wait(15)
        self.process = None

    def restart(self):
        self.stop()
        self.start()

    def psql(self, sql, database="postgres", check=True):
        """The unaligned output of one command, without the last newline."""
        done = self._run([self.bin + "/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
                          "-h", self.socket_dir, "-p", str(self.port), "-U", "postgres",
                          "-d", database, "-c", sql])
        if check and done.returncode != 0:
            raise Failure("psql %r: %s" % (sql, done.stdout))
        return done.stdout.rstrip("\n")

    def url(self, database="postgres", host="127.0.0.1", user="postgres", password=None):
        secret = password or self.password
        return "postgresql://%s%s@%s:%d/%s" % (
            user, ":" + secret if secret else "", "[%s]" % host if ":" in host else host,
            self.port, database)

    def env(self, database="postgres"):
        """The same as PG* variables."""
        found = {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "postgres",
                 "PGDATABASE": database}
        if self.password:
            found["PGPASSWORD"] = self.password
        return found


class PgBouncer:
    """Debian's, before a Postgres: its database under the same name."""

    def __init__(self, postgres, mode="transaction", settings=(), pool_size=5):
        need_command("pgbouncer")
        self.port = free_port()
        directory = tempfile.mkdtemp(prefix="pgbouncer.", dir=harness.tmp)
        os.chmod(directory, 0o755)
        path = directory + "/pgbouncer.ini"
        lines = ["[databases]", "postgres = host=127.0.0.1 port=%d user=postgres" % postgres.port,
                 "[pgbouncer]", "listen_addr = 127.0.0.1", "listen_port = %d" % self.port,
                 "pool_mode = " + mode, "unix_socket_dir =",
                 "default_pool_size = %d" % pool_size]
        if not any(line.startswith("auth_type") for line in settings):
            lines.append("auth_type = any")
        with open(path, "w", encoding="ascii") as file:
            file.write("\n".join(lines + list(settings)) + "\n")
        self.process = Process(["pgbouncer", path], name="pgbouncer",
                               user=postgres.user if IS_ROOT else None)
        self.process.expect("process up")

    def url(self, user="postgres", password=None, database="postgres"):
        return "postgres://%s%s@127.0.0.1:%d/%s" % (user, ":" + password if password else "",
                                                    self.port, database)


class Redis:
    """Debian's Redis without persistence, on a port of its own."""

    def __init__(self, start=True):
        need_command("redis-server")
        self.port = free_port()
        self.process = None
        if start:
            self.start()

    def start(self):
        self.process = Process(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "-::1",
             "--save", "", "--appendonly", "no", "--dir", harness.tmp], name="redis")
        wait_until(self.is_ready, 10, "Redis to answer")

    def is_ready(self):
        with socket.create_connection(("127.0.0.1", self.port), 1) as s:
            s.sendall(b"PING\r\n")
            return s.recv(16).startswith(b"+PONG")

    def stop(self):
        if self.process is not None:
            self.process.stop()
        self.process = None

    def url(self, database=0):
        return "redis://127.0.0.1:%d/%d" % (self.port, database)


def http_reply(status=200, body=b"", headers=()):
    text = body if isinstance(body, bytes) else body.encode()
    head = ["HTTP/1.1 %d x" % status, "Content-Length: %d" % len(text), "Connection: close"]
    return "\r\n".join(head + list(headers) + ["", ""]).encode() + text


class FakeServer:
    """A server that behaves as told, on both loopbacks of one port (or at a
    unix path). behave is changed at any time: bytes (read something, answer
    with them, close), a function of (connection, first bytes read), or a word:

        "mute"   accepts, reads, never answers
        "reset"  accepts, and resets the connection
        "slow"   answers HTTP 200, one byte every 0.2 s
        "refuse" does not listen (refuse() and accept() switch)
    """

    def __init__(self, behave="mute", port=None, unix=None):
        self.behave = behave
        self.port = port or (None if unix else free_port())
        self.unix = unix
        self.requests = []     # what each connection sent first
        self.listeners = []
        self.held = []
        if behave != "refuse":
            self.accept()

    def accept(self):
        if self.unix is not None:
            self._listen(socket.AF_UNIX, self.unix)
        else:
            self._listen(socket.AF_INET, ("127.0.0.1", self.port))
            self._listen(socket.AF_INET6, ("::1", self.port))

    def refuse(self):
        for listener in self.listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.listeners = []

    def _listen(self, family, address):
        listener = socket.socket(family)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(64)
        self.listeners.append(listener)
        threading.Thread(target=self._accept_loop, args=(listener,), daemon=True).start()

    def _accept_loop(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            if self.behave == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                      struct.pack("ii", 1, 0))
                connection.close()
                return
            first = connection.recv(65536)
            self.requests.append(first)
            if self.behave == "mute":
                self.held.append(connection)
                return
            if self.behave == "slow":
                for byte in http_reply(200, "slow"):
                    connection.sendall(bytes([byte]))
                    select.select([], [], [], 0.2)
            elif callable(self.behave):
                self.behave(connection, first)
            else:
                connection.sendall(self.behave)
            connection.close()
        except OSError:
            pass
