#!/usr/bin/python3
"""What every init promises for a plain command. $PID1 names another one, so that
tests/peers can show which of these sentences a peer breaks."""
import os
import resource
import signal
import subprocess

import harness
from harness import wait_until
from inits import Init
from proc import children_of, process_state, status_of
from programs import (END_ON_TERM, WAIT, for_another_machine, listener, process_called, program,
                      with_child)
from terminal import Terminal

PYTHON = "/usr/bin/python3"
ORDINARY = [signal.Signals[name] for name in (
    "SIGHUP SIGINT SIGQUIT SIGUSR1 SIGUSR2 SIGPIPE SIGALRM SIGTERM SIGSTKFLT SIGURG SIGXCPU "
    "SIGXFSZ SIGVTALRM SIGPROF SIGWINCH SIGIO SIGPWR").split()]
FAULTS = [signal.Signals[name] for name in
          "SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGSEGV SIGSYS".split()]


def sh(text):
    return ["sh", "-c", text]


def forwards(numbers, **more):
    """Each of these reaches the command's handler."""
    p = Init(listener("sys.exit(0) if s == signal.SIGUSR2 else None").split(), **more)
    p.expect("^up")
    for number in numbers:
        if number != signal.SIGUSR2:
            p.signal(number)
            p.expect("^got %s$" % (signal.Signals(number).name if number < 32 else number))
    p.signal(signal.SIGUSR2)
    assert p.wait() == 0


# ---- exit codes ----

def test_exit_code():
    """the command's exit code is the container's"""
    for code in (0, 1, 42, 255):
        assert Init(sh("exit %d" % code)).wait() == code


def test_signal_death():
    """a command that a signal ended: 128+N"""
    for number in (9, 15, 11):
        assert Init(sh("ulimit -c 0; kill -%d $$" % number)).wait() == 128 + number


def test_not_found():
    """a command that is not there: 127"""
    assert Init(["no-such-command"]).wait() == 127


def test_not_executable():
    """a command that cannot be executed: 126"""
    assert Init(["/etc/passwd"]).wait() == 126


@harness.bare  # valgrind reads the program first
def test_program_for_another_machine():
    """a program that was built for another machine: 126, and no shell reads it as a script"""
    path = os.path.join(harness.tmp, "program")
    with open(path, "wb") as file:
        file.write(for_another_machine())
    os.chmod(path, 0o755)
    p = Init([path])
    assert p.wait() == 126 and "yntax error" not in p.output(), p.output()


# ---- signals ----

def test_ordinary_signals():
    """the 17 ordinary signals reach the command"""
    forwards(ORDINARY)


@harness.bare  # valgrind keeps 64 for itself
def test_realtime_signals():
    """the realtime signals, 34 to 64, reach the command"""
    forwards(range(34, 65))


@harness.bare  # valgrind keeps fault signals for itself
def test_fault_signals():
    """SEGV, BUS, FPE, ILL, ABRT, TRAP and SYS that somebody sent reach the command"""
    forwards(FAULTS)


@harness.bare
def test_fault_signals_when_not_pid_1():
    """a sent ABRT or SEGV does not end an init that is not PID 1"""
    for number in (signal.SIGABRT, signal.SIGSEGV):
        p = Init(listener("sys.exit(3)").split(), pid1=False, subreaper=True)
        p.expect("^up")
        p.signal(number)
        assert p.wait() == 3


def test_job_control_signals():
    """TSTP, TTIN and TTOU reach the command (gunicorn adds and removes workers by the two)"""
    forwards((signal.SIGTTIN, signal.SIGTTOU, signal.SIGTSTP))


def test_signal_goes_to_the_command_only():
    """a signal goes to the command, not to its children: Celery's pool would lose its tasks"""
    p = Init(with_child(signal.SIGUSR1).split())
    p.expect("^up")
    p.signal(signal.SIGUSR1)
    assert p.wait() == 0
    assert "got it alone" in p.output(), p.output()


