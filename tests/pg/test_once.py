#!/usr/bin/python3
"""What runs once: `once` and `once-per-release` (contract §6)."""
import contextlib
import os
import signal
import subprocess

import harness
from harness import wait_until
from inits import Pidone, finished
from once import World, session, work
from proc import children_of, command_name


def kill_container(p):
    p.signal(signal.SIGKILL)
    p.wait()


def markers_of(p):
    return [pid for pid in children_of(p.pid) if command_name(pid) == "pidone: mark"]


def test_once():
    """once: never again after its mark, whatever the release; again when its text changes"""
    w = World()
    w.run("once = " + work())
    p = w.run("once = " + work(), release="v2")
    p.expect("step 1 of 1 .sh.: done on 20..-..-.. ..:..:..Z by ")
    assert w.lines() == ["ran"]
    w.run("once = " + work("changed"))
    w.run("once = " + work())
    assert w.lines() == ["ran", "changed"]


def test_once_per_release():
    """once-per-release: once in each; a rollback to an older release does not run it again"""
    w = World()
    for release in ("v1", "v1", "v2", "v1", "v2"):
        w.run("once-per-release = " + work(), release=release)
    assert w.lines() == ["ran", "ran"]


def test_without_a_release():
    """once-per-release without PIDONE_RELEASE runs at every start, with a warning"""
    w = World()
    for _ in range(2):
        w.run("once-per-release = " + work()).expect("warning: .*PIDONE_RELEASE is not set")
    assert w.lines() == ["ran", "ran"]
    assert w.db.psql("SELECT to_regclass('pidone_once') IS NULL") == "t"


def test_among_other_steps():
    """the other steps run at every start, in their order"""
    w = World()
    keys = "step = %s\nonce = %s\nstep = %s" % (work("a"), work("b"), work("c"))
    w.run(keys)
    w.run(keys)
    assert w.lines() == ["a", "b", "c", "a", "c"]


def test_projects_are_apart():
    """the marks are one project's"""
    w = World()
    for project in ("shop", "blog", "shop"):
        w.run("once = " + work(), env={"PIDONE_POSTGRES_PROJECT": project})
    assert w.lines() == ["ran", "ran"]


def test_never_concurrently():
    """ten at once, of two releases: once runs one time, once-per-release two, never two at once"""
    w = World()
    turn = ("sh -c 'mkdir $JOURNAL.turn || echo CLASH >>$JOURNAL; "
            "psql -qtAc \"select pg_sleep(0.2)\"; echo %s >>$JOURNAL; rmdir $JOURNAL.turn'")
    keys = "once = %s\nonce-per-release = %s" % (turn % "once", turn % "release")
    inits = [w.start(keys, release="v%d" % (i % 2)) for i in range(10)]
    for p in inits:
        assert p.wait(60) == 0, p.output()
    assert sorted(w.lines()) == ["once", "release", "release"], w.lines()


def test_failing_step():
    """a step that fails has no mark: it runs again, and says that it was begun before"""
    w = World()
    w.run("once = " + work("ran", "$CODE"), env={"CODE": "7"}, code=7)
    p = w.run("once = " + work("ran", "$CODE"), env={"CODE": "0"})
    p.expect("warning: step 1 of 1 .sh. runs again: begun on .* and not known to have been done")
    w.run("once = " + work("ran", "$CODE"), env={"CODE": "0"})
    assert w.lines() == ["ran", "ran"]


def test_retries():
    """step-retries: each try is one of the same run"""
    w = World()
    p = w.run("step-retries = 2\nonce = sh -c 'echo try >>$JOURNAL; test $(wc -l <$JOURNAL) = 3'")
    assert w.lines() == ["try"] * 3 and p.count("runs again") == 0, p.output()
    assert w.marks() == ["sh||t"]


