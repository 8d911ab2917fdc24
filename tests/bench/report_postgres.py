"""doc/bench-postgres.md: how pidone waits for PostgreSQL, in figures."""
from figures import number, quantile
from pages import table, verdict

OURS = "pidone"

INTRODUCTION = """# Waiting for PostgreSQL, in figures

pidone as `/run` beside what is written into images for the same purpose, measured in one run on one machine. To
repeat it, as root in a build directory, on Debian 12:

    apt-get install postgresql-15 python3-psycopg2 wait-for-it
    make bench-postgres

This page is what it printed. No test depends on any of this.
"""

ABOUT_LATENCY = """From the server's line "ready to accept connections" to the first statement of the command, in
milliseconds; all wait at once for the same server, in %d rounds. wait-for-it waits for an open port, which PostgreSQL
has before it lets anybody in: what it starts may still be refused, and below zero it was started too early.
"""

ABOUT_COST = """CPU time of the waiter and everything that it started, in a wait of %d s for a port that refuses: three of
each at once, the one in the middle. psycopg2's is mostly the start of Python.
"""

ABOUT_HERD = """%d supervisors wait for one server (100 connections), which is away for %d s, and comes back. What
they begin, in connections per second and supervisor:
"""

ABOUT_MEMORY = """PID 1 itself, in kB: a role without a database, one that waits, and the same one when its command
runs. libpq and the connection are in the agent, which is gone then.
"""


def latency_rows(found):
    rows = [["", "median", "95th percentile", "median, ratio to pidone's"]]
    ours = quantile(found[OURS], 0.5)
    for name in sorted(found, key=lambda name: name != OURS):
        values = found[name]
        median = quantile(values, 0.5)
        rows.append([name, "%.0f" % median, "%.0f" % quantile(values, 0.95),
                     "1" if name == OURS else "×%.1f" % (median / ours)])
    return rows


def cost_rows(found):
    return [["", "CPU time, ms", "ratio to pidone's"]] + [
        [name, "%.0f" % value, "1" if name == OURS else "×%.1f" % (value / found[OURS])]
        for name, value in found.items()]


def herd_rows(attempts, n):
    """Ten seconds a row: a second is too little to be even."""
    rows = [["second", "attempts a second and supervisor"]]
    span = 10 if attempts[-1][0] > 20 else 2
    for begin in range(0, int(attempts[-1][0]), span):
        part = [count for second, count in attempts if begin <= second < begin + span]
        if part:
            rows.append(["%d to %d" % (begin, begin + span),
                         "%.2f" % (sum(part) / len(part) / n)])
    return rows


def target_rows(latency, cost):
    ours = latency[OURS]
    cheapest = min(value for name, value in cost.items() if name != OURS)
    rows = []
    for what, share, limit in (("median", 0.5, 150), ("95th percentile", 0.95, 300)):
        value = quantile(ours, share)
        rows.append(["from readiness to the command, %s: under %d ms" % (what, limit),
                     "%.0f ms" % value, verdict(value, None, None, limit)])
    rows.append(["CPU time of the wait: less than any other's",
                 "×%.2f of the cheapest" % (cost[OURS] / cheapest),
                 verdict(cost[OURS], None, None, cheapest)])
    return rows


def page(latency, cost, cost_s, herd, memory):
    attempts, through = herd
    n = len(through)
    parts = [
        INTRODUCTION,
        "## When the server is there\n",
        ABOUT_LATENCY % len(latency[OURS]), table(latency_rows(latency)) + "\n",
        "## What the wait costs\n", ABOUT_COST % cost_s, table(cost_rows(cost)) + "\n",
        "## Many at once\n", ABOUT_HERD % (n, round(attempts[-1][0])),
        table(herd_rows(attempts, n)) + "\n",
        "Half of them were through %.1f s after the server was ready, all after %.1f s.\n" %
        (quantile(through, 0.5), through[-1]),
        "## Memory\n", ABOUT_MEMORY,
        table([["", "PSS", "private and dirty"]] +
              [[when, number(pss), number(dirty)] for when, (pss, dirty, _) in memory.items()])
        + "\n",
        "## Targets\n",
        table([["target", "measured", ""]] + target_rows(latency, cost)),
    ]
    return "\n".join(parts) + "\n"
