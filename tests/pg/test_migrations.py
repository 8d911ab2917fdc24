#!/usr/bin/python3
"""Migrations of many pods, seen from the server: whoever starts together, one runs at a time
(contract §6). A step here is one statement by psql, as a migration's is."""
import harness
from harness import wait_until
from migrations import Sampler, init
from once import session
from servers import PgBouncer, Postgres


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
