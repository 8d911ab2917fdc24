#!/usr/bin/python3
"""`pidone wait` (contract §1): targets of every kind, at once, and then the command."""
import os
import signal
import time

import harness
from harness import wait_until
from inits import BASE_ENV, Pidone, Process, finished
from proc import children_of, command_name, descendants_of, process_name, process_state
from servers import FakeServer, Redis, http_reply


def waiters_of(p):
    """The pids of the children that ask."""
    return [pid for pid in children_of(p.pid)
            if command_name(pid) in ("pidone: wait", "pidone: agent")]


def test_waits_for_one():
    """it waits, says why, and ends with 0 when the target is there"""
    p = Pidone(["wait", "tcp://localhost:8001"])
    p.expect("^pidone: waiting for tcp://localhost:8001: connection refused$")
    FakeServer("mute", port=8001)
    p.expect(r"^pidone: tcp://localhost:8001 is there after \d+\.\d s: accepted$")
    assert p.wait() == 0, p.output()
    assert p.output().count("\n") == 2, p.output()


def test_every_kind_at_once():
    """tcp, http, unix, file, exec and redis are asked in parallel, a line for every change"""
    path, flag = harness.tmp + "/socket", harness.tmp + "/flag"
    names = ["tcp://localhost:8001", "http://localhost:8002/ok", "unix:" + path, "file:" + flag,
             "redis://127.0.0.1:8003"]
    p = Pidone(["wait", "--timeout", "1m"] + names + ["exec:test -e " + flag + "2"])
    for name in names + ["exec:test"]:
        p.expect("waiting for %s: " % name)
    web = FakeServer(http_reply(503), port=8002)
    p.expect("waiting for http://localhost:8002/ok: HTTP 503")
    web.behave = http_reply(204)
    p.expect("http://localhost:8002/ok is there after .*: HTTP 204")
    for name in (flag, flag + "2"):
        with open(name, "w", encoding="ascii"):
            pass
    p.expect("file:%s is there" % flag)
    p.expect("exec:test is there")
    FakeServer(b"+PONG\r\n", port=8003)
    p.expect("redis://127.0.0.1:8003 is there")
    FakeServer("mute", unix=path)
    p.expect("unix:%s is there" % path)
    assert p.alive(), p.output()
    FakeServer("mute", port=8001)
    assert p.wait() == 0, p.output()
    assert p.count("tcp://localhost:8001 is there") == 1, p.output()


def test_real_redis():
    """redis answers PING"""
    redis = Redis()
    assert finished(["wait", "--timeout=10s", redis.url()])[0] == 0


def test_timeout():
    """at the timeout: exit 69 with the last reason of each, also in the termination log"""
    p = Pidone(["wait", "--timeout", "1500ms", "tcp://localhost:8001", "file:/nowhere",
                "file:/etc/passwd", "--", "echo", "not reached"])
    assert p.wait() == 69, p.output()
    first = "tcp://localhost:8001 did not come within 1500ms: connection refused"
    second = "file:/nowhere did not come within 1500ms: the file is not there"
    assert p.stderr.splitlines()[-2:] == ["pidone: error: " + first, "pidone: error: " + second]
    assert p.termination_log == "exit 69: %s; %s\n" % (first, second), p.termination_log
    assert p.stdout == "", p.stdout


def test_silent_target():
    """a server that accepts and never answers is named as that"""
    FakeServer("mute", port=8001)
    code, out = finished(["wait", "--timeout", "200ms", "http://localhost:8001/"])
    assert code == 69, out
    assert "http://localhost:8001/ did not come within 200ms: no answer" in out, out


COMMAND = ["sh", "-c", "echo \"$0|$1|$2|$GREETING|$PGHOST|$$\"; exit 7", "zero", "a  b", "*"]


def test_command_in_its_place():
    """the command gets its words, the environment of the roles, and pidone's own pid"""
    p = Pidone(["wait", "file:/etc/passwd", "--"] + COMMAND, pid1=False,
               config="[env]\nGREETING = hi\n",
               env={"DATABASE_URL": "postgresql://u:p@db.example/shop"})
    assert p.wait() == 7, p.output()
    assert p.stdout == "zero|a  b|*|hi|db.example|%d\n" % p.pid, p.output()


