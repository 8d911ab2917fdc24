"""What the pages say: links lead somewhere, boxes are what they say, and doc/customer.md quotes
what pidone really prints, and settings that really find the database."""
import json
import os
import re
import signal
import subprocess

import docs
import harness
from harness import wait_until
from inits import Pidone

CUSTOMER = "doc/customer.md"


def complain(complaints):
    complaints = list(complaints)
    if complaints:
        raise harness.Failure("\n".join(complaints))


def exists(path):
    return os.path.exists(os.path.join(harness.SRCDIR, path))


def test_links():
    """Every link of a page leads to a file that is there, and to a heading that it has."""
    there = docs.pages()
    assert len(there) > 12, sorted(there)
    small = {"doc/a.md": "# A title\n## The `x` of y, z\n## Twice\n## Twice\n", "b.md": ""}
    for good in ("doc/a.md#a-title", "doc/a.md#the-x-of-y-z", "doc/a.md#twice-1", "b.md",
                 "https://example.org/nowhere"):
        found = list(docs.bad_links("c.md", "see [it](%s)" % good, small, small.__contains__))
        assert not found, found
    for bad in ("doc/b.md", "doc/a.md#b", "../b.md", "#no", "doc/a.md#twice-2"):
        assert list(docs.bad_links("c.md", "see [it](%s)" % bad, small, small.__contains__)), bad
    assert not list(docs.bad_links("c.md", "```sh\nx [a](b)\n```\n", small, small.__contains__))
    complain(complaint for path, text in sorted(there.items())
             for complaint in docs.bad_links(path, text, there, exists))


def test_python_boxes():
    """What is in a box of Python is Python."""
    found = docs.all_boxes("python")
    assert len(found) > 8, [name for name, _ in found]
    for name, text in found:
        try:
            compile(text, name, "exec")
        except SyntaxError as error:
            raise harness.Failure("%s: line %s: %s" % (name, error.lineno, error.msg)) from None


def test_shell_boxes():
    """What is in a box of sh is understood by a shell."""
    found = docs.all_boxes("sh")
    assert len(found) > 15, [name for name, _ in found]

    def wrong(name, text):
        done = subprocess.run(["sh", "-n"], input=text, stderr=subprocess.PIPE, text=True,
                              check=False)
        if done.returncode != 0:
            yield "%s: %s" % (name, done.stderr.strip())
    assert list(wrong("x", "if true\n"))
    complain(complaint for name, text in found for complaint in wrong(name, text))


# ---- settings.py ----

# as CloudNativePG writes them; the password has what a URL must quote
SECRET = {"host": "shop-db-rw", "port": "5432", "dbname": "app", "username": "app",
          "password": "p@ss/w%rd"}
URI = {"uri": "postgresql://app:p%40ss%2Fw%25rd@shop-db-rw:5432/app"}
DATABASE = {"ENGINE": "django.db.backends.postgresql", "HOST": "shop-db-rw", "PORT": "5432",
            "NAME": "app", "USER": "app", "PASSWORD": "p@ss/w%rd", "CONN_MAX_AGE": 600,
            "CONN_HEALTH_CHECKS": True}
# the arguments are modules with settings
ASKED = """
import json, sys
from django.conf import Settings
print(json.dumps({module: {name: getattr(settings, name) for name in dir(settings)
                           if name in ("DATABASES", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS",
                                       "DEBUG", "SECRET_KEY", "SECURE_PROXY_SSL_HEADER")}
                  for module in sys.argv[1:] for settings in [Settings(module)]}))
"""
URL, VARIABLES, POOLER = "DATABASE_URL", "separate variables", "behind PgBouncer"
STATIC = "static files (requirements: whitenoise)"
GIVEN = {"SECRET_KEY": "x", "ALLOWED_HOSTS": "shop.example.org,www.shop.example.org",
         "CSRF_TRUSTED_ORIGINS": "https://shop.example.org"}


def settings_boxes():
    """title → text; the one for every site has the title ''."""
    found = {}
    for _, text in docs.boxes(docs.page(CUSTOMER), "python"):
        match = re.match(r"# settings\.py(?:: (.*))?\n", text)
        if match:
            found[match.group(1) or ""] = text
    assert set(found) == {"", URL, VARIABLES, POOLER, STATIC}, sorted(found)
    return found


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def need_django():
    modules = ("django", "dj_database_url", "psycopg2")
    if subprocess.run(["/usr/bin/python3", "-c", "import " + ", ".join(modules)], check=False,
                      stderr=subprocess.DEVNULL).returncode != 0:
        harness.skip("needs Debian's python3-django, python3-dj-database-url, python3-psycopg2")


