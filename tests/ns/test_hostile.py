#!/usr/bin/python3
"""Clients that mean harm, on the probes' port: an honest probe is answered all the same, the probe
server stays within its bounds, and PID 1 does not even notice."""
import http.client
import os
import resource
import signal
import socket
import time

import harness
from harness import wait_until
from inits import Pidone, Process
from proc import children_of, command_name, process_state, status_of

PORT = 9480
MOST_CONNECTIONS = 64  # the default
CONFIG = "[run]\ncommand = sleep 1000\n"
SPAN_S = 1.5  # of an attack, and at least so many probes meanwhile
PROBES = 100

# Each runs until it is killed; it prints "on" when it has begun in earnest.
ATTACKS = {
    "idle": """
held = [dial() for _ in range(10000)]
on()
while True:
    held.append(dial())
    held.pop(0).close()
""",
    "slow": """
request = b'GET /readyz HTTP/1.1\\r\\nHost: a\\r\\nX: ' + b'x' * 8000
slow = [(dial(), 0) for _ in range(200)]
on()
while True:
    for i, (s, sent) in enumerate(slow):
        try:
            s.send(request[sent:sent + 1])
            slow[i] = (s, sent + 1)
        except OSError:
            slow[i] = (dial(), 0)
""",
    "half": """
on()
while True:
    s = dial()
    try:
        s.send(b'GET /readyz HT')
    except OSError:
        pass
    s.close()
""",
    "endless": """
on()
while True:
    s = dial()
    try:
        s.send(b'GET / HTTP/1.1\\r\\n')
        while True:
            s.send(b'X-Many: ' + b'y' * 60000 + b'\\r\\n')
    except OSError:
        s.close()
""",
    "pipelined": """
on()
while True:
    s = dial()
    try:
        while True:
            s.send(b'GET /metrics HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n' * 100)
    except OSError:
        s.close()
""",
    "garbage": """
on()
while True:
    s = dial()
    try:
        s.send(os.urandom(3000))
        s.recv(100)
    except OSError:
        pass
    s.close()
""",
    "resets": """
on()
while True:
    s = dial()
    try:
        s.send(b'GET /status HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n')
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    except OSError:
        pass
    s.close()
""",
    "livez": """
held = [dial() for _ in range(8)]
on()
while True:
    for i, s in enumerate(held):
        try:
            s.send(b'GET /livez HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n')
            if not s.recv(1000):
                held[i] = dial()
        except OSError:
            held[i] = dial()
""",
}

HEAD = """
import os, resource, socket, struct, time
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
def on():
    print('on', flush=True)
def dial():
    while True:
        s = socket.socket()
        s.settimeout(1)
        try:
            s.connect(('127.0.0.1', %d))
            return s
        except OSError:
            s.close()
""" % PORT


def attack(name):
    process = Process(["/usr/bin/python3", "-c", HEAD + ATTACKS[name]], name=name)
    process.expect("^on", 60)
    return process


def probe(path="/readyz"):
    """Seconds until the answer, which is 200. From an address of its own, as a kubelet's is."""
    begin = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5 * harness.SLOW,
                                            source_address=("127.0.0.2", 0))
    try:
        connection.request("GET", path)
        code = connection.getresponse().status
    finally:
        connection.close()
    assert code == 200, code
    return time.monotonic() - begin


def probe_server(p):
    return next(pid for pid in children_of(p.pid) if command_name(pid) == "pidone: probes")


def anonymous_kb(pid):
    """What it has written to, shared with a child that was just forked or not."""
    return int(status_of(pid, "RssAnon").split()[0])