@contextlib.contextmanager
def held_up(w, condition):
    """While the block runs, rows of this kind cannot be written: who tries waits."""
    w.run("step = true", release="v0")  # makes the table
    w.db.psql("CREATE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql AS"
              " 'BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NEW; END';"
              " CREATE TRIGGER hold_up BEFORE INSERT OR UPDATE ON pidone_once FOR EACH ROW"
              " WHEN (%s) EXECUTE FUNCTION hold_up()" % condition)
    with session(w.db.env(), "SELECT pg_advisory_lock(42);"):
        yield
    w.db.psql("DROP TRIGGER hold_up ON pidone_once")


def wait_until_held_up(w):
    wait_until(lambda: w.db.psql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type ="
                                 " 'Lock' AND application_name LIKE 'pidone-mark%'") == "1", 10)


def test_killed_before_the_step():
    """killed while it asks for the mark: nothing has run; it runs at the next start"""
    w = World()
    with held_up(w, "NEW.done IS NULL"):
        p = w.start("once = " + work())
        wait_until_held_up(w)
        kill_container(p)
    assert w.lines() == []
    w.run("once = " + work())
    assert w.lines() == ["ran"]


def test_killed_before_the_mark():
    """killed between the step's end and its mark: it runs again, with a warning"""
    w = World()
    with held_up(w, "NEW.done IS NOT NULL"):
        p = w.start("once = " + work())
        wait_until_held_up(w)
        kill_container(p)
    assert w.lines() == ["ran"]
    # what the killed one had sent may still be done by the server: then it is done
    wait_until(lambda: w.db.psql("SELECT count(*) FROM pg_stat_activity WHERE application_name"
                                 " LIKE 'pidone-mark%'") == "0", 10)
    done = w.db.psql("SELECT done IS NOT NULL FROM pidone_once WHERE step = 'sh'") == "t"
    p = w.run("once = " + work())
    assert w.lines() == ["ran"] * (1 if done else 2), p.output()
    assert done or p.count("warning: .* runs again: begun on") == 1, p.output()


def test_killed_in_the_step():
    """killed in the middle of the step: it runs again, with a warning"""
    w = World()
    w.close_gate()
    p = w.start("once = " + work())
    wait_until(w.lines, 10)
    kill_container(p)
    os.unlink(w.journal + ".gate")
    w.run("once = " + work()).expect("runs again: begun on")
    w.run("once = " + work())
    assert w.lines() == ["ran", "ran"]


def test_killed_behind_the_mark():
    """killed when the mark is set, in a later step: it does not run again"""
    w = World()
    keys = "once = %s\nstep = sh -c 'echo later; read x'"
    p = w.start(keys % work(), stdin=subprocess.PIPE)
    p.expect("^later")
    kill_container(p)
    w.run("once = " + work())
    assert w.lines() == ["ran"]


def test_killed_marker():
    """`kill -9` of the child that asks costs a retry"""
    w = World()
    w.run("step = true", release="v0")
    with session(w.db.env(), "BEGIN; LOCK TABLE pidone_once;"):
        p = w.start("once = " + work())
        marker = wait_until(lambda: markers_of(p), 10)[0]
        os.kill(marker, signal.SIGKILL)
        p.expect("the agent was ended by KILL: starting it again")
        wait_until(lambda: [pid for pid in markers_of(p) if pid != marker], 10)
    assert p.wait(30) == 0, p.output()
    assert w.lines() == ["ran"]


def test_term_while_it_asks():
    """TERM while it asks for the mark: the step is not started, 143 at once"""
    w = World()
    w.run("step = true", release="v0")
    with session(w.db.env(), "BEGIN; LOCK TABLE pidone_once;"):
        p = w.start("once = " + work())
        wait_until(lambda: markers_of(p), 10)
        p.signal(signal.SIGTERM)
        assert p.wait() == 143, p.output()
    assert w.lines() == []


