#!/usr/bin/python3
"""Works anywhere: without privilege, without anything writable, in sandboxes that refuse what
is nice to have, on old kernels, without /proc."""
import os
import signal
import subprocess

import harness
from harness import wait_until
from inits import Pidone
from proc import children_of, command_name, process_name, process_state
from programs import END_ON_TERM, listener, process_called

ANY_USER = (1000680000, 0)  # what OpenShift gives: no passwd entry, group 0
SERVICE = "[run]\ncommand = sh -c 'id -u; exec sleep 1077'\n"


def whole_life(p, uid="0", socket=True):
    """Starts, is ready, forwards, stops, and ends."""
    p.expect("^%s$" % uid)
    p.until("/readyz", 200)
    if socket:
        assert p.http("/livez", unix="/run/pidone/run.sock")[0] == 200
    p.signal(signal.SIGTERM)
    assert p.wait() == 143, p.output()


@harness.bare  # valgrind writes into /tmp
def test_any_user_and_a_read_only_root():
    """works non-root, with any UID without passwd entry, no_new_privs, no capabilities, a
    read-only root"""
    p = Pidone(["/run"], user=ANY_USER, nsrun=["--read-only", "--no-new-privs"], config=SERVICE)
    whole_life(p, "1000680000")


@harness.bare
def test_nothing_is_writable():
    """without any writable directory there is no probe socket, said once; all else works"""
    p = Pidone(["/run"], user=ANY_USER, config=SERVICE,
               nsrun=["--read-only", "--bind", "/usr:/run"])
    p.expect("^1000680000")
    p.until("/readyz", 200)
    assert p.count("no probes there") == 1, p.output()
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


@harness.bare
def test_working_directory_that_may_not_be_searched():
    """a working directory that the user may not search is kept, as without pidone"""
    cwd = harness.tmp + "/secret"
    os.mkdir(cwd, 0o700)
    p = Pidone(["sh", "-c", "echo here"], user=ANY_USER, cwd=cwd)
    assert p.wait() == 0 and p.stdout == "here\n", p.output()
    p = Pidone(["/run"], user=ANY_USER, cwd=cwd, config="[run]\ncommand = sh -c 'echo here'\n")
    assert p.wait() == 0 and "here\n" in p.stdout, p.output()


# ---- sandboxes and old kernels ----

def denied(*calls):
    return [word for call in calls for word in ("--deny", call)]


def test_old_kernel():
    """kernels without close_range and pidfd_open: own children still hold their descriptors only"""
    read_fd, write_fd = os.pipe()
    pipe = os.readlink("/proc/self/fd/%d" % write_fd)
    p = Pidone(["/run"], config=SERVICE, pass_fds=(write_fd,),
               nsrun=denied("close_range=ENOSYS", "pidfd_open=ENOSYS"))
    p.expect("^0$")
    p.until("/readyz", 200)
    probes = [c for c in children_of(p.pid) if command_name(c) == "pidone: probes"][0]
    held = {os.readlink("/proc/%d/fd/%s" % (probes, fd))
            for fd in os.listdir("/proc/%d/fd" % probes)}
    assert pipe not in held, held
    os.close(read_fd)
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


def test_sandbox_refuses_niceties():
    """a sandbox that answers EPERM to niceties costs a debug line, never the start"""
    for calls in (["prctl"], ["setpgid"], ["getrandom"], ["uname"], ["sched_getaffinity"],
                  ["close_range"],
                  ["prctl", "setpgid", "getrandom", "uname", "sched_getaffinity", "close_range"]):
        p = Pidone(["/run"], config=SERVICE, nsrun=denied(*calls))
        whole_life(p)
        assert "warning" not in p.stderr.replace("warning: sh", ""), (calls, p.stderr)


def test_sandbox_refuses_niceties_to_a_plain_command():
    """the same for a plain command, group signals included"""
    for calls in (["prctl"], ["setpgid"], ["close_range"]):
        p = Pidone(["-q", "--"] + listener(END_ON_TERM).split(), nsrun=denied(*calls),
                   env={"PIDONE_COMMAND_SIGNAL_SCOPE": "group"})
        p.expect("^up")
        p.signal(signal.SIGUSR1)
        p.expect("^got SIGUSR1")
        p.signal(signal.SIGTERM)
        assert p.wait() == 0, (calls, p.output())


def test_subreaper_refused():
    """not PID 1 and no subreaper: the service runs and stops all the same, without a warning"""
    p = Pidone((), words=["sh", "-c", '"$@" & read x; kill $!; wait $!', "sh", harness.BIN, "/run"],
               env={"PIDONE_RUN_COMMAND": "sh -c 'id -u; exec sleep 1077'"},
               stdin=subprocess.PIPE, nsrun=denied("prctl:36"))
    p.expect("^0$")
    p.expect("ready")
    p.popen.stdin.close()
    assert p.wait() == 143, p.output()
    assert "warning" not in p.stderr, p.stderr


# ---- without /proc ----

@harness.as_shipped
def test_plain_command_without_proc():
    """without /proc plain commands still work: exit codes, signals, orphans, descriptors"""
    assert Pidone(["sh", "-c", "exit 42"], nsrun=["--no-proc"]).wait() == 42
    assert Pidone(["no-such-command"], nsrun=["--no-proc"]).wait() == 127
    read_fd, write_fd = os.pipe()
    p = Pidone(["sh", "-c", "setsid sleep 1077 & echo up; exec sleep 1078"], pass_fds=(write_fd,),
               nsrun=["--no-proc"])
    os.close(write_fd)
    p.expect("^up")
    main = wait_until(lambda: [c for c in p.inside() if process_name(c) == "sleep 1078"],
                      5)[0]
    p.signal(signal.SIGTERM)
    wait_until(lambda: process_state(main) == "", 5)
    assert p.wait(20) == 143
    assert os.read(read_fd, 1) == b""  # nobody holds it: the orphan is gone, too


@harness.as_shipped
def test_service_without_proc():
    """without /proc a service starts, is probed, and stops; the kernel ends who left its group"""
    p = Pidone(["/run"], config=SERVICE, nsrun=["--no-proc"])
    p.expect("^0$")
    p.until("/readyz", 200)
    p.signal(signal.SIGTERM)
    assert p.wait() == 143, p.output()


def test_proc_of_another_namespace():
    """a /proc of another pid namespace is not believed"""
    p = Pidone(["/run"], config=SERVICE, nsrun=["--bind", "/proc:/proc"])
    p.expect("^0$")
    process_called(p, "sleep")
    p.signal(signal.SIGTERM)
    assert p.wait() == 143, p.output()


# ---- stdio ----

def test_closed_descriptors():
    """closed 0, 1 and 2: nothing of ours takes their place, and the command runs"""
    mark = harness.tmp + "/mark"
    p = Pidone((), words=["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", harness.BIN, "--", "sh", "-c",
                          "ls -l /proc/self/fd >%s" % mark])
    assert p.wait() == 0
    with open(mark, encoding="ascii") as file:
        shown = file.read()
    assert "socket:" not in shown and "signalfd" not in shown, shown


@harness.bare
def test_closed_descriptors_without_dev():
    """the same in a root without /dev/null"""
    mark = harness.tmp + "/mark"
    os.mkdir(harness.tmp + "/dev")
    p = Pidone((), nsrun=["--bind", harness.tmp + "/dev:/dev"],
               words=["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", harness.BIN, "--", "sh", "-c",
                      "echo ran >%s" % mark])
    assert p.wait() == 0
    with open(mark, encoding="ascii") as file:
        assert file.read() == "ran\n"


if __name__ == "__main__":
    harness.main()