def cpu_s(pid):
    with open("/proc/%d/schedstat" % pid, encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e9


def descriptors(pid):
    return {fd: os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%d/fd" % pid)}


class Watch:
    """PID 1 and its probe server, before and after."""

    def __init__(self, p):
        self.p, self.server = p, probe_server(p)
        self.descriptors = descriptors(p.pid)
        self.memory = [anonymous_kb(pid) for pid in (p.pid, self.server)]
        self.cpu, self.begin = cpu_s(p.pid), time.monotonic()

    def compare(self):
        span, cpu = time.monotonic() - self.begin, cpu_s(self.p.pid) - self.cpu
        assert cpu / span < 0.05, "PID 1 took %.1f %% of a CPU" % (100 * cpu / span)
        assert descriptors(self.p.pid) == self.descriptors
        grown = [anonymous_kb(pid) - before for pid, before in
                 zip((self.p.pid, self.server), self.memory)]
        assert grown[0] <= 16 and grown[1] <= 256, "kB more than before: %s" % grown
        assert len(os.listdir("/proc/%d/fd" % self.server)) <= MOST_CONNECTIONS + 16


def probe_for(span_s):
    """All are answered; half of them within 50 ms, and the kernel forgets next to none, which would
    cost a second. Now and then it is /livez, which asks PID 1."""
    took, end = [], time.monotonic() + span_s
    while len(took) < PROBES or time.monotonic() < end:
        took.append(probe("/livez" if len(took) % 10 == 0 else "/readyz"))
    took.sort()
    half, most = took[len(took) // 2], took[len(took) * 95 // 100]
    assert half < 0.05 and most < 0.9, "half within %.1f ms, 95 %% within %.1f ms" % (
        1e3 * half, 1e3 * most)


def start(**more):
    p = Pidone(["/run"], config=CONFIG, **more)
    p.until("/readyz", 200)
    p.until("/livez", 200)
    return p


def withstand(name):
    p = start()
    watch = Watch(p)
    attackers = [attack(name) for _ in range(2)]
    probe_for(SPAN_S)
    assert all(each.alive() for each in attackers)
    watch.compare()


@harness.as_shipped
def test_idle_connections():
    """ten thousand idle connections: the oldest make room"""
    withstand("idle")


@harness.as_shipped
def test_one_byte_at_a_time():
    """requests that come a byte at a time"""
    withstand("slow")


@harness.as_shipped
def test_half_requests():
    """half requests, and no more"""
    withstand("half")


@harness.as_shipped
def test_headers_without_end():
    """headers without end"""
    withstand("endless")


@harness.as_shipped
def test_pipelined_requests():
    """pipelined requests whose answers nobody reads"""
    withstand("pipelined")


@harness.as_shipped
def test_garbage():
    """bytes that mean nothing"""
    withstand("garbage")


@harness.as_shipped
def test_resets():
    """a request, and a reset instead of reading the answer"""
    withstand("resets")


@harness.as_shipped
def test_questions_for_pid_1():
    """/livez as fast as it goes: PID 1 is woken no more often for it"""
    withstand("livez")


def test_full_queue_of_the_unix_socket():
    """`pidone probe` waits for room in the queue of the unix socket, as TCP does by itself"""
    p = start()
    server = probe_server(p)
    os.kill(server, signal.SIGSTOP)
    wait_until(lambda: process_state(server) == "T", 5)
    path, held = p.path("/run/pidone/run.sock"), []
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        while True:
            held.append(socket.socket(socket.AF_UNIX))
            held[-1].setblocking(False)
            held[-1].connect(path)
    except BlockingIOError:
        pass
    asked = Pidone(["probe", "ready", "/run"], pid1=False,
                   env={"PIDONE_RUN_SOCKET": path, "PIDONE_RUN_LISTEN": "none"})
    wait_until(lambda: process_state(asked.pid) == "S" or not asked.alive(), 5)
    os.kill(server, signal.SIGCONT)
    assert asked.wait() == 0, asked.output()


@harness.as_shipped
def test_without_descriptors():
    """a probe server that may open a dozen descriptors more answers still: it lets go of others"""
    p = start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32)))
    watch = Watch(p)
    attacker = attack("idle")
    probe_for(SPAN_S)
    assert attacker.alive()
    watch.compare()


@harness.as_shipped
def test_without_memory():
    """a probe server that gets no page more answers still: it has had all since its start"""
    p = start()
    watch = Watch(p)
    for limit in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        resource.prlimit(watch.server, limit, (1, 1))
    attackers = [attack("slow"), attack("pipelined")]
    for path in ("/metrics", "/status", "/readyz?verbose"):
        assert p.http(path)[0] == 200
    probe_for(SPAN_S)
    assert all(each.alive() for each in attackers)
    assert probe_server(p) == watch.server
    watch.compare()


def test_killed_in_the_middle():
    """the probe server is killed in the middle of it: a new one answers, PID 1 keeps what it had"""
    p = start()
    before = descriptors(p.pid)
    attacker = attack("half")
    for _ in range(3):
        old = probe_server(p)
        os.kill(old, signal.SIGKILL)
        wait_until(lambda: old not in children_of(p.pid) and
                   "pidone: probes" in map(command_name, children_of(p.pid)), 10, "another one")
        p.until("/livez", 200)
    assert attacker.alive()
    assert descriptors(p.pid) == before


if __name__ == "__main__":
    harness.main()