def test_term_lets_step_and_mark_finish():
    """TERM: the running step may finish, and is marked; 0 when it was the last"""
    w = World()
    w.close_gate()
    p = w.start("once = %s" % work(), release="v1")
    wait_until(w.lines, 10)
    p.signal(signal.SIGTERM)
    fd = w.open_gate()
    assert p.wait(20) == 0, p.output()
    os.close(fd)
    assert w.marks() == ["sh||t", "/init|v1|t"], w.marks()


def test_role_that_may_not_create():
    """a user that may not create the table: 69 after auth-grace, with what to do"""
    w = World()
    w.db.psql("CREATE ROLE app LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    app = {"DATABASE_URL": w.db.url(user="app"), "PIDONE_POSTGRES_AUTH_GRACE": "0s"}
    p = w.run("once = " + work(), env=app, code=69)
    p.expect("error: .*the table pidone_once.*42501.*GRANT CREATE ON SCHEMA")
    assert w.lines() == []
    # what nobody may have asked for is only said
    p = w.run("step = true", env=app, release="v1")
    p.expect("warning: not marked that all steps are done")
    w.run("once = " + work())
    w.db.psql("GRANT SELECT, INSERT, UPDATE ON pidone_once TO app")
    w.run("once = %s\nonce = %s" % (work(), work("other")), env=app, release="v1")
    assert w.lines() == ["ran", "other"]


def test_service_gives_the_lock_back():
    """on a service the lock is held for such steps only; two replicas run beside each other"""
    w = World()
    keys = "once = %s\ncommand = sh -c 'echo up; exec sleep 1000'" % work()
    replicas = [w.start(keys, role="run") for _ in range(2)]
    for p in replicas:
        p.expect("^up")
        wait_until(lambda p=p: not [pid for pid in children_of(p.pid)
                                    if command_name(pid) == "pidone: agent"], 10)
    assert w.lines() == ["ran"]
    for p in replicas:
        p.signal(signal.SIGTERM)
        assert p.wait() == 143 and p.count("lost the lock") == 0, p.output()


def test_needs_a_database_and_the_lock():
    """once without a database, or with lock = none, is a mistake: 78"""
    p = Pidone(["/init"], config="[init]\nonce = true\n")
    p.expect("pidone.ini:2: 'once' is marked in the database, but none is configured")
    assert p.wait() == 78
    w = World()
    w.run("lock = none\nonce = true", code=78).expect("lock = none, but what runs once needs")


def test_list_and_forget():
    """pidone once list shows the marks; forget makes a step run again"""
    w = World()
    env = w.env("v1")
    assert finished(["once", "list"], env=env) == (0, "\nno marks of project default\n")
    keys = "once = %s\nonce-per-release = sh -c 'exit $CODE'" % work()
    w.run(keys, release="v1", env={"CODE": "3"}, code=3)
    code, out = finished(["once", "list"], env=env)
    head, ran, begun = out.splitlines()[1:]
    assert code == 0 and head.split() == ["STEP", "HASH", "RELEASE", "DONE", "BY"], out
    assert ran.split()[0] == "sh" and ran.split()[2] == "-" and ran.split()[4][-1] == "Z", out
    assert begun.split()[2] == "v1" and "begun, not done" in begun, out
    code, out = finished(["once", "forget", "nothing"], env=env)
    assert code == 1 and "has no mark of nothing" in out, out
    code, out = finished(["once", "forget", ran.split()[1]], env=env)
    assert code == 0 and "\nforgot 1 mark of " in out, out
    w.run(keys, release="v1", env={"CODE": "0"})
    assert w.lines() == ["ran", "ran"]
    code, out = finished(["once", "forget", "sh"], env=env)
    assert code == 0 and "\nforgot 2 marks of sh: " in out, out


def test_database_from_a_backup():
    """a database restored to before the mark: it runs again"""
    w = World()
    w.run("once = " + work())
    w.db.psql("TRUNCATE pidone_once")
    p = w.run("once = " + work())
    assert w.lines() == ["ran", "ran"] and p.count("runs again") == 0, p.output()


if __name__ == "__main__":
    harness.main()
