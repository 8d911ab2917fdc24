#!/usr/bin/python3
"""Measures pidone beside Debian's tini, dumb-init and catatonit: `make bench-inits`.

    figures.py     medians, ratios, confidence intervals
    contenders.py  the inits, and how one is started as PID 1
    startup.py     starting a command: times, faults, system calls
    running.py     idle memory and wakeups; signals
    reaping.py     very many orphans
    report.py      the page
    page_maker.py  from the command line to the page, and pages.py: as for the other pages

Never part of the tests. PIDONE_BIN and NSRUN_BIN are tests/harness.py's."""
from dataclasses import dataclass

import contenders
import reaping
import report
import running
import startup
from page_maker import make_page
from pages import say


@dataclass
class Scale:
    """How much of everything."""
    startup_rounds: int = 40
    startup_runs: int = 10
    cost_rounds: int = 150
    spawn_rounds: int = 300
    idle_starts: int = 12
    idle_s: int = 10
    latency_starts: int = 60
    latency_rounds: int = 65
    orphans: int = 20000
    reap_rounds: int = 5
    reap_ended_rounds: int = 6


QUICK = Scale(startup_rounds=8, startup_runs=5, cost_rounds=30, spawn_rounds=40, idle_starts=3,
              idle_s=3, latency_starts=5, latency_rounds=80, orphans=2000, reap_rounds=3,
              reap_ended_rounds=3)


def measure(is_quick):
    """The page."""
    scale = QUICK if is_quick else Scale()
    present = contenders.find()
    for init in contenders.ALL:
        if not init.installed:
            say("%s is not installed, so it is left out: apt-get install %s" % (init.name,
                                                                              init.name))
    notes = []
    figures = startup.measure(present, scale, say)
    figures += running.idle(present, scale, say)
    figures += running.latency(present, scale, say)
    reaped, note = reaping.measure(present, scale, say)
    figures += reaped
    if note is not None:
        notes.append(note)
    return report.write(present, figures, notes)


if __name__ == "__main__":
    make_page("Measures pidone beside other inits.", "half a minute instead of four", measure,
              end=contenders.stop_all)
