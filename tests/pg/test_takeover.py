#!/usr/bin/python3
"""Who holds the lock dies, in every way there is: never two at once, and the next one takes over
within a minute (contract §6). Looked at from the server, and by a lock of the kernel's."""
import os
import signal
import subprocess
import time

import harness
from harness import wait_until
from inits import Pidone
from migrations import QUIET, Sampler, at_work, init
from network import SERVER, Router
from once import session
from programs import AGENT, WAIT, process_called, program
from servers import Postgres

MINUTE = 60


def takes_over(fault, *codes):
    """The holder's statement takes a while; the fault befalls it, and it ends with one of these
    codes; another one takes over. What that one printed."""
    db = Postgres()
    with Sampler(db) as sampler:
        first = init(db.env(), "SELECT pg_sleep(4)")
        wait_until(lambda: at_work(db), 15, "the holder's statement")
        second = init(db.env(), "SELECT pg_sleep(0.5)")
        second.expect("waiting for the lock: .*is held by pidone-lock/default/", 15)
        begin = time.monotonic()
        fault(first, db)
        assert second.wait(MINUTE) == 0, second.output()
        assert time.monotonic() - begin < MINUTE
        assert first.wait() in codes, first.output()
    assert sampler.most == 1 and len(sampler.seen) == 2, (sampler.most, sampler.seen)
    return second.output()


STEP_NOTICED_FIRST = 2  # psql has lost its connection, too
LEFT_BEHIND = "waiting for a session that an earlier holder left behind: pidone/default/"


def test_terminated_session():
    """the server ends the lock's session: the step is killed, and its statement waited for"""
    def terminate(_, db):
        db.psql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                " AND granted")
    assert LEFT_BEHIND in takes_over(terminate, 75)


def test_killed_agent():
    """`kill -9` of the agent that holds the lock"""
    assert LEFT_BEHIND in takes_over(lambda first, _: os.kill(process_called(first, AGENT), signal.SIGKILL), 75)


def test_killed_step():
    """`kill -9` of the step: its statement goes on in the server, and is waited for"""
    assert LEFT_BEHIND in takes_over(
        lambda first, _: os.kill(process_called(first, "psql"), signal.SIGKILL), 137)


def test_killed_container():
    """`kill -9` of everything at once"""
    assert LEFT_BEHIND in takes_over(lambda first, _: first.signal(signal.SIGKILL), 137)


def test_server_restarts():
    """the server restarts: the holder has lost the lock, who waits finds the new one"""
    takes_over(lambda _, db: db.restart(), 75, STEP_NOTICED_FIRST)


def test_server_crashes():
    """the server crashes"""
    def crash(_, db):
        db.stop(signal.SIGQUIT)
        db.start()
    takes_over(crash, 75, STEP_NOTICED_FIRST)


def test_killed_step_is_tried_again():
    """step-retries: the next try waits for what the last one left at work in the server"""
    db = Postgres()
    db.psql("CREATE TABLE t (n int)")
    with Sampler(db) as sampler:
        with session(db.env(), "BEGIN; LOCK TABLE t;"):
            p = init(db.env(), "INSERT INTO t VALUES (1)", "step-retries = 1")
            wait_until(lambda: at_work(db), 15, "the statement")
            os.kill(process_called(p, "psql"), signal.SIGKILL)
            p.expect(r"waiting before step 1 of 1 \(psql\): the last try is still at work in the "
                     r"server \(server process \d+, active\)", 15)
        assert p.wait(30) == 0, p.output()
    assert sampler.most == 1, sampler.most
    assert db.psql("SELECT count(*) FROM t") == "2"


# ---- singletons ----

# Two of these at one time find out: the kernel gives each file's lock once.
BEAT = ("import fcntl\n"
        "file = open('%s', 'a')\n"
        "try:\n"
        "    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "except OSError:\n"
        "    say('two beats')\n"
        "say('beating')\n"
        "signal.sigwait({15})\n"
        "say('ending')\n"
        "sys.stdin.readline()\n")


