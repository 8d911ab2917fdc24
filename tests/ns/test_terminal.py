#!/usr/bin/python3
"""pidone on a terminal, not as PID 1: `kubectl exec -it` makes it the leader of a session, a
shell makes it a job. What is the same as PID 1 is in test_pid1.py."""
import os
import signal

import harness
from harness import wait_until
from inits import Pidone
from proc import children_of, command_name, descendants_of, process_state
from terminal import Terminal

SHELL = ["bash", "--norc", "--noprofile", "-i"]


def leader(command, **more):
    t = Terminal()
    p = Pidone(command, pid1=False, terminal=t, **more)
    t.close_slave()
    return t, p


def shell(**env):
    """An interactive shell, at its prompt."""
    t, p = leader((), words=SHELL, env={"PS1": "$ ", **env})
    t.expect("$ ")
    return t, p


def below(p, name):
    """The pid of the one process of this name below p, once it is there."""
    return wait_until(lambda: [pid for pid in descendants_of(p.pid)
                               if command_name(pid) == name], 5, name)[0]


def leave(t, p):
    t.type("exit 3\n")
    assert p.wait() == 3


def test_leader_gives_the_foreground():
    """the leader of a session gives its command the foreground, and Ctrl-C ends that, once"""
    t, p = leader(["sh", "-c", "read line; echo got $line; exec sleep 1077"])
    t.type("hello\n")
    t.expect("got hello")
    command = below(p, "sleep")
    assert t.foreground() == command
    t.type("\x03")
    assert p.wait() == 130


def test_leader_leaves_nobody_stopped():
    """Ctrl-Z leaves no stopped command behind the leader, whom nobody could continue"""
    t, p = leader(["sh", "-c", "echo up; read line; echo got $line"])
    t.expect("up")
    t.type("\x1a")
    t.expect("^Z")
    t.type("hello\n")
    t.expect("got hello")
    assert p.wait() == 0


def test_leader_and_a_terminal_that_goes_away():
    """a terminal that goes away: the command gets its HUP, and pidone ends with it"""
    t, p = leader(["sleep", "1077"])
    below(p, "sleep")
    t.hang_up()
    assert p.wait() == 129


def test_job_is_stopped_and_continued():
    """as a shell's job pidone stops with its command at Ctrl-Z; fg continues both"""
    t, p = shell()
    t.type("%s sh -c 'echo up; read line; echo got $line'\n" % harness.BIN)
    t.expect("up\r\n")
    t.type("\x1a")
    t.expect("Stopped")
    pidone = below(p, "pidone")
    assert process_state(pidone) == "T"
    t.type("fg\n")
    t.expect("read line")
    wait_until(lambda: t.foreground() == children_of(pidone)[0], 5, "the command's foreground")
    t.type("hello\n")
    t.expect("got hello")
    leave(t, p)


def test_job_in_the_background():
    """a job in the background that reads the terminal stops as a whole; fg gives it what it wants"""
    t, p = shell()
    t.type("%s sh -c 'read line; echo got $line' &\n" % harness.BIN)
    t.expect("$ ")
    pidone = below(p, "pidone")
    wait_until(lambda: process_state(pidone) == "T", 5, "pidone to stop")
    t.type("fg\n")
    wait_until(lambda: t.foreground() in children_of(pidone), 5, "the command's foreground")
    t.type("hello\n")
    t.expect("got hello")
    leave(t, p)


def test_pipeline_with_a_pager():
    """in `pidone COMMAND | PAGER` the pager keeps the terminal"""
    t, p = shell()
    pager = "'cat >/dev/null; read line </dev/tty; echo paged $line'"
    t.type("%s echo text | sh -c %s\n" % (harness.BIN, pager))
    t.expect("$line'\r\n")
    t.type("down\n")
    t.expect("paged down")
    leave(t, p)


def test_pipeline_that_reads_the_terminal():
    """in `pidone COMMAND | tee` a command that reads the terminal gets it"""
    t, p = shell()
    t.type("%s sh -c 'read line; echo got $line' | cat\n" % harness.BIN)
    t.expect("| cat\r\n")
    t.type("hello\n")
    t.expect("got hello")
    leave(t, p)


def test_pipeline_into_a_pager():
    """in `... | pidone PAGER` the pager gets the terminal, although stdin is a pipe"""
    t, p = shell()
    t.type("echo text | %s sh -c 'cat; read line </dev/tty; echo paged $line'\n" % harness.BIN)
    t.expect("text\r\n")
    t.type("down\n")
    t.expect("paged down")
    leave(t, p)


def test_pipeline_and_ctrl_c():
    """Ctrl-C in a pipeline ends the command, too"""
    t, p = shell()
    t.type("%s sh -c 'echo up >&2; exec sleep 1077' | cat\n" % harness.BIN)
    t.expect("up\r\n")
    command = below(p, "sleep")
    t.type("\x03")
    wait_until(lambda: process_state(command) == "", 5, "the command's end")
    t.expect("$ ")
    leave(t, p)


