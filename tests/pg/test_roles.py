#!/usr/bin/python3
"""Roles and a real PostgreSQL: waiting, the lock, and its loss (contract §4, §6)."""
import os
import signal
import subprocess
import time

import harness
from harness import wait_until
from inits import Pidone, finished
from proc import process_state
from programs import AGENT, WAIT, process_called, program
from servers import Postgres

STEP = "sh -c 'echo step begins; read x; echo step ends'"


def test_waits_and_goes_on():
    """with PostgreSQL down it says within a second what it waits for and why, and proceeds
    within half a second of the server's first acceptance"""
    db = Postgres(start=False)
    told, went_on = [], []
    for _ in range(4):  # the best of them: a busy machine is late by itself
        begin = time.monotonic()
        p = Pidone(["/init"], env=db.env(), config="[init]\nstep = echo migrated\n")
        p.expect("waiting for postgres: .*refused")
        told.append(time.monotonic() - begin)
        db.start(wait=False)
        wait_until(db.is_ready, 20)
        accepted = time.monotonic()
        p.expect("^migrated")
        went_on.append(time.monotonic() - accepted)
        assert p.wait() == 0
        db.stop()
        if told[-1] < 1 * harness.PACE and went_on[-1] < 0.5 * harness.PACE:
            break
    assert min(told) < 1 * harness.PACE and min(went_on) < 0.5 * harness.PACE, (told, went_on)


def test_term_while_waiting():
    """an /init that waits answers TERM at once"""
    db = Postgres(start=False)
    p = Pidone(["/init"], env=db.env(), config="[init]\nstep = echo migrated\n")
    p.expect("waiting for postgres")
    begin = time.monotonic()
    p.signal(signal.SIGTERM)
    assert p.wait() == 143
    assert time.monotonic() - begin < 2 * harness.PACE
    assert "\nmigrated" not in p.output()


def test_outage_makes_pods_wait():
    """`waiting`: /livez is 200, /readyz 503 with the reason"""
    db = Postgres(start=False)
    p = Pidone(["/run"], env=db.env(), config="[run]\ncommand = sleep 1000\n")
    p.expect("waiting for postgres")
    p.until("/livez", 200)
    code, body = p.http("/readyz")
    assert code == 503 and "waiting for postgres" in body and "refused" in body, body
    db.start()
    p.until("/readyz", 200)
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


def test_killed_agent_costs_a_retry():
    """`kill -9` of the agent while it waits costs a retry, not the container"""
    db = Postgres(start=False)
    p = Pidone(["/init"], env=db.env(), config="[init]\nstep = echo migrated\n")
    p.expect("waiting for postgres")
    for _ in range(3):
        old = process_called(p, AGENT)
        os.kill(old, signal.SIGKILL)
        wait_until(lambda old=old: process_called(p, AGENT) != old, 5)
    db.start()
    p.expect("^migrated", 10)
    assert p.wait() == 0


def test_two_inits_one_after_the_other():
    """two /init started together: the steps run one after the other, never at once"""
    db = Postgres()
    journal = harness.tmp + "/journal"
    config = ("[init]\nlisten = none\nsocket = none\nstep = sh -c 'echo begin $$ >> %s; "
              "psql -qtAc \"select pg_sleep(0.5)\"; echo end $$ >> %s'\n" % (journal, journal))
    inits = [Pidone(["/init"], env=db.env(), config=config) for _ in range(3)]
    for p in inits:
        assert p.wait(30) == 0, p.output()
    with open(journal, encoding="ascii") as file:
        lines = [line.split() for line in file]
    assert len(lines) == 6, lines
    for begin, end in zip(lines[::2], lines[1::2]):
        assert begin[0] == "begin" and end[0] == "end" and begin[1] == end[1], lines


def test_holder_is_named():
    """while waiting for the lock, the log names the holder"""
    db = Postgres()
    first = Pidone(["/init"], env=db.env(), stdin=subprocess.PIPE,
                   config="[init]\nstep = %s\n" % STEP)
    first.expect("step begins")
    second = Pidone(["/init"], env=db.env(), config="[init]\nstep = echo mine\n")
    line = second.expect("waiting for the lock: ")
    assert "pidone-lock/default/" in line, line
    first.popen.stdin.close()
    second.expect("^mine", 10)
    assert first.wait() == 0 and second.wait() == 0


def test_lock_lost():
    """lock lost: steps are killed at once, exit 75"""
    db = Postgres()
    p = Pidone(["/init"], env=db.env(), stdin=subprocess.PIPE,
               config="[init]\nstep = %s\nstep = echo second\n" % STEP)
    p.expect("step begins")
    db.psql("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'")
    assert p.wait(10) == 75
    assert "lost the lock" in p.termination_log, p.termination_log
    assert "\nstep ends" not in p.output() and "\nsecond" not in p.output()


