#!/usr/bin/python3
"""`wait = migrations`: until this release's /init has succeeded (contract §6)."""
import signal

import harness
from harness import wait_until
from once import World


def test_wait_for_migrations():
    """/run starts only after this release's /init has succeeded, and says meanwhile why not"""
    w = World()
    w.run("step = true", release="v1")
    keys = "wait = migrations\ncommand = sh -c 'echo up; exec sleep 1000'"
    p = w.start(keys, release="v2", role="run")
    p.expect("waiting for migrations: /init of release v2 has not succeeded yet")
    w.run("step = false", release="v2", code=1)
    assert p.count("^up") == 0
    w.run("step = true", release="v2")
    p.expect("migrations is there after .*: /init of release v2 was done on")
    p.expect("^up")
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


def test_waiting_is_cheap():
    """it waits on one connection, and never boots Django or logs an error in the server"""
    w = World()
    p = w.start("wait = migrations\ncommand = sleep 1000", release="v1", role="run")
    p.expect("waiting for migrations")
    asks = "SELECT pid, query_start FROM pg_stat_activity WHERE application_name LIKE 'pidone-wait%'"
    seen = set()
    wait_until(lambda: seen.add(w.db.psql(asks)) or len(seen) >= 4, 20)
    assert len({line.split("|")[0] for line in seen if line}) == 1, seen
    w.run("step = true", release="v1")
    p.expect("started sleep")
    assert "pidone_once" not in w.db.process.output()
    p.signal(signal.SIGTERM)
    p.wait()


def test_wait_survives_a_restart_of_the_server():
    """the server restarts while it waits: it goes on waiting"""
    w = World()
    p = w.start("wait = migrations\ncommand = sh -c 'echo up; exec sleep 1000'", release="v1",
                role="run")
    p.expect("waiting for migrations: /init")
    w.db.restart()
    w.run("step = true", release="v1")
    p.expect("^up", 20)
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


def test_wait_without_a_release():
    """wait = migrations without PIDONE_RELEASE is a mistake: 78"""
    w = World()
    p = w.run("wait = migrations\ncommand = sleep 1000", role="run", code=78)
    p.expect("wait = migrations needs PIDONE_RELEASE")


if __name__ == "__main__":
    harness.main()
