#!/usr/bin/python3
"""Names and addresses: how the server is found, with a name server that does as it is told."""

import os
import signal
import socket
import urllib.parse

import harness
from agent import agent
from harness import wait_until
from inits import Pidone
from nameserver import NameServer
from servers import FakeServer, Postgres

QUICK = "attempt-timeout = 300ms"


def url(host, port, extra=""):
    return {"DATABASE_URL": "postgres://postgres@%s:%d/postgres%s" % (host, port, extra)}


def arrives(tool, where):
    tool.expect("WAIT_DONE 0 postgres: postgres@" + where, 10)
    tool.expect("EXIT 0$")


class BlackHole:
    """A port whose queue is full: who connects hears nothing, not even a refusal."""

    def __init__(self, address, port):
        self.listener = socket.socket()
        self.listener.bind((address, port))
        self.listener.listen(0)
        self.client = socket.create_connection((address, port))


def test_all_addresses_of_both_families():
    """a name with an address that says nothing, one that refuses, and one of the other family:
    each has its own time"""
    postgres = Postgres(options=["listen_addresses='::1'"])
    hole = BlackHole("127.0.0.2", postgres.port)
    names = NameServer({"db.test": ["127.0.0.2", "127.0.0.3", "::1"]})
    tool = agent("wait", url("db.test", postgres.port), QUICK)
    arrives(tool, "db.test:%d" % postgres.port)
    assert set(names.asked) == {"db.test"}, names.asked
    hole.listener.close()


def test_black_hole():
    """an address that says nothing at all: told after a second, and why after attempt-timeout"""
    port = harness.free_port()
    hole = BlackHole("127.0.0.2", port)
    tool = agent("wait", url("127.0.0.2", port), "attempt-timeout = 2s\nauth-grace = 1ms")
    tool.expect(r"WAIT_REASON 0 postgres: 127\.0\.0\.2:%d: no answer yet$" % port)
    tool.expect(r"WAIT_REASON 0 postgres: 127\.0\.0\.2:%d: no answer within 2s: check host, port "
                "and network policies$" % port)
    tool.stop()
    hole.listener.close()


def test_names_are_resolved_anew():
    """a name that leads somewhere else later, as when a cluster fails over"""
    postgres = Postgres()
    names = NameServer({"db.test": ["127.0.0.2"]})
    tool = agent("wait", url("db.test", postgres.port))
    tool.expect(r"WAIT_REASON 0 postgres: db\.test:%d \(127\.0\.0\.2\): Connection refused"
                % postgres.port)
    names.names["db.test"] = ["127.0.0.1"]
    arrives(tool, "db.test")


def test_name_that_comes():
    """a name that is unknown at first: waited for"""
    postgres = Postgres()
    names = NameServer()
    tool = agent("wait", url("db.test", postgres.port), "auth-grace = 1ms")
    tool.expect(r"WAIT_REASON 0 postgres: db\.test: Name or service not known: check the host in "
                "DATABASE_URL$")
    names.names["db.test"] = ["127.0.0.1"]
    arrives(tool, "db.test")


def test_name_without_addresses():
    """a name that exists and has no address"""
    NameServer({"db.test": []})
    tool = agent("wait", url("db.test", 5432), "auth-grace = 1ms")
    # musl tells one from the other no more than DNS's users do
    tool.expect(r"WAIT_REASON 0 postgres: db\.test: (No address associated with hostname|Name or "
                "service not known): check the host in DATABASE_URL$")
    tool.stop()


def test_slow_name_server():
    """a name server that takes its time: told after a second, and its answer is good"""
    postgres = Postgres()
    names = NameServer({"db.test": ["127.0.0.1"]}, mute=True)
    tool = agent("wait", url("db.test", postgres.port), QUICK)
    tool.expect(r"WAIT_REASON 0 postgres: db\.test: the name server has not answered yet$")
    names.speak()
    arrives(tool, "db.test")


def test_name_server_that_is_down():
    """no name server answers: retried, and told as what it is"""
    postgres = Postgres()
    names = NameServer({"db.test": ["127.0.0.1"]}, mute=True, options="timeout:1 attempts:1")
    tool = agent("wait", url("db.test", postgres.port), "auth-grace = 1ms")
    tool.expect(r"WAIT_REASON 0 postgres: db\.test: Temporary failure in name resolution: check "
                "the host in DATABASE_URL$", 10)
    names.speak()
    arrives(tool, "db.test")


def test_literals():
    """IPv6 in brackets, and an address in PGHOSTADDR"""
    postgres = Postgres(options=["listen_addresses='::1'"])
    arrives(agent("wait", url("[::1]", postgres.port)), r"\[::1\]:%d" % postgres.port)
    arrives(agent("wait", {"PGHOST": "db.test", "PGHOSTADDR": "::1", "PGUSER": "postgres",
                           "PGPORT": str(postgres.port)}), "db.test")


def test_several_hosts():
    """several hosts with ports of their own: the first that is ready, past a mute one"""
    postgres = Postgres()
    mute = FakeServer("mute")
    tool = agent("wait", url("127.0.0.1:%d,127.0.0.1:%d,localhost" % (
        mute.port, harness.free_port()), postgres.port), QUICK)
    arrives(tool, "127")
    assert mute.requests, "the first host was not tried"


def test_unix_sockets():
    """a socket's directory: as the host, percent-encoded in a URL, and as a query"""
    postgres = Postgres()
    directory = urllib.parse.quote(postgres.socket_dir, safe="")
    for source in ("postgres://postgres@%s:%d/postgres" % (directory, postgres.port),
                   "postgres://postgres@/postgres?host=%s&port=%d" % (postgres.socket_dir,
                                                                      postgres.port)):
        arrives(agent("wait", {"DATABASE_URL": source}), "/")


def test_parameters_reach_the_server():
    """what a URL says beyond the place is libpq's to know: here `options`"""
    postgres = Postgres()
    extra = "?options=-c%20default_transaction_read_only%3Don&connect_timeout=3"
    tool = agent("wait", url("127.0.0.1", postgres.port, extra), "auth-grace = 1ms")
    tool.expect("WAIT_FAILED 69 postgres: .*the server is read-only", 10)


# ---- what hangs ----

def yes_to_tls(connection, first):
    """A server that wants to speak TLS: its client reads its certificates now."""
    assert first[4:8] == (80877103).to_bytes(4, "big"), first
    connection.sendall(b"S")
    connection.recv(1)


def test_hang():
    """a library that hangs (here: in a certificate's file, a pipe that nobody fills) is ended,
    and tried again"""
    server = FakeServer(yes_to_tls)
    pipe = harness.tmp + "/ca.crt"
    os.mkfifo(pipe, 0o644)
    p = Pidone(["/run"], config="[postgres]\nattempt-timeout = 50ms\n"
               "[run]\ncommand = sleep 1000\nwait = postgres\n",
               env=url("127.0.0.1", server.port, "?sslmode=verify-ca&sslrootcert=" + pipe))
    p.expect(r"waiting for postgres: 127\.0\.0\.1:%d: no answer yet$" % server.port)
    p.until("/livez", 200)
    first = len(server.requests)
    p.expect("the agent hung and was ended: starting it again", 10)
    wait_until(lambda: len(server.requests) > first, 5, "another attempt")
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


harness.main()
