"""A database, and steps that leave a line in a journal each time they run."""
import contextlib
import os
import subprocess

import harness
from inits import Pidone
from servers import Postgres

# Each run of it is a line in the journal; the gate, where it is closed, holds it up.
WORK = "sh -c 'echo %s >>$JOURNAL; test ! -e $JOURNAL.gate || read x <$JOURNAL.gate; exit %s'"


def work(name="ran", code="0"):
    return WORK % (name, code)


class World:
    """A database and a journal, and what is started beside them."""

    def __init__(self):
        self.db = Postgres()
        self.journal = harness.tmp + "/journal"

    def env(self, release=None, **more):
        env = dict(self.db.env(), JOURNAL=self.journal, **more)
        if release is not None:
            env["PIDONE_RELEASE"] = release
        return env

    def start(self, keys, release=None, role="init", env=None, **more):
        config = "[%s]\nlisten = none\nsocket = none\n%s\n" % (role, keys)
        return Pidone(["/" + role], env=dict(self.env(release), **(env or {})), config=config,
                      **more)

    def run(self, keys, release=None, code=0, **more):
        p = self.start(keys, release, **more)
        assert p.wait(30) == code, p.output()
        return p

    def lines(self):
        if not os.path.exists(self.journal):
            return []
        with open(self.journal, encoding="ascii") as file:
            return file.read().split()

    def close_gate(self):
        os.mkfifo(self.journal + ".gate")

    def open_gate(self):
        """For who waits at it now, and for all who come."""
        fd = os.open(self.journal + ".gate", os.O_RDWR)
        os.unlink(self.journal + ".gate")
        os.write(fd, b"go\n")
        return fd

    def marks(self):
        return self.db.psql("SELECT step, release, done IS NOT NULL FROM pidone_once"
                            " ORDER BY started").split("\n")


@contextlib.contextmanager
def session(env, sql):
    """A session that has done this, and is there while the block runs."""
    with subprocess.Popen(["psql", "-XqtA"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True, env=dict(os.environ, **env)) as psql:
        psql.stdin.write(sql + "\n\\echo done\n")
        psql.stdin.flush()
        while "done" not in psql.stdout.readline():
            pass
        yield
        psql.stdin.close()