def settings(modules, environ, words=()):
    """What Django makes of these boxes: module → titles of boxes."""
    need_django()
    found = settings_boxes()
    for module, titles in modules.items():
        text = ["MIDDLEWARE = ['django.middleware.security.SecurityMiddleware']\n"]
        write("%s/%s.py" % (harness.tmp, module), "".join(text + [found[t] for t in [""] + titles]))
    done = subprocess.run(list(words) + ["/usr/bin/python3", "-c", ASKED] + list(modules),
                          cwd=harness.tmp, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False,
                          env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", **environ})
    if done.returncode != 0:
        raise harness.Failure("%s: %s" % (modules, done.stderr[-2000:]))
    return json.loads(done.stdout.splitlines()[-1])


def settings_in_a_pod(modules, secret):
    """The same as a container of the chart has it: started by pidone, the Secret is mounted."""
    for name, value in secret.items():
        write("%s/secret/%s" % (harness.tmp, name), value)
    environ = dict(GIVEN, PIDONE_POSTGRES_SECRET_DIR=harness.tmp + "/secret")
    return settings(modules, environ, [harness.BIN, "--"])


def database(found):
    """As text: one way says 5432, another one '5432'; an older dj-database-url has the engine's
    older name."""
    texts = {name: str(found["DATABASES"]["default"].get(name)) for name in DATABASE}
    return dict(texts, ENGINE=texts["ENGINE"].replace("postgresql_psycopg2", "postgresql"))


def check_settings(secret):
    wanted = {name: str(value) for name, value in DATABASE.items()}
    for way, found in settings_in_a_pod({"one": [URL], "two": [VARIABLES]}, secret).items():
        assert database(found) == wanted, (way, found)
        assert found["ALLOWED_HOSTS"] == ["shop.example.org", "www.shop.example.org"], found
        assert found["CSRF_TRUSTED_ORIGINS"] == ["https://shop.example.org"], found
        assert found["SECRET_KEY"] == "x" and found["DEBUG"] is False, found
        assert found["SECURE_PROXY_SSL_HEADER"] == ["HTTP_X_FORWARDED_PROTO", "https"], found


@harness.as_shipped
def test_settings():
    """The settings of doc/customer.md find database and hosts in what the chart gives, from a URL
    and from separate variables, where the Secret has a uri, as CloudNativePG writes it."""
    check_settings(URI)


@harness.as_shipped
def test_settings_without_a_uri():
    """So they do where the Secret says host, port and so on, as behind a pooler; with the box for
    that, Django keeps no connection, and no cursor of the server's."""
    check_settings(SECRET)
    found = settings_in_a_pod({"one": [URL, POOLER], "two": [VARIABLES, POOLER]}, SECRET)
    for way in found.values():
        assert way["DATABASES"]["default"]["CONN_MAX_AGE"] == 0, found
        assert way["DATABASES"]["default"]["DISABLE_SERVER_SIDE_CURSORS"] is True, found


def test_settings_in_the_dockerfile():
    """Without a database and hosts, as at collectstatic, the settings can be read; without a
    SECRET_KEY they cannot."""
    found = settings({"one": [URL, STATIC], "two": [VARIABLES, STATIC]}, {"SECRET_KEY": "b"})
    for way in found.values():
        assert way["ALLOWED_HOSTS"] == ["localhost"], found
        assert way["CSRF_TRUSTED_ORIGINS"] == [], found
    try:
        settings({"one": []}, {})
    except harness.Failure as failure:
        assert "SECRET_KEY" in str(failure), failure
    else:
        raise harness.Failure("a site without SECRET_KEY starts")


# ---- what pidone prints ----

NOWHERE = {"DATABASE_URL": "postgresql://app:x@127.0.0.1:1/app"}
# exit code, what is in the page and in pidone's output, its words, its variables
ENDS = [
    (1, "python exited with 1", ["/run"], {"PIDONE_RUN_COMMAND": "./python"}),
    (64, "unknown option '--frob'", ["--frob", "/run"], {}),
    (69, "wait-timeout is over: waiting for postgres: ", ["/init"],
     dict(NOWHERE, PIDONE_INIT_STEP="true", PIDONE_POSTGRES_WAIT_TIMEOUT="1s")),
    (78, "nothing says what /run runs", ["/run"], {}),
    (78, "unknown key 'comand' in [run]: did you mean 'command'?", ["-c", "bad.ini", "check"], {}),
    (124, "step 1 took longer than step-timeout", ["/init"],
     {"PIDONE_INIT_STEP": "sleep 60", "PIDONE_INIT_STEP_TIMEOUT": "200ms"}),
    (126, "it was built for another machine", ["/run"], {"PIDONE_RUN_COMMAND": "./other"}),
    (126, "it is not an executable file for this user", ["/run"],
     {"PIDONE_RUN_COMMAND": "./bad.ini"}),
    (127, "there is no such program in PATH", ["/run"], {"PIDONE_RUN_COMMAND": "no-such-program"}),
    (127, "its #! line asks for '/nosuch/python', which is not there", ["/run"],
     {"PIDONE_RUN_COMMAND": "./script"}),
    (137, "was ended by KILL", ["/run"], {"PIDONE_RUN_COMMAND": "sh -c 'kill -KILL $$'"}),
    (143, "was ended by TERM", ["/run"], {"PIDONE_RUN_COMMAND": "sh -c 'kill -TERM $$'"}),
]
# what only a database or the kernel can bring about: tests/pg and tests/image look for them
ELSEWHERE = {69: 'password authentication failed for user "app" (28P01)',
             75: "lost the lock", 137: "was killed by the kernel: out of memory (limit 512 MiB)"}
# foreign machine code: the first bytes of a program for aarch64
OTHER = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00" + bytes(200)


def image():
    """A directory with what the cases start."""
    files = {"bad.ini": b"[run]\ncomand = x\n", "script": b"#!/nosuch/python\n",
             "python": b"#!/bin/sh\nexit 1\n", "other": OTHER}
    for name, content in files.items():
        with open(harness.tmp + "/" + name, "wb") as file:
            file.write(content)
        os.chmod(harness.tmp + "/" + name, 0o644 if name == "bad.ini" else 0o755)


def table():
    """exit code → its row"""
    rows = re.findall(r"^\| (\d+)(?:, \d+)*(?: …)? \|(.*)$", docs.page(CUSTOMER), re.M)
    return {int(code): row for code, row in rows}


@harness.as_shipped
def test_exit_codes():
    """Each row of the table of exit codes quotes what pidone prints when it ends so."""
    image()
    rows = table()
    assert set(rows) == {code for code, *_ in ENDS} | set(ELSEWHERE), sorted(rows)
    for code, text, words, environ in ENDS:
        done = subprocess.run([harness.BIN] + words, cwd=harness.tmp, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False,
                              env={"PATH": "/usr/bin:/bin", **environ})
        assert done.returncode == code, (code, done.returncode, done.stdout)
        assert text in done.stdout, (text, done.stdout)
        assert text in rows[code], "%s: the row of %d does not quote: %s" % (CUSTOMER, code, text)
    for code, text in ELSEWHERE.items():
        assert text in rows[code], (code, text)


# answers with 500, or not at all
SITE = """
import http.server, sys, time
class Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if sys.argv[1] == "hang":
            time.sleep(60)
        self.send_response(500)
        self.end_headers()
    def log_message(self, *words):
        pass
http.server.HTTPServer(("127.0.0.1", 8000), Site).serve_forever()
"""
# what is in the page and what /readyz says → the command of /run
REASONS = {
    "waiting for postgres: ": ["sleep", "1000"],
    "http://localhost:8000/: connection refused": ["sleep", "1000"],
    "http://localhost:8000/: HTTP 500": ["/usr/bin/python3", "-c", SITE, "fail"],
    "http://localhost:8000/: no answer in time": ["/usr/bin/python3", "-c", SITE, "hang"],
    "draining": ["sleep", "1000"]}


@harness.as_shipped
@harness.limit(60)
def test_reasons():
    """Each reason for READY 0/1 in doc/customer.md is one that /readyz gives."""
    page = docs.page(CUSTOMER)
    told = re.findall(r"^\| `([^`]+)` \|", page.split("READY `0/1`: the log says")[1], re.M)
    # "listens on …" is looked for by tests/app/test_reach.py
    told = {reason.rstrip("…") for reason in told if "listens on" not in reason}
    assert told == set(REASONS), told
    for reason, command in REASONS.items():
        env = {"PIDONE_RUN_CHECK_INTERVAL": "100ms", "PIDONE_RUN_CHECK_TIMEOUT": "500ms",
               "PIDONE_RUN_READY": "http://localhost:8000/"}
        if "postgres" in reason:
            env.update(NOWHERE)
        if reason == "draining":
            env.update(PIDONE_RUN_READY="exec:true", PIDONE_RUN_DRAIN="1m")
        p = Pidone(["/run", "--"] + command, env=env)
        if reason == "draining":
            p.until("/readyz", 200)
            p.signal(signal.SIGTERM)

        wait_until(lambda: reason in p.until("/readyz", 503), 10, reason)
        p.signal(signal.SIGTERM)
        p.wait()


harness.main()
