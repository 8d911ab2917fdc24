#!/usr/bin/python3
"""Waiting for PostgreSQL: real servers and scripted ones."""

import subprocess

import harness
from agent import agent, says
from servers import FakeServer, Postgres, http_reply


def url(port, host="127.0.0.1", extra=""):
    return {"DATABASE_URL": "postgres://shop:sesame@%s:%d/shop%s" % (host, port, extra)}


def reason(tool, regex, timeout=5.0):
    tool.expect("WAIT_REASON 0 postgres: " + regex, timeout)


def ends(tool, code):
    tool.expect("EXIT %d$" % code, 10)
    if "sesame" in tool.output():
        raise harness.Failure("the password was told: " + tool.output())


def test_ready():
    """Ready means: connected, authenticated, writable, and a query answered."""
    postgres = Postgres(password="sesame")
    tool = agent("wait", {"DATABASE_URL": postgres.url()})
    tool.expect(r"WAIT_DONE 0 postgres: postgres@127\.0\.0\.1:%d/postgres" % postgres.port)
    ends(tool, 0)


def test_ready_by_socket_and_pg_variables():
    """PG* variables are a source; a socket's directory is a host."""
    postgres = Postgres()
    tool = agent("wait", {"PGHOST": postgres.socket_dir, "PGPORT": str(postgres.port),
                          "PGUSER": "postgres", "PGDATABASE": "postgres"})
    tool.expect("WAIT_DONE 0 postgres: postgres@/")
    ends(tool, 0)


def test_late_start():
    """Refused is retried, and the database found when it comes."""
    postgres = Postgres(start=False)
    tool = agent("wait", {"DATABASE_URL": postgres.url()})
    reason(tool, r"127\.0\.0\.1:%d: Connection refused: is PostgreSQL running there\? "
                 r"see DATABASE_URL$" % postgres.port)
    postgres.start()
    tool.expect("WAIT_DONE", 10)
    ends(tool, 0)


def test_wrong_password():
    """Credentials: retried for auth-grace, then 69 with reason and SQLSTATE."""
    postgres = Postgres(password="right")
    tool = agent("wait", {"DATABASE_URL": postgres.url(password="sesame")}, "auth-grace = 500ms")
    text = (r'127\.0\.0\.1:%d: password authentication failed for user "postgres" \(28P01\): '
            r"check user and password in DATABASE_URL$" % postgres.port)
    reason(tool, text)
    tool.expect("WAIT_FAILED 69 postgres: " + text)
    ends(tool, 69)


def test_missing_database():
    """A missing database is waited for during auth-grace: it may be created."""
    postgres = Postgres()
    tool = agent("wait", {"DATABASE_URL": postgres.url("shop")})
    reason(tool, r'.*database "shop" does not exist \(3D000\): create the database or correct '
                 r"its name in DATABASE_URL$")
    postgres.psql("CREATE DATABASE shop")
    tool.expect("WAIT_DONE", 10)
    ends(tool, 0)


def test_read_only():
    """A server that cannot be written to is not ready, unless target = any."""
    postgres = Postgres(options=["default_transaction_read_only=on"])
    env = {"DATABASE_URL": postgres.url()}
    tool = agent("wait", env, "auth-grace = 300ms")
    tool.expect(r"WAIT_FAILED 69 postgres: .*: the server is read-only \(a standby\?\): name the "
                r"primary in DATABASE_URL, or set target = any$")
    ends(tool, 69)
    tool = agent("wait", env, "target = any", "id2")
    tool.expect("WAIT_DONE")
    ends(tool, 0)


def test_starting_up():
    """57P03 is retried quickly, without auth-grace."""
    server = FakeServer(says("57P03", "the database system is starting up"))
    tool = agent("wait", url(server.port), "auth-grace = 100ms")
    reason(tool, r".*: the database system is starting up \(57P03\)$")
    harness.wait_until(lambda: len(server.requests) > 8, 10, "eight quick attempts")
    server.behave = says("28P01", "no")
    tool.expect(r"WAIT_FAILED 69 postgres: .*: no \(28P01\)")
    ends(tool, 69)


