#!/usr/bin/python3
"""PID 1 itself: one thread, a fixed set of descriptors, no memory, no library
that can hang; and what happens when its own children die."""
import os
import signal

import harness
from harness import wait_until
from inits import Pidone
from proc import children_of, command_name, process_state
from servers import FakeServer

SITE = ("[run]\ncommand = /usr/bin/python3 -m http.server 8000 --bind 127.0.0.1\n"
        "ready = http://127.0.0.1:8000/\ncheck-interval = 100ms\nstop-grace = 5s\n"
        "live = tcp://127.0.0.1:8000\n")
DRAIN = "drain = 1h\n"  # until a second TERM


def children_named(p, title):
    """Children of PID 1 with this title."""
    return [pid for pid in children_of(p.pid) if command_name(pid) == title]


def live_a_whole_life(p):
    """Waiting, running with checks, probes, signals, a restart of a helper, stop."""
    seen = []

    def note():
        seen.append(sorted(os.listdir("/proc/%d/fd" % p.pid), key=int))
        assert len(os.listdir("/proc/%d/task" % p.pid)) == 1, "more than one thread"
    p.expect("waiting for tcp://127.0.0.1:8001")
    note()
    server = FakeServer("mute", port=8001)
    p.until("/readyz", 200)
    note()
    for path in ("/livez", "/status", "/startupz"):
        p.until(path, 200)  # its live check may be one try behind
    p.signal(signal.SIGUSR1)
    helper = children_named(p, "pidone: probes")[0]
    os.kill(helper, signal.SIGKILL)
    p.expect("the probe server was ended by KILL: starting it again")
    p.until("/livez", 200)
    note()
    p.signal(signal.SIGTERM)
    p.expect("serving on")
    note()
    p.signal(signal.SIGTERM)
    server.refuse()
    return seen


@harness.bare  # valgrind leaves a descriptor of its own to be closed as inherited
def test_threads_and_descriptors():
    """PID 1 has one thread, always, and its descriptors stay what they were after boot"""
    p = Pidone(["/run"], config=SITE + DRAIN + "wait = tcp://127.0.0.1:8001\nsignal.USR1 = none\n")
    seen = live_a_whole_life(p)
    assert p.wait() == 143
    assert all(fds == seen[0] for fds in seen), [set(fds) ^ set(seen[0]) for fds in seen]


@harness.preload  # a static program maps nothing but itself
def test_libraries():
    """PID 1 maps neither libpq nor a TLS library"""
    p = Pidone(["/run"], config=SITE)
    p.until("/readyz", 200)
    with open("/proc/%d/maps" % p.pid, encoding="ascii") as maps:
        libraries = {line.split("/")[-1].strip() for line in maps if "/" in line}
    assert any(name.startswith("libc.") for name in libraries), libraries
    for bad in ("libpq", "libssl", "libcrypto", "libgnutls", "libgssapi", "libldap", "libkrb5"):
        assert not any(name.startswith(bad) for name in libraries), libraries
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


@harness.preload
@harness.as_shipped
def test_allocations():
    """behind the line PID 1 allocates no memory"""
    counter = harness.BUILD + "/tests/ns/count_allocations.so"
    p = Pidone(["true"], env={"LD_PRELOAD": counter, "COUNT_ALLOCATIONS_PROVE": "1"})
    assert p.wait() == 0
    assert p.count("ALLOCATION behind the line") == 1, "the counter does not count"
    p = Pidone(["/run"], env={"LD_PRELOAD": counter},
               config=SITE + DRAIN + "wait = tcp://127.0.0.1:8001\nsignal.USR1 = none\n")
    live_a_whole_life(p)
    assert p.wait() == 143
    assert p.count("LINE passed") >= 1
    assert p.count("ALLOCATION behind the line") == 0, p.output()


def test_killed_probe_server():
    """kill -9 of the probe server costs a retry, not the container"""
    p = Pidone(["/run"], config=SITE)
    p.until("/readyz", 200)
    for _ in range(3):
        old = children_named(p, "pidone: probes")[0]
        os.kill(old, signal.SIGKILL)
        wait_until(lambda: children_named(p, "pidone: probes") not in ([], [old]), 10)
        p.until("/readyz", 200)
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


def test_stopped_supervisor_is_not_live():
    """/livez turns 503 when PID 1 is stopped with SIGSTOP, and 200 again after CONT"""
    p = Pidone(["/run"], config=SITE)
    p.until("/readyz", 200)
    p.until("/livez", 200)
    os.kill(p.pid, signal.SIGSTOP)
    wait_until(lambda: process_state(p.pid) == "T", 5)
    code, body = p.http("/livez")
    assert code == 503 and "does not answer" in body, (code, body)
    os.kill(p.pid, signal.SIGCONT)
    p.until("/livez", 200)
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


def test_killed_waiter():
    """a waiter that is killed is started again, and the wait goes on"""
    p = Pidone(["/run"], config="[run]\ncommand = true\nwait = tcp://127.0.0.1:8001\n")
    p.expect("waiting for tcp://127.0.0.1:8001")
    old = children_named(p, "pidone: wait")[0]
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: children_named(p, "pidone: wait") not in ([], [old]), 5)
    FakeServer("mute", port=8001)
    assert p.wait() == 0


def test_own_children_die_with_pid_1():
    """nothing of pidone outlives it, not as PID 1 and not as a subreaper"""
    p = Pidone(["/run"], config=SITE, pid1=False)
    p.until("/readyz", 200)
    probes = children_named(p, "pidone: probes")[0]
    os.kill(p.pid, signal.SIGKILL)
    wait_until(lambda: not os.path.exists("/proc/%d" % probes) or
               process_state(probes) == "Z", 5)


if __name__ == "__main__":
    harness.main()