class Beats:
    """Replicas of a beat, which take their time to end."""

    def __init__(self, env):
        self.env = env
        self.command = program(WAIT + BEAT % (harness.tmp + "/beat"))
        self.all = []

    def start(self, **more):
        p = Pidone(["/beat"], env=self.env, stdin=subprocess.PIPE, config="[beat]\n%slock = "
                   "postgres\nstop-grace = none\ncommand = %s\n" % (QUIET, self.command), **more)
        self.all.append(p)
        return p

    def two(self):
        """One that beats, and one that waits for its lock."""
        first = self.start()
        first.expect("^beating", 15)
        second = self.start()
        second.expect("waiting for the lock: .*is held by pidone-lock/default_beat/", 15)
        return first, second

    def end(self):
        for p in self.all:
            p.popen.stdin.close()
        for p in self.all:
            p.stop(20)
            assert "two beats" not in p.output(), p.output()


def test_beats_in_a_rolling_update():
    """lock = postgres on a service: the new replica beats when the old one has ended"""
    beats = Beats(Postgres().env())
    old, new = beats.two()
    old.signal(signal.SIGTERM)
    old.expect("^ending")
    assert not new.count("^beating")
    old.popen.stdin.close()
    assert old.wait() == 0
    new.expect("^beating", MINUTE)
    beats.end()


def test_beat_does_not_hold_up_migrations():
    """a service's lock is its own: /init of the same project does not wait until it ends"""
    db = Postgres()
    beats = Beats(db.env())
    beats.start().expect("^beating", 15)
    p = init(db.env(), "SELECT 1")
    assert p.wait(20) == 0, p.output()
    p.expect("holding the lock: project default,")
    beats.end()


def test_beat_whose_agent_is_killed():
    """a beat that has lost its lock ends at once, however long it would take to end"""
    beats = Beats(Postgres().env())
    first, second = beats.two()
    os.kill(process_called(first, AGENT), signal.SIGKILL)
    first.expect("lost the lock: the agent that held it was ended by KILL")
    first.expect("runs without its lock: sent KILL")
    wait_until(lambda: second.count("^beating") + first.count("^beating") == 2, MINUTE)
    beats.end()


def test_beat_that_is_killed():
    """the holder's container is killed: the other replica takes over"""
    beats = Beats(Postgres().env())
    first, second = beats.two()
    begin = time.monotonic()
    first.signal(signal.SIGKILL)
    second.expect("^beating", MINUTE)
    assert time.monotonic() - begin < MINUTE
    beats.end()


# ---- a network that loses everything ----

@harness.limit(120)
def test_partition():
    """the holder's network is gone without a word: it ends its step, or its beat, before the
    server gives the lock to another one, and that within a minute"""
    router = Router()
    db = Postgres(options=["listen_addresses='*'"])
    with open(db.data + "/pg_hba.conf", "a", encoding="ascii") as file:
        file.write("host all all 10.76.0.0/16 trust\n")
    db.psql("SELECT pg_reload_conf()")
    far = dict(db.env(), PGHOST=SERVER)
    config = "[init]\n%sstep = sh -c 'echo working; exec sleep 1000'\n" % QUIET
    beats = Beats(dict(far, PIDONE_POSTGRES_PROJECT="beat"))
    holder = Pidone(["/init"], env=far, config=config, **router.inside)
    holder.expect("^working", 15)
    beat = beats.start(**router.inside)
    beat.expect("^beating", 15)
    heir = Pidone(["/init"], env=db.env(), config=config)
    heir.expect("waiting for the lock: .*is held by", 15)
    beats.env.update(PGHOST="127.0.0.1")
    next_beat = beats.start()
    next_beat.expect("waiting for the lock: .*is held by", 15)
    begin = time.monotonic()
    router.cut()
    heir.expect("^working", MINUTE)
    assert holder.popen.poll() == 75, "two at once: " + holder.output()
    next_beat.expect("^beating", MINUTE)
    assert time.monotonic() - begin < MINUTE
    heir.signal(signal.SIGKILL)
    beat.signal(signal.SIGTERM)
    beats.end()


if __name__ == "__main__":
    harness.main(sanitized=False)
