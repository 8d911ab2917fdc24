"""Programs under test: any (Process), pidone as a container engine starts it (Pidone), or the
init that $PID1 names (Init)."""
import fcntl
import http.client
import json
import os
import pwd
import re
import shlex
import signal
import socket
import subprocess
import tempfile
import termios
import threading
import time

import harness
from harness import (BIN, BUILD, NSRUN, PID1, SLOW, SRCDIR, WRAPPER, Failure, need_command,
                     need_root, wait_until)
from proc import descendants_of, status_of


def is_filled(pipe):
    """Is there something to be read?"""
    return fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)) != bytes(4)


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
            self.readers.append((reader, pipe))
        harness.started.append(self)

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
                ended = not any(reader.is_alive() for reader, _ in self.readers)
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
        self._read_the_rest()
        self.code = 128 - code if code < 0 else code
        return self.code

    def _read_the_rest(self):
        """To the end, or until there is nothing in the pipe that somebody else holds open."""
        for reader, pipe in self.readers:
            reader.join(1.0)
            deadline = time.monotonic() + 10 * SLOW
            while reader.is_alive() and is_filled(pipe) and time.monotonic() < deadline:
                reader.join(0.1)

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
        home = tempfile.mkdtemp(prefix="pidone.", dir=harness.tmp)
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
            assert not inject, "there is no gate to hold it at until strace is there"
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
            for path in {os.path.dirname(BIN), BUILD, SRCDIR, home}:
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