def test_signal_goes_to_the_group():
    """where it is asked for, a signal goes to the command's whole process group"""
    p = Init(program(WAIT + "pid = os.fork()\n"
                     "say('up')\n"
                     "signal.sigwait({signal.SIGUSR1})\n"
                     "say('main got' if pid else 'child got')\n"
                     "signal.sigwait({signal.SIGUSR2})\n").split(), group=True)
    p.expect("^up")
    p.expect("^up")
    p.signal(signal.SIGUSR1)
    p.expect("^main got")
    p.expect("^child got")
    p.signal(signal.SIGUSR2)
    assert p.wait() == 0


def end_in_window(inject, **more):
    """A TERM that comes while the command's process exists, but is not the command yet."""
    p = Init(["sleep", "1077"], inject=inject, **more)
    wait_until(lambda: children_of(p.pid), 10 + 2, "the forked child")
    p.signal(signal.SIGTERM)
    assert p.wait(15) == 143


@harness.bare
def test_signal_between_fork_and_group():
    """no signal is lost between fork and setpgid, where it is meant for the group"""
    end_in_window("set_robust_list:delay_enter=1500000:when=1", group=True)


@harness.bare
def test_signal_between_fork_and_exec():
    """no signal is lost between fork and exec, while PATH is searched"""
    end_in_window("execve:delay_enter=700000:when=2+")


# ---- what the command inherits ----

def fields_of(given, names, **more):
    """Lines of the command's /proc/self/status, where the init was given something."""
    p = Init(["grep", "-E", "^(%s):" % names, "/proc/self/status"], preexec_fn=given, **more)
    assert p.wait() == 0
    return dict(line.split(":\t") for line in p.stdout.splitlines())


def mask_of(numbers):
    return "%016x" % sum(1 << (number - 1) for number in numbers)


def test_blocked_signals_are_inherited():
    """the command gets the signal mask that the init was given"""
    blocked = (signal.SIGUSR1, signal.SIGTERM, 40, 64)
    got = fields_of(lambda: signal.pthread_sigmask(signal.SIG_SETMASK, blocked), "SigBlk")
    assert got["SigBlk"] == mask_of(blocked), got


def test_ignored_signals_are_inherited():
    """the command ignores what the init was given as ignored, and nothing else"""
    ignored = (signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE, signal.SIGTTOU)

    def given():
        for number in set(range(1, 65)) - {9, 19, 32, 33}:
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
    # two that the C library hides can only be handed on
    hidden = int(status_of(os.getpid(), "SigIgn"), 16) & (1 << 31 | 1 << 32)
    assert int(fields_of(given, "SigIgn")["SigIgn"], 16) == int(mask_of(ignored), 16) | hidden


def test_ignored_child_signal():
    """an init that was given SIGCHLD as ignored still learns how the command ended"""
    ignoring = "import os, signal, sys\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n" \
               "os.execvp(sys.argv[1], sys.argv[1:])\n"
    assert Init(sh("exit 42"), through=[PYTHON, "-c", ignoring]).wait() == 42


@harness.bare  # valgrind shows limits of its own
def test_limits_are_inherited():
    """the command gets the limits and the umask that the init was given"""
    def given():
        resource.setrlimit(resource.RLIMIT_NOFILE, (77, 99))
        os.umask(0o027)
    p = Init(sh("ulimit -n; ulimit -Hn; umask"), preexec_fn=given)
    assert p.wait() == 0
    assert p.stdout == "77\n99\n0027\n", p.stdout


def holds(pid, what):
    """Does the process hold this open file?"""
    for fd in os.listdir("/proc/%d/fd" % pid):
        try:
            if os.readlink("/proc/%d/fd/%s" % (pid, fd)) == what:
                return True
        except OSError:
            pass  # closed between the list and the look
    return False


@harness.bare  # valgrind holds descriptors, too
def test_descriptors_are_handed_on():
    """the command gets the descriptors; the init lets go of them, so that a pipe can end"""
    pipes = [os.pipe() for _ in range(100)]
    names = [os.readlink("/proc/self/fd/%d" % pipe[1]) for pipe in pipes]
    p = Init(["sleep", "1077"], pass_fds=[pipe[1] for pipe in pipes])
    main = process_called(p, "sleep")
    assert all(holds(main, name) for name in names)
    wait_until(lambda: not any(holds(p.pid, name) for name in names), 5, "the init to let go")
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


