#!/usr/bin/python3
"""The lock, on a real PostgreSQL."""
import hashlib
import os
import signal

import harness
from agent import agent, pid_of
from inits import Process
from servers import FakeServer, PgBouncer, Postgres

# first 8 bytes of SHA-256("pidone:shop"), signed
KEY = int.from_bytes(hashlib.sha256(b"pidone:shop").digest()[:8], "big", signed=True)


def locker(postgres, session_id, settings=""):
    return agent("lock", {"DATABASE_URL": postgres.url()}, "project = shop\n" + settings,
                 session_id)


def must(condition, what):
    if not condition:
        raise harness.Failure(what)


def is_free(postgres):
    return postgres.psql("SELECT pg_try_advisory_lock(%d)" % KEY) == "t"


def test_excludes_and_names_the_holder():
    """One holder at a time; who waits is told who holds it; TERM releases."""
    postgres = Postgres()
    first = locker(postgres, "aaa")
    first.expect(r"LOCK_GAINED 0 project shop, postgres@127\.0\.0\.1:%d/postgres" % postgres.port)
    must(not is_free(postgres), "the documented key is not taken")
    second = locker(postgres, "bbb")
    second.expect(r"LOCK_REASON 0 the lock of project shop is held by pidone-lock/shop/aaa at "
                  r"127\.0\.0\.1 \(server process \d+, since \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ\)$")
    must(second.count("LOCK_GAINED") == 0, "two holders")
    os.kill(pid_of(first), signal.SIGTERM)
    first.expect("EXIT 0$")
    must(first.count("LOCK_LOST") == 0, "released, not lost")
    second.expect("LOCK_GAINED", 5)
    second.stop()


def test_projects_do_not_meet():
    """The lock is one for each project."""
    postgres = Postgres()
    first = locker(postgres, "aaa")
    first.expect("LOCK_GAINED")
    other = agent("lock", {"DATABASE_URL": postgres.url()}, "project = blog", "bbb")
    other.expect("LOCK_GAINED")


def test_holds_back_nothing():
    """Idle in a READ COMMITTED transaction without snapshot: CREATE INDEX
    CONCURRENTLY and time-outs of the server do not notice it."""
    postgres = Postgres(options=["idle_in_transaction_session_timeout=300ms",
                                 "statement_timeout=5s", "idle_session_timeout=300ms"])
    first = locker(postgres, "aaa")
    first.expect("LOCK_GAINED")
    second = locker(postgres, "bbb")
    second.expect("LOCK_REASON")
    postgres.psql("CREATE TABLE t (a int)")
    postgres.psql("CREATE INDEX CONCURRENTLY ON t (a)")
    def held_long():
        return postgres.psql("SELECT state, backend_xid IS NULL, backend_xmin IS NULL FROM "
                             "pg_stat_activity WHERE application_name = 'pidone-lock/shop/aaa' "
                             "AND now() - state_change > interval '500ms'")
    row = harness.wait_until(held_long, 5, "half a second of holding")
    must(row == "idle in transaction|t|t", row)
    must(first.count("LOCK_LOST") == 0 and second.count("LOCK_GAINED") == 0, "the lock was lost")


def test_terminated():
    """The server ends the session: LOCK_LOST with its words, exit 0."""
    postgres = Postgres()
    tool = locker(postgres, "aaa")
    tool.expect("LOCK_GAINED")
    postgres.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                  "WHERE application_name = 'pidone-lock/shop/aaa'")
    tool.expect(r"LOCK_LOST 0 127\.0\.0\.1:%d: terminating connection due to administrator command "
                r"\(57P01\)" % postgres.port, 3)
    tool.expect("EXIT 0$")


@harness.limit(60)
def test_dead_link():
    """A link that is dead without a word is noticed within a minute: here the
    server process is stopped, as if its node had vanished."""
    postgres = Postgres()
    tool = locker(postgres, "aaa")
    tool.expect("LOCK_GAINED")
    server = int(postgres.psql("SELECT pid FROM pg_stat_activity "
                               "WHERE application_name = 'pidone-lock/shop/aaa'"))
    os.kill(server, signal.SIGSTOP)
    try:
        tool.expect(r"LOCK_LOST 0 .*no answer from PostgreSQL within 10s", 30)
        tool.expect("EXIT 0$")
    finally:
        os.kill(server, signal.SIGKILL)


def test_long_names():
    """Of a long project the beginning counts, of a long ID the end, and a project
    with quotes is only a name."""
    postgres = Postgres()
    project = "it's a very long name for a project"
    tool = agent("lock", {"DATABASE_URL": postgres.url()}, "project = " + project,
                 "a-host-with-a-very-long-name-0123456789-cafe")
    tool.expect("LOCK_GAINED 0 project %s," % project)
    name = postgres.psql("SELECT application_name FROM pg_stat_activity "
                         "WHERE application_name LIKE 'pidone-lock%'")
    must(name.startswith("pidone-lock/it_s_a_very_long_nam/") and name.endswith("-cafe") and
         len(name) == 63, name)
    step = Process(
        [postgres.bin + "/psql", "-X", "-q", "-c", "SELECT pg_sleep(600)"],
        env=dict(postgres.env(), PGAPPNAME="pidone/it_s_a_very_long_nam/b"), name="step")
    harness.wait_until(lambda: postgres.psql(
        "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'pidone/%'"), 5, "a step")
    tool.stop()
    second = agent("lock", {"DATABASE_URL": postgres.url()}, "project = " + project, "c")
    second.expect("LOCK_REASON 0 waiting for a session .*: pidone/it_s_a_very_long_nam/b ")
    step.stop()     # its statement still runs in the server
    must(second.count("LOCK_GAINED") == 0, "did not wait for a killed step's statement")
    postgres.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                  "WHERE application_name LIKE 'pidone/%'")
    second.expect("LOCK_GAINED", 5)


