#!/usr/bin/python3
"""Every way in which a database is not there yet, or never will be: its class (retried, retried
for auth-grace, or a mistake), exit code and SQLSTATE, and what the reason says to do. What needs
no server of its own kind is in test_wait.py."""
import os
import signal
import subprocess

import harness
from agent import agent
from certificates import Authority, tls_server
from harness import wait_until
from inits import Process
from servers import PgBouncer, Postgres

GRACE = "auth-grace = 300ms"


def gives_up(env, reason, settings=GRACE, code=69):
    """The agent ends with this reason."""
    tool = agent("wait", env, settings, "id-%d" % harness.free_port())
    tool.expect("WAIT_FAILED %d postgres: %s$" % (code, reason), 15)
    tool.expect("EXIT %d$" % code)
    return tool


def goes_on(env, reason, settings="auth-grace = 1ms"):
    """The agent says this, and tries again although there is no grace to speak of."""
    tool = agent("wait", env, settings, "id-%d" % harness.free_port())
    tool.expect("WAIT_REASON 0 postgres: %s$" % reason, 15)
    return tool


def is_there(env, settings=GRACE):
    tool = agent("wait", env, settings, "id-%d" % harness.free_port())
    tool.expect("WAIT_DONE", 10)
    tool.expect("EXIT 0$")


def attempts_in_log(postgres, text):
    return postgres.process.output().count(text)


# ---- credentials ----

def test_no_password():
    """no password where one is wanted: which variable to put it into; healed by a later one"""
    postgres = Postgres(password="sesame")
    bare = "postgres://postgres@127.0.0.1:%d/postgres" % postgres.port
    gives_up({"DATABASE_URL": bare}, ".*: fe_sendauth: no password supplied: put the password into "
             "DATABASE_URL")
    gives_up({"PGHOST": "127.0.0.1", "PGPORT": str(postgres.port), "PGUSER": "postgres"},
             ".*: put the password into PGPASSWORD")


def test_unknown_role():
    """an unknown role is told as a wrong password is, for so the server tells it"""
    postgres = Postgres(password="sesame")
    gives_up({"DATABASE_URL": postgres.url(user="nobody")},
             r'.*: password authentication failed for user "nobody" \(28P01\): check user and '
             "password in DATABASE_URL")


def test_role_that_may_not_log_in():
    """a role without LOGIN, and one that pg_hba.conf does not let in: 28000"""
    postgres = Postgres()
    postgres.psql("CREATE ROLE closed NOLOGIN")
    gives_up({"DATABASE_URL": postgres.url(user="closed")},
             r'.*: role "closed" is not permitted to log in \(28000\): check the user in '
             "DATABASE_URL, its LOGIN right, and pg_hba.conf")


def test_role_that_comes():
    """credentials that appear seconds later: waited for, and told meanwhile"""
    postgres = Postgres(password="sesame")
    tool = agent("wait", {"DATABASE_URL": postgres.url(user="shop")}, "auth-grace = 30s")
    tool.expect(r"WAIT_REASON 0 postgres: .*\(28P01\)")
    postgres.psql("CREATE ROLE shop LOGIN PASSWORD 'sesame'")
    tool.expect("WAIT_DONE", 15)
    tool.expect("EXIT 0$")
    assert attempts_in_log(postgres, "password authentication failed") >= 1


# ---- the server does not let anybody in ----

def test_database_that_is_closed():
    """ALLOW_CONNECTIONS false: 55000, for auth-grace"""
    postgres = Postgres()
    postgres.psql("CREATE DATABASE shop ALLOW_CONNECTIONS false")
    gives_up({"DATABASE_URL": postgres.url("shop")},
             r'.*: database "shop" is not currently accepting connections \(55000\): check the '
             "database in DATABASE_URL")


def test_too_many_connections():
    """53300 passes by itself: retried as long as it lasts"""
    postgres = Postgres()
    postgres.psql("CREATE ROLE shop LOGIN CONNECTION LIMIT 0")
    tool = goes_on({"DATABASE_URL": postgres.url(user="shop")},
                   r'.*: too many connections for role "shop" \(53300\): raise max_connections or '
                   "close connections")
    wait_until(lambda: attempts_in_log(postgres, "too many connections") > 2, 10)
    postgres.psql("ALTER ROLE shop CONNECTION LIMIT 1")
    tool.expect("WAIT_DONE", 20)


def test_shutting_down():
    """a server that shuts down while somebody still works: waited for, then its successor"""
    postgres = Postgres()
    worker = session(postgres)
    postgres.process.signal(signal.SIGTERM)  # smart: until all have left
    tool = goes_on({"DATABASE_URL": postgres.url()},
                   r".*: the database system is shutting down \(57P03\)")
    worker.popen.stdin.close()
    postgres.process.wait(15)
    tool.expect("WAIT_REASON 0 postgres: .*Connection refused", 10)
    postgres.start()
    tool.expect("WAIT_DONE", 10)


def session(postgres):
    """A client that is connected and says so."""
    client = Process([postgres.bin + "/psql", "-X", "-qtA", "-d", postgres.url()],
                     stdin=subprocess.PIPE, name="psql")
    client.popen.stdin.write(b"SELECT 'connected';\n")
    client.popen.stdin.flush()
    client.expect("^connected")
    return client