def test_working_directory_is_not_held():
    """the init sits in the root, so that no mount is kept busy; the command where it was"""
    cwd = harness.tmp + "/work"
    os.mkdir(cwd)
    p = Init(["sleep", "1077"], cwd=cwd)
    main = process_called(p, "sleep")
    assert os.path.samefile("/proc/%d/cwd" % main, cwd)
    wait_until(lambda: os.path.samefile("/proc/%d/cwd" % p.pid, "/proc/%d/root" % p.pid), 5,
               "the init to go to the root")
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


def test_listen_pid():
    """LISTEN_PID, which names the init, names the command then; another one stays"""
    text = "[ $LISTEN_PID = $$ ] && [ $LISTEN_FDS = 1 ] && echo mine || echo $LISTEN_PID"
    p = Init(sh(text), env={"LISTEN_PID": "1", "LISTEN_FDS": "1"})
    assert p.wait() == 0 and p.stdout == "mine\n", p.stdout
    p = Init(sh(text), env={"LISTEN_PID": "4242", "LISTEN_FDS": "1"})
    assert p.wait() == 0 and p.stdout == "4242\n", p.stdout


# ---- orphans ----

def no_zombies(p):
    return not any(process_state(pid) == "Z" for pid in p.inside())


def test_orphans_are_reaped():
    """orphans are reaped"""
    p = Init(sh("for i in 1 2 3 4 5 6 7 8; do (true &) ; done; echo up; exec sleep 1077"))
    p.expect("^up")
    process_called(p, "sleep")
    wait_until(lambda: no_zombies(p), 5)
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


def test_many_deaths_are_one_signal():
    """deaths that come together are one SIGCHLD: all are reaped, and the command's code is kept"""
    crowd = program("r, w = os.pipe()\n"
                    "if os.fork() == 0:\n"
                    "    for i in range(200):\n"
                    "        if os.fork() == 0:\n"
                    "            os.close(w)\n"
                    "            os.read(r, 1)\n"
                    "            os._exit(0)\n"
                    "    os._exit(0)\n"
                    "os.wait()\n"
                    "os._exit(42)\n")
    assert Init(crowd.split()).wait() == 42


def test_child_that_was_there_before():
    """a child that ended before the exec of the init is reaped, although no signal tells of it"""
    dead_child = "import os, sys\npid = os.fork()\npid or os._exit(0)\n" \
                 "os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)\n" \
                 "os.execvp(sys.argv[1], sys.argv[1:])\n"
    p = Init(["sleep", "1077"], through=[PYTHON, "-c", dead_child])
    process_called(p, "sleep")
    wait_until(lambda: no_zombies(p), 3)
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


def test_subreaper_without_being_asked():
    """not PID 1, an init adopts orphans without being asked to"""
    p = Init(sh("(sleep 1077 &); echo up; exec sleep 1078"), pid1=False)
    p.expect("^up")
    wait_until(lambda: len(children_of(p.pid)) == 2, 3, "the orphan to be adopted")
    for child in children_of(p.pid):
        os.kill(child, signal.SIGKILL)
    assert p.wait() == 137


def test_subreaper_refused():
    """a sandbox that refuses to have a subreaper costs nothing"""
    p = Init(sh("exit 6"), nsrun=["--deny", "prctl:36"], subreaper=True,
             through=sh('"$@"; exit $?') + ["sh"])
    assert p.wait() == 6, p.output()


# ---- the stop ----

def orphan(then):
    """A shell's words that leave an orphan in a session of its own: it prints "orphan up", and
    at TERM does `then`. Its stdin is the shell's, which a shell gives nobody in the background."""
    words = program(WAIT + "say('orphan up')\n"
                    "signal.sigwait({signal.SIGTERM})\n"
                    "say('orphan got TERM')\n"
                    "%s\n" % then)
    return "exec 3<&0; setsid %s <&3 & exec 3<&-; " % words


def test_orphans_are_told():
    """when the command has ended, what it left behind gets TERM, also in other sessions"""
    p = Init(sh(orphan("pass") + "read x; exit 4"), stdin=subprocess.PIPE)
    p.expect("^orphan up")
    p.popen.stdin.close()
    assert p.wait() == 4
    assert "orphan got TERM" in p.output(), p.output()


