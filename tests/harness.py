"""A small TAP framework, and the world that pidone is tested in.

A test file is a script whose functions test_* are the cases; the docstring of
each is the sentence of the contract that it proves. The last line of the file
is harness.main(). Every case runs in a process of its own with a time limit
(30 s; @harness.limit(60) for another), in a network namespace of its own (so
default ports never meet) with a /run of its own. Whatever it started is gone
when it ends, also after a failure.

    PIDONE_BIN     the program under test [./pidone]
    NSRUN_BIN      tests/nsrun, beside it [./tests/nsrun]
    PID1           the words of the init that class Init starts ["pidone --"]: for
                   instance PID1="tini --" shows where a peer fails
    PIDONE_WRAPPER words put before the program, for instance valgrind's; what it
                   writes into the directory $TEST_REPORTS fails the case
    PIDONE_SANITIZERS what the program was built with, if anything
    PIDONE_SLOW    factor for every deadline [3; 8 with sanitizers, 12 with a wrapper]
    MUST_WORK=1    a skipped case is a failed one

Only Python's standard library. Nothing sleeps for a fixed time: wait for a
line, a descriptor or a condition, with a deadline.
"""
import ctypes
import fcntl
import glob
import http.client
import json
import os
import pwd
import re
import select
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

BIN = os.path.abspath(os.environ.get("PIDONE_BIN", "./pidone"))
NSRUN = os.path.abspath(os.environ.get("NSRUN_BIN", os.path.dirname(BIN) + "/tests/nsrun"))
SRCDIR = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PID1 = shlex.split(os.environ.get("PID1", ""))
WRAPPER = shlex.split(os.environ.get("PIDONE_WRAPPER", ""))
SANITIZED = os.environ.get("PIDONE_SANITIZERS", "") not in ("", "no")
SLOW = float(os.environ.get("PIDONE_SLOW", 12 if WRAPPER else 8 if SANITIZED else 3))
PACE = 4 if WRAPPER else 3 if SANITIZED else 1    # factor for what is promised within a time
MUST_WORK = os.environ.get("MUST_WORK") == "1"
IS_ROOT = os.geteuid() == 0

CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
PR_SET_CHILD_SUBREAPER = 36
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
MS_REC_PRIVATE = 0x4000 | 0x40000

_libc = ctypes.CDLL(None, use_errno=True)
_started = []      # what this case started, for the diagnostics of a failure
tmp = None         # this case's directory: private, removed afterwards


class Failure(AssertionError):
    """The case failed for a reason that needs no traceback to be understood."""


class Skip(Exception):
    pass


def skip(reason):
    """Ends the case: it cannot run here. With MUST_WORK=1 that is a failure."""
    raise Skip(reason)


def limit(seconds):
    """Decorator: another time limit for one case."""
    def mark(function):
        function.limit = seconds
        return function
    return mark


def bare(function):
    """This case wants the program itself: it is left out under a wrapper such as
    valgrind, which cannot do what the case does."""
    function.bare = True
    return function


def as_shipped(function):
    """This case wants the program as it is shipped: it is left out under a wrapper and
    where sanitizers are built in, which bring an allocator, descriptors and system calls
    of their own."""
    function.as_shipped = True
    return function


def need_root():
    if not IS_ROOT:
        skip("needs root, for pid namespaces")


def need_command(*names):
    for name in names:
        if shutil.which(name) is None:
            skip("needs the command " + name)


# ---- waiting ----

def wait_until(function, timeout=5.0, what=None):
    """Asks until the answer is true, and returns it. An exception is a no."""
    deadline = time.monotonic() + timeout * SLOW
    last = None
    while True:
        try:
            last = function()
            if last:
                return last
        except (OSError, http.client.HTTPException, ValueError) as error:
            last = error
        if time.monotonic() >= deadline:
            name = what or getattr(function, "__name__", "condition")
            raise Failure("waited %.1f s for: %s (last: %r)" % (timeout * SLOW, name, last))
        select.select([], [], [], 0.01)


