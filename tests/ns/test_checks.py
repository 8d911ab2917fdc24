#!/usr/bin/python3
"""Checks, and the command that they are about: whose answer counts, and when. What each kind of
check asks is in tests/effect/test_checks.c."""
import json
import os
import signal
import subprocess
import time

import harness
from harness import wait_until
from inits import Pidone
from proc import children_of, command_name, process_name
from programs import END_ON_TERM, Frozen, WAIT, listener, process_called, program


def run(keys, **more):
    return Pidone(["/run"], config="[run]\ncheck-interval = 100ms\n" + keys + "\n", **more)


def gated(p, name):
    """The pid of the running check that looks for the file `name`, once it runs."""
    def found():
        return [pid for pid in p.inside()
                if command_name(pid) == "sh" and "test -e %s" % name in process_name(pid)]
    return wait_until(found, 5, "a check that asks for " + name)[0]


def test_answer_about_the_command_before():
    """a check that began while the old command ran says nothing about its successor"""
    # ready while there is "up"; while there is "slow", it takes its time to say so
    check = "sh -c 'test -e up || exit 1; while test -e slow; do sleep 0.01; done'"
    first = program(WAIT + "again = os.path.exists('ran')\n"
                    "open('ran', 'w').close()\n"
                    "again or open('up', 'w').close()\n"
                    "say('up', 'again' if again else '')\n"
                    "s = signal.sigwait(everything)\n"
                    "os.unlink('up')\n"
                    "os._exit(1)\n")
    p = run("ready = exec:%s\nrestart = always\nrestart-delay = 50ms\ncommand = %s" % (check, first))
    p.expect("^up $")
    p.until("/readyz", 200)
    cwd = p.path(os.readlink("/proc/%d/cwd" % process_called(p, "python3")))
    open(cwd + "/slow", "w", encoding="ascii").close()
    gated(p, "up")
    p.signal(signal.SIGUSR1)
    p.expect("^up again")
    os.unlink(cwd + "/slow")
    p.expect("ready exec:sh failed: exit code 1")
    assert p.count("]: ready$") == 1, p.output()
    p.signal(signal.SIGTERM)
    p.wait()


def test_stubborn_check_of_the_command_before():
    """a check of the old command that ignores TERM is killed: the new one is asked all the same"""
    check = "sh -c 'test -e slow || exit 0; trap \"\" TERM; : >stuck; while :; do sleep 1087; done'"
    p = run("live = exec:%s\ncheck-failures = 1\ncheck-timeout = 1h\nrestart = always\n"
            "restart-delay = 50ms\ncommand = %s" % (check, listener("s == 12 and os._exit(1)")))
    p.expect("^up")
    wait_until(lambda: p.status_page()["checks"][0]["state"] == "ok", 5)
    cwd = p.path(os.readlink("/proc/%d/cwd" % process_called(p, "python3")))
    open(cwd + "/slow", "w", encoding="ascii").close()
    wait_until(lambda: os.path.exists(cwd + "/stuck"), 10, "a check that is stuck")
    os.unlink(cwd + "/slow")
    p.signal(signal.SIGUSR2)
    p.expect("^up")
    wait_until(lambda: p.status_page()["checks"][0]["state"] == "ok", 10, "an answer about it")
    assert p.count("live exec:sh failed") == 0, p.output()
    p.signal(signal.SIGKILL)
    p.wait()


def test_command_that_is_replaced():
    """a command that was told to end because of `live` is not ready any more; /livez stays 200:
    it is taken care of"""
    p = run("live = exec:test ! -e sick\ncheck-failures = 1\non-live-failure = restart\n"
            "restart-delay = 50ms\nstop-grace = 1h\ncommand = " +
            listener("s == 12 and os._exit(0)"))
    p.expect("^up")
    p.until("/readyz", 200)
    cwd = p.path(os.readlink("/proc/%d/cwd" % process_called(p, "python3")))
    open(cwd + "/sick", "w", encoding="ascii").close()
    p.expect("^got SIGTERM")
    code, body = p.http("/readyz")
    assert code == 503 and "main is being stopped (it will be started again)" in body, body
    assert p.http("/livez")[0] == 200
    os.unlink(cwd + "/sick")
    p.signal(signal.SIGUSR2)
    p.expect("^up")
    p.until("/readyz", 200)
    p.signal(signal.SIGKILL)
    p.wait()


