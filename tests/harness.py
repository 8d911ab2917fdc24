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
    PIDONE_SANITIZERS  what the program was built with, if anything
    PIDONE_SLOW    factor for every deadline [3; 8 with sanitizers, 12 with a wrapper]
    PIDONE_TEST_CACHE  a directory for what many cases need and need not make anew
    MUST_WORK=1    a skipped case is a failed one

Only Python's standard library. Nothing sleeps for a fixed time: wait for a
line, a descriptor or a condition, with a deadline. What a case starts is in
inits.py, servers.py and programs.py.
"""
import ctypes
import fcntl
import glob
import http.client
import json
import os
import random
import re
import select
import shlex
import shutil
import signal
import socket
import struct
import sys
import tempfile
import time
import traceback

from proc import descendants_of, process_name

BIN = os.path.abspath(os.environ.get("PIDONE_BIN", "./pidone"))
NSRUN = os.path.abspath(os.environ.get("NSRUN_BIN", os.path.dirname(BIN) + "/tests/nsrun"))
BUILD = os.path.dirname(os.path.dirname(NSRUN))  # what was built here, whatever BIN is
HERE = os.path.dirname(os.path.abspath(__file__))
SRCDIR = os.path.dirname(HERE)
STATIC_DIR = os.environ.get("STATIC_DIR", "")
STATIC_BIN = STATIC_DIR and STATIC_DIR + "/pidone"
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
MS_REC_PRIVATE, MS_BIND = 0x4000 | 0x40000, 0x1000

_libc = ctypes.CDLL(None, use_errno=True)
started = []      # what this case started, for the diagnostics of a failure
tmp = None         # this case's directory: private, removed afterwards
_given_ports = set()


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


def preload(function):
    """This case puts a library in front of the program's C library: it is left out with
    a static program, which has none."""
    function.preload = True
    return function


def is_static():
    """Has the program under test no interpreter (PT_INTERP, 3), as static ones have none?"""
    if not os.path.exists(BIN):
        return False
    with open(BIN, "rb") as file:
        header = file.read(64)
        table, size, n = (struct.unpack_from(form, header, at)[0]
                          for form, at in (("<Q", 32), ("<H", 54), ("<H", 56)))
        file.seek(table)
        return all(struct.unpack_from("<I", file.read(size))[0] != 3 for _ in range(n))


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
    """A port that nobody has, of both families, nor gets: no other call, and no connection, whose
    own ports are from 32768 on (ip_local_port_range)."""
    while True:
        port = random.randrange(10000, 32768)
        with socket.socket(socket.AF_INET6) as s:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            try:
                s.bind(("::", port))
            except OSError:
                continue
        if port not in _given_ports:
            _given_ports.add(port)
            return port


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


def cover(path, text):
    """For the rest of this case the file has this content."""
    need_root()
    with tempfile.NamedTemporaryFile("w", dir=tmp, delete=False) as file:
        file.write(text)
    os.chmod(file.name, 0o644)
    if _libc.mount(file.name.encode(), path.encode(), None, MS_BIND, None) != 0:
        raise OSError(ctypes.get_errno(), "bind on " + path)


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
            where = [f for f in place if os.path.dirname(f.filename) != HERE][-1:]
            lines = [str(error)] + ["at %s:%d: %s" % (f.filename, f.lineno, f.line)
                                    for f in where]
        verdict["notes"] = lines
        for process in started:
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


def _undo_background():
    """A shell starts `tests/run &` with INT and QUIT ignored, nohup with HUP: what a case starts
    would inherit that, and Ctrl-C would mean nothing to it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for s in (signal.SIGQUIT, signal.SIGHUP):
        signal.signal(s, signal.SIG_DFL)


def main(under_valgrind=True, sanitized=True, modules=()):
    """Runs the cases of the calling script and of these modules: all, or those named as
    arguments. Not under valgrind where all is over before the command starts: that part takes
    a second and a half there, and each other script's cases go through it. Not with sanitizers
    what is about the order of things in a server, and never about our memory."""
    cases = [f for module in (sys.modules["__main__"],) + tuple(modules)
             for name, f in vars(module).items() if name.startswith("test_") and callable(f)]
    unknown = set(sys.argv[1:]) - {f.__name__ for f in cases}
    if unknown:
        sys.exit("%s: there is no case %s" % (sys.argv[0], ", ".join(sorted(unknown))))
    if sys.argv[1:]:
        cases = [f for f in cases if f.__name__ in sys.argv[1:]]
    wanted = len(cases)
    if (WRAPPER and not under_valgrind) or (SANITIZED and not sanitized):
        cases = []
    if WRAPPER:
        cases = [f for f in cases if not hasattr(f, "bare")]
    if WRAPPER or SANITIZED:
        cases = [f for f in cases if not hasattr(f, "as_shipped")]
    if is_static():
        cases = [f for f in cases if not hasattr(f, "preload")]
    if wanted and not cases:
        print("1..1\nok 1 - nothing here is for a program of this kind")
        return
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    _undo_background()
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
