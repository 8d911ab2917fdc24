"""doc/bench-probes.md: what probes cost, in figures."""
from figures import number, quantile
from pages import table, verdict

OURS = "pidone probe ready"

INTRODUCTION = """# Probes, in figures

pidone's probe server on one processor, those who ask on another, in one run on one machine. To repeat it, as root in a
build directory, on Debian 12:

    apt-get install postgresql-15 wrk curl
    make bench-probes

This page is what it printed. No test depends on any of this.
"""

ABOUT_PACED = """Probes at a steady pace, each on a new connection, as a kubelet sends them; CPU time is that of the
probe server and PID 1. `/livez` asks PID 1 each time, which is woken at most every 5 ms.
"""

ABOUT_WRK = """wrk on 16 kept connections, as fast as it goes: {:,.0f} requests a second, half of them answered within
{} ms, 99 % within {} ms.
"""

ABOUT_EXEC = """CPU time of a probe that is a process, {} of each, and of what it asks of pidone. What the container
engine spends on starting a process in the container comes on top, and is the same for all. pg_isready says less
than the others: nothing about the app.
"""

ABOUT_MEMORY = """In kB, with so many open connections (`max-connections` raised for it).
"""


def paced_rows(latency):
    rows = [["", "probes a second", "median, ms", "99th percentile, ms", "longest, ms", "CPU time each, ms"]]
    for path, (per_second, took, cpu) in latency.items():
        rows.append(["`%s`" % path, number(per_second), "%.2f" % quantile(took, 0.5), "%.2f" % quantile(took, 0.99),
                     "%.2f" % max(took), "%.3f" % cpu])
    return rows


def exec_rows(http_ms, costs):
    rows = [["", "CPU time, ms", "ratio to pidone's"],
            ["an HTTP probe", "%.3f" % http_ms, "×%.2f" % (http_ms / costs[OURS])]]
    for name, cost in costs.items():
        rows.append(["`%s`" % name, "%.2f" % cost,
                     "1" if name == OURS else "×%.1f" % (cost / costs[OURS])])
    return rows


def memory_rows(found):
    rows = [["connections", "probe server: PSS", "private and dirty", "PID 1: PSS",
             "private and dirty"]]
    for count, figures in found.items():
        rows.append([number(count)] + [number(kb) for pair in figures for kb in pair])
    return rows


def target_rows(latency, costs, memory):
    p99 = quantile(latency["/readyz"][1], 0.99)
    grown = sum(memory[1000][k][1] - memory[0][k][1] for k in (0, 1))
    python, curl = (costs[name] / costs[OURS] for name in ("python3 -c", "curl"))
    return [
        ["target", "measured", ""],
        ["`/readyz` at 1,000 a second, 99th percentile: under 1 ms", "%.2f ms" % p99,
         verdict(p99, None, None, 1)],
        ["growth with 1,000 connections: under 1 MB", "%s kB" % number(grown),
         verdict(grown, None, None, 1024)],
        ["`pidone probe`: 10 times cheaper than Python", "×%.1f" % python,
         verdict(-python, None, None, -10)],
        ["`pidone probe`: no dearer than curl", "×%.1f" % curl, verdict(-curl, None, None, -1)],
    ]


def page(latency, wrk, costs, memory, rounds):
    per_second, median, p99 = wrk
    parts = [
        INTRODUCTION,
        "## How soon\n", ABOUT_PACED, table(paced_rows(latency)) + "\n",
        ABOUT_WRK.format(per_second, "%.2f" % median, "%.2f" % p99),
        "## What a probe costs\n", ABOUT_EXEC.format(rounds),
        table(exec_rows(latency["/readyz"][2], costs)) + "\n",
        "## Memory\n", ABOUT_MEMORY, table(memory_rows(memory)) + "\n",
        "## Targets\n", table(target_rows(latency, costs, memory)),
    ]
    return "\n".join(parts) + "\n"