def test_command_below_pid_1():
    """as PID 1 it stays, buries orphans and passes signals on: the command is a plain one"""
    p = Pidone(["wait", "file:/etc/passwd", "--"] + COMMAND, config="[env]\nGREETING = hi\n",
               env={"DATABASE_URL": "postgresql://u:p@db.example/shop"})
    assert p.wait() == 7, p.output()
    assert p.stdout.startswith("zero|a  b|*|hi|db.example|"), p.output()
    assert not p.stdout.endswith("|1\n"), p.stdout
    p = Pidone(["wait", "file:/etc/passwd", "--", "sh", "-c",
                "trap 'echo got TERM; exit 5' TERM; (sleep 0.01 &); echo up; "
                "while :; do sleep 0.05; done"])
    p.expect("^up")
    p.signal(signal.SIGTERM)
    p.expect("^got TERM")
    assert p.wait() == 5, p.output()


@harness.bare
def test_nothing_is_left_for_the_command():
    """the command has its descriptors and its signals as they were, and no child that waits"""
    script = ("ls /proc/self/fd; grep -E 'Sig(Blk|Ign)' /proc/self/status; "
              "read -r children </proc/$$/task/$$/children; set -- $children; echo $#")
    plain = Process(["sh", "-c", script], env=BASE_ENV)
    assert plain.wait() == 0
    p = Pidone(["wait", "file:/etc/passwd", "exec:true", "--", "sh", "-c", script], pid1=False,
               clean_env=True)
    assert p.wait() == 0, p.output()

    def shape(text):
        """Descriptors, number of children, and the signals but libc's own 32 and 33."""
        words = [line.split() for line in text.splitlines()]
        return [word[0] for word in words if len(word) == 1] + \
               [int(word[1], 16) & ~0x180000000 for word in words if len(word) == 2]
    assert shape(p.stdout) == shape(plain.stdout), (p.stdout, plain.stdout)


def test_no_such_command():
    """a command that is not there: 127; one that cannot be executed: 126"""
    for pid1 in (True, False):
        code, out = finished(["wait", "file:/etc/passwd", "--", "gunicornn"], pid1=pid1)
        assert code == 127, out
        assert "cannot run 'gunicornn': there is no such program in PATH" in out, out
        code, out = finished(["wait", "file:/etc/passwd", "--", "/etc/passwd"], pid1=pid1)
        assert code == 126, out
        assert "chmod +x" in out, out


def test_signals_end_the_wait():
    """TERM, INT, QUIT and HUP end the wait at once, exit 128+N, and take the children along"""
    for signo in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        p = Pidone(["wait", "tcp://localhost:8001", "exec:sleep 1000", "--", "echo", "not reached"],
                   pid1=False)
        p.expect("waiting for tcp://localhost:8001")
        below = wait_until(lambda p=p: len(descendants_of(p.pid)) == 3 and
                           descendants_of(p.pid), 5, "both waiters and the sleep")
        begin = time.monotonic()
        p.signal(signo)
        assert p.wait() == 128 + signo, p.output()
        assert time.monotonic() - begin < 1 * harness.PACE
        wait_until(lambda below=below: not any(process_state(pid) not in ("", "Z")
                                               for pid in below), 5, "the children to be gone")
        assert p.stdout == "", p.stdout


def test_other_signals_do_nothing():
    """before the command has started, other signals do nothing, and none of them is passed on"""
    p = Pidone(["wait", "tcp://localhost:8001", "--", "echo", "done"])
    p.expect("waiting for tcp://localhost:8001")
    for signo in (signal.SIGUSR1, signal.SIGALRM, signal.SIGWINCH):
        p.signal(signo)
    FakeServer("mute", port=8001)
    p.expect("^done")
    assert p.wait() == 0, p.output()


def test_silence_is_told():
    """what has not answered after a second is told, and then how it went"""
    FakeServer("mute", port=8001)
    p = Pidone(["wait", "http://localhost:8001/", "exec:sleep 1000"],
               config="[command]\ncheck-timeout = 3s\n")
    p.expect("waiting for http://localhost:8001/: no answer yet$")
    p.expect("waiting for exec:sleep: no answer yet$")
    p.expect("waiting for http://localhost:8001/: .*(time|answer)", 10)
    p.expect("waiting for exec:sleep: did not end in time$", 10)
    p.signal(signal.SIGTERM)
    assert p.wait() == 143, p.output()


def test_killed_waiter():
    """a waiter that is killed costs a retry"""
    p = Pidone(["wait", "tcp://localhost:8001"], pid1=False)
    p.expect("waiting for tcp://localhost:8001")
    for _ in range(2):
        old = wait_until(lambda: waiters_of(p), 5, "a waiter")
        os.kill(old[0], signal.SIGKILL)
        p.expect(r"the child that asks tcp://localhost:8001 was ended by KILL: starting it "
                 "again")
        wait_until(lambda old=old: waiters_of(p) not in ([], old), 5, "another waiter")
    FakeServer("mute", port=8001)
    assert p.wait() == 0, p.output()