def test_server_crash():
    """The server dies: LOCK_LOST at once."""
    postgres = Postgres()
    tool = locker(postgres, "aaa")
    tool.expect("LOCK_GAINED")
    postgres.stop(signal.SIGQUIT)
    tool.expect("LOCK_LOST 0 ", 5)
    tool.expect("EXIT 0$")


def test_holder_killed():
    """KILL of the holder frees the lock."""
    postgres = Postgres()
    first = locker(postgres, "aaa")
    first.expect("LOCK_GAINED")
    second = locker(postgres, "bbb")
    second.expect("LOCK_REASON")
    os.kill(pid_of(first), signal.SIGKILL)
    first.expect("EXIT 137$")
    second.expect("LOCK_GAINED", 5)


def test_waits_for_earlier_sessions():
    """A new holder waits until no session of an earlier one is left, but not for
    its own steps, nor for other projects'."""
    postgres = Postgres()
    def step(name):
        return Process(
            [postgres.bin + "/psql", "-X", "-q", "-c", "SELECT pg_sleep(600)"],
            env=dict(postgres.env(), PGAPPNAME=name), name=name)
    def count(name):
        return postgres.psql("SELECT count(*) FROM pg_stat_activity "
                             "WHERE application_name = '%s'" % name) == "1"
    steps = {name: step(name) for name in ("pidone/shop/old", "pidone/shop/aaa", "pidone/blog/x")}
    for name in steps:
        harness.wait_until(lambda name=name: count(name), 5, name)
    tool = locker(postgres, "aaa")
    tool.expect(r"LOCK_REASON 0 waiting for a session that an earlier holder left behind: "
                r"pidone/shop/old \(server process \d+, active\)$")
    must(tool.count("LOCK_GAINED") == 0, "did not wait")
    postgres.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                  "WHERE application_name = 'pidone/shop/old'")
    tool.expect("LOCK_GAINED", 5)


def test_survives_a_restart_while_waiting():
    """Who waits for the lock waits for a restarted server, too."""
    postgres = Postgres()
    first = locker(postgres, "aaa")
    first.expect("LOCK_GAINED")
    second = locker(postgres, "bbb")
    second.expect("LOCK_REASON")
    postgres.stop()
    first.expect("LOCK_LOST")
    second.expect("WAIT_REASON")
    postgres.start()
    second.expect("LOCK_GAINED", 10)


def test_term_while_waiting():
    """TERM ends a wait for the database or for the lock, exit 0."""
    server = FakeServer("mute")
    tool = agent("lock", {"DATABASE_URL": "postgres://u@127.0.0.1:%d/db" % server.port})
    harness.wait_until(lambda: server.requests, 5, "an attempt")
    os.kill(pid_of(tool), signal.SIGTERM)
    tool.expect("EXIT 0$")
    postgres = Postgres()
    first = locker(postgres, "aaa")
    first.expect("LOCK_GAINED")
    second = locker(postgres, "bbb")
    second.expect("LOCK_REASON")
    os.kill(pid_of(second), signal.SIGTERM)
    second.expect("EXIT 0$")


def test_lock_url():
    """lock-url leads past the pooler; a standby never grants the lock."""
    postgres = Postgres()
    tool = agent("lock", {"DATABASE_URL": "postgres://u@127.0.0.1:1/db"},
                 "project = shop\nlock-url = " + postgres.url(), "aaa")
    tool.expect("LOCK_GAINED")
    tool.stop()
    postgres.psql("ALTER SYSTEM SET default_transaction_read_only = on")
    postgres.psql("SELECT pg_reload_conf()")
    harness.wait_until(lambda: postgres.psql("SHOW transaction_read_only") == "on", 5)
    tool = agent("lock", {"DATABASE_URL": postgres.url()},
                 "project = shop\ntarget = any\nauth-grace = 100ms", "bbb")
    tool.expect("LOCK_FAILED 69 postgres: .*the server is read-only")
    tool.expect("EXIT 69$")


def test_through_a_pooler():
    """It excludes and releases through a transaction pooler, whose idle connections
    keep the names of clients that are long gone."""
    postgres = Postgres()
    env = {"DATABASE_URL": PgBouncer(postgres).url()}
    step = dict(env, PGAPPNAME="pidone/shop/old")
    done = Process([postgres.bin + "/psql", "-X", "-q", "-c", "SELECT 1",
                            env["DATABASE_URL"]], env=step, name="step")
    must(done.wait() == 0, done.output())
    first = agent("lock", env, "project = shop", "aaa")
    first.expect("LOCK_GAINED")
    must(not is_free(postgres), "the lock is not taken in the server")
    second = agent("lock", env, "project = shop", "bbb")
    second.expect("LOCK_REASON 0 the lock of project shop is held by pidone-lock/shop/aaa")
    os.kill(pid_of(first), signal.SIGTERM)
    first.expect("EXIT 0$")
    second.expect("LOCK_GAINED", 5)
    os.kill(pid_of(second), signal.SIGKILL)
    harness.wait_until(lambda: is_free(postgres), 5, "the lock of a killed holder")


def test_no_database():
    """A lock without a database is a mistake: 78."""
    tool = agent("lock", {"DATABASE_URL": "sqlite:///x"})
    tool.expect("LOCK_FAILED 78 postgres: DATABASE_URL: sqlite:// is not PostgreSQL")
    tool.expect("EXIT 78$")


if __name__ == "__main__":
    harness.main()
