#!/usr/bin/python3
"""Under pressure: very many orphans, no process to be had, no descriptor, a log that nobody
reads."""
import contextlib
import functools
import os
import resource
import signal
import subprocess
import sys

import harness
from harness import Failure, wait_until
from inits import Pidone
from proc import children_of, process_state
from programs import END_ON_TERM, WAIT, dissolve, listener, process_called, program

ORPHANS = harness.BUILD + "/tests/bench/orphans"
MANY = 20000


def may_have(n):
    """May this machine have so many processes more?"""
    with open("/proc/sys/kernel/pid_max", encoding="ascii") as file:
        limits = [int(file.read())]
    limits.append(resource.getrlimit(resource.RLIMIT_NPROC)[0])
    return all(limit < 0 or limit > n + 2000 for limit in limits)


@harness.limit(90)
@harness.bare
def test_twenty_thousand_orphans():
    """20,000 orphans that end at once are all reaped; meanwhile the loop answers, and a TERM is
    not lost"""
    if not may_have(MANY):
        harness.skip("needs room for %d processes" % MANY)
    p = Pidone(["/run"], config="[run]\ncommand = %s %d\n" % (ORPHANS, MANY),
               stdin=subprocess.PIPE)
    p.expect("^made %d" % MANY, 20)
    p.until("/readyz", 200)
    assert len(children_of(p.pid)) >= MANY
    p.popen.stdin.close()
    p.expect("^ended %d" % MANY, 20)
    p.until("/livez", 200)
    wait_until(lambda: len(children_of(p.pid)) < 5, 20, "the last to be reaped")
    assert p.status_page()["zombies_reaped"] >= MANY
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


# ---- no process to be had ----

class Limit:
    """A control group in which there may be only so many processes."""

    def __init__(self):
        root = "/sys/fs/cgroup/pids"
        if not os.path.isdir(root):
            root = "/sys/fs/cgroup"
        self.path = "%s/pidone-test-%d" % (root, os.getpid())
        self.lowest = sys.maxsize
        os.mkdir(self.path)
        if not os.path.exists(self.path + "/pids.max"):
            os.rmdir(self.path)
            harness.skip("needs the pids controller of control groups")

    def write(self, name, value):
        with open("%s/%s" % (self.path, name), "w", encoding="ascii") as file:
            file.write(str(value))

    def take(self, p):
        """pidone and all that it started; a check may have ended by now."""
        self.write("cgroup.procs", p.pid)
        for pid in p.inside():
            with contextlib.suppress(ProcessLookupError):
                self.write("cgroup.procs", pid)

    def full(self):
        """As many as there are, or ever were when this was called, and no more."""
        with open(self.path + "/pids.current", encoding="ascii") as file:
            self.lowest = min(self.lowest, int(file.read()))
        self.write("pids.max", self.lowest)

    def remove(self):
        self.write("pids.max", "max")
        wait_until(lambda: dissolve(self.path), 5)


def limited(case):
    @functools.wraps(case)
    def run():
        limit = Limit()
        try:
            case(limit)
        finally:
            limit.remove()
    return run


# musl's fork() is the system call of that name where there is one
NO_FORK = ["--deny", "clone=EAGAIN"] + \
    (["--deny", "fork=EAGAIN"] if os.uname().machine == "x86_64" else [])


def test_no_process_at_the_start():
    """the command's fork fails: exit 70 with the reason, and nothing hangs"""
    for args, config in ((["true"], None), (["/run"], "[run]\ncommand = true\n"),
                         (["/init"], "[init]\nstep = true\n")):
        p = Pidone(args, config=config, nsrun=NO_FORK)
        assert p.wait() == 70, p.output()
        assert "Resource temporarily unavailable" in p.termination_log, p.termination_log


@limited
def test_no_process_for_a_restart(limit):
    """a crashed process whose fork fails is tried again, and comes back when there is room"""
    p = Pidone(["/worker"], config="[worker]\ncommand = %s\nrestart = always\n"
               "restart-delay = 50ms\n" %
               listener("sys.exit(1 if s == 10 else 0) if s in (10, 15) else None"))
    p.expect("^up")
    limit.take(p)
    limit.full()
    extra = [subprocess.Popen(["sleep", "1077"]) for _ in range(3)]
    for process in extra:
        limit.write("cgroup.procs", process.pid)  # they take the place that gets free
    p.signal(signal.SIGUSR1)
    p.expect("cannot start python3: Resource temporarily unavailable")
    p.expect("starting python3 again")
    for process in extra:
        process.kill()
        process.wait()
    p.expect("^up")
    p.signal(signal.SIGTERM)
    p.wait()


