#!/usr/bin/python3
"""Life of a container: contract §4, as PID 1 of a pid namespace of its own."""
import os
import signal
import subprocess

import harness
from cgroups import limited_memory
from harness import wait_until
from inits import Pidone, finished
from programs import process_called, program


def test_exit_code_is_the_main_processes_own():
    """exit codes: the main process's own; 128+N for a signal"""
    for command, code in (("sh -c 'exit 0'", 0), ("sh -c 'exit 42'", 42),
                          ("sh -c 'kill -9 $$'", 137), ("sh -c 'kill -15 $$'", 143)):
        assert finished(["/run"], config="[run]\ncommand = %s\n" % command)[0] == code
        plain = ["sh", "-c", command.split("'")[1]]
        assert finished(plain)[0] == code


def test_success_codes():
    """`success-codes` maps listed codes to 0"""
    config = "[run]\ncommand = sh -c 'exit 42'\nsuccess-codes = 42 43\n"
    assert finished(["/run"], config=config)[0] == 0


def test_success_codes_of_steps_and_restarts():
    """a code that counts as 0 is a success also of a step, and for restart = on-failure"""
    code, out = finished(["/init"], config="[init]\nsuccess-codes = 3\n"
                         "step = sh -c 'echo one; exit 3'\nstep = echo two\n")
    assert code == 0 and "\none\n" in out and "\ntwo\n" in out, out
    code, out = finished(["/run"], config="[run]\nsuccess-codes = 3\nrestart = on-failure\n"
                         "command = sh -c 'exit 3'\n")
    assert code == 0 and "again" not in out, out


def test_success_codes_are_of_the_app():
    """what pidone itself ends with does not count as 0"""
    p = Pidone(["/run"], config="[run]\nsuccess-codes = 69 127\nwait = tcp://127.0.0.1:1\n"
               "wait-timeout = 100ms\ncommand = true\n")
    assert p.wait() == 69 and "exit 69: wait-timeout is over" in p.termination_log, p.output()
    p = Pidone(["/run"], config="[run]\nsuccess-codes = 127\nstep = true\ncommand = nowhere\n")
    assert p.wait() == 127, p.output()


def test_failed_step():
    """a step that fails ends the role with its code; no further step runs"""
    code, out = finished(["/init"], config="[init]\nstep = sh -c 'exit 3'\nstep = echo second\n")
    assert code == 3 and "\nsecond" not in out, out


def test_step_retries():
    """step-retries: a failed step is tried again"""
    code, out = finished(["/init"], config="[init]\nstep-retries = 1\nstep = sh -c 'echo try; "
                         "test -e seen || { touch seen; exit 1; }'\n")
    assert code == 0 and out.count("try\n") == 2, out


def test_only_main_signals_end_a_wait():
    """before the command has started only TERM, INT, QUIT and HUP act: exit 128+N"""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        p = Pidone(["/run"], config="[run]\ncommand = true\nwait = tcp://127.0.0.1:1\n")
        p.expect("waiting for tcp://127.0.0.1:1")
        p.signal(signal.SIGUSR1)
        p.signal(number)
        assert p.wait() == 128 + number


def test_wait_timeout():
    """at a deadline exit 69 with the last reason"""
    p = Pidone(["/run"], config="[run]\ncommand = true\nwait = tcp://127.0.0.1:1\n"
               "wait-timeout = %dms\n" % (500 * harness.PACE))
    assert p.wait() == 69
    assert "tcp://127.0.0.1:1" in p.termination_log and "refused" in p.termination_log, \
        p.termination_log


@harness.bare  # valgrind holds descriptors, too
def test_closes_inherited_descriptors():
    """it closes inherited descriptors at the last start that could need them (never 0–2)"""
    read_fd, write_fd = os.pipe()
    pipe = os.readlink("/proc/self/fd/%d" % write_fd)
    p = Pidone(["/run"], pass_fds=(write_fd,), config="[run]\ncommand = sleep 1000\n")
    p.expect("ready")

    def holds(pid):
        for fd in os.listdir("/proc/%d/fd" % pid):
            try:
                if os.readlink("/proc/%d/fd/%s" % (pid, fd)) == pipe:
                    return True
            except OSError:
                pass  # closed between the list and the look
        return False
    wait_until(lambda: not holds(p.pid), 5, "PID 1 to close the pipe")
    wait_until(lambda: any(holds(pid) for pid in p.inside()), 5, "the command to hold the pipe")
    os.close(read_fd)
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


