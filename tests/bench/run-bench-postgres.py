#!/usr/bin/python3
"""Measures how pidone waits for PostgreSQL, beside the loops that it replaces: `make
bench-postgres`. Never part of the tests. PIDONE_BIN is tests/harness.py's."""
import datetime
import os
import random
import re
import signal
import struct
import subprocess
import tempfile
import time

import harness
from contenders import helper
from figures import BenchError, quantile
from inits import BASE_ENV
from page_maker import make_page
from pages import say
from proc import descendants_of
from reaping import cpu_ms
from report_postgres import page
from running import memory
from servers import Postgres

COST_EACH = 3
CONFIG = "[run]\nlisten = none\nsocket = none\ncommand = %s\n[log]\nlevel = error\n"
PSYCOPG = """
import os, sys, time
import psycopg2
while True:
    try:
        with psycopg2.connect("") as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        break
    except psycopg2.OperationalError:
        time.sleep(1)
os.execv(sys.argv[1], sys.argv[1:])
"""


class World:
    """A server that comes and goes, and who waits for it."""

    def __init__(self, max_connections=50):
        self.db = Postgres(start=False, options=["log_timezone='UTC'",
                                                 "max_connections=%d" % max_connections])
        self.env = dict(BASE_ENV, **self.db.env())
        self.files = tempfile.mkdtemp(dir=harness.tmp)

    def write(self, name, text):
        path = os.path.join(self.files, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path

    def waiters(self, command):
        """{name: (words, environment)}: each waits for the server, then executes the command."""
        loop = "until pg_isready -q; do sleep %s; done; exec " + command
        config = self.write("pidone.ini", CONFIG % command)
        return {
            "pidone": ([harness.BIN, "/run"], {"PIDONE_CONFIG": config}),
            "pg_isready, 1 s": (["/bin/sh", "-c", loop % "1"], {}),
            "pg_isready, 0.1 s": (["/bin/sh", "-c", loop % "0.1"], {}),
            "wait-for-it": (["wait-for-it", "-q", "-t", "0", "127.0.0.1:%d" % self.db.port, "--",
                             command], {}),
            "psycopg2, 1 s": (["/usr/bin/python3", self.write("wait.py", PSYCOPG), command], {}),
        }

    def start(self, words, more, **options):
        return subprocess.Popen(words, env=dict(self.env, **more), stdin=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, cwd="/", **options)

    def serve(self):
        """Starts the server. When it was ready for logins, by the clock of stamp.c, in s."""
        self.db.start()
        said = self.db.process.expect("database system is ready to accept connections", 20)
        at = datetime.datetime.strptime(re.match(r"(\S+ \S+) UTC", said).group(1) + " +0000",
                                        "%Y-%m-%d %H:%M:%S.%f %z").timestamp()
        return at - time.time() + time.monotonic()


def end(processes):
    for process in processes:
        below = descendants_of(process.pid)
        process.kill()
        process.wait()
        for pid in below:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def latency(rounds, wait_s):
    """{name: [ms from the server's readiness to the command's main()]}; all wait at once."""
    say("%d waits of %d s" % (rounds, wait_s))
    world = World()
    draw = random.Random(1)
    found = {}
    for _ in range(rounds):
        waiters = world.waiters(helper("stamp"))
        started = {name: world.start(*waiters[name], stdout=subprocess.PIPE)
                   for name in draw.sample(list(waiters), len(waiters))}
        time.sleep(wait_s + draw.random())  # the loops' phases differ from round to round
        ready = world.serve()
        for name, process in started.items():
            told, _ = process.communicate(timeout=60)
            found.setdefault(name, []).append(1000 * (struct.unpack("q", told)[0] / 1e9 - ready))
        world.db.stop()
    return found


def reaped_ms(pid):
    """CPU time that the ended children of this process have taken, in the clock's ticks."""
    with open("/proc/%d/stat" % pid, encoding="ascii") as file:
        words = file.read().rpartition(")")[2].split()
    return (int(words[13]) + int(words[14])) * 1000 / os.sysconf("SC_CLK_TCK")


def cpu_of(pid):
    """CPU time in ms that this process, what is below it, and what they reaped have taken."""
    total = 0
    for each in [pid] + descendants_of(pid):
        try:
            total += cpu_ms(each) + reaped_ms(each)
        except FileNotFoundError:
            pass
    return total


def cost(seconds):
    """{name: ms of CPU time} of a wait for a server that is down: of all at once, a few of
    each, the one in the middle."""
    say("CPU time of a wait of %d s" % seconds)
    world = World()
    started = [(name, world.start(*what)) for _ in range(COST_EACH)
               for name, what in world.waiters("/bin/true").items()]
    time.sleep(seconds)
    found = {}
    for name, process in started:
        found.setdefault(name, []).append(cpu_of(process.pid))
    end([process for _, process in started])
    return {name: quantile(values, 0.5) for name, values in found.items()}


def active_opens():
    """Connections that were begun in this network namespace, ever."""
    with open("/proc/net/snmp", encoding="ascii") as file:
        names, values = [line.split() for line in file if line.startswith("Tcp:")]
    return int(values[names.index("ActiveOpens")])


def herd(n, outage_s):
    """n supervisors, and a server that comes back: ([(second, attempts in it)], [second of the
    return at which each was through, in order])."""
    say("%d supervisors, an outage of %d s" % (n, outage_s))
    world = World(max_connections=100)
    done = os.path.join(world.files, "done")
    config = world.write("pidone.ini", CONFIG % ("touch %s/${NAME}" % done))
    os.mkdir(done)
    begin = time.monotonic()
    started = [world.start([harness.BIN, "/run"], {"PIDONE_CONFIG": config, "NAME": str(k)})
               for k in range(n)]
    attempts, before = [], active_opens()
    while time.monotonic() < begin + outage_s:
        time.sleep(1)
        now = active_opens()
        attempts.append((time.monotonic() - begin, now - before))
        before = now
    ready = world.serve()
    for process in started:
        process.wait(120)
    offset = time.time() - time.monotonic()
    through = sorted(os.stat(entry.path).st_mtime - offset - ready for entry in os.scandir(done))
    if len(through) != n:
        raise BenchError("only %d of %d came through" % (len(through), n))
    world.db.stop()
    return attempts, through


def memory_of_waiting():
    """{when: (PSS, private and dirty) of PID 1 in kB}: without a database, while it waits, and
    when the server has come and the command runs."""
    say("memory before, during and after a wait")
    world = World()
    config = world.write("pidone.ini", CONFIG % "sleep 1000")
    found = {}
    for when, more in (("before", {"PGHOST": "", "PIDONE_RUN_WAIT": "none", "PGDATABASE": ""}),
                       ("during", {})):
        process = world.start([harness.BIN, "/run"], dict(more, PIDONE_CONFIG=config))
        time.sleep(5)
        found[when] = memory([process.pid])
        if when == "during":
            world.serve()
            time.sleep(5)
            found["after"] = memory([process.pid])
        end([process])
    world.db.stop()
    return found


def measure(is_quick):
    """The page."""
    rounds, wait_s, cost_s, n, outage_s = (4, 3, 10, 50, 5) if is_quick else (25, 10, 60, 200, 75)
    return page(latency(rounds, wait_s), cost(cost_s), cost_s, herd(n, outage_s),
                memory_of_waiting())


if __name__ == "__main__":
    make_page("Measures how pidone waits for PostgreSQL.", "a minute instead of eight", measure,
              {"wait-for-it": "wait-for-it", "pg_isready": "postgresql-15 python3-psycopg2"})
