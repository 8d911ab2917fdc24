#!/usr/bin/python3
"""Signals in every state of a role: forwarded, renamed, dropped, never lost. What is the same
for plain commands is in test_pid1.py."""
import os
import re
import signal

import harness
from harness import wait_until
from inits import BASE_ENV, Pidone, Process
from proc import children_of, command_name, process_state, status_of
from programs import END_ON_TERM, WAIT, listener, process_called, program

ALL = [n for n in list(range(1, 32)) + list(range(34, 65))
       if n not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD)]


def run(keys, **more):
    return Pidone(["/run"], config="[run]\n" + keys + "\n", **more)


@harness.bare  # valgrind keeps fault signals for itself
def test_every_signal_is_forwarded():
    """all other signals are forwarded, realtime and fault signals included, to every process"""
    p = run("command = %s\nprocess.other = %s" % (listener(END_ON_TERM), listener(END_ON_TERM)))
    p.expect("^up")
    p.expect("^up")
    for number in ALL:
        if number in (signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
            continue
        p.signal(number)
        name = signal.Signals(number).name if number < 32 else number
        p.expect("^got %s$" % name)
        p.expect("^got %s$" % name)
    p.signal(signal.SIGTERM)
    assert p.wait() == 0


@harness.bare
def test_signals_that_the_library_hides():
    """32 and 33, which the C library keeps for its threads, do not end pidone: they are passed on"""
    p = Pidone(["sleep", "1077"], pid1=False)
    wait_until(lambda: [c for c in children_of(p.pid) if command_name(c) == "sleep"], 5)
    p.signal(32)
    p.signal(33)
    p.signal(signal.SIGTERM)
    p.wait()
    # its own exit code, of a command that either was ended by 32 or was given it as ignored
    assert p.popen.returncode in (128 + 32, 143), p.popen.returncode


@harness.bare  # valgrind keeps 64 for itself
def test_signal_map():
    """signal.X = Y sends another one, also a realtime one; none drops it"""
    p = run("signal.HUP = USR2\nsignal.USR1 = none\nsignal.RTMIN+2 = RTMIN+4\nsignal.QUIT = 64\n"
            "command = " + listener("sys.exit(7) if s == 64 else None"))
    p.expect("^up")
    p.signal(signal.SIGUSR1)
    p.signal(signal.SIGHUP)
    p.expect("^got SIGUSR2$")
    p.signal(signal.SIGRTMIN + 2)
    p.expect("^got %d$" % (signal.SIGRTMIN + 4))
    p.signal(signal.SIGQUIT)
    assert p.wait() == 7
    assert p.count("^got") == 3, p.output()


def test_signal_map_and_the_stop():
    """signal.TERM = QUIT: a stop sends QUIT; stop-signal would come first"""
    p = run("signal.TERM = QUIT\ncommand = " + listener("sys.exit(7) if s == 3 else None"))
    p.expect("^up")
    p.signal(signal.SIGTERM)
    assert p.wait() == 7
    p = run("signal.TERM = QUIT\nstop-signal = USR1\ncommand = " +
            listener("sys.exit(8) if s == 10 else None"))
    p.expect("^up")
    p.signal(signal.SIGTERM)
    assert p.wait() == 8


def test_signal_scope():
    """signal-scope = group: signals, the stop's too, go to the process group"""
    main = program(WAIT + "pid = os.fork()\n"
                   "say('up')\n"
                   "who = 'main' if pid else 'child'\n"
                   "say(who, 'got', name(signal.sigwait(everything)))\n"
                   "say(who, 'got', name(signal.sigwait(everything)))\n")
    p = run("signal-scope = group\ncommand = " + main)
    p.expect("^up")
    p.expect("^up")
    p.signal(signal.SIGUSR1)
    p.expect("^main got SIGUSR1")
    p.expect("^child got SIGUSR1")
    p.signal(signal.SIGTERM)
    p.expect("^main got SIGTERM")
    p.expect("^child got SIGTERM")
    assert p.wait() == 0


def test_dead_stderr():
    """a role whose log nobody reads any more lives on: its own SIGPIPE is not forwarded"""
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    p = run("command = " + listener(END_ON_TERM), stderr=write_fd)
    os.close(write_fd)
    p.expect("^up")
    p.until("/readyz", 200)
    p.signal(signal.SIGUSR1)
    p.expect("^got SIGUSR1")
    p.signal(signal.SIGTERM)
    assert p.wait() == 0
    assert "PIPE" not in p.output()


# ---- no signal is lost ----

@harness.as_shipped
def test_first_statement():
    """the first system call of main blocks all signals: all before it are the loader's"""
    p = Process(["strace", "-o", harness.tmp + "/calls", harness.BIN, "true"],
                        env=BASE_ENV)
    assert p.wait() == 0
    with open(harness.tmp + "/calls", encoding="ascii", errors="replace") as file:
        calls = file.read().splitlines()
    first = next(i for i, call in enumerate(calls) if call.startswith("rt_sigprocmask("))
    assert "~[]" in calls[first], calls[first]
    loaders = re.compile(r"(execve|brk|mmap|munmap|mprotect|access|close|read|pread64|fstat|"
                         r"newfstatat|arch_prctl|set_tid_address|set_robust_list|rseq|prlimit64|"
                         r"getrandom)\(|openat\(AT_FDCWD, \"/(etc/ld\.so\.|lib|usr/lib)")
    others = [call for call in calls[:first] if not loaders.match(call)]
    assert first > (0 if harness.is_static() else 3) and not others, others


def term_in_window(inject, args, config, **more):
    p = Pidone(args, config=config, inject=inject, **more)
    wait_until(lambda: int(status_of(p.pid, "SigBlk") or "0", 16) & 1 << 14, 15,
               "the signals to be blocked")
    p.signal(signal.SIGTERM)
    assert p.wait(20) == 143, p.output()
    return p


@harness.limit(90)
@harness.bare
def test_signal_before_the_configuration_is_read():
    """a TERM before the configuration is read, and at every later step of boot, ends it: nothing
    is started"""
    # each of these system calls is made at another point of boot, and only there
    for call in ("getcwd", "socketpair", "signalfd4", "wait4,poll,ppoll", "epoll_create1"):
        p = term_in_window(call + ":delay_enter=800000:when=1", ["/init"],
                           "[init]\nstep = echo started\n")
        assert "started" not in p.stdout, (call, p.stdout)


@harness.bare
def test_signal_between_fork_and_exec():
    """a TERM between the fork of a role's process and its exec ends it: in the child, before it
    has its group, and while PATH is searched"""
    for inject in ("setpgid:delay_enter=700000", "execve:delay_enter=700000:when=2+"):
        p = run("command = sleep 1077", inject=inject)
        wait_until(lambda: [c for c in children_of(p.pid)
                            if not command_name(c).startswith("pidone:")], 15, "the fork")
        p.signal(signal.SIGTERM)
        assert p.wait(15) == 143, p.output()


@harness.bare
def test_signal_while_it_looks_around():
    """a TERM ends a boot that hangs, as it does where a mount does not answer"""
    # only the child that looks around returns to the working directory; there it is stopped
    p = Pidone(["/run"], inject="fchdir:delay_enter=700000", config="[run]\ncommand = sleep 1077\n")
    child = wait_until(lambda: children_of(p.pid), 10, "the look around")[0]
    os.kill(child, signal.SIGSTOP)
    wait_until(lambda: process_state(child) in ("T", "t"), 5)
    p.signal(signal.SIGTERM)
    assert p.wait(10) == 143
    assert "stopped by TERM" in p.termination_log, p.termination_log
    assert "started" not in p.output()


def test_signals_while_it_stops():
    """other signals are forwarded also while the processes stop"""
    p = run("command = " + listener("sys.exit(0) if s == 12 else None"))
    p.expect("^up")
    p.signal(signal.SIGTERM)
    p.expect("^got SIGTERM")
    p.signal(signal.SIGUSR1)
    p.expect("^got SIGUSR1")
    p.signal(signal.SIGUSR2)
    assert p.wait() == 0


def test_storm():
    """a thousand signals of ten kinds, and one TERM among them: it is not lost"""
    p = run("command = " + listener(END_ON_TERM))
    p.expect("^up")
    process_called(p, "python3")
    for i in range(1000):
        p.signal(34 + i % 10)
    p.signal(signal.SIGTERM)
    for i in range(1000):
        try:
            p.signal(34 + i % 10)
        except ProcessLookupError:
            break
    assert p.wait() == 0


def test_ignored_at_the_start():
    """HUP, INT and QUIT that pidone was started with as ignored, as nohup and & do it, end no
    role and no wait; TERM does, and a plain command gets them all"""
    def ignore():
        for s in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            signal.signal(s, signal.SIG_IGN)
    waits = "[run]\nwait = tcp://127.0.0.1:1\ncommand = true\n"
    runs = "[run]\ncommand = sleep 1077\n"
    ends_a_wait = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
    for args, config, line, signals in (
            (["/run"], waits, "waiting for", ends_a_wait),
            (["/run"], runs, ": ready", (signal.SIGINT,)),
            (["wait", "tcp://127.0.0.1:1"], None, "waiting for", ends_a_wait)):
        p = Pidone(args, config=config, pid1=False, preexec_fn=ignore)
        p.expect(line)
        for s in signals + (signal.SIGTERM,):
            p.signal(s)
        assert p.wait() == 143
        assert not re.search(r"\b(INT|HUP|QUIT)\b", p.output()), p.output()
    p = Pidone(["--", "/usr/bin/env", "--default-signal=INT", "sleep", "1077"], pid1=False,
               preexec_fn=ignore)
    wait_until(lambda: [pid for pid in children_of(p.pid) if command_name(pid) == "sleep"], 5)
    p.signal(signal.SIGINT)
    assert p.wait() == 130


if __name__ == "__main__":
    harness.main()
