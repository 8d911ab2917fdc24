"""What tests of many pods share: a migration that is one statement, and a look from the server."""
import threading

from inits import Pidone

QUIET = "listen = none\nsocket = none\n"


def init(env, sql, keys="", **more):
    """A starting /init with one step: psql with this statement, as a migration's."""
    config = "[init]\n%s%s\nstep = psql -X -q -v ON_ERROR_STOP=1 -c \"%s\"\n" % (QUIET, keys, sql)
    return Pidone(["/init"], env=env, config=config, **more)


def at_work(db):
    """The session names of the steps that are at work in the server now."""
    return [name for name in db.psql(
        "SELECT application_name FROM pg_stat_activity WHERE state = 'active' AND"
        " application_name LIKE 'pidone/%'", check=False).split() if name.startswith("pidone/")]


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
            names = at_work(self.db)
            self.most = max(self.most, len(names))
            self.seen |= set(names)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