def test_command_that_waits_for_its_restart():
    """the live check of a command that is not there says nothing"""
    gone = harness.tmp + "/gone"
    p = run("live = exec:test ! -e %s\ncheck-failures = 1\nrestart = always\nrestart-delay = 1h\n"
            "command = sh -c 'read x; exit 1'" % gone, stdin=subprocess.PIPE)
    p.until("/readyz", 200)
    p.popen.stdin.close()
    p.expect("starting sh again")
    open(gone, "w", encoding="ascii").close()
    for _ in range(3):
        before = children_of(p.pid)
        wait_until(lambda seen=before: set(children_of(p.pid)) - set(seen), 5, "another try")
    assert p.http("/livez")[0] == 200
    assert p.count("live exec:test failed") == 0, p.output()
    p.signal(signal.SIGTERM)
    p.wait()


def test_ready_is_told_soon():
    """while the app starts it is asked again and again, whatever the interval is, so that ready is
    told soon after its first good answer; afterwards at the interval"""
    p = Pidone(["/run"], config="[run]\nready = exec:sh -c 'echo >>asked; test -e good'\n"
               "command = sleep 1086\ncheck-interval = 1h\n")
    cwd = p.path(os.readlink("/proc/%d/cwd" % process_called(p, "sleep")))

    def asked():
        try:
            return os.path.getsize(cwd + "/asked")
        except FileNotFoundError:
            return 0
    wait_until(lambda: asked() >= 12, 10, "the check to be tried twelve times")
    assert p.status_page()["checks"][0]["failures"] == 0
    open(cwd + "/good", "w", encoding="ascii").close()
    p.expect(": ready$", 5)
    count = asked()
    wait_until(lambda: p.status_page()["uptime_seconds"] > 3, 10)
    assert asked() == count


def test_check_that_hangs():
    """a check that does not even end by KILL is bad after check-failures, as one that is late is"""
    # not as PID 1: the kernel would hold the namespace's end until the thaw
    p = run("live = exec:sh -c 'test -e slow || exit 0; exec sleep 1077'\ncheck-failures = 3\n"
            "check-timeout = 500ms\ncommand = sleep 1078", pid1=False)
    p.expect("ready")
    wait_until(lambda: p.status_page()["checks"][0]["state"] == "ok", 5)
    cwd = os.readlink("/proc/%d/cwd" % process_called(p, "sleep"))
    open(cwd + "/slow", "w", encoding="ascii").close()
    command = process_called(p, "sleep")
    asleep = wait_until(lambda: [pid for pid in p.inside() if pid != command and
                                 command_name(pid) == "sleep"], 5)[0]
    check = [pid for pid in children_of(p.pid) if asleep in children_of(pid)][0]
    with Frozen(check):
        body = p.until("/livez", 503)
        assert "the try before has not ended yet" in body, body
        assert p.status_page()["checks"][0]["failures"] >= 3
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


def test_what_a_check_started():
    """what an exec: check started ends with it at the stop, and does not hold it up"""
    p = run("stop-grace = 1h\nlive = exec:sh -c 'trap \"\" TERM; sleep 1077; true'\n"
            "check-timeout = 1h\ncommand = " + listener(END_ON_TERM))
    p.expect("^up")
    process_called(p, "sleep")
    begin = time.monotonic()
    p.signal(signal.SIGTERM)
    assert p.wait() == 0
    assert time.monotonic() - begin < 2 * harness.PACE


def test_what_a_waiter_started():
    """the same for what waits"""
    p = run("wait = exec:sh -c 'trap \"\" TERM; sleep 1077; true'\ncommand = true")
    asleep = process_called(p, "sleep")
    p.signal(signal.SIGTERM)
    assert p.wait() == 143
    wait_until(lambda: process_name(asleep) == "", 5)


def test_names_are_utf8():
    """/status, the probes' reasons and the JSON log are UTF-8, however long a path is, and
    whatever is in it"""
    for before in ("", "a"):
        p = Pidone(["--log-format=json", "/run"],
                   config="[run]\ncheck-interval = 50ms\ncheck-failures = 1\n"
                   "live = heartbeat:/tmp/%s%s 60s\nready = unix:/tmp/%s%s\n"
                   "command = sleep 1077\n" % (before, "\u00fc" * 60, before, "\u00fc" * 45))
        for path, name in (("/livez?verbose", "heartbeat"), ("/readyz?verbose", "unix")):
            body = p.until(path, 503)
            assert "%s:/tmp/%s\u00fc" % (name, before) in body and "\ufffd" not in body, body
        assert "\ufffd" not in p.http("/status")[1] and len(p.status_page()["checks"]) == 2
        p.signal(signal.SIGTERM)
        p.wait()
        lines = [json.loads(line)["msg"] for line in p.stderr.splitlines()]
        assert any("heartbeat:/tmp/" + before + "\u00fc" in line for line in lines), lines
        assert not any("\ufffd" in line for line in lines), lines


if __name__ == "__main__":
    harness.main()
