#!/usr/bin/python3
"""Each system call of PID 1 fails in turn, over a whole life (tests/nsrun_faults.c does it), and
each allocation before the line. Before the line PID 1 goes on without what it could not have, or
exits with the reason before anything was started. After it, it never dies, hangs or lies: the
app is started, probed, signalled and stopped, and its exit code is the container's."""
import collections
import concurrent.futures
import os
import re
import signal
import threading

import harness
from harness import Failure, wait_until
from inits import Pidone
from servers import FakeServer

PUPPET = harness.BUILD + "/tests/ns/puppet"
COUNTER = harness.BUILD + "/tests/ns/count_allocations.so"
REFUSED = (70, 78)  # an error inside, or something that was asked for cannot be had

ROLE = ("[probes]\nlisten = [::]:%%d\n[run]\nwait = tcp://127.0.0.1:8001\nstep = true\n"
        "command = %s\nessential.worker = no\n"
        "process.worker = sh -c 'test -e ran && exec sleep 1077; : >ran; exit 1'\n"
        "restart = on-failure\nrestart-delay = 50ms\nrestart-max = 9\nready = notify\nready = tcp://127.0.0.1:8001\n"
        "check-interval = 100ms\ndrain = 20ms\nstop-grace = 2s\n" % PUPPET)
INIT = "[init]\nstep = sh -c 'exit 0'\nstep = sh -c 'test -e tried || { : >tried; exit 1; }'\n" \
       "step-retries = 3\nstep = sh -c 'echo up'\n"

Life = collections.namedtuple("Life", "args config code drive")


def came_up(p):
    wait_until(lambda: "up\n" in p.stdout or not p.alive(), 10, "the app, or the end")
    return p.alive()


def drive_service(p):
    """Ready, forwards, stops."""
    if not came_up(p):
        return
    try:
        wait_until(lambda: not p.alive() or p.http("/readyz", port=p.probe_port)[0] == 200, 4)
    except Failure:
        p.never_ready = True
    tell(p, signal.SIGUSR1, lambda: "got 10" in p.stdout)
    tell(p, signal.SIGTERM, lambda: False)


def tell(p, signo, heard):
    """Sends a signal, and once more where the first one was what failed."""
    for _ in range(2):
        try:
            p.signal(signo)
            wait_until(lambda: heard() or not p.alive(), 1)
            return
        except ProcessLookupError:
            return
        except Failure:
            pass
    p.never_forwarded = True


def drive_command(p):
    if came_up(p):
        tell(p, signal.SIGTERM, lambda: False)


LIVES = {
    "role": Life(["/run"], ROLE, 7, drive_service),
    "one-shot": Life(["/init"], INIT, 0, came_up),
    "plain": Life(["--", PUPPET], None, 7, drive_command),
}


def live(name, number, port):
    """One life in which system call `number` fails: (its log, exit code, Pidone)."""
    life = LIVES[name]
    log = "%s/calls-%s-%d" % (harness.tmp, name, number)
    config = life.config % port if life.config and "%d" in life.config else life.config
    p = Pidone(life.args, config=config, nsrun=["--faults", log, "--fault", str(number)],
               name="%s, call %d" % (name, number))
    p.never_ready = p.never_forwarded = False
    p.probe_port = port
    life.drive(p)
    code = p.wait(15)
    with open(log, encoding="ascii") as file:
        calls = file.read().splitlines()
    return calls, code, p


def judge(name, number, calls, code, p):
    """What is wrong with this life, or None."""
    if "# line" in calls:
        calls.remove("# line")  # calls before it keep their numbers
    call = calls[number - 1].split()[0] if number <= len(calls) else "none"
    started = "up\n" in p.stdout
    good = LIVES[name].code
    reason = re.search(r"error: (?!exit \d+$).+", p.stderr) or call == "write"
    if not started:
        if code in REFUSED and reason:
            return None
        return "the app was not started, exit %d" % code + ("" if reason else " without a reason")
    if code == good and not p.never_ready and not p.never_forwarded:
        return None
    if call == "kill" and code in (good, 137):
        return None  # the stop signal itself was refused: KILL came at the end of the grace
    return "exit %d%s%s" % (code, ", never ready" if p.never_ready else "",
                            ", USR1 lost" if p.never_forwarded else "")


def sweep(name):
    ports = threading.local()
    taken = iter(range(9600, 9700))
    lock = threading.Lock()

    def one(number):
        if not hasattr(ports, "own"):
            with lock:
                ports.own = next(taken)
        try:
            calls, code, p = live(name, number, ports.own)
            wrong = judge(name, number, list(calls), code, p)
        except Failure as failure:
            return "call %d (%s without a fault): %s" % (number, names[number - 1], failure)
        if wrong is None:
            return None
        position = [c for c in calls if c != "# line"][number - 1:number]
        return "call %d (%s): %s\n%s" % (number, position, wrong, p.stderr)
    FakeServer("mute", port=8001)
    calls, code, p = live(name, 0, 9599)
    names = [call.split()[0] for call in calls if call != "# line"]
    if code != LIVES[name].code or calls.count("# line") != 1 or p.never_ready:
        raise Failure("the life without a fault: exit %d\n%s" % (code, p.output()))
    line = calls.index("# line")
    if line < 30 or len(calls) - line < 20:
        raise Failure("only %d system calls, %d behind the line" % (len(calls), len(calls) - line))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() + 1) as pool:
        wrong = [found for found in pool.map(one, range(1, len(calls))) if found]
    if wrong:
        raise Failure("%d of %d lives went wrong:\n%s" % (len(wrong), len(calls) - 1,
                                                          "\n".join(wrong[:8])))


@harness.limit(150)
@harness.as_shipped
def test_each_system_call_of_a_service_fails():
    """a service with a wait, a step, two processes, checks, probes and a drain: each call fails"""
    sweep("role")


@harness.limit(100)
@harness.as_shipped
def test_each_system_call_of_a_one_shot_fails():
    """a one-shot with three steps, one of them tried again: each call fails"""
    sweep("one-shot")


@harness.limit(100)
@harness.as_shipped
def test_each_system_call_of_a_plain_command_fails():
    """a plain command: each call fails"""
    sweep("plain")


@harness.preload
@harness.limit(100)
@harness.as_shipped
def test_each_allocation_fails():
    """each allocation before the line fails: an exit with the reason, and nothing started"""
    FakeServer("mute", port=8001)
    for name, args in (("role", ["/run"]), ("plain", ["--", PUPPET])):
        config = ROLE % 9599 if name == "role" else None
        number, refused = 0, 0
        while True:
            number += 1
            p = Pidone(args, config=config,
                       env={"LD_PRELOAD": COUNTER, "FAIL_ALLOCATION": str(number)})
            came_up(p)
            p.alive() and p.signal(signal.SIGTERM)
            code = p.wait()
            failed = "ALLOCATION %d failed" % number in p.stderr
            if "up\n" in p.stdout:
                assert code == 7, (number, p.output())
            else:
                assert code == 70 and "error: " in p.stderr, (number, p.output())
                refused += 1
            if not failed:
                break
        assert refused > 8, (name, number, refused)


if __name__ == "__main__":
    harness.main()
