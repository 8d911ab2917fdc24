#!/usr/bin/python3
"""Measures pidone beside Debian's tini, dumb-init and catatonit: `make bench-inits`.

    figures.py     medians, ratios, confidence intervals
    contenders.py  the inits, and how one is started as PID 1
    startup.py     starting a command: times, faults, system calls
    running.py     idle memory and wakeups; signals
    reaping.py     very many orphans
    report.py      the page; pages.py: what it shares with run-bench-postgres.py's

Never part of the tests. PIDONE_BIN and NSRUN_BIN are tests/harness.py's."""
import argparse
import os
import sys
from dataclasses import dataclass

import contenders
import harness
import reaping
import report
import running
import startup
from figures import BenchError
from pages import replace, say

EXIT_USAGE = 64


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


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, "bench: %s\n" % message)


def arguments():
    parser = Parser(prog="run-bench.py", description="Measures pidone beside other inits.")
    parser.add_argument("--quick", action="store_true",
                        help="half a minute instead of four, less sure; only printed")
    parser.add_argument("--output", metavar="FILE", help="write the page there as well")
    return parser.parse_args()


def measure(scale):
    """The page."""
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


def main():
    options = arguments()
    if not harness.IS_ROOT:
        raise BenchError("needs root, for pid namespaces")
    if not os.access(harness.NSRUN, os.X_OK):
        raise BenchError("there is no program at NSRUN_BIN; `make bench` builds it")
    # a network and a /run of our own: what runs on the machine has our ports, too
    harness._enter_private_world()
    page = measure(QUICK if options.quick else Scale())
    print(page)
    if options.output and options.quick:
        say("a quick run is not sure enough to be kept: %s is as it was" %
            os.path.basename(options.output))
    elif options.output:
        replace(options.output, page)


if __name__ == "__main__":
    try:
        main()
    except (BenchError, harness.Failure, OSError) as error:
        sys.exit("bench: %s" % error)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        contenders.stop_all()