def remove_directory(path):
    """True once it is gone; a control group is busy while its processes end."""
    try:
        os.rmdir(path)
    except OSError:
        pass
    return not os.path.exists(path)


def free_port():
    """A port that nobody has, of both families."""
    with socket.socket(socket.AF_INET6) as s:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        s.bind(("::", 0))
        return s.getsockname()[1]


# ---- processes ----

def children_of(pid):
    """Direct children, by the kernel's word; of all threads."""
    found = []
    for path in glob.glob("/proc/%d/task/*/children" % pid):
        try:
            with open(path) as file:
                found += [int(word) for word in file.read().split()]
        except OSError:
            pass
    return found


def descendants_of(pid):
    found = []
    for child in children_of(pid):
        found += [child] + descendants_of(child)
    return found


def process_name(pid):
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def command_name(pid):
    """The kernel's short name of a process (comm), or "" when it is gone."""
    try:
        with open("/proc/%d/comm" % pid) as file:
            return file.read().rstrip("\n")
    except OSError:
        return ""


def process_state(pid):
    """The letter of /proc/PID/stat: R, S, T, Z …; "" when it is gone."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def status_of(pid, field):
    """A line of /proc/PID/status, for instance SigBlk; "" when it is gone."""
    try:
        with open("/proc/%d/status" % pid) as file:
            return re.search(r"^%s:\s*(.*)$" % field, file.read(), re.M).group(1)
    except (OSError, AttributeError):
        return ""


class Process:
    """A started program, with every line that it wrote. Base of Pidone."""

    def __init__(self, argv, env=None, cwd=None, stdin=subprocess.DEVNULL, stdout=None,
                 stderr=None, user=None, pass_fds=(), name=None, **more):
        self.name = name or os.path.basename(argv[0])
        self.lines = []        # [stream, text, consumed]
        self.changed = threading.Condition()
        self.code = None
        if user is not None:
            entry = pwd.getpwnam(user)
            more.update(user=entry.pw_uid, group=entry.pw_gid, extra_groups=[])
        self.popen = subprocess.Popen(
            argv, env=env, cwd=cwd, stdin=stdin,
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=subprocess.PIPE if stderr is None else stderr, pass_fds=pass_fds, **more)
        self.pid = self.popen.pid
        self.readers = []
        for stream, pipe in (("out", self.popen.stdout), ("err", self.popen.stderr)):
            if pipe is None:
                continue
            reader = threading.Thread(target=self._read, args=(stream, pipe), daemon=True)
            reader.start()
            self.readers.append(reader)
        _started.append(self)

    def _read(self, stream, pipe):
        for raw in pipe:
            with self.changed:
                self.lines.append([stream, raw.decode(errors="replace").rstrip("\n"), False])
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def expect(self, regex, timeout=5.0, stream=None):
        """Waits for a line (of "out", "err" or both) that matches, and returns
        it. Each line is found once; the order of different lines is free."""
        pattern = re.compile(regex)
        deadline = time.monotonic() + timeout * SLOW
        with self.changed:
            while True:
                for line in self.lines:
                    if not line[2] and stream in (None, line[0]) and pattern.search(line[1]):
                        line[2] = True
                        return line[1]
                left = deadline - time.monotonic()
                ended = not any(reader.is_alive() for reader in self.readers)
                if left <= 0 or ended:
                    raise Failure("%s: no line matches /%s/ %s" % (
                        self.name, regex, "and it closed its output" if ended
                        else "within %.1f s" % (timeout * SLOW)))
                self.changed.wait(min(left, 0.1))

    def output(self, stream=None):
        """Everything written so far; after wait() that is all."""
        with self.changed:
            return "".join(line[1] + "\n" for line in self.lines if stream in (None, line[0]))

    @property
    def stdout(self):
        return self.output("out")

    @property
    def stderr(self):
        return self.output("err")

    def count(self, regex):
        with self.changed:
            return sum(1 for line in self.lines if re.search(regex, line[1]))

    def signal(self, sig):
        os.kill(self.pid, sig)

    def alive(self):
        return self.popen.poll() is None

    def wait(self, timeout=10.0):
        """The exit code; 128+N for a signal. All output has been read then."""
        try:
            code = self.popen.wait(timeout * SLOW)
        except subprocess.TimeoutExpired:
            raise Failure("%s did not end within %.1f s" % (self.name, timeout * SLOW)) from None
        for reader in self.readers:
            reader.join(1.0)
        self.code = 128 - code if code < 0 else code
        return self.code

    def stop(self, timeout=10.0):
        """TERM, and the exit code."""
        if self.alive():
            self.signal(signal.SIGTERM)
        return self.wait(timeout)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def http_get(path, port=None, unix=None, host="localhost", method="GET", timeout=5.0,
             body=None, headers=None):
    """(status, body as text) of one request."""
    connection = UnixConnection(unix, timeout * SLOW) if unix else \
        http.client.HTTPConnection(host, port, timeout=timeout * SLOW)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    finally:
        connection.close()


BASE_ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8", "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}


class Pidone(Process):
    """$PIDONE_BIN with these arguments, as PID 1 of a new pid namespace with
    /proc, /run and /dev of its own, as a container engine starts it; or plainly
    (pid1=False). The environment is BASE_ENV and env, nothing of the caller's.

    config:   the text of pidone.ini, given through PIDONE_CONFIG
    cwd:      working directory; default: an empty one
    argv0:    run the program under this name (a symlink called so)
    user:     (uid, gid): start it as that, without any privilege
    words:    the words to start instead of the program and its arguments
    through:  words in front of these, of a program that executes the rest
    nsrun:    further options of tests/nsrun, e.g. ["--read-only"]
    terminal: a tests/terminal.py Terminal: its controlling terminal, with nothing
              else open
    inject:   strace's "inject=" for it and all that it starts, from its exec on:
              "execve:delay_enter=500000" holds a window open that is hard to hit
    .pid      is PID 1 as seen from here; .termination_log its file's text
    """
    default_ports = {"/run": 9480, "/async": 9481}

    def __init__(self, args=(), env=None, config=None, cwd=None, pid1=True, argv0=None,
                 user=None, nsrun=(), pass_fds=(), name=None, clean_env=True, words=None,
                 through=(), inject=None, terminal=None, **more):
        if isinstance(args, str):
            args = shlex.split(args)
        args = list(args)
        self.role = next((a for a in args if re.fullmatch(r"/[a-z][a-z0-9]*", a)), None)
        self.pid1 = pid1
        home = tempfile.mkdtemp(prefix="pidone.", dir=tmp)
        os.chmod(home, 0o755)
        environment = dict(BASE_ENV if clean_env else os.environ)
        environment.update({k: v for k, v in os.environ.items()
                            if re.fullmatch(r"[A-Z]+SAN_OPTIONS|TEST_REPORTS", k)})
        if WRAPPER:
            environment["TMPDIR"] = home  # valgrind names its files there by pid: 1, always
        if pid1 and "ASAN_OPTIONS" in environment:
            # the search for leaks stops the process from a thread's child, which
            # does not work for PID 1; the modules are searched in their own tests
            environment["ASAN_OPTIONS"] += ":detect_leaks=0"
        if config is not None:
            self.config = home + "/pidone.ini"
            with open(self.config, "w") as file:
                file.write(config)
            environment["PIDONE_CONFIG"] = self.config
        for key, value in (env or {}).items():
            if value is None:
                environment.pop(key, None)
            else:
                environment[key] = str(value)
        if cwd is None:
            cwd = home + "/app"
            os.mkdir(cwd)
            os.chmod(cwd, 0o777)
        program = BIN
        if argv0 is not None:
            program = home + "/" + argv0
            os.symlink(BIN, program)
        argv = list(through) + (list(words) if words else WRAPPER + [program] + args)
        name = name or " ".join(["pidone"] + args[:2])
        if terminal is not None:
            more.update(stdin=terminal.slave, stdout=terminal.slave, stderr=terminal.slave)
            if pid1:
                nsrun = list(nsrun) + ["--terminal"]
            else:
                more["preexec_fn"] = terminal.take
        self._log = None
        if not pid1:
            if user is not None:
                more.update(user=user[0], group=user[1], extra_groups=[])
            super().__init__(argv, env=environment, cwd=cwd, pass_fds=pass_fds, name=name,
                             **more)
            return
        need_root()
        self._log = home + "/termination-log"
        open(self._log, "w").close()
        os.chmod(self._log, 0o666)
        read_fd, write_fd = os.pipe()
        wrap = [NSRUN, "--pid-fd", str(write_fd), "--dev", "--tmpfs", "/run",
                "--bind", self._log + ":/dev/termination-log"]
        if user is not None:
            wrap += ["--user", "%d:%d" % tuple(user)]
        # what a private directory would cover stays visible
        keep = []
        if "/tmp" in nsrun:
            for path in {os.path.dirname(BIN), SRCDIR, home}:
                if path.startswith("/tmp/"):
                    keep += ["--bind", path + ":" + path]
        fds = tuple(pass_fds) + (write_fd,)
        if inject:
            gate_fd, open_gate_fd = os.pipe()
            wrap += ["--gate", str(gate_fd)]
            fds += (gate_fd,)
        super().__init__(wrap + list(nsrun) + keep + argv, env=environment, cwd=cwd,
                         pass_fds=fds, name=name, **more)
        os.close(write_fd)
        with os.fdopen(read_fd) as file:
            told = file.readline()
        if not told.strip():
            self.wait()
            raise Failure("nsrun: " + self.output())
        self.pid = int(told)
        if inject:
            os.close(gate_fd)
            self._attach(inject)
            os.close(open_gate_fd)

    def _attach(self, inject):
        need_command("strace")
        calls = inject.split(":")[0]
        Process(["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + calls,
                 "-e", "inject=" + inject, "-p", str(self.pid)])
        wait_until(lambda: status_of(self.pid, "TracerPid") != "0", 5, "strace to attach")

    def path(self, inside):
        """A path of its mount namespace, as it can be opened from here."""
        return "/proc/%d/root%s" % (self.pid, inside) if self.pid1 else inside

    def http(self, path, port=None, unix=None, **more):
        """(status, body) from the probe server: at port, at the unix socket
        (a path as pidone sees it), or where the role has it by default."""
        if port is None and unix is None and self.role not in self.default_ports:
            unix = "/run/pidone%s.sock" % self.role
        if unix is not None:
            return http_get(path, unix=self.path(unix), **more)
        return http_get(path, port=port or self.default_ports[self.role], **more)

    def status_page(self, **more):
        code, body = self.http("/status", **more)
        if code != 200:
            raise Failure("/status answered %d" % code)
        return json.loads(body)

    def until(self, path, status, timeout=10.0, **more):
        """Waits until path answers with status; the body of that answer."""
        def answer():
            code, body = self.http(path, **more)
            return (code == status) and (code, body)
        return wait_until(answer, timeout, "%d from %s of %s" % (status, path, self.name))[1]

    def inside(self):
        """pids (as seen from here) of everything below PID 1."""
        return descendants_of(self.pid)

    @property
    def termination_log(self):
        with open(self._log) as file:
            return file.read()


class Init(Pidone):
    """The init under test ($PID1) with a plain command, as PID 1 or not: what
    every peer can do, so that one case shows who does it right.

    group:      signals go to the command's whole process group
    verbose:    it tells what it does
    subreaper:  it is asked to adopt orphans although it is not PID 1 (where it
                has to be asked)
    """
    flags = {"tini": {"group": ["-g"], "verbose": ["-vvv"], "subreaper": ["-s"]},
             "dumb-init": {"verbose": ["-v"]},  # the group is its default
             "catatonit": {"group": ["-g"]}}
    name_of_peer = os.path.basename(PID1[0]) if PID1 else None

    def __init__(self, command, group=False, verbose=False, subreaper=False, env=None, **more):
        env = dict(env or {})
        if PID1:
            flags = self.flags.get(self.name_of_peer, {})
            asked = [("group", group), ("verbose", verbose), ("subreaper", subreaper)]
            words = PID1[:1] + [f for name, wanted in asked if wanted
                                for f in flags.get(name, ())] + PID1[1:]
            super().__init__((), words=words + list(command), env=env,
                             name=self.name_of_peer, **more)
            return
        if group:
            env["PIDONE_COMMAND_SIGNAL_SCOPE"] = "group"
        super().__init__((["-v"] if verbose else []) + ["--"] + list(command), env=env, **more)


def run_pidone(*args, timeout=10.0, **more):
    """A subcommand, run to its end, not as PID 1: .code, .stdout, .stderr."""
    process = Pidone(args, pid1=False, **more)
    process.wait(timeout)
    return process


def finished(args, timeout=20.0, **more):
    """Run to the end, as PID 1 unless pid1=False: (exit code, what it printed:
    the command's lines, then pidone's; each line has a newline on both sides)."""
    process = Pidone(args, **more)
    return process.wait(timeout), "\n" + process.stdout + process.stderr


# ---- servers ----

class Postgres:
    """Debian's PostgreSQL 15 in a directory of its own, on a port of its own.
    password: require it (scram-sha-256) of everybody over TCP."""

    def __init__(self, start=True, password=None, options=()):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
        if not found:
            skip("needs postgresql-15")
        self.bin = os.path.dirname(found[-1])
        self.user = "postgres" if IS_ROOT else pwd.getpwuid(os.geteuid()).pw_name
        self.password = password
        self.port = free_port()
        self.dir = tempfile.mkdtemp(prefix="pg.", dir=tmp)
        os.chmod(self.dir, 0o755)
        self.data, self.socket_dir = self.dir + "/data", self.dir + "/socket"
        os.mkdir(self.socket_dir)
        if IS_ROOT:
            entry = pwd.getpwnam("postgres")
            os.chown(self.dir, entry.pw_uid, entry.pw_gid)
            os.chown(self.socket_dir, entry.pw_uid, entry.pw_gid)
        done = self._run([self.bin + "/initdb", "-D", self.data, "-A", "trust", "-U", "postgres",
                          "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"])
        if done.returncode != 0:
            raise Failure("initdb: " + done.stdout)
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
             "--save", "", "--appendonly", "no", "--dir", tmp or "/"], name="redis")
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


# ---- the runner ----

def _enter_private_world():
    """This process gets a network with nothing but loopback, and its own /run."""
    if _libc.unshare(CLONE_NEWNET | CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    for source, target, kind, flags, data in (
            (None, b"/", None, MS_REC_PRIVATE, None),
            (b"tmpfs", b"/run", b"tmpfs", 0, b"mode=755,size=16m")):
        if _libc.mount(source, target, kind, flags, data) != 0:
            raise OSError(ctypes.get_errno(), "mount " + target.decode())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = fcntl.ioctl(s, SIOCGIFFLAGS, struct.pack("16sH14x", b"lo", 0))
        flags = struct.unpack("16sH14x", request)[1] | IFF_UP
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags))


def _run_case(function, directory, report):
    """In the forked child: the case, and its verdict as JSON into report."""
    global tmp
    tmp = directory
    verdict = {"ok": True, "skip": None, "notes": []}
    os.setsid()
    os.environ["TEST_REPORTS"] = directory + "/reports"  # where valgrind is told to write
    try:
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            os.environ[name] = ":".join(filter(None, [
                os.environ.get(name, ""), "log_path=%s/reports/sanitizer" % directory,
                "print_stacktrace=1"]))
        if IS_ROOT:
            _enter_private_world()
        function()
    except Skip as reason:
        verdict["skip"] = str(reason)
    except Exception as error:  # the verdict is the whole point
        verdict["ok"] = False
        lines = traceback.format_exc().splitlines()
        if isinstance(error, Failure):
            place = traceback.extract_tb(error.__traceback__)
            where = [f for f in place if not f.filename.endswith("/harness.py")][-1:]
            lines = [str(error)] + ["at %s:%d: %s" % (f.filename, f.lineno, f.line)
                                    for f in where]
        verdict["notes"] = lines
        for process in _started:
            verdict["notes"].append("---- %s (%s)" % (
                process.name, "running" if process.alive() else process.popen.returncode))
            verdict["notes"] += ["%s| %s" % (l[0], l[1]) for l in process.lines[-60:]]
    with os.fdopen(report, "w") as file:
        json.dump(verdict, file)
    os._exit(0)


def _kill_descendants():
    """Everything that is left of a case. This process is their subreaper."""
    for _ in range(200):
        left = descendants_of(os.getpid())
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        select.select([], [], [], 0.01)


def _collect(read_fd, pid, seconds):
    """The verdict of a case, or one of ours when its time is over."""
    deadline = time.monotonic() + seconds
    text = b""
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([read_fd], [], [], left)[0]:
            return {"ok": False, "skip": None,
                    "notes": ["the time limit of %.0f s is over" % seconds,
                              "left: " + "; ".join(process_name(p) for p in descendants_of(pid))]}
        chunk = os.read(read_fd, 65536)
        if not chunk:
            break
        text += chunk
    try:
        return json.loads(text)
    except ValueError:
        return {"ok": False, "skip": None, "notes": ["the case's process ended without a verdict"]}


def _run_in_fork(function):
    directory = tempfile.mkdtemp(prefix="pidone-test.")
    os.chmod(directory, 0o755)
    os.mkdir(directory + "/reports")
    os.chmod(directory + "/reports", 0o777)
    read_fd, write_fd = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        os.close(read_fd)
        try:
            _run_case(function, directory, write_fd)
        finally:
            os._exit(1)
    os.close(write_fd)
    verdict = _collect(read_fd, pid, getattr(function, "limit", 30) * SLOW)
    os.close(read_fd)
    _kill_descendants()
    for report in glob.glob(directory + "/reports/*"):
        with open(report, errors="replace") as file:
            # LeakSanitizer's note that it could not look at a thread is no finding
            text = re.sub(r"==\d+==Unable to get registers from thread \d+\.\n?", "",
                          file.read()).strip()
        if text:
            verdict["ok"] = False
            verdict["notes"] += ["---- " + os.path.basename(report)] + text.splitlines()[:80]
    shutil.rmtree(directory, ignore_errors=True)
    return verdict


def main():
    """Runs the cases of the calling script: all, or those named as arguments."""
    module = sys.modules["__main__"]
    cases = [f for name, f in vars(module).items() if name.startswith("test_") and callable(f)]
    unknown = set(sys.argv[1:]) - {f.__name__ for f in cases}
    if unknown:
        sys.exit("%s: there is no case %s" % (sys.argv[0], ", ".join(sorted(unknown))))
    if sys.argv[1:]:
        cases = [f for f in cases if f.__name__ in sys.argv[1:]]
    wanted = len(cases)
    if WRAPPER:
        cases = [f for f in cases if not hasattr(f, "bare")]
    if WRAPPER or SANITIZED:
        cases = [f for f in cases if not hasattr(f, "as_shipped")]
    if wanted and not cases:
        print("1..1\nok 1 - nothing here is for valgrind and sanitizers")
        return
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    print("1..%d" % len(cases))
    for number, function in enumerate(cases, 1):
        verdict = _run_in_fork(function)
        if verdict["skip"] is not None and MUST_WORK:
            verdict.update(ok=False, notes=["skipped, but MUST_WORK=1: " + verdict["skip"]],
                           skip=None)
        sentence = " ".join((function.__doc__ or "").split()).replace("#", "\\#")
        line = "%s %d - %s: %s" % ("ok" if verdict["ok"] else "not ok", number,
                                   function.__name__, sentence)
        if verdict["skip"] is not None:
            line += " # SKIP " + verdict["skip"]
        print(line)
        for note in verdict["notes"]:
            for part in note.splitlines():
                print("# " + part)
        sys.stdout.flush()
