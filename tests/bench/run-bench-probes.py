#!/usr/bin/python3
"""Measures what probes cost, and how soon they are answered: `make bench-probes`. Never part of
the tests. PIDONE_BIN is tests/harness.py's."""
import os
import re
import resource
import socket
import subprocess
import time

import harness
from contenders import helper
from inits import BASE_ENV, Pidone
from page_maker import make_page
from pages import say
from proc import children_of, command_name
from reaping import cpu_ms
from report_probes import page
from running import memory
from servers import Postgres

PORT = 9480
PACES = {"/readyz": 1000, "/livez": 100}  # PID 1 is asked at most 200 times a second
CONFIG = "[run]\ncommand = sleep 1000\n[probes]\nmax-connections = %d\n"
URL = "http://127.0.0.1:%d/readyz" % PORT
PYTHON = "import urllib.request as r; r.urlopen('%s', timeout=2)" % URL


class Site:
    """pidone and its probe server, on the first processor; who asks has the others."""

    def __init__(self, max_connections=64):
        self.pidone = Pidone(["/run"], config=CONFIG % max_connections)
        self.pidone.until("/readyz", 200)
        self.server = next(pid for pid in children_of(self.pidone.pid)
                           if command_name(pid) == "pidone: probes")
        for pid in self.pids():
            os.sched_setaffinity(pid, {0})

    def pids(self):
        return [self.pidone.pid, self.server]

    def cpu(self):
        return sum(cpu_ms(pid) for pid in self.pids())


def elsewhere():
    """For who asks: not on the processor of those who answer, where there is another."""
    others = set(range(1, os.cpu_count())) or {0}
    os.sched_setaffinity(0, others)


def paced(path, per_second, count):
    """[ms of each probe]"""
    told = subprocess.run([helper("probes"), str(PORT), path, str(per_second), str(count)],
                          stdout=subprocess.PIPE, text=True, check=True, preexec_fn=elsewhere)
    return [int(line) / 1e6 for line in told.stdout.split()]


def latency(site, seconds):
    """{path: (probes a second, [ms], CPU ms of each probe)}"""
    say("paced probes, for %d s each" % seconds)
    found = {}
    for path, per_second in PACES.items():
        before = site.cpu()
        took = paced(path, per_second, per_second * seconds)
        found[path] = (per_second, took, (site.cpu() - before) / len(took))
    return found


MS = {"us": 0.001, "ms": 1, "s": 1000}


def wrk(seconds):
    """(requests a second, median, 99th percentile in ms) on kept connections, as fast as it goes."""
    say("wrk for %d s" % seconds)
    told = subprocess.run(["wrk", "-t1", "-c16", "-d%ds" % seconds, "--latency", URL], check=True,
                          stdout=subprocess.PIPE, text=True, preexec_fn=elsewhere).stdout
    quantiles = {share: float(value) * MS[unit] for share, value, unit in
                 re.findall(r"(\d+)%\s+([\d.]+)(us|ms|s)\b", told)}
    return (float(re.search(r"Requests/sec:\s+([\d.]+)", told).group(1)), quantiles["50"],
            quantiles["99"])


def exec_cost(words, env, rounds):
    """CPU ms of one, of all processes that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(rounds):
        subprocess.run(words, env=env, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / rounds


def exec_costs(site, rounds):
    """{name: CPU ms of a probe}, with what pidone's own processes spend on it."""
    say("probes that are processes, %d of each" % rounds)
    db = Postgres()
    probes = {
        "pidone probe ready": [harness.BIN, "probe", "ready"],
        "curl": ["curl", "-sf", URL],
        "python3 -c": ["/usr/bin/python3", "-c", PYTHON],
        "pg_isready": ["pg_isready", "-q"],
    }
    env = dict(BASE_ENV, **db.env())
    env["PIDONE_RUN_SOCKET"] = site.pidone.path("/run/pidone/run.sock")
    found = {}
    for name, words in probes.items():
        before = site.cpu()
        cost = exec_cost(words, env, rounds)
        found[name] = cost + (site.cpu() - before) / rounds
    db.stop()
    return found


def memory_by_connections(counts):
    """{connections: ((PSS, private dirty) of the probe server, the same of PID 1)} in kB."""
    say("memory with %s connections" % ", ".join(map(str, counts)))
    site = Site(max_connections=max(counts) + 100)
    found, held = {}, []
    for count in counts:
        while len(held) < count:
            held.append(socket.create_connection(("127.0.0.1", PORT)))
            held[-1].sendall(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n")
            held[-1].recv(1000)
        time.sleep(1)
        found[count] = tuple(memory([pid])[:2] for pid in (site.server, site.pidone.pid))
    site.pidone.stop()
    return found


def measure(is_quick):
    """The page."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    seconds, rounds = (1, 10) if is_quick else (10, 200)
    site = Site()
    found = latency(site, seconds), wrk(seconds), exec_costs(site, rounds)
    site.pidone.stop()
    return page(*found, memory_by_connections((0, 100, 1000)), rounds)


if __name__ == "__main__":
    make_page("Measures what probes cost.", "ten seconds instead of a minute", measure,
              {"wrk": "wrk", "curl": "curl", "pg_isready": "postgresql-15"})
