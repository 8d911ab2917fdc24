#!/usr/bin/python3
"""Several processes in a role: order, ends, restarts. Minutes pass in seconds here, by
tests/ns/fast_clock.c."""
import re
import signal
import subprocess

import harness
from harness import wait_until
from inits import Pidone
from proc import command_name, process_state
from programs import END_ON_TERM, WAIT, listener, program

FAST = {"LD_PRELOAD": harness.BUILD + "/tests/ns/fast_clock.so",
        "FAST_CLOCK": "60"}
SITE = ("command = /usr/bin/env -u LD_PRELOAD /usr/bin/python3 -m http.server 8000 --bind ::1\n"
        "ready = http://[::1]:8000/\ncheck-timeout = 10m\n")


def role(keys, name="web", **more):
    return Pidone(["/" + name], config="[%s]\n%s\n" % (name, keys), **more)


def delays_of(p, n):
    """The first n pauses before a restart, in ms, as they were told."""
    return [int(p.expect(r"again in \d+ ms").split()[-2]) for _ in range(n)]


# ---- order and ends ----

def test_steps_then_all_processes():
    """steps first, one after the other; then the command and all processes"""
    p = role("step = sh -c 'echo step 1'\nstep = sh -c 'echo step 2'\ncommand = %s\n"
             "process.beat = %s" % (listener(END_ON_TERM), listener(END_ON_TERM)))
    p.expect("^up")
    p.expect("^up")
    order = [line for line in p.stdout.splitlines() if line.startswith(("step", "up"))]
    assert order == ["step 1", "step 2", "up", "up"], order
    page = p.status_page()
    assert [x["name"] for x in page["processes"]] == ["main", "beat"], page
    p.signal(signal.SIGTERM)
    assert p.wait() == 0


def test_first_essential_end_decides():
    """the first essential end decides the exit code, and the others are stopped"""
    p = role("command = %s\nprocess.side = sh -c 'read x; exit 6'" % listener(END_ON_TERM),
             stdin=subprocess.PIPE)
    p.expect("^up")
    p.popen.stdin.close()
    assert p.wait() == 6
    assert "got SIGTERM" in p.output()


def test_optional_process_may_end():
    """essential.NAME = no: its end ends nothing"""
    p = role("command = %s\nprocess.side = true\nessential.side = no" % listener(END_ON_TERM))
    p.expect("^up")
    p.expect("true .* exited with 0")
    p.signal(signal.SIGTERM)
    assert p.wait() == 0


# ---- restarts ----

def test_restart_policies():
    """restart = never | on-failure | always; a worker's default is always"""
    p = role("restart = on-failure\nrestart-delay = 20ms\nrestart-max = 2\ncommand = sh -c 'exit 3'")
    assert p.wait() == 3 and p.count("starting sh again") == 2, p.output()
    p = role("restart = on-failure\ncommand = true")
    assert p.wait() == 0 and p.count("again") == 0, p.output()
    p = role("restart = always\nrestart-delay = 20ms\nrestart-max = 2\ncommand = true")
    assert p.wait() == 0 and p.count("starting true again") == 2, p.output()
    p = role("restart-delay = 20ms\ncommand = true", "async")
    delays_of(p, 3)
    p.signal(signal.SIGTERM)
    p.wait()


def test_command_that_never_ran_is_not_tried_again():
    """a program that is not there is no crash: it ends with 127 at once"""
    p = role("restart = always\nstep = true\ncommand = no-such-program")
    assert p.wait() == 127 and p.count("again") == 0, p.output()


def test_restart_touches_no_other():
    """one process's restart does not touch another"""
    p = role("restart = always\nrestart-delay = 20ms\ncommand = %s\nprocess.crash = sh -c 'exit 1'" %
             listener(END_ON_TERM))
    p.expect("^up")
    main = p.status_page()["processes"][0]["pid"]
    delays_of(p, 4)
    page = p.status_page()["processes"]
    assert page[0]["pid"] == main and page[0]["starts"] == 1 and page[1]["starts"] >= 4, page
    p.signal(signal.SIGTERM)
    assert p.wait() == 0


def test_live_restarts_the_command_only():
    """on-live-failure = restart: the command is replaced, with all that it started; others stay"""
    hung = program(WAIT + "if os.fork() == 0:\n    os.execvp('sleep', ['sleep', '1077'])\n"
                   "say('up')\n"
                   "while True:\n    signal.sigwait(everything)\n")
    p = role("command = %s\nprocess.other = %s\nlive = tcp://127.0.0.1:1\n"
             "on-live-failure = restart\ncheck-interval = 100ms\ncheck-failures = 2\n"
             "stop-grace = 200ms\nrestart-delay = 50ms" % (hung, listener()), "worker")
    for _ in range(4):
        p.expect("^up")
    page = p.status_page()["processes"]
    assert page[0]["starts"] >= 2 and page[1]["starts"] == 1, page
    sleeping = [pid for pid in p.inside() if command_name(pid) == "sleep"]
    assert len(sleeping) <= 1, sleeping
    p.signal(signal.SIGTERM)
    assert p.wait() in (137, 143)


