#!/usr/bin/python3
"""No password in any log, error, status, metric, termination message or process title
(contract §6): a canary is planted, and looked for in all that pidone says, in every form."""
import base64
import os
import signal
import subprocess
import urllib.parse

import harness
from agent import says
from harness import wait_until
from inits import Pidone, finished
from proc import command_name
from programs import AGENT, process_called
from servers import FakeServer, PgBouncer, Postgres

CANARY = "Xq7vZ2mK9wLp4TfR"
PIECE = 6  # so much of it in a row is a leak
QUICK = {"PIDONE_POSTGRES_AUTH_GRACE": "0s", "PIDONE_POSTGRES_ATTEMPT_TIMEOUT": "500ms"}


def forms(secret):
    """All that would give it away: any piece, as it is, percent-encoded, hex, base64."""
    found = set()
    for i in range(len(secret) - PIECE + 1):
        piece = secret[i:i + PIECE]
        found |= {piece, "".join("%%%02X" % ord(c) for c in piece), piece.encode().hex()}
    for shift in range(3):
        encoded = base64.b64encode(b"-" * shift + secret.encode()).decode().rstrip("=")
        inner = encoded[4 if shift else 0:-2]  # what the neighbours' bits do not reach
        found |= {inner[i:i + 8] for i in range(len(inner) - 7)}
    return found


FORMS = {form.lower() for form in forms(CANARY)}


def leaks(text):
    lower = text.lower()
    return sorted(form for form in FORMS if form in lower)


def must_not_tell(where, text):
    found = leaks(text)
    if found:
        raise harness.Failure("%s tells the password (%s): %s" % (where, found[0], text))


def titles(p):
    """What ps shows of pidone's own processes; the app's arguments are the app's."""
    seen = ""
    for pid in [p.pid] + [pid for pid in p.inside() if command_name(pid).startswith("pidone")]:
        for name in ("cmdline", "comm"):
            try:
                with open("/proc/%d/%s" % (pid, name), encoding="utf-8", errors="replace") as file:
                    seen += file.read() + "\n"
            except OSError:
                pass  # it has ended
    return seen


def search(p):
    """In all that can be asked for while it lives, and in what it said."""
    must_not_tell("a title", titles(p))
    if p.alive():
        for path in ("/status", "/status?format=text", "/metrics", "/readyz?verbose",
                     "/livez?verbose"):
            must_not_tell(path, p.http(path)[1])
    must_not_tell("the log", p.output())
    must_not_tell("the termination message", p.termination_log)


def search_tools(env, config=None):
    for words in (["check"], ["explain"], ["explain", "--ini"], ["explain", "/run"]):
        must_not_tell("pidone " + " ".join(words), finished(words, env=env, config=config)[1])


def lives(env, config="", expect="^up"):
    """A role with this database: all that it says until it is stopped."""
    keys = "[run]\ncommand = sh -c 'echo up; exec sleep 1000'\n" + config
    p = Pidone(["-v", "/run"], env=dict(QUICK, **env), config=keys)
    p.expect(expect, 15)
    p.until("/livez", 200)
    search(p)
    p.signal(signal.SIGTERM)
    p.wait(15)
    search(p)
    search_tools(dict(QUICK, **env), keys)
    return p


def fails(env, reason):
    """The same while it is retried; and when there is no grace, to the end."""
    lives(dict(env, PIDONE_POSTGRES_AUTH_GRACE="1h"), expect="waiting for postgres: .*" + reason)
    p = Pidone(["-v", "/run"], env=dict(QUICK, **env), config="[run]\ncommand = true\n")
    p.expect("error: postgres: .*" + reason, 15)
    assert p.wait(15) == 69
    search(p)


# ---- the search itself ----