def test_lock_gained_and_lost_in_one_turn():
    """a lock that was gained and lost while PID 1 stood still is lost: no step runs without it"""
    db = Postgres()
    first = Pidone(["/init"], env=db.env(), stdin=subprocess.PIPE,
                   config="[init]\nstep = %s\n" % STEP)
    first.expect("step begins")
    second = Pidone(["/init"], env=db.env(), config="[init]\nstep = echo mine\n")
    second.expect("waiting for the lock")
    agent = process_called(second, AGENT)
    os.kill(second.pid, signal.SIGSTOP)
    second.signal(signal.SIGWINCH)  # so that signals are what it looks at first
    first.popen.stdin.close()
    assert first.wait() == 0
    wait_until(lambda: db.psql("select 1 from pg_locks where locktype = 'advisory' and granted")
               .strip() == "1", 10, "the second to gain the lock")
    os.kill(agent, signal.SIGKILL)
    wait_until(lambda: process_state(agent) == "Z", 5)
    rival = Pidone(["/init"], env=db.env(), stdin=subprocess.PIPE,
                   config="[init]\nstep = %s\n" % STEP)
    rival.expect("step begins")
    os.kill(second.pid, signal.SIGCONT)
    second.expect("the agent was ended by KILL: starting it again")
    second.expect("waiting for the lock")
    assert second.stdout == "", second.output()
    rival.popen.stdin.close()
    assert rival.wait() == 0 and second.wait() == 0
    assert second.stdout == "mine\n", second.output()


def test_lock_goes_last():
    """at a stop the agent and the lock go last: held until the last process has ended"""
    db = Postgres()
    held = "select count(*) from pg_locks where locktype = 'advisory' and granted"
    slow = program(WAIT + "if os.fork() == 0:\n"
                   "    os.setsid()\n"
                   "    say('orphan up')\n"
                   "    signal.sigwait({15})\n"
                   "    say('orphan got TERM')\n"
                   "    sys.stdin.readline()\n"
                   "    os._exit(0)\n"
                   "signal.sigwait({15})\n")
    p = Pidone(["/beat"], env=db.env(), config="[beat]\nlock = postgres\ncommand = %s\n" % slow,
               stdin=subprocess.PIPE)
    p.expect("^orphan up")
    agent = process_called(p, AGENT)
    p.signal(signal.SIGTERM)
    p.expect("^orphan got TERM")
    assert db.psql(held) == "1" and process_state(agent) in ("S", "R")
    p.popen.stdin.close()
    assert p.wait() == 0
    wait_until(lambda: db.psql(held) == "0", 5)


def test_killed_holder():
    """`kill -9` of the agent that holds the lock is its loss; the lock is free at once"""
    db = Postgres()
    p = Pidone(["/init"], env=db.env(), stdin=subprocess.PIPE,
               config="[init]\nstep = %s\n" % STEP)
    p.expect("step begins")
    os.kill(process_called(p, AGENT), signal.SIGKILL)
    assert p.wait(10) == 75
    assert finished(["/init"], env=db.env(), config="[init]\nstep = true\n")[0] == 0


def test_no_lock():
    """lock = none: no lock is taken; lock-timeout: exit 75 with the reason"""
    db = Postgres()
    first = Pidone(["/init"], env=db.env(), stdin=subprocess.PIPE,
                   config="[init]\nstep = %s\n" % STEP)
    first.expect("step begins")
    assert finished(["/init"], env=db.env(), config="[init]\nlock = none\nstep = true\n")[0] == 0
    p = Pidone(["/init"], env=db.env(), config="[init]\nlock-timeout = 500ms\nstep = true\n")
    assert p.wait() == 75
    assert "lock-timeout" in p.termination_log and "pidone-lock/default/" in p.termination_log, \
        p.termination_log
    first.popen.stdin.close()
    assert first.wait() == 0


def test_singleton_waits_for_its_lock_again():
    """lock = postgres on a service: lost lock: its processes are stopped, then it waits again"""
    db = Postgres()
    config = "[beat]\nlock = postgres\ncommand = sh -c 'echo beating; exec sleep 1000'\n"
    first = Pidone(["/beat"], env=db.env(), config=config)
    first.expect("^beating")
    second = Pidone(["/beat"], env=db.env(), config=config)
    second.expect("waiting for the lock")
    assert "beating" not in second.output()
    db.psql("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' "
            "and granted")
    first.expect("lost the lock")
    one = wait_until(lambda: second if second.count("^beating") else
                     first if first.count("^beating") == 2 else None, 20)
    for p in (first, second):
        p.signal(signal.SIGTERM)
    for p in (first, second):
        assert p.wait() == 143, (p.output(), one.name)