# ---- TLS ----

def test_tls_that_the_server_lacks():
    """sslmode=require, and the server has no TLS"""
    postgres = Postgres()
    gives_up({"DATABASE_URL": postgres.url() + "?sslmode=require"},
             ".*: server does not support SSL, but SSL was required: turn TLS on in the server, or "
             "set sslmode in DATABASE_URL")


def test_tls_that_the_server_wants():
    """hostssl only, and sslmode=disable: 28000"""
    postgres = tls_server("db.example.org")[0]
    with open(postgres.data + "/pg_hba.conf", "w", encoding="ascii") as file:
        file.write("local all all trust\nhostssl all all all trust\n")
    postgres.psql("SELECT pg_reload_conf()")
    url = postgres.url()
    wait_until(lambda: "hostssl" in postgres.psql("SELECT type FROM pg_hba_file_rules"), 5)
    is_there({"DATABASE_URL": url})
    gives_up({"DATABASE_URL": url + "?sslmode=disable"},
             r".*no pg_hba.conf entry .*no encryption \(28000\): check the user in DATABASE_URL, "
             "its LOGIN right, and pg_hba.conf")


def test_certificates():
    """verify-full: the right authority and name; another authority; another name"""
    postgres, authority = tls_server("localhost")
    url = postgres.url(host="localhost") + "?sslmode=verify-full&sslrootcert="
    is_there({"DATABASE_URL": url + authority.certificate})
    other = Authority("Somebody else")
    gives_up({"DATABASE_URL": url + other.certificate},
             ".*certificate verify failed.*: check sslrootcert in DATABASE_URL")
    by_address = postgres.url() + "?sslmode=verify-full&sslrootcert=" + authority.certificate
    gives_up({"DATABASE_URL": by_address},
             '.*server certificate for "localhost".* does not match host name "127.0.0.1": use a '
             "host name of the certificate in DATABASE_URL")


# ---- standbys ----

def test_standby_and_failover():
    """a standby is not what is wanted; when it is promoted, with the old primary gone, it is"""
    primary = Postgres()
    standby = Postgres(standby_of=primary)
    gives_up({"DATABASE_URL": standby.url()},
             r".*: the server is read-only \(a standby\?\): name the primary in DATABASE_URL, or "
             "set target = any")
    is_there({"DATABASE_URL": standby.url()}, "target = any")
    both = "postgres://postgres@127.0.0.1:%d,127.0.0.1:%d/postgres" % (standby.port, primary.port)
    is_there({"DATABASE_URL": both})
    primary.stop(signal.SIGQUIT)
    tool = agent("wait", {"DATABASE_URL": both}, "auth-grace = 30s", "failover")
    tool.expect("WAIT_REASON 0 postgres: .*Connection refused")
    standby.psql("SELECT pg_promote()")
    tool.expect("WAIT_DONE", 15)
    tool.expect("EXIT 0$")


def test_in_recovery():
    """a server that recovers, and lets nobody in meanwhile: 57P03, however long"""
    primary = Postgres()
    standby = Postgres(standby_of=primary, options=["hot_standby=off"], start=False)
    standby.start(wait=False)
    tool = goes_on({"DATABASE_URL": standby.url()},
                   r".*: the database system is not accepting connections \(57P03\)|"
                   r".*: the database system is starting up \(57P03\)")
    wait_until(lambda: attempts_in_log(standby, "FATAL") > 3, 10)
    assert tool.alive()


# ---- behind a pooler ----

def test_pooler_whose_server_is_down():
    """PgBouncer lets clients in and holds their queries: not ready until the server answers"""
    postgres = Postgres()
    pooler = PgBouncer(postgres, settings=["server_login_retry = 1", "query_wait_timeout = 60"])
    env = {"DATABASE_URL": pooler.url()}
    is_there(env)
    postgres.stop(signal.SIGQUIT)
    tool = goes_on(env, ".*: accepts connections, but no answer from PostgreSQL within 500ms",
                   "attempt-timeout = 500ms\nauth-grace = 1ms")
    postgres.start()
    tool.expect("WAIT_DONE", 20)


def test_pooler_that_refuses():
    """08P01 is a pooler's word for several mistakes: for auth-grace, and all are named"""
    users = harness.tmp + "/users"
    with open(users, "w", encoding="ascii") as file:
        file.write('"postgres" "sesame"\n')
    os.chmod(users, 0o644)
    pooler = PgBouncer(Postgres(), settings=["auth_type = md5", "auth_file = " + users])
    is_there({"DATABASE_URL": pooler.url(password="sesame")})
    remedy = (r" \(08P01\): check user, password and database in DATABASE_URL, and the pooler's "
              "log")
    gives_up({"DATABASE_URL": pooler.url(password="wrong")},
             ".*: password authentication failed" + remedy)
    gives_up({"DATABASE_URL": pooler.url(password="sesame", database="nosuch")},
             ".*: no such database: nosuch" + remedy)


if __name__ == "__main__":
    harness.main()