def test_pooler_error():
    """A pooler's 08P01 may mean credentials: auth-grace, then 69."""
    server = FakeServer(says("08P01", "no such database: shop"))
    tool = agent("wait", url(server.port), "auth-grace = 100ms")
    tool.expect(r"WAIT_FAILED 69 postgres: .*no such database: shop \(08P01\): check user, password "
                r"and database in DATABASE_URL, and the pooler's log$")
    ends(tool, 69)


def test_echoed_password():
    """Whatever a server quotes, the password is not told."""
    server = FakeServer(says("28P01", "bad password 'sesame'"))
    tool = agent("wait", url(server.port), "auth-grace = 100ms")
    tool.expect(r"WAIT_FAILED 69 postgres: .*bad password '\*\*\*' \(28P01\)")
    ends(tool, 69)


def test_unreachable():
    """An address of a family that this place does not have: retried, with a hint."""
    tool = agent("wait", url(5432, host="192.0.2.1"), "auth-grace = 1ms")
    reason(tool, r"192\.0\.2\.1:5432: Network (is )?unreachable: there is no way to it from here: an "
                 "IPv4 address in a pod that has only IPv6, or the other way round\\? a name in "
                 "DATABASE_URL may have both$")


def test_mute():
    """A server that accepts and never speaks ends with attempt-timeout."""
    server = FakeServer("mute")
    tool = agent("wait", url(server.port), "attempt-timeout = 200ms")
    reason(tool, r"127\.0\.0\.1:%d: accepts connections, but no answer from PostgreSQL within "
                 r"200ms$" % server.port)
    server.behave = says("57P03", "better")
    reason(tool, r".*better \(57P03\)$")
    tool.stop()


def test_every_address_has_its_own_time():
    """A mute address does not keep the next one from being tried."""
    mute = FakeServer("mute")
    postgres = Postgres()
    tool = agent("wait", {"DATABASE_URL": "postgres://postgres@127.0.0.1:%d,127.0.0.1:%d/postgres"
                          % (mute.port, postgres.port)}, "attempt-timeout = 300ms")
    tool.expect("WAIT_DONE")
    ends(tool, 0)


def test_all_addresses_of_a_name():
    """localhost is tried on both families; the answer that says more is told."""
    postgres = Postgres(options=["listen_addresses='127.0.0.1'"])
    tool = agent("wait", {"DATABASE_URL": postgres.url("nowhere", host="localhost")},
                 "auth-grace = 100ms")
    tool.expect(r"WAIT_FAILED 69 postgres: localhost:%d \(127\.0\.0\.1\): database \"nowhere\""
                % postgres.port)
    ends(tool, 69)


def test_reset():
    """A reset connection is retried."""
    server = FakeServer("reset")
    tool = agent("wait", url(server.port))
    reason(tool, r"127\.0\.0\.1:%d: .*(reset by peer|closed the connection)" % server.port)
    tool.stop()


def test_garbage():
    """What is not PostgreSQL is told as such, and retried."""
    server = FakeServer(http_reply(200, "hello"))
    tool = agent("wait", url(server.port))
    reason(tool, r".*received invalid response to SSL negotiation: H$")
    tool.stop()


def test_slow_bytes():
    """A server that drips is cut off by attempt-timeout, not fed for ever."""
    server = FakeServer("slow")
    tool = agent("wait", url(server.port, extra="?sslmode=disable"), "attempt-timeout = 300ms")
    reason(tool, r".*(no answer from PostgreSQL within 300ms|expected authentication request)")
    tool.stop()


def test_unknown_host():
    """A name that does not resolve yet is waited for."""
    tool = agent("wait", url(5432, "no-such-host.invalid"))
    reason(tool, r"no-such-host\.invalid: .*: check the host in DATABASE_URL$")
    tool.stop()