def test_search_finds_them():
    """the search finds the canary in every form, wherever it is planted"""
    for form in (CANARY, CANARY[3:9], "".join("%%%02x" % ord(c) for c in CANARY),
                 base64.b64encode(CANARY.encode()).decode(), CANARY.encode().hex(),
                 base64.b64encode(("postgres://a:" + CANARY + "@b").encode()).decode(),
                 base64.b64encode(("user:" + CANARY).encode()).decode()):
        assert leaks("before " + form + " behind"), form
    assert not leaks("postgres: password authentication failed for user \"shop\" (28P01)")
    p = Pidone(["sh", "-c", "echo " + CANARY])
    p.wait()
    assert leaks(p.output()), "not found in the log"
    p = Pidone(["sleep", "1000"], argv0="pidone-" + CANARY)
    process_called(p, "sleep")
    assert leaks(titles(p)), "not found in a title"
    p.signal(signal.SIGTERM)
    p.wait()


# ---- a database that is there ----

def test_success():
    """a database that is there, by URL, by PG* variables and by a secret that is mounted"""
    db = Postgres(password=CANARY)
    lives({"DATABASE_URL": db.url()})
    lives(db.env())
    secret = harness.tmp + "/secret"
    os.mkdir(secret)
    for name, text in (("host", "127.0.0.1"), ("port", str(db.port)), ("username", "postgres"),
                       ("password", CANARY), ("dbname", "postgres")):
        with open(secret + "/" + name, "w", encoding="ascii") as file:
            file.write(text + "\n")
    lives({}, "[postgres]\nsecret-dir = %s\n" % secret)
    lives({"DATABASE_URL": db.url()},
          "lock = postgres\nonce = true\n[postgres]\nlock-url = %s\n" % db.url())


def test_init():
    """/init: the lock, the marks, a step that fails; and another one that waits for the lock"""
    db = Postgres(password=CANARY)
    keys = "[init]\nonce = true\nstep = sh -c 'echo in; read x; exit 3'\n"
    env = dict(QUICK, DATABASE_URL=db.url(), PIDONE_RELEASE="v1")
    holder = Pidone(["-v", "/init"], env=env, config=keys, stdin=subprocess.PIPE)
    holder.expect("^in")
    waiter = Pidone(["-v", "/init"], env=env, config=keys)
    waiter.expect("waiting for the lock")
    search(waiter)
    waiter.signal(signal.SIGTERM)
    waiter.wait()
    search(waiter)
    holder.popen.stdin.close()
    assert holder.wait() == 3
    search(holder)
    must_not_tell("pidone once list", finished(["once", "list"], env=env)[1])


def test_agent_keeps_it():
    """the agent cannot be read by the app's user, and would leave no core"""
    db = Postgres(start=False, password=CANARY)
    p = Pidone(["/run"], env=dict(QUICK, DATABASE_URL=db.url()),
               config="[run]\ncommand = sleep 1000\nuser = nobody\n")
    p.expect("waiting for postgres: .*refused")
    agent = process_called(p, AGENT)
    with open("/proc/%d/status" % agent, encoding="ascii") as file:
        uid = [line.split()[1] for line in file if line.startswith("Uid:")][0]
    assert uid == "65534", uid
    # the kernel gives what is not dumpable to root: nobody else may ptrace it
    assert os.stat("/proc/%d/environ" % agent).st_uid == 0
    p.signal(signal.SIGTERM)
    p.wait()


# ---- failures ----

def quotes(connection, first):
    says("08P01", "bad login: user shop password %s" % CANARY)(connection, first)


def test_refused_and_rejected():
    """nobody listens; a wrong password; no such database; a pooler that quotes what it got"""
    db = Postgres(password="right")
    lives({"DATABASE_URL": "postgres://shop:%s@127.0.0.1:1/shop" % CANARY},
          expect="waiting for postgres: .*refused")
    fails({"DATABASE_URL": db.url(password=CANARY)}, "28P01")
    fails(dict(db.env(), PGPASSWORD=CANARY), "28P01")
    db.psql("ALTER USER postgres PASSWORD '%s'" % CANARY)
    fails({"DATABASE_URL": db.url("nosuch", password=CANARY)}, "3D000")
    server = FakeServer(quotes)
    fails({"DATABASE_URL": "postgres://shop:%s@127.0.0.1:%d/shop" % (CANARY, server.port)},
          "08P01")
    pooler = PgBouncer(Postgres())
    fails({"DATABASE_URL": pooler.url(password=CANARY, database="nosuch")}, "08P01")


