#!/usr/bin/python3
"""How a role stops: contract §4, as PID 1 and as a subreaper."""
import os
import signal
import subprocess
import time

import harness
from harness import wait_until
from inits import Pidone
from proc import children_of, process_state
from programs import (END_ON_TERM, WAIT, Frozen, listener, process_called, program,
                      with_child)


def both(case):
    """The case as PID 1, and as a subreaper."""
    def run():
        case(pid1=True)
        case(pid1=False)
    run.__doc__ = case.__doc__
    run.__name__ = case.__name__
    return run


def role(keys, pid1, name="run", **more):
    return Pidone(["/" + name], config="[%s]\n%s\n" % (name, keys), pid1=pid1, **more)


# ---- services ----

@both
def test_stop_signal_goes_to_the_main_only(pid1):
    """the stop signal goes to each process's main pid only, once"""
    p = role("command = " + with_child(signal.SIGTERM), pid1)
    p.expect("^up")
    p.signal(signal.SIGTERM)
    assert p.wait() == 0
    assert p.count("got it alone") == 1, p.output()


@both
def test_each_process_gets_its_stop_signal(pid1):
    """the stop signal goes to each process of the role"""
    p = role("command = %s\nprocess.other = %s" % (listener(END_ON_TERM), listener(END_ON_TERM)),
             pid1)
    p.expect("^up")
    p.expect("^up")
    p.signal(signal.SIGTERM)
    assert p.wait() == 0
    assert p.count("^got SIGTERM") == 2


@both
def test_what_is_left_gets_term_then_kill(pid1):
    """what is left when the mains have ended, orphans of other sessions included, gets TERM, and
    KILL at the end of `stop-grace`"""
    stubborn = program(WAIT + "say('orphan up')\n"
                       "while True:\n"
                       "    say('orphan got', name(signal.sigwait(everything)))\n")
    p = role("stop-grace = 500ms\ncommand = sh -c '(setsid %s &) ; read x; exit 4'" % stubborn,
             pid1, stdin=subprocess.PIPE)
    p.expect("^orphan up")
    left = p.inside()
    p.popen.stdin.close()
    p.expect("^orphan got SIGTERM")
    assert p.wait() == 4
    assert all(process_state(pid) in ("", "Z") for pid in left)


@both
def test_leaves_the_moment_the_last_child_is_gone(pid1):
    """the supervisor leaves the moment the last child is gone, not at the end of the grace"""
    p = role("stop-grace = 1h\ncommand = " + listener(END_ON_TERM), pid1)
    p.expect("^up")
    p.signal(signal.SIGTERM)
    assert p.wait() == 0


@both
def test_kill_at_the_end_of_the_grace(pid1):
    """KILL at the end of `stop-grace`"""
    p = role("stop-grace = 300ms\ncommand = " + listener(), pid1)
    p.expect("^up")
    p.signal(signal.SIGTERM)
    p.expect("^got SIGTERM")
    assert p.wait() == 137
    assert "sent KILL" in p.output()


@both
def test_stopped_process(pid1):
    """a stopped (T) process is continued, so that it can act on the stop signal"""
    p = role("command = " + listener(END_ON_TERM), pid1)
    p.expect("^up")
    main = process_called(p, "python3")
    os.kill(main, signal.SIGSTOP)
    wait_until(lambda: process_state(main) == "T", 5)
    p.signal(signal.SIGTERM)
    assert p.wait() == 0


@both
def test_stopped_orphan(pid1):
    """a stopped orphan is continued, too"""
    orphan = program(WAIT + "say('orphan up', str(os.getpid()))\n"
                     "signal.sigwait({signal.SIGTERM})\nsay('orphan ends')\n")
    p = role("stop-grace = 1h\ncommand = sh -c '(setsid %s &) ; exec sleep 1077'" % orphan, pid1)
    p.expect("^orphan up")
    main = process_called(p, "sleep")
    found = process_called(p, "python3")
    os.kill(found, signal.SIGSTOP)
    wait_until(lambda: process_state(found) == "T", 5)
    os.kill(main, signal.SIGKILL)
    assert p.wait() == 137
    assert "orphan ends" in p.output()


def test_process_that_cannot_be_killed():
    """after KILL the supervisor leaves at most 2 s later, and names who hangs in the kernel"""
    # not as PID 1: the kernel would hold the namespace's end until the thaw
    p = role("stop-grace = 200ms\ncommand = sleep 1077", False)
    main = process_called(p, "sleep")
    with Frozen(main):
        p.signal(signal.SIGTERM)
        p.expect(r"sleep \(pid %d\) does not end by KILL" % main)
        assert p.wait(5) == 143
    assert "does not end by KILL" in p.stderr.splitlines()[-1], p.stderr