def test_bad_parameters():
    """Nothing to parse, bad TLS files: at once, 78."""
    tool = agent("wait", {"DATABASE_URL": "postgres://u:sesame/x@h/db"})
    tool.expect("WAIT_FAILED 78 postgres: DATABASE_URL: the URL's port is not a number")
    ends(tool, 78)
    tool = agent("wait", url(1, extra="?sslmode=on"))
    tool.expect('WAIT_FAILED 78 postgres: .*invalid sslmode value: "on": correct it in '
                "DATABASE_URL")
    ends(tool, 78)
    server = FakeServer(lambda connection, first: connection.sendall(b"S"))
    tool = agent("wait", url(server.port, extra="?sslmode=verify-full&sslrootcert=/nowhere/ca"))
    tool.expect('WAIT_FAILED 78 postgres: .*root certificate file "/nowhere/ca" does not exist')
    ends(tool, 78)


def test_no_database():
    """Asked to wait without any source, or for another engine: 78."""
    tool = agent("wait", {})
    tool.expect("WAIT_FAILED 78 postgres: no database is configured: set DATABASE_URL")
    ends(tool, 78)
    tool = agent("wait", {"DATABASE_URL": "sqlite:///db.sqlite3"})
    tool.expect("WAIT_FAILED 78 postgres: DATABASE_URL: sqlite:// is not PostgreSQL")
    ends(tool, 78)


def test_late_secret():
    """Sources are read anew at each attempt: a secret may come late and change."""
    postgres = Postgres(password="sesame")
    path = harness.tmp + "/url"
    tool = agent("wait", {"DATABASE_URL_FILE": path})
    reason(tool, r"DATABASE_URL_FILE \(.*/url\): the file is not there yet, or empty$")
    with open(path, "w") as file:
        file.write(postgres.url(password="rotated") + "\n")
    reason(tool, r".*\(28P01\)")
    with open(path, "w") as file:
        file.write(postgres.url() + "\n")
    tool.expect("WAIT_DONE")
    ends(tool, 0)


def test_reason_is_told_once():
    """The reason is told when it changes, not at each attempt."""
    server = FakeServer(says("57P03", "starting"))
    tool = agent("wait", url(server.port))
    harness.wait_until(lambda: len(server.requests) > 6, 10, "six attempts")
    if tool.count("WAIT_REASON") != 1:
        raise harness.Failure(tool.output())
    tool.stop()


@harness.preload  # a static program has it in itself
def test_no_libpq():
    """Without libpq: which package to install, and 78."""
    harness.need_root()
    found = [line.split()[-1] for line in subprocess.run(
        ["/sbin/ldconfig", "-p"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
        if line.split()[0] == "libpq.so.5"]
    for path in found:      # the case has mounts of its own
        subprocess.run(["mount", "--bind", "/dev/null", path], check=True)
    tool = agent("wait", url(1))
    tool.expect("WAIT_FAILED 78 postgres: cannot load libpq.so.5 .*install the package libpq5")
    ends(tool, 78)


def test_ping():
    """The check `postgres`: one attempt with a reason, bounded as a whole."""
    postgres = Postgres()
    tool = agent("ping", {"DATABASE_URL": postgres.url()})
    tool.expect("^OK$")
    if tool.wait() != 0:
        raise harness.Failure("exit code")
    postgres.stop()
    tool = agent("ping", {"DATABASE_URL": postgres.url()}, session_id="id2")
    tool.expect(r"127\.0\.0\.1:%d: Connection refused" % postgres.port)
    if tool.wait() != 1:
        raise harness.Failure("exit code")
    mute = FakeServer("mute")
    tool = agent("ping", url(mute.port), session_id="id3")
    tool.expect("no answer from PostgreSQL within (1s|[0-9]{3}ms)")


if __name__ == "__main__":
    harness.main()