def test_urls_that_cannot_be():
    """a password that is not encoded, a port that is none, a scheme with a typo"""
    for url in ("postgres://u:%s/x@h/db", "postgres://u:%s#x@h/db", "postgres://u:a@%s@h/db",
                "postgres://u:%s x@h/db", "postgres://u:%s@h:port/db", "postgres://u:%s@[::1/db",
                "postgrs://u:%s@h/db", "u:%s@h/db", "postgres://u:%%zz%s@h/db",
                "postgres://u@h/db?password=%s&nosuch=1", "postgres://h/db?sslpassword=%s",
                "mysql://u:%s@h/db", "//u:%s@h/db", "host=h password=%s"):
        text = url % CANARY
        for env in ({"DATABASE_URL": text},
                    {"DATABASE_URL": text.replace(CANARY, urllib.parse.quote(CANARY[:8]) +
                                                  "%" + CANARY[8:])}):
            code, out = finished(["/run", "--", "true"], timeout=20,
                                 env=dict(QUICK, PIDONE_RUN_WAIT_TIMEOUT="1s", **env))
            must_not_tell("%r (%d)" % (url, code), out)
            search_tools(dict(QUICK, **env))


def test_lines_of_the_file():
    """mistakes in lines that have a password in them"""
    url = "postgresql://u:%s@127.0.0.1:1/db" % CANARY
    for lines in ("[postgres]\nurl = %s" % url, "[postgres]\nurll = %s" % url,
                  "[postgres]\nurl = x%s" % url, "[postgres]\nlock-url = %s\nurl = %s" % (url, url),
                  "[run]\ncommand = true\nwait = %s" % url,
                  "[run]\ncommand = true\nready = %s" % url,
                  "[run]\ncommand = true\nwait = postgresql://u:%s@[h/db" % CANARY,
                  "[run]\ncommand = true\nwait = redis://u:%s@127.0.0.1:1" % CANARY,
                  "[run]\ncommand = true\nlive = redis://u:%s@127.0.0.1:1/nodb" % CANARY,
                  "[run]\ncommand = true\nwait = http://u:%s@127.0.0.1:1/" % CANARY,
                  "[env]\nSECRET_KEY = %s\nFROM FILES = %s" % (CANARY, CANARY),
                  "[env]\nSECRET_KEY = ${NOPE:?%s" % CANARY):
        code, out = finished(["/run", "--", "true"], config=lines + "\n", timeout=20,
                             env={"PIDONE_RUN_WAIT_TIMEOUT": "1s"})
        must_not_tell("%r (%d)" % (lines.replace(CANARY, "…"), code), out)
        search_tools({}, lines + "\n")


def test_pidone_wait():
    """pidone wait: a password in an argument is in no title, log or error"""
    for target in ("postgresql://u:%s@127.0.0.1:1/db", "redis://u:%s@127.0.0.1:1/0",
                   "redis://:%s@127.0.0.1:1", "http://u:%s@127.0.0.1:1/",
                   "postgresql://u:%s@[h/db", "redis://u:%s@h:port", "postgrs://u:%s@h/db"):
        p = Pidone(["wait", "--timeout", "1s", target % CANARY, "--", "true"])
        wait_until(lambda p=p: p.output() or not p.alive(), 5)
        if p.count("waiting for"):  # else it ends with a mistake, and its arguments with it
            must_not_tell("a title of wait " + target, titles(p))
        p.wait(15)
        must_not_tell("wait " + target, p.output() + p.termination_log)


if __name__ == "__main__":
    harness.main()