@harness.bare
def test_look_around_that_cannot_be_killed():
    """so it is when the look around before the start hangs in the kernel"""
    p = Pidone(["/run"], config="[run]\ndirectory = /usr\ncommand = sleep 1077\n",
               inject="chdir:delay_enter=1000000")
    with Frozen(wait_until(lambda: children_of(p.pid), 5)[0]):
        for _ in range(3):
            p.signal(signal.SIGTERM)
        p.expect("the look around before the start does not end by KILL")
        p.expect("exit 143: stopped by TERM")
    assert p.wait() == 143


@both
def test_drain(pid1):
    """readiness fails at once, `drain` runs while the app still serves, then the stop signal"""
    p = role("drain = 700ms\ncommand = " + listener(END_ON_TERM), pid1)
    p.expect("^up")
    p.until("/readyz", 200)
    begin = time.monotonic()
    p.signal(signal.SIGTERM)
    p.expect("serving on")
    assert p.http("/readyz")[0] == 503
    assert p.http("/livez")[0] == 200
    assert p.wait() == 0
    assert time.monotonic() - begin >= 0.69


@both
def test_second_term_ends_the_drain_and_is_not_forwarded(pid1):
    """a second TERM ends the drain, and is not forwarded"""
    p = role("drain = 1h\ncommand = " + listener("sys.exit(0) if s == 10 else None"), pid1)
    p.expect("^up")
    p.signal(signal.SIGTERM)
    p.expect("serving on")
    p.signal(signal.SIGTERM)
    p.expect("^got SIGTERM")
    p.signal(signal.SIGTERM)
    p.signal(signal.SIGUSR1)
    p.expect("^got SIGUSR1")
    assert p.wait() == 0
    assert p.count("^got SIGTERM") == 1, p.output()


@both
def test_stop_signal(pid1):
    """stop-signal is what a stop sends instead of the signal that came"""
    p = role("stop-signal = QUIT\ncommand = " + listener("sys.exit(7) if s == 3 else None"), pid1)
    p.expect("^up")
    p.signal(signal.SIGTERM)
    assert p.wait() == 7
    assert "got SIGTERM" not in p.output()


def test_stop_signal_is_not_told_twice():
    """a command that is being replaced for its live check has been told: TERM is not sent again"""
    sick = harness.tmp + "/sick"
    p = role("live = exec:test ! -e %s\ncheck-interval = 100ms\ncheck-failures = 1\n"
             "on-live-failure = restart\nstop-grace = 1s\ncommand = %s" % (sick, listener()), True)
    p.expect("^up")
    open(sick, "w", encoding="ascii").close()
    p.expect("^got SIGTERM")
    p.signal(signal.SIGTERM)
    p.signal(signal.SIGUSR1)
    p.expect("^got SIGUSR1")
    assert p.wait() == 137
    assert p.count("^got SIGTERM") == 1, p.output()


# ---- what is left behind ----

SAVES = WAIT + ("say('left up')\n"
                "signal.sigwait({15})\n"
                "say('left got TERM')\n"
                "while 'go' not in os.listdir('.'):\n"
                "    time.sleep(0.01)\n"
                "say('left saved its work')\n")


def let_go(p):
    """SAVES may end."""
    cwd = os.readlink("/proc/%d/cwd" % process_called(p, "python3"))
    open(p.path(cwd) + "/go", "w", encoding="ascii").close()


@harness.as_shipped
def test_left_without_proc():
    """without /proc what is left in the command's group may end by its TERM, too"""
    for plain in (True, False):
        main = "%s & read x; exit 4" % program(SAVES)
        p = Pidone(["sh", "-c", main] if plain else ["/run"], nsrun=["--no-proc"],
                   config="[run]\ncommand = sh -c '%s'\n" % main, stdin=subprocess.PIPE)
        p.expect("^left up")
        p.popen.stdin.close()
        p.expect("^left got TERM")
        assert p.alive()
        let_go(p)
        assert p.wait() == 4, p.output()
        assert "left saved its work" in p.output()


@harness.preload
@harness.as_shipped
def test_no_grace_kills_nobody():
    """stop-grace = none: what is left may take as long as it wants"""
    fast = harness.BUILD + "/tests/ns/fast_clock.so"
    p = role("stop-grace = none\ncommand = sh -c '%s & read x; exit 4'" % program(SAVES), True,
             env={"LD_PRELOAD": fast, "FAST_CLOCK": "60"}, stdin=subprocess.PIPE)
    p.expect("^left up")
    p.popen.stdin.close()
    p.expect("^left got TERM")
    begin = p.status_page()["uptime_seconds"]
    wait_until(lambda: p.status_page()["uptime_seconds"] >= begin + 30, 10, "half a minute")
    let_go(p)
    assert p.wait() == 4
    assert "left saved its work" in p.output()