def test_nothing_is_left_beside_a_restart():
    """what a command left in its group ends before it is started again: it would hold the port,
    or do the work twice"""
    stubborn = program(WAIT + "say('left up')\nwhile True:\n"
                       "    say('left got', name(signal.sigwait(everything)))\n")
    p = role("restart = always\nrestart-delay = 200ms\nstop-grace = 500ms\n"
             "command = sh -c '%s & test -e ran && exec sleep 1077; read x; : >ran; exit 1'" %
             stubborn, stdin=subprocess.PIPE)
    p.expect("^left up")
    first = [pid for pid in p.inside() if command_name(pid) == "python3"][0]
    p.popen.stdin.close()
    p.expect("^left got SIGTERM")
    p.expect("what sh .* left behind has not ended: sent KILL")
    p.expect("^left up")
    wait_until(lambda: process_state(first) == "", 5)
    p.signal(signal.SIGTERM)
    p.wait()


def test_stop_while_a_restart_is_due():
    """TERM while the command waits for its restart: nothing is started any more"""
    p = role("restart = always\nrestart-delay = 1h\ncommand = sh -c 'echo ran; exit 5'")
    delays_of(p, 1)
    p.signal(signal.SIGTERM)
    assert p.wait() in (5, 143)
    assert p.count("^ran") == 1


# ---- in minutes: sanitizers and valgrind want to be preloaded first themselves ----

@harness.as_shipped
@harness.preload
def test_clock_is_fast():
    """(the clock of these tests is as fast as they say)"""
    p = role("restart = always\nrestart-delay = 1m\ncommand = true", env=FAST)
    delays_of(p, 3)
    p.signal(signal.SIGTERM)
    p.wait()


@harness.as_shipped
@harness.preload
def test_exponential_backoff_with_jitter():
    """restarts come after restart-delay, doubling up to a minute, with jitter"""
    p = role("restart = always\ncommand = sh -c 'exit 1'", env=FAST)
    delays = delays_of(p, 9)
    for delay, nominal in zip(delays, [1000, 2000, 4000, 8000, 16000, 32000] + [60000] * 3):
        assert 0.9 * nominal <= delay <= nominal, delays
    assert len(set(delays[6:])) > 1, delays
    p.signal(signal.SIGTERM)
    p.wait()


@harness.as_shipped
@harness.preload
def test_restart_delay_above_a_minute():
    """a restart-delay of more than a minute stays what it is"""
    p = role("restart = always\nrestart-delay = 2m\ncommand = false",
             env=dict(FAST, FAST_CLOCK="1000"))
    assert all(108000 <= delay <= 120000 for delay in delays_of(p, 4)), p.output()
    p.signal(signal.SIGTERM)
    p.wait()


@harness.as_shipped
@harness.preload
def test_quiet_minute():
    """the pause is short again after a minute without a crash, and restart-max counts anew"""
    p = role("restart = always\nrestart-max = 4\ncommand = sh -c 'echo . >>count; "
             "test $(wc -l <count) = 4 && sleep 2; exit 1'", env=FAST)
    delays = delays_of(p, 7)
    assert delays[2] > 3000 and delays[3] <= 1000 < delays[4], delays
    assert p.wait() == 1


@harness.limit(60)
@harness.as_shipped
@harness.preload
def test_ten_minutes_of_crashes():
    """a worker that crashes for ten minutes leaves the supervisor, and the site beside it,
    ready throughout: in the site's own role, and in a container of the same pod"""
    crash = "sh -c 'exit 1'"
    site = role("restart = always\n%sprocess.worker = %s" % (SITE, crash), "run", env=FAST)
    site.until("/readyz", 200)
    worker = role("command = " + crash, "async", env=FAST)
    asked = 0

    def ten_minutes():
        nonlocal asked
        assert site.http("/readyz")[0] == 200
        assert site.status_page()["live"] and worker.status_page()["live"]
        asked += 1
        return site.status_page()["uptime_seconds"] >= 600
    wait_until(ten_minutes, 20)
    for p in (site, worker):
        p.until("/livez", 200)  # it asks PID 1, and waits for 700 ms of this clock only
    for p in (site, worker):
        page = p.status_page()
        crashed = page["processes"][-1]
        assert crashed["starts"] >= 10 and page["restarts"] == crashed["starts"] - 1, page
    assert site.status_page()["processes"][0]["starts"] == 1 and asked > 10, asked
    assert not re.search("not ready", site.output()), site.output()
    for p in (site, worker):
        p.signal(signal.SIGTERM)
        p.wait()


@harness.as_shipped
@harness.preload
def test_reminder():
    """while it waits, the reason is told once a minute"""
    p = role("wait = tcp://127.0.0.1:1\ncommand = true", env=FAST)
    for _ in range(4):
        p.expect("waiting for tcp://127.0.0.1:1: connection refused")
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


if __name__ == "__main__":
    harness.main()