def test_wrong_password():
    """credentials are retried for `auth-grace`, then exit 69 with the true reason and SQLSTATE"""
    db = Postgres(password="right")
    secret = "wr0ng-s3cret"
    p = Pidone(["/run"], env={"DATABASE_URL": db.url(password=secret)},
               config="[postgres]\nauth-grace = 1s\n[run]\ncommand = true\n")
    assert p.wait(20) == 69
    assert "28P01" in p.termination_log and "DATABASE_URL" in p.termination_log, p.termination_log
    assert secret not in p.output() + p.termination_log


def test_rotated_secret():
    """sources are re-read at every attempt: a rotated secret file heals a wait"""
    db = Postgres(password="right")
    secret = harness.tmp + "/secret"
    os.mkdir(secret)
    parts = {"host": "127.0.0.1", "port": db.port, "dbname": "postgres", "user": "postgres",
             "password": "wrong"}
    for name, value in parts.items():
        with open(secret + "/" + name, "w", encoding="ascii") as file:
            file.write(str(value))
    p = Pidone(["/run"], config="[postgres]\nsecret-dir = %s\n"
               "[run]\ncommand = sh -c 'echo pw=$PGPASSWORD'\n" % secret)
    p.expect("waiting for postgres: .*28P01")
    with open(secret + "/password", "w", encoding="ascii") as file:
        file.write("right")
    p.expect("^pw=right", 20)
    assert p.wait() == 0


def test_other_engine():
    """a URL of another engine ends the search: no default wait or lock, one line"""
    code, out = finished(["/init"], env={"DATABASE_URL": "sqlite:////tmp/db.sqlite3"},
                         config="[init]\nstep = echo migrated\n")
    assert code == 0 and "\nmigrated" in out, out
    assert "sqlite" in out, out
    code, out = finished(["/init"], env={"DATABASE_URL": "sqlite:////tmp/db.sqlite3"},
                         config="[init]\nlock = postgres\nstep = echo migrated\n")
    assert code == 78, out


def test_app_gets_the_connection():
    """the app gets DATABASE_URL and PG*, all or none, unless it has them; steps get PGAPPNAME"""
    db = Postgres()
    code, out = finished(["/init"], env={"DATABASE_URL": db.url()},
                         config="[init]\nstep = psql -tAc \"select 'app ' || "
                         "current_setting('application_name')\"\nstep = printenv PGHOST\n")
    assert code == 0, out
    assert "app pidone/default/" in out and "127.0.0.1" in out, out


def test_plain_command_does_not_wait():
    """a plain command: without waiting, lock or listener"""
    db = Postgres(start=False)
    code, out = finished(["true"], env=db.env())
    assert (code, out) == (0, "\n"), out


def test_wait_for_postgres():
    """`pidone wait postgres -- COMMAND` waits as a role does, also after `kill -9` of the
    agent, and the command sees the database"""
    db = Postgres(start=False)
    p = Pidone(["wait", "--timeout", "1m", "postgres", db.url(), "--", "sh", "-c",
                "psql -tAc \"select 'from ' || current_user\""], env={"DATABASE_URL": db.url()})
    p.expect("waiting for postgres: .*refused.*see DATABASE_URL")
    p.expect("waiting for postgresql://127.0.0.1:[0-9]+/postgres: .*refused")
    os.kill(process_called(p, AGENT), signal.SIGKILL)
    p.expect("the child that asks postgres was ended by KILL: starting it again")
    db.start()
    p.expect("postgres is there after .*: postgres@127.0.0.1:[0-9]+/postgres")
    p.expect("postgresql://127.0.0.1:[0-9]+/postgres is there after")
    p.expect("^from postgres")
    assert p.wait() == 0, p.output()
    assert db.psql("select count(*) from pg_stat_activity where application_name "
                   "like 'pidone%'") == "0"


def test_wait_for_postgres_that_will_not_come():
    """what does not heal within `auth-grace` ends `pidone wait` with 69 and the true reason"""
    db = Postgres(password="right")
    p = Pidone(["wait", "file:/nowhere", "postgres"], config="[postgres]\nauth-grace = 500ms\n",
               env={"DATABASE_URL": db.url(password="wr0ng-s3cret")})
    assert p.wait(20) == 69, p.output()
    assert p.termination_log.startswith("exit 69: postgres: "), p.termination_log
    assert "28P01" in p.termination_log and "DATABASE_URL" in p.termination_log, p.termination_log
    assert "s3cret" not in p.output() + p.termination_log


if __name__ == "__main__":
    harness.main()