@limited
@harness.bare
def test_no_process_for_the_stop(limit):
    """no process for checks, none for those who look for orphans: it is ready, and stops"""
    stubborn = program(WAIT + "say('orphan up')\nwhile True:\n    signal.sigwait(everything)\n")
    p = Pidone(["/run"], config="[run]\nstop-grace = 500ms\nready = tcp://127.0.0.1:9480\n"
               "check-interval = 100ms\ncommand = sh -c '(setsid %s &) ; exec sleep 1077'\n" %
               stubborn)
    p.expect("^orphan up")
    p.until("/readyz", 200)
    process_called(p, "sleep")
    limit.take(p)
    # a check that runs at this moment is counted, too: until none does
    wait_until(lambda: limit.full() or p.count(
        "cannot start pidone: check: Resource temporarily unavailable"), 10)
    assert p.http("/readyz")[0] == 200
    left = p.inside()
    # what ends makes room for one: taken by what the test puts there
    extra = [subprocess.Popen(["sleep", "1077"]) for _ in range(4)]
    for process in extra:
        limit.write("cgroup.procs", process.pid)
    p.signal(signal.SIGTERM)
    assert p.wait() == 143, p.output()
    assert all(process_state(pid) in ("", "Z") for pid in left)
    for process in extra:
        process.kill()
        process.wait()


# ---- no descriptor ----

@harness.limit(60)
@harness.bare
def test_no_descriptor():
    """whatever the limit of descriptors is, it works, or says what it could not have"""
    worked = 0
    for number in range(4, 34, 2):
        p = Pidone(["/run"], config="[run]\ncommand = %s\n" % listener(END_ON_TERM),
                   through=["/usr/bin/python3", "-c",
                            "import os, resource, sys\n"
                            "resource.setrlimit(resource.RLIMIT_NOFILE, (%d, %d))\n"
                            "os.execvp(sys.argv[1], sys.argv[1:])\n" % (number, number)])
        wait_until(lambda: "up\n" in p.stdout or not p.alive(), 10)
        if p.alive():
            p.signal(signal.SIGTERM)
        code = p.wait()
        if "up\n" in p.stdout:
            worked += 1
            assert code == 0, (number, p.output())
        else:
            assert code != 0 and ("error: " in p.stderr or "error while loading" in p.stderr), \
                (number, code, p.output())
    if not 3 < worked < 15:
        raise Failure("it worked with %d of 15 limits" % worked)


# ---- a log that nobody reads ----

def full_pipe():
    read_fd, write_fd = os.pipe()
    os.set_blocking(write_fd, False)
    try:
        while True:
            os.write(write_fd, b"x" * 4096)
    except BlockingIOError:
        pass
    os.set_blocking(write_fd, True)
    return read_fd, write_fd


def everything_in(fd):
    text = b""
    try:
        while chunk := os.read(fd, 65536):
            text += chunk
    except BlockingIOError:
        pass
    return text


@harness.bare  # valgrind says something when a signal ends a child, and waits for stderr
def test_full_stderr_costs_lines_not_time():
    """logging never blocks: a full pipe costs log lines, which are counted, not the supervisor's
    time; it stays as the app was given it, and the count is told when there is room again"""
    read_fd, write_fd = full_pipe()
    p = Pidone(["/run"], stderr=write_fd, config="[run]\ncommand = %s\n" % listener(END_ON_TERM))
    p.expect("^up")
    p.until("/readyz", 200)
    assert p.status_page()["log_lines_dropped"] >= 1
    assert os.get_blocking(write_fd), "the app's stderr was made non-blocking"
    os.set_blocking(read_fd, False)
    everything_in(read_fd)
    p.signal(signal.SIGTERM)
    assert p.wait() == 0
    text = everything_in(read_fd)
    assert b"log lines were lost: stderr was full" in text, text[-500:]


@harness.bare
def test_full_stderr_of_another_user():
    """the same where stderr cannot be opened anew: a pipe of another user"""
    read_fd, write_fd = full_pipe()
    p = Pidone(["/run"], stderr=write_fd, user=(1000, 1000),
               config="[run]\ncommand = %s\n" % listener(END_ON_TERM))
    p.expect("^up")
    p.until("/readyz", 200)
    p.signal(signal.SIGTERM)
    assert p.wait() == 0
    os.close(read_fd)
    os.close(write_fd)


if __name__ == "__main__":
    harness.main()
