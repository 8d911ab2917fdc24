"""The inits that are compared: what they are called with, which version they
are, and how one is started as PID 1 of a pid namespace, as an engine does it."""
import os
import re
import shutil
import signal
import subprocess
import tempfile

import harness
from proc import command_name, descendants_of
from figures import BenchError

# Nothing of the caller's: what an init inherits costs it something.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent"}
HELPERS = harness.BUILD + "/tests/bench/"
OURS, OURS_STATIC = "pidone", "pidone-static"
BASE = "tini"


def helper(name):
    """One of the programs beside this file, built."""
    path = HELPERS + name
    if not os.access(path, os.X_OK):
        raise BenchError("tests/bench/%s is not built: `make bench` builds it" % name)
    return path


def output_of(*argv):
    """What a program says, with the words it has in English; "" when it fails."""
    try:
        return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env={**os.environ, "LC_ALL": "C"}, check=False).stdout.strip()
    except OSError:
        return ""


class Init:
    """A program that starts a command. `prefix` stands before the command's words."""

    def __init__(self, name, program, before=(), not_pid1=()):
        self.name = name
        self.program = program
        self.before = list(before)        # before the command
        self.not_pid1 = list(not_pid1)    # further options where it is not PID 1
        self.is_ours = name in (OURS, OURS_STATIC)
        self.installed = os.access(program, os.X_OK)

    def plain(self, *command):
        return [self.program] + self.not_pid1 + self.before + list(command)

    def as_pid1(self, *command):
        return [self.program] + self.before + list(command)

    def version(self):
        if self.is_ours:
            return output_of(self.program, "-V").rpartition(" ")[2]
        return output_of("dpkg-query", "-W", "-f", "${Version}",
                         self.name.removesuffix("-static"))

    def libraries(self):
        """The names of the shared libraries it needs; [] for a static program."""
        said = output_of("ldd", self.program)
        names = [os.path.basename(line.split()[0]) for line in said.splitlines()
                 if re.search(r"\(0x[0-9a-f]+\)", line)]
        return [n for n in names if not re.match(r"linux-(vdso|gate)|ld-|ld64", n)]


# tini -s: where it is not PID 1 it warns otherwise, and adopts no orphans.
ALL = [Init(OURS, harness.BIN),
       Init(OURS_STATIC, harness.STATIC_BIN),
       Init(BASE, "/usr/bin/tini", ["--"], ["-s"]),
       Init("tini-static", "/usr/bin/tini-static", ["--"], ["-s"]),
       Init("dumb-init", "/usr/bin/dumb-init", ["--"]),
       Init("catatonit", "/usr/bin/catatonit", ["--"])]


def find():
    """The inits that are here; ours and Debian's tini must be."""
    if not ALL[0].installed or not os.path.isfile(ALL[0].program):
        raise BenchError("there is no program at PIDONE_BIN (%s)" % ALL[0].program)
    if not ALL[0].version():
        raise BenchError("what PIDONE_BIN names does not answer -V: is it pidone?")
    if BASE not in [init.name for init in ALL if init.installed]:
        raise BenchError("tini is not installed, and everything is compared with it; as root: "
                         "apt-get install tini")
    for program in ("hyperfine", "ldd", "dpkg-query"):
        if shutil.which(program) is None:
            raise BenchError("%s is not installed; on Debian, as root: apt-get install %s" % (
                program, {"ldd": "libc-bin", "dpkg-query": "dpkg"}.get(program, program)))
    return [init for init in ALL if init.installed]


class Image:
    """An init's program and the libraries it needs, copied into a directory: as in
    a container's image of its own, only its own processes share pages with it.
    Otherwise its part of a page would depend on what else the machine runs."""

    def __init__(self, init, directory):
        self.init = init
        self.binds = []
        os.mkdir(directory)
        files = re.findall(r"(/\S+) \(0x[0-9a-f]+\)", output_of("ldd", init.program))
        for path in [init.program] + files:
            copy = directory + "/" + os.path.basename(path)
            shutil.copy(path, copy)
            with open(copy, "rb+") as file:
                os.fsync(file.fileno())    # a page not yet on the disk would count as dirty
            self.binds += ["--bind", copy + ":" + path]

    def start(self, *command, **more):
        return Started(self.init.name, self.init.as_pid1(*command), binds=self.binds, **more)


class Started:
    """An init as PID 1 of a new pid namespace, with a /dev and a /run of its own.
    .pid is PID 1 as seen from here."""
    running = []

    def __init__(self, name, argv, stdin=subprocess.DEVNULL, environment=None, binds=()):
        self.name = name
        self.said = tempfile.TemporaryFile()
        read_fd, write_fd = os.pipe()
        self.popen = subprocess.Popen(
            [harness.NSRUN, "--pid-fd", str(write_fd), "--dev", "--tmpfs", "/run"] +
            list(binds) + argv,
            stdin=stdin, stdout=subprocess.PIPE, stderr=self.said, pass_fds=(write_fd,),
            env={**ENVIRONMENT, **(environment or {})}, cwd="/", bufsize=0)
        Started.running.append(self)
        os.close(write_fd)
        with os.fdopen(read_fd) as file:
            told = file.readline().strip()
        if not told:
            self.fail("did not start")
        self.pid = int(told)

    def fail(self, what):
        self.said.seek(0)
        raise BenchError("%s %s: %s" % (
            self.name, what, self.said.read().decode(errors="replace").strip() or "(silent)"))

    def processes(self, command):
        """PID 1 and what it forked for itself: all but those that run the command."""
        return [self.pid] + [pid for pid in descendants_of(self.pid)
                             if command_name(pid) != command]

    def stop(self):
        """Ends it with all that it started; nsrun waits for its PID 1."""
        if self in Started.running:
            Started.running.remove(self)
            if self.popen.poll() is None:
                os.kill(self.pid, signal.SIGKILL)
            self.popen.wait()
            self.popen.stdout.close()
            self.said.close()


def stop_all():
    for started in list(Started.running):
        started.stop()