def test_output_is_inherited_never_piped():
    """the children's output is theirs: inherited, never piped"""
    p = Pidone(["/run"], config="[run]\ncommand = sleep 1000\n")
    p.expect("ready")
    main = process_called(p, "sleep")
    for fd in (0, 1, 2):
        ours, theirs = (os.stat("/proc/%d/fd/%d" % (pid, fd)) for pid in (p.pid, main))
        assert (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino)
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


def test_signal_during_boot():
    """no signal is lost from the first statement of main on: nothing is started after it"""
    def have_one_pending():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        sender = os.fork()
        if sender == 0:
            os.kill(os.getppid(), signal.SIGTERM)
            os._exit(0)
        os.waitpid(sender, 0)
    p = Pidone(["/init"], pid1=False, preexec_fn=have_one_pending,
               config="[init]\nstep = echo started\n")
    assert p.wait() == 143
    assert p.stdout == "", p.stdout


@harness.limit(60)
@harness.bare
def test_ready_with_the_exec():
    """a role without a check is ready when all its programs are executed, not before; one that
    cannot be has never been ready"""
    p = Pidone(["/run"], inject="execve:delay_enter=3000000",
               config="[run]\ncommand = sleep 1077\nprocess.other = sleep 1077\n")
    p.expect("started other")
    wait_until(lambda: "main is being executed" in p.http("/readyz")[1], 5)
    p.until("/readyz", 200)
    p.signal(signal.SIGTERM)
    assert p.wait() == 143
    path = harness.tmp + "/empty"
    open(path, "w", encoding="ascii").close()
    os.chmod(path, 0o755)
    code, out = finished(["/run"], config="[run]\ncommand = sleep 1077\nprocess.other = %s\n" % path)
    assert code == 126 and "it is an empty file" in out and "ready" not in out, out


def test_reason_is_of_this_end():
    """the reason of an earlier failure does not end up in a later exit"""
    p = Pidone(["/async"], config="[async]\nrestart-delay = 50ms\n"
               "command = sh -c 'test -e seen && exec sleep 1000; touch seen; exit 7'\n")
    process_called(p, "sleep")
    p.signal(signal.SIGTERM)
    assert p.wait() == 143
    assert "exit 143: sh was ended by TERM" in p.termination_log, p.termination_log
    p = Pidone(["/run"], config="[run]\ncommand = true\nwait = tcp://127.0.0.1:1\n")
    p.expect("waiting for")
    p.signal(signal.SIGTERM)
    assert p.wait() == 143
    assert "stopped by TERM while waiting for tcp://127.0.0.1:1" in p.termination_log, \
        p.termination_log


def test_reason_is_of_the_process_that_ended_it():
    """an optional process that failed before, or failed to start, is not blamed"""
    for other in ("sh -c 'exit 3'", "no-such-program"):
        p = Pidone(["/run"], config="[run]\nstep = true\ncommand = sh -c 'read x; exit 5'\n"
                   "essential.side = no\nprocess.side = %s\n" % other, stdin=subprocess.PIPE)
        p.expect("side: sh .* exited with 3|cannot run 'no-such-program'")
        p.popen.stdin.close()
        assert p.wait() == 5
        assert p.termination_log == "exit 5: main: sh exited with 5\n", p.termination_log


@harness.bare  # valgrind needs more than that itself
def test_out_of_memory_is_named():
    """a kernel out-of-memory kill is named as such, with the limit"""
    with limited_memory(96 << 20):
        hungry = program("data = []\nwhile True:\n    data.append(b'x' * (1 << 20))\n")
        p = Pidone(["/run"], config="[run]\ncommand = %s\n" % hungry)
        assert p.wait(20) == 137
        assert "was killed by the kernel: out of memory (limit 96 MiB)" in p.termination_log, \
            p.termination_log


if __name__ == "__main__":
    harness.main()
