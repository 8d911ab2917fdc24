"""Real servers that run, and that nobody reaches: the reason says where they listen, and what
it says to do mends it."""
import os
import re
import shutil
import signal

import harness
from harness import wait_until
from inits import Pidone, http_get

APP = """
def application(environ, start):
    start("200 OK", [("Content-Length", "5")])
    return [b"hello"]

async def asgi(scope, receive, send):
    while scope["type"] == "lifespan":
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})
"""

MANAGE = """
import sys
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpResponse
from django.urls import path

settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="x", DEBUG=True, ALLOWED_HOSTS=["*"])
urlpatterns = [path("", lambda request: HttpResponse("hello"))]
execute_from_command_line(sys.argv)
"""


class Server:
    """What it takes to have one listen at an address, and where it does when it is not told."""

    def __init__(self, program, bind, default=None, name=None):
        self.program, self.bind, self.default = program, bind, default
        self.name = name or program.split()[0]
        self.everywhere = "[::]:8000"

    def run(self, address=None, ready=None):
        home = harness.tmp + "/app"
        os.makedirs(home, exist_ok=True)
        for name, text in (("app.py", APP), ("manage.py", MANAGE)):
            with open(home + "/" + name, "w", encoding="ascii") as file:
                file.write(text)
        host, _, port = (address or "").rpartition(":")
        option = self.bind.format(address=address, host=host.strip("[]"), port=port)
        config = "[run]\ncheck-interval = 200ms\n"
        if ready is not None:
            config += "ready = %s\n" % ready
        return Pidone(["/run"], cwd=home, user=(1000, 1000), nsrun=["--no-new-privs"],
                      config=config + "command = %s %s\n" % (
                          self.program, option if address else ""))


GUNICORN = Server("gunicorn app", "--bind {address}", default="127.0.0.1:8000")
UVICORN = Server("uvicorn app:asgi --lifespan on", "--host {host} --port {port}",
                 default="127.0.0.1:8000")
UVICORN.everywhere = "0.0.0.0:8000"  # it gives each IPv6 socket one family
UWSGI = Server("uwsgi_python3 --wsgi-file app.py --die-on-term", "--http-socket {address}")
RUNSERVER = Server("python3 manage.py runserver --noreload", "{address}",
                   default="127.0.0.1:8000")


def need(server):
    harness.need_root()
    harness.need_command(server.program.split()[0])
    if server is RUNSERVER and not os.path.isdir("/usr/lib/python3/dist-packages/django"):
        harness.skip("needs Debian's python3-django")


def end(p):
    p.signal(signal.SIGKILL)
    p.wait()


def refused_elsewhere(server, where, instead=None):
    """It listens there, and is asked at port 8000: the exact reason, which the log has once."""
    p = server.run(where, ready="http://localhost:8000/")
    reason = ("connection refused: %s listens on %s instead: change the check's port or bind %s"
              % (server.name, instead or where, server.everywhere))
    p.expect("^" + re.escape("pidone[/run]: warning: ready http://localhost:8000/ failed: " +
                             reason) + "$", 20)
    before = p.status_page()["checks"][0]["failures"]
    wait_until(lambda: p.status_page()["checks"][0]["failures"] >= before + 3, 10)
    assert p.http("/readyz?verbose") == (
        503, "[+]running ok\n[-]http://localhost:8000/ failed: %s\nreadyz check failed: "
        "http://localhost:8000/: %s\n" % (reason, reason))
    assert p.count("listens on") == 1, p.output()
    end(p)


def loopback_only(server, where):
    """By loopback only: ready, with the exact note; bound as the note says it has none."""
    p = server.run(where if where != server.default else None)
    note = "%s listens on %s only, which nobody outside reaches: bind %s" % (
        server.name, where, server.everywhere)
    p.expect("^" + re.escape("pidone[/run]: warning: ready http://localhost:8000/ holds, but " +
                             note) + "$", 20)
    p.until("/readyz", 200)
    assert p.http("/readyz?verbose") == (
        200, "[+]running ok\n[+]http://localhost:8000/ ok: %s\nreadyz check passed\n" % note)
    assert p.count("listens on") == 1, p.output()
    end(p)
    p = server.run(server.everywhere)
    p.until("/readyz", 200, 20)
    assert http_get("/", 8000, host="127.0.0.1") == (200, "hello")
    assert p.http("/readyz?verbose") == (
        200, "[+]running ok\n[+]http://localhost:8000/ ok\nreadyz check passed\n")
    assert p.count("listens on") == 0, p.output()
    end(p)


@harness.limit(90)
def test_gunicorn():
    """gunicorn: on another port, on loopback as without --bind, on a unix socket."""
    need(GUNICORN)
    refused_elsewhere(GUNICORN, "0.0.0.0:9000")
    refused_elsewhere(GUNICORN, "[::]:9000")
    loopback_only(GUNICORN, "127.0.0.1:8000")
    p = GUNICORN.run("unix:/run/app.sock", ready="http://localhost:8000/")
    p.expect(re.escape("failed: connection refused: gunicorn listens on unix:/run/app.sock "
                       "instead: change the check or bind [::]:8000") + "$", 20)
    end(p)


@harness.limit(90)
def test_uvicorn():
    """uvicorn: on loopback without --host, and by IPv6 only with --host ::."""
    need(UVICORN)
    refused_elsewhere(UVICORN, "127.0.0.1:9000")
    loopback_only(UVICORN, "127.0.0.1:8000")
    p = UVICORN.run("[::]:8000", ready="http://127.0.0.1:8000/")
    p.expect(re.escape("failed: connection refused: uvicorn listens on [::]:8000 by IPv6 only: "
                       "bind 0.0.0.0:8000") + "$", 20)
    end(p)


@harness.limit(90)
def test_uwsgi():
    """uWSGI: on another port, on loopback."""
    need(UWSGI)
    refused_elsewhere(UWSGI, ":9000", "0.0.0.0:9000")
    loopback_only(UWSGI, "127.0.0.1:8000")


@harness.limit(90)
def test_runserver():
    """Django's runserver: on loopback without an address, on another port."""
    need(RUNSERVER)
    refused_elsewhere(RUNSERVER, "127.0.0.1:9000")
    loopback_only(RUNSERVER, "127.0.0.1:8000")


@harness.limit(60)
def test_runserver_that_reloads():
    """The one that listens is a child of the command."""
    need(RUNSERVER)
    server = Server("python3 manage.py runserver", "{address}", default="127.0.0.1:8000")
    refused_elsewhere(server, "127.0.0.1:9000")


@harness.limit(60)
def test_setproctitle():
    """Where gunicorn renames its processes, its name is still what it is called."""
    need(GUNICORN)
    renamed = shutil.which("gunicorn")
    config = harness.tmp + "/rename.py"
    with open(config, "w", encoding="ascii") as file:
        file.write("import ctypes\n"
                   "ctypes.CDLL(None).prctl(15, b'gunicorn: master')\n")  # PR_SET_NAME
    os.chmod(config, 0o644)
    server = Server("%s app --config %s" % (renamed, config), "--bind {address}", name="gunicorn")
    refused_elsewhere(server, "0.0.0.0:9000")


harness.main()
