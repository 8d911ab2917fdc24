#!/usr/bin/python3
"""Migrations of many pods, seen from the server: whoever starts together, one runs at a time
(contract §6). A step here is one statement by psql, as a migration's is."""
import signal
import threading

import harness
from harness import wait_until
from inits import Pidone
from once import session
from servers import PgBouncer, Postgres

QUIET = "listen = none\nsocket = none\n"


def init(env, sql, keys="", **more):
    config = "[init]\n%s%s\nstep = psql -X -q -v ON_ERROR_STOP=1 -c \"%s\"\n" % (QUIET, keys, sql)
    return Pidone(["/init"], env=env, config=config, **more)


class Sampler:
    """Looks at the server's sessions, again and again, while the block runs."""

    def __init__(self, db):
        self.db = db
        self.most = 0      # steps at work at one time
        self.seen = set()  # of which containers
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._look)

    def _look(self):
        while not self.stop.is_set():
            names = self.db.psql("SELECT application_name FROM pg_stat_activity WHERE state ="
                                 " 'active' AND application_name LIKE 'pidone/%'").split()
            self.most = max(self.most, len(names))
            self.seen |= set(names)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


def test_sampler():
    """the sampler sees two steps that run beside each other"""
    db = Postgres()
    with Sampler(db) as sampler:
        both = [init(db.env(), "SELECT pg_sleep(1)", "lock = none") for _ in range(2)]
        assert all(p.wait(30) == 0 for p in both)
    assert sampler.most == 2 and len(sampler.seen) == 2, (sampler.most, sampler.seen)


@harness.limit(120)
def test_twenty_at_once():
    """twenty /init at once run strictly one after the other"""
    db = Postgres()
    with Sampler(db) as sampler:
        inits = [init(db.env(), "SELECT pg_sleep(0.3)") for _ in range(20)]
        for p in inits:
            assert p.wait(90) == 0, p.output()
    assert sampler.most == 1, sampler.most
    assert len(sampler.seen) >= 15, "the sampler was too slow to say anything"


def test_index_built_concurrently():
    """CREATE INDEX CONCURRENTLY with five waiters: no deadlock, and it is valid"""
    db = Postgres()
    db.psql("CREATE TABLE t AS SELECT generate_series(1, 20000) AS n")
    sql = "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (n)"
    with session(db.env(), "BEGIN; INSERT INTO t VALUES (0);"):
        first = init(db.env(), sql)
        wait_until(lambda: db.psql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE"
                                   " 'CREATE INDEX%' AND wait_event_type = 'Lock'") == "1", 15)
        waiters = [init(db.env(), sql) for _ in range(5)]
        for p in waiters:
            p.expect("waiting for the lock: .*is held by pidone-lock/default/", 15)
    for p in [first] + waiters:
        assert p.wait(30) == 0, p.output()
    assert "deadlock" not in db.process.output()
    assert db.psql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass") == "t"


def through_a_pooler(mode, pool_size):
    db = Postgres()
    env = {"DATABASE_URL": PgBouncer(db, mode, pool_size=pool_size).url()}
    with Sampler(db) as sampler:
        inits = [init(env, "SELECT pg_sleep(0.3)") for _ in range(6)]
        inits[0].expect("holding the lock|waiting for the lock", 15)
        for p in inits:
            assert p.wait(60) == 0, p.output()
    assert sampler.most == 1, sampler.most
    assert db.psql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == "0", "a leak"


def test_pooler_in_session_mode():
    """through PgBouncer in session mode: one at a time, and no lock is left behind"""
    through_a_pooler("session", 12)  # one for each that waits, and more for the steps


def test_pooler_in_transaction_mode():
    """the same in transaction mode"""
    through_a_pooler("transaction", 3)


def test_killed_container():
    """the whole container is killed: its statement still runs in the server; the next waits"""
    db = Postgres()
    db.psql("CREATE TABLE t (n int)")
    with session(db.env(), "BEGIN; LOCK TABLE t;"):
        first = init(db.env(), "INSERT INTO t VALUES (1)")
        wait_until(lambda: db.psql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE"
                                   " 'INSERT%' AND wait_event_type = 'Lock'") == "1", 15)
        first.signal(signal.SIGKILL)
        first.wait()
        second = init(db.env(), "INSERT INTO t VALUES (2)")
        second.expect("waiting for a session that an earlier holder left behind", 15)
        assert db.psql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'INSERT%'") == "1"
    assert second.wait(30) == 0, second.output()


def test_site_does_not_queue_behind_a_migration():
    """lock_timeout and step-retries: with a long transaction open the site's queries go through,
    and the migration comes through when the transaction has ended"""
    db = Postgres()
    db.psql("CREATE TABLE t (n int)")
    env = dict(db.env(), PGOPTIONS="-c lock_timeout=300ms")
    with session(db.env(), "BEGIN; SELECT * FROM t;"):
        p = init(env, "ALTER TABLE t ADD COLUMN m int", "step-retries = 100")
        for _ in range(3):
            p.expect("canceling statement due to lock timeout", 15)
            assert db.psql("SELECT count(*) FROM t") == "0"  # else it waited for the end
    assert p.wait(30) == 0, p.output()
    assert db.psql("SELECT count(m) FROM t") == "0"


if __name__ == "__main__":
    harness.main(sanitized=False)