def test_waiters_die_with_it():
    """`kill -9` of pidone leaves no waiter behind"""
    p = Pidone(["wait", "tcp://localhost:8001", "file:/nowhere"], pid1=False)
    waiters = wait_until(lambda: len(waiters_of(p)) == 2 and waiters_of(p), 5)
    p.signal(signal.SIGKILL)
    assert p.wait() == 137
    wait_until(lambda: not any(process_state(pid) not in ("", "Z") for pid in waiters), 5)


def test_wrong_targets():
    """targets that cannot be understood: 78, each with an example; nothing is waited for"""
    p = Pidone(["wait", "tpc://localhost:8001", "gopher://x", "tcp://localhost", "file:/nowhere",
                "postgresql://u:s3cret@h:99999/x", "mysql://u:s3cret@h/x", "migrations"])
    assert p.wait() == 78, p.output()
    out = p.output()
    assert "target 1: not a check: did you mean 'tcp://localhost:8000'?" in out, out
    assert "target 2: not a check: write http://HOST:PORT/PATH, tcp://HOST:PORT" in out, out
    assert "target 3: not a host and a port: write for instance 'tcp://localhost:8000'" in out, out
    assert "target 5: the URL's port is not a number from 1 to 65535" in out, out
    assert "target 6: not a check" in out, out
    assert "target 7: 'migrations' is a role's" in out, out
    assert "waiting" not in out and "s3cret" not in out, out
    assert p.termination_log.startswith("exit 78: target 1: "), p.termination_log


def test_wrong_configuration():
    """a wrong configuration: 78 before anything is waited for"""
    code, out = finished(["wait", "file:/nowhere"], config="[run]\ncomand = true\n")
    assert code == 78, out
    assert "comand" in out and "waiting" not in out, out


def test_postgres_without_a_database():
    """`postgres` where no database is configured: 78, and what to set"""
    for env in ({}, {"DATABASE_URL": "sqlite:////tmp/db.sqlite3"}):
        code, out = finished(["wait", "postgres"], env=env)
        assert code == 78, out
        assert ("sqlite" if env else "set DATABASE_URL") in out, out


def test_usage_errors():
    """a wrong command line: 64, with an example"""
    for args in ([], ["--timeout", "1s"], ["--timeout"], ["--timeout", "5", "file:/x"],
                 ["--timeout=0s", "file:/x"], ["--timeout", "--", "file:/x"], ["-x", "file:/x"],
                 ["file:/x", "--"], ["--", "true"]):
        code, out = finished(["wait"] + args, pid1=False)
        assert code == 64, (args, code, out)
        assert "write for instance `pidone wait --timeout 30s" in out, (args, out)


@harness.bare  # the title in ps is valgrind's
def test_no_password_in_ps():
    """no password of a target stays in the process title, nor comes into the log"""
    p = Pidone(["wait", "redis://:s3cret@localhost:8001", "postgres://u:s3cret@localhost:8001/x"])
    p.expect("waiting for redis://localhost:8001")
    p.expect("waiting for postgres://localhost:8001/x")
    for pid in [p.pid] + p.inside():
        assert "s3cret" not in process_name(pid), process_name(pid)
    p.signal(signal.SIGTERM)
    assert p.wait() == 143
    assert "s3cret" not in p.output(), p.output()


def test_environment_that_heals():
    """a secret's file that comes later is waited for, before an exec: target can be asked"""
    secret = harness.tmp + "/key"
    p = Pidone(["wait", "exec:test x$KEY = xopen", "file:" + secret, "--", "sh", "-c", "echo $KEY"],
               config="[env]\nfrom-files = KEY\n", env={"KEY_FILE": secret})
    p.expect("waiting for exec:test: .*KEY_FILE")
    p.expect("waiting for file:%s: the file is not there" % secret)
    with open(secret + ".new", "w", encoding="ascii") as file:
        file.write("open")
    os.rename(secret + ".new", secret)
    p.expect("^open")
    assert p.wait() == 0, p.output()


def test_log_settings():
    """the log is as the configuration and the command line want it"""
    code, out = finished(["wait", "file:/etc/passwd"], env={"PIDONE_LOG_FORMAT": "json"})
    assert code == 0 and out.startswith('\n{"ts":') and '"event":"ready"' in out, out
    code, out = finished(["-q", "wait", "file:/etc/passwd"])
    assert (code, out) == (0, "\n"), out


if __name__ == "__main__":
    harness.main(under_valgrind=False)