def test_foreground_that_is_not_given():
    """without stdin on the terminal the keys' signals come from the kernel to pidone: HUP, INT
    and WINCH are passed on"""
    t = Terminal()
    p = Pidone(["/usr/bin/python3", "-u", "-c",
                "import signal\n"
                "def got(s, f): print('got', signal.Signals(s).name)\n"
                "for s in (signal.SIGWINCH, signal.SIGINT): signal.signal(s, got)\n"
                "signal.signal(signal.SIGHUP, lambda s, f: exit(7))\n"
                "print('up')\n"
                "while True: signal.pause()\n"], pid1=False,
               preexec_fn=lambda: t.take(t.slave))
    t.close_slave()
    p.expect("^up")
    t.resize(30, 70)
    p.expect("^got SIGWINCH")
    t.type("\x03")
    p.expect("^got SIGINT")
    t.hang_up()
    assert p.wait() == 7


def test_roles_have_the_terminal_too():
    """a role on a terminal: Ctrl-C, the stop of a person, ends it; a further process is not
    stopped for reading"""
    t, p = leader(["/run"], config="[probes]\nlisten = none\nsocket = none\n[run]\n"
                  "command = sleep 1077\nprocess.reader = sh -c 'read line; echo read $?'\n"
                  "essential.reader = no\n")
    t.expect("read 1")
    below(p, "sleep")
    t.type("\x03")
    assert p.wait() == 130


def test_ctrl_c_stops_a_role():
    """Ctrl-C stops a role, also one whose processes are started again, or whose step is tried
    again, when they end"""
    for role, keys in (("async", "command"), ("init", "step-retries = 3\nstep")):
        t, p = leader(["/" + role], config="[probes]\nlisten = none\nsocket = none\n"
                      "[%s]\n%s = sleep 1077\n" % (role, keys))
        below(p, "sleep")
        t.type("\x03")
        assert p.wait() == 130


def test_question_of_a_role():
    """an app of a role gets the terminal when it reads it; Ctrl-C at its question stops the role"""
    t, p = leader(["/async"], config="[probes]\nlisten = none\nsocket = none\n[async]\n"
                  "command = sh -c 'echo up; read line; echo got $line; read line'\n")
    t.expect("up")
    t.type("hello\n")
    t.expect("got hello")
    assert t.foreground() == below(p, "sh")
    t.type("\x03")
    assert p.wait() == 130


def test_restart_in_the_background():
    """a role sent to the background leaves the shell its terminal, also when it starts its
    command again"""
    t, p = shell(PIDONE_RUN_COMMAND="sh -c 'echo up; exec sleep 1077'", PIDONE_RUN_RESTART="always",
                 PIDONE_RUN_RESTART_DELAY="50ms", PIDONE_PROBES_SOCKET="none",
                 PIDONE_RUN_LISTEN="none")
    t.type("%s /run\n" % harness.BIN)
    t.expect("up\r\n")
    first = below(p, "sleep")
    t.type("\x1a")
    t.expect("Stopped")
    t.type("bg\n")
    t.expect("$ ")
    wait_until(lambda: process_state(first) == "S", 5, "the command to go on")
    os.kill(first, signal.SIGKILL)
    t.expect("up\r\n")
    below(p, "sleep")
    assert t.foreground() == p.pid
    t.type("kill %1; wait\n")
    t.expect("exit 143")
    leave(t, p)


def test_job_of_a_script():
    """in a script that a shell runs as a job, Ctrl-Z stops the script, too"""
    with open(harness.tmp + "/script", "w", encoding="ascii") as script:
        script.write("%s sh -c 'echo up; read x; echo got $x'\necho after\n" % harness.BIN)
    t, p = shell()
    t.type("sh %s/script\n" % harness.tmp)
    t.expect("up\r\n")
    below(p, "pidone")
    t.type("\x1a")
    t.expect("Stopped")
    t.expect("$ ")
    t.type("fg\n")
    t.expect("/script")
    t.type("hello\n")
    t.expect("got hello")
    t.expect("after")
    leave(t, p)


def test_job_of_several_processes():
    """a job with two processes stops once at Ctrl-Z"""
    t, p = shell(PIDONE_RUN_COMMAND="sleep 1077", PIDONE_RUN_PROCESS_OTHER="sleep 1078",
                 PIDONE_PROBES_SOCKET="none", PIDONE_RUN_LISTEN="none")
    t.type("%s /run\n" % harness.BIN)
    pidone = below(p, "pidone")
    wait_until(lambda: [command_name(pid) for pid in children_of(pidone)].count("sleep") == 2, 5)
    t.type("\x1a")
    t.expect("Stopped")
    t.expect("$ ")
    t.type("fg\n")
    wait_until(lambda: all(process_state(pid) == "S"
                           for pid in [pidone] + children_of(pidone)), 5, "all to go on")
    t.type("\x03")
    t.expect("exit 130")
    leave(t, p)


def test_no_controlling_terminal():
    """a terminal on stdin that is not the session's is nothing special"""
    t = Terminal()
    p = Pidone(["sh", "-c", "read line; echo got $line"], stdin=t.slave, stdout=t.slave)
    t.close_slave()
    t.type("hello\n")
    t.expect("got hello")
    assert p.wait() == 0


def test_container_on_a_terminal_is_resized():
    """as PID 1 with a terminal, a role's command gets WINCH"""
    t = Terminal()
    p = Pidone(["/run"], terminal=t, config="[run]\ncommand = sh -c 'trap \"stty size; exit 0\" "
               "WINCH; echo up; while :; do sleep 0.05; done'\n")
    t.close_slave()
    t.expect("up")
    t.resize(33, 77)
    t.expect("33 77")
    assert p.wait() == 0


if __name__ == "__main__":
    harness.main()