def test_orphans_may_finish():
    """the container lives until they have finished, and no longer"""
    p = Init(sh(orphan("sys.stdin.readline(); say('finished')") + "exec sleep 1077"),
             stdin=subprocess.PIPE)
    p.expect("^orphan up")
    os.kill(process_called(p, "sleep"), signal.SIGKILL)
    p.expect("^orphan got TERM")
    assert p.alive()
    p.popen.stdin.close()
    assert p.wait() == 137
    assert "finished" in p.output(), p.output()


def test_stopped_command():
    """a stopped command is continued, so that it can act on its TERM"""
    p = Init(listener(END_ON_TERM).split())
    p.expect("^up")
    main = process_called(p, "python3")
    os.kill(main, signal.SIGSTOP)
    wait_until(lambda: process_state(main) == "T", 5)
    p.signal(signal.SIGTERM)
    assert p.wait(5) == 0


# ---- a dead stderr ----

def test_dead_stderr():
    """an init whose own lines nobody reads any more neither forwards its SIGPIPE nor spins"""
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    p = Init(listener("sys.exit(5) if s == 12 else None").split(), verbose=True, stderr=write_fd)
    os.close(write_fd)
    p.expect("^up")
    p.signal(signal.SIGUSR1)
    p.expect("^got SIGUSR1")
    p.signal(signal.SIGUSR2)
    assert p.wait() == 5
    assert "PIPE" not in p.output(), p.output()


# ---- terminals ----

def in_terminal(command, **more):
    t = Terminal()
    p = Init(command, terminal=t, **more)
    t.close_slave()
    return t, p


def test_foreground():
    """on a terminal the command gets the foreground: it may read"""
    t, p = in_terminal(sh("read line; echo got $line"))
    t.type("hello\n")
    t.expect("got hello")
    assert p.wait() == 0


def test_ctrl_c():
    """Ctrl-C reaches the command, once"""
    t, p = in_terminal([PYTHON, "-u", "-c",
                        "import signal\n"
                        "signal.pthread_sigmask(signal.SIG_BLOCK, {2})\nprint('up')\n"
                        "print('got', int(signal.sigwait({2})))\ninput()\n"
                        "assert 2 not in signal.sigpending()\nprint('once')\n"])
    t.expect("up")
    t.type("\x03")
    t.expect("got 2")
    t.type("\n")
    t.expect("once")
    assert p.wait() == 0


def test_ctrl_z_leaves_nobody_stopped():
    """Ctrl-Z never leaves a stopped command behind PID 1, whom nobody could continue"""
    t, p = in_terminal(sh("echo up; read line; echo got $line"))
    t.expect("up")
    t.type("\x1a")
    t.expect("^Z")
    t.type("hello\n")
    t.expect("got hello")
    assert p.wait() == 0


def test_job_control():
    """in a shell, jobs are stopped and continued"""
    t, p = in_terminal(["bash", "--norc", "--noprofile", "-i"], env={"PS1": "$ "})
    t.expect("$ ")
    t.type("sleep 1077\n")
    job = process_called(p, "sleep")
    t.type("\x1a")
    t.expect("Stopped")
    t.expect("$ ")
    t.type("fg\n")
    wait_until(lambda: t.foreground() == job and process_state(job) == "S", 5, "the job to go on")
    t.type("\x03")
    wait_until(lambda: process_state(job) == "", 5, "Ctrl-C to end the job")
    t.expect("$ ")
    t.type("exit 3\n")
    assert p.wait() == 3


def test_window_size():
    """a change of the window's size reaches the command"""
    t, p = in_terminal(program(WAIT + "say('up')\n"
                               "signal.sigwait({signal.SIGWINCH})\n"
                               "print('size', *os.get_terminal_size(0))\n").split())
    t.expect("up")
    t.resize(30, 70)
    t.expect("size 70 30")
    assert p.wait() == 0


def test_terminal_that_goes_away():
    """a terminal that goes away tells the command with HUP"""
    t, p = in_terminal(["sleep", "1077"])
    process_called(p, "sleep")
    t.hang_up()
    assert p.wait() == 129


if __name__ == "__main__":
    if Init.name_of_peer is not None:
        harness.need_command(Init.name_of_peer)
    harness.main()