@both
def test_killed_rest_is_named(pid1):
    """what is left and is killed is named"""
    p = role("stop-grace = 200ms\ncommand = sh -c 'setsid %s & read x'" %
             program(WAIT + "say('left up')\nwhile True:\n    signal.sigwait(everything)\n"),
             pid1, stdin=subprocess.PIPE)
    p.expect("^left up")
    p.popen.stdin.close()
    assert p.wait() == 1
    p.expect(r"python3 \(pid \d+\), which was left behind, has not ended: sent KILL")


def test_server_that_goes_into_the_background():
    """a command that leaves a daemon behind and ends is told to stay in the foreground"""
    for name in ("run", "async"):
        p = role("command = sh -c 'setsid sleep 1077 &'", True, name)
        p.expect("sh left processes behind: if it went into the background, have it stay in the "
                 "foreground")
        p.signal(signal.SIGTERM)
        assert p.wait() in (0, 143)


# ---- one-shot roles ----

@both
def test_one_shot_finishes_the_running_step(pid1):
    """TERM on a one-shot: no further step; the running step may finish; exit 143"""
    p = role("step = sh -c 'echo first; read x; echo first done'\nstep = echo second", pid1, "init",
             stdin=subprocess.PIPE)
    p.expect("^first")
    p.signal(signal.SIGTERM)
    p.signal(signal.SIGTERM)
    p.popen.stdin.close()
    assert p.wait() == 143
    assert "first done" in p.output() and "\nsecond" not in p.output(), p.output()


@both
def test_one_shot_whose_every_step_had_run_exits_zero(pid1):
    """exit 143 unless every step had run"""
    p = role("step = sh -c 'echo first; read x; echo done'", pid1, "init", stdin=subprocess.PIPE)
    p.expect("^first")
    p.signal(signal.SIGTERM)
    p.popen.stdin.close()
    assert p.wait() == 0
    assert "\ndone" in p.output()


@both
def test_one_shot_step_that_does_not_end(pid1):
    """the running step may finish within `stop-grace`, then TERM"""
    p = role("stop-grace = 200ms\nstep = sh -c 'echo up; sleep 1077'", pid1, "init")
    p.expect("^up")
    p.signal(signal.SIGTERM)
    assert p.wait() == 143
    assert "sent TERM to sh" in p.output()


@both
def test_one_shot_step_that_ignores_term(pid1):
    """then KILL 5 s later"""
    p = role("stop-grace = 100ms\nstep = " + listener(), pid1, "init")
    p.expect("^up")
    p.signal(signal.SIGTERM)
    p.expect("^got SIGTERM")
    assert p.wait(8) == 143
    assert "sent KILL" in p.output()


@both
def test_int_reaches_a_step_at_once(pid1):
    """INT (a person's Ctrl-C) is forwarded at once"""
    p = role("step = " + listener("sys.exit(9) if s == 2 else None"), pid1, "init")
    p.expect("^up")
    p.signal(signal.SIGINT)
    p.expect("^got SIGINT")
    assert p.wait() == 130


@both
def test_step_timeout(pid1):
    """124: a step took longer than step-timeout"""
    p = role("step-timeout = 300ms\nstep = sleep 1077", pid1, "init")
    assert p.wait() == 124, p.output()
    assert "step-timeout" in p.output(), p.output()


# ---- plain commands ----

@both
def test_plain_command_is_told_each_time(pid1):
    """a plain command: TERM and INT go to it as they come, each time; no stop-grace"""
    p = Pidone(["--"] + listener("n = globals().get('n', 0) + 1\n    n == 3 and sys.exit(3)").split(),
               pid1=pid1)
    p.expect("^up")
    for name in ("SIGTERM", "SIGINT", "SIGTERM"):
        p.signal(signal.Signals[name])
        p.expect("^got " + name)
    assert p.wait() == 3


@both
def test_rest_of_a_plain_command(pid1):
    """what a plain command left behind gets TERM, and KILL 5 s after its end"""
    stubborn = program(WAIT + "say('orphan up')\n"
                       "while True:\n"
                       "    say('orphan got', name(signal.sigwait(everything)))\n")
    p = Pidone(["sh", "-c", "setsid %s & read x; exit 6" % stubborn], pid1=pid1,
               stdin=subprocess.PIPE)
    p.expect("^orphan up")
    p.popen.stdin.close()
    p.expect("^orphan got SIGTERM")
    assert p.wait(8) == 6


@both
def test_subreaper_does_not_warn(pid1):
    """not PID 1 it becomes a subreaper, without a warning"""
    p = role("command = sleep 1077", pid1)
    p.expect("ready")
    p.signal(signal.SIGTERM)
    assert p.wait() == 143
    assert "warning" not in p.output(), p.output()


if __name__ == "__main__":
    harness.main()
