"""The servers of doc/servers.md, with the lines of that page: ready when a worker answers, a
graceful end, and not one failed request while instances are replaced one after the other."""
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading

import harness
import load
import mysite
from harness import free_port, wait_until
from inits import Pidone, Process, http_get, run_pidone

GUNICORN, SYNC, UVICORN = "gunicorn, threads", "gunicorn, sync", "uvicorn"
KEPT, UWSGI, DAPHNE = "gunicorn, kept connections", "uWSGI", "daphne"
DETECTED, DETECTED_UWSGI = "detected", "detected uWSGI"  # no line at all: these are found
RATE = 200  # requests a second that all clients aim at together
DRAIN_S = 3


def config_of(section):
    return "" if section in (DETECTED, DETECTED_UWSGI) else mysite.documented(section)


def need(section):
    harness.need_root()
    found = {DETECTED: "gunicorn", DETECTED_UWSGI: "uwsgi_python3"}.get(section)
    harness.need_command(found or config_of(section).split("command = ")[1].split()[0])
    if subprocess.run(["/usr/bin/python3", "-c", "import django"], check=False,
                      stderr=subprocess.DEVNULL).returncode != 0:
        harness.skip("needs Debian's python3-django")


def path_with(program):
    """A PATH that has this program and no other server."""
    directory = harness.tmp + "/bin"
    os.makedirs(directory, exist_ok=True)
    if not os.path.exists(directory + "/" + program):
        os.symlink(shutil.which(program), directory + "/" + program)
    return directory


def start(section, directory, **keys):
    """An instance with the page's lines, as an ordinary user, on ports of its own. keys: what
    of [run] a case has otherwise."""
    port, probe_port = free_port(), free_port()
    env = {"PORT": port, "MYSITE": directory, "PIDONE_RUN_LISTEN": "[::]:%d" % probe_port,
           "PIDONE_RUN_SOCKET": "none"}
    env.update({"PIDONE_RUN_" + key.upper(): value for key, value in keys.items()})
    if section == DAPHNE:
        env["CLOSE_CONNECTION"] = "1"
    if section == DETECTED_UWSGI:
        env["PATH"] = path_with("uwsgi_python3")
    run = Pidone(["/run"], config=config_of(section), env=env, cwd=directory,
                 user=(1000, 1000), nsrun=["--no-new-privs"], name="%s at %d" % (section, port))
    run.port, run.probe_port = port, probe_port
    return run


# ---- one instance ----

def check_ready(section):
    """Held at its import, it is not ready, whoever listens; then it is, for both families."""
    need(section)
    directory = mysite.make()
    held = mysite.hold(directory, "import")
    run = start(section, directory, check_timeout="500ms")
    run.expect("mysite is at its import", 20)

    def has_failed():
        body = run.http("/readyz?verbose", run.probe_port)[1]
        return "[-]http" in body and "no result yet" not in body
    wait_until(has_failed, 20, "a check that failed")
    assert run.http("/readyz", run.probe_port)[0] == 503
    assert run.http("/livez", run.probe_port)[0] == 200
    if section in (GUNICORN, SYNC):
        socket.create_connection(("127.0.0.1", run.port)).close()  # it listens
    held.close()
    run.until("/readyz", 200, 20, port=run.probe_port)
    for host in ("127.0.0.1", "::1"):
        status, body = http_get("/", run.port, host=host)
        assert (status, body) == (200, "hello"), (host, status, body)
    return run


def answer_after_term(section, after="sent TERM", cuts=False, **keys):
    """What a request gets that is held until pidone has said this, after TERM, or is cut."""
    need(section)
    directory = mysite.make()
    run = start(section, directory, **keys)
    run.until("/readyz", 200, 20, port=run.probe_port)
    held = mysite.hold(directory, "request")
    answers = []

    def ask():
        try:
            answers.append(http_get("/held", run.port, timeout=20))
        except (OSError, http.client.HTTPException) as error:
            answers.append(error)
    asking = threading.Thread(target=ask)
    asking.start()
    run.expect("mysite is at its request", 20)
    if section in (GUNICORN, SYNC, UWSGI, DETECTED_UWSGI):
        assert http_get("/", run.port)[0] == 200  # it is not the only one to be answered
    run.signal(signal.SIGTERM)
    run.expect(after, 20)
    if cuts:
        asking.join()
    held.close()
    asking.join()
    assert run.wait(20) == 0, run.output()
    return answers[0]


def check_term(section, **more):
    """What is in flight at TERM is answered; then it ends with 0."""
    answer = answer_after_term(section, **dict({"drain": "0s"}, **more))
    assert answer == (200, "let go"), answer


def check_cut(section, **keys):
    """It is not, whatever time there is."""
    answer = answer_after_term(section, drain="0s", cuts=True, **keys)
    assert isinstance(answer, (OSError, http.client.HTTPException)), answer


@harness.limit(60)
def test_gunicorn_threads():
    """gunicorn with threads: ready only when a worker answers, though it listens earlier"""
    check_ready(GUNICORN)


@harness.limit(60)
def test_gunicorn_threads_term():
    """gunicorn with threads: TERM lets the request in flight finish, exit code 0"""
    check_term(GUNICORN)


@harness.limit(60)
def test_gunicorn_sync():
    """gunicorn's sync workers: ready only when one answers"""
    check_ready(SYNC)


@harness.limit(60)
def test_gunicorn_sync_term():
    """gunicorn's sync workers: TERM lets the request in flight finish, exit code 0"""
    check_term(SYNC)


@harness.limit(60)
def test_uvicorn():
    """uvicorn: ready only when it answers"""
    check_ready(UVICORN)


@harness.limit(60)
def test_uvicorn_term():
    """uvicorn: TERM lets the request in flight finish, exit code 0"""
    check_term(UVICORN)


@harness.limit(60)
def test_uwsgi():
    """uWSGI: ready only when a worker answers"""
    check_ready(UWSGI)


@harness.limit(60)
def test_uwsgi_term():
    """uWSGI with the hook: TERM lets the request in flight finish, exit code 0"""
    check_term(UWSGI)


@harness.limit(60)
def test_detected_uwsgi_term():
    """a project for which uWSGI is found: TERM lets the request in flight finish, exit code 0"""
    check_term(DETECTED_UWSGI)


UWSGI_HOOK = " --hook-master-start 'unix_signal:15 gracefully_kill_them_all'"


def uwsgi_without(*options):
    command = mysite.documented(UWSGI).split("command = ")[1].split("\n")[0]
    for option in options:
        assert option in command, command
        command = command.replace(option, "")
    return command


@harness.limit(60)
def test_uwsgi_cuts():
    """uWSGI with die-on-term alone cuts the request in flight: that is what the hook is for"""
    check_cut(UWSGI, command=uwsgi_without(UWSGI_HOOK))


@harness.limit(60)
def test_uwsgi_reloads():
    """uWSGI without die-on-term: the start warns, TERM does not stop it, and the end of
    stop-grace does, with 137"""
    need(UWSGI)
    run = start(UWSGI, mysite.make(), drain="0s", stop_grace="10s",
                command=uwsgi_without(" --die-on-term", UWSGI_HOOK))
    run.expect("TERM reloads uWSGI instead of stopping it")
    run.until("/readyz", 200, 20, port=run.probe_port)
    run.expect("mysite is at its import", 1)
    run.signal(signal.SIGTERM)
    run.expect("mysite is at its import", 10)  # once more
    assert run.wait(30) == 137, run.output()


@harness.limit(60)
def test_daphne():
    """daphne: ready only when it answers"""
    check_ready(DAPHNE)


@harness.limit(60)
def test_daphne_term():
    """daphne: the request in flight finishes during drain, exit code 0"""
    check_term(DAPHNE, drain="5s", after="serving on for 5000 ms")


@harness.limit(60)
def test_daphne_cuts():
    """daphne cuts the request in flight at TERM: that is what its long drain is for"""
    check_cut(DAPHNE)


def test_page():
    """pidone check has nothing to say about any line of the page"""
    for section in (GUNICORN, KEPT, SYNC, UVICORN, UWSGI, DAPHNE):
        check = run_pidone("check", config=mysite.documented(section))
        assert check.code == 0 and "warning" not in check.output(), check.output()


# ---- many instances ----

class Cluster:
    """Two instances behind the balancer, and the load on it."""

    def __init__(self, section, only_http=False, **keys):
        need(section)
        self.section, self.keys = section, keys
        self.directory = mysite.make()
        ports = [free_port(), free_port()]
        self.balancer = self.program("balancer.py", *ports)
        self.balancer.expect("listening", 10)
        self.old = []
        self.serving = [self.start(), self.start()]
        self.load = self.program("load.py", RATE, *(ports[1:] if only_http else ports))

    def program(self, name, *args):
        return Process([sys.executable, harness.HERE + "/" + name] + [str(a) for a in args],
                       stdin=subprocess.PIPE, name=name)

    def start(self):
        """An instance, once the balancer uses it."""
        run = start(self.section, self.directory, **self.keys)
        self.balancer.popen.stdin.write(b"add %d %d\n" % (run.port, run.probe_port))
        self.balancer.popen.stdin.flush()
        self.balancer.expect("in %d$" % run.port, 30)
        return run

    def replace_one(self):
        """As a Deployment does: a new one is there before an old one is stopped. That one
        drains meanwhile."""
        self.serving.append(self.start())
        self.old.append(self.serving.pop(0))
        self.old[-1].signal(signal.SIGTERM)

    def failures(self):
        return [line[1] for line in list(self.load.lines) if line[1].startswith("failed")]

    def finish(self):
        """Every old one has ended well; then how many requests there were. How fast they are
        answered is this machine's matter, but each client was there in each second of a drain."""
        for run in self.old:
            assert run.wait(30) == 0, run.output()
        self.load.popen.stdin.close()
        total, failed, seconds = self.load.expect("^done", 30).split()[1:]
        assert int(failed) == len(self.failures())
        wanted = load.CLIENTS * DRAIN_S * len(self.old)
        assert int(total) >= wanted, "%s requests in %s s prove little: %d are wanted" % (
            total, seconds, wanted)
        print("# %s: %d restarts, %s requests in %s s, %s failed" % (
            self.section, len(self.old), total, seconds, failed), flush=True)


def roll(section, restarts, **more):
    cluster = Cluster(section, drain="%ds" % DRAIN_S, **more)
    for _ in range(restarts):
        cluster.replace_one()
    cluster.finish()
    assert cluster.failures() == []


def must_fail(section, restarts, **more):
    """Ends at the first failure."""
    cluster = Cluster(section, **more)
    for _ in range(restarts):
        cluster.replace_one()
        if cluster.failures():
            return
    wait_until(cluster.failures, 5, "a failure")


@harness.limit(180)
def test_roll_gunicorn_threads():
    """gunicorn with threads and drain: 20 restarts under 16 clients, and not one failure,
    behind a balancer of either kind"""
    roll(GUNICORN, 20)


@harness.limit(60)
def test_roll_without_drain():
    """the same without drain: requests fail, so the test can see it"""
    must_fail(GUNICORN, 4, drain="0s")


@harness.limit(60)
def test_roll_kept_connections():
    """gunicorn that keeps connections, behind a balancer that chooses for each request: not one
    failure"""
    roll(KEPT, 4, only_http=True)


@harness.limit(90)
def test_roll_kept_connections_of_a_service():
    """the same behind one that chooses for each connection: requests fail in spite of drain"""
    must_fail(KEPT, 10, drain="%ds" % DRAIN_S)


@harness.limit(60)
def test_roll_detected():
    """a project for which gunicorn is found, with drain alone: 4 restarts, not one failure"""
    roll(DETECTED, 4)


@harness.limit(60)
def test_roll_gunicorn_sync():
    """gunicorn's sync workers and drain: 4 restarts, not one failure"""
    roll(SYNC, 4)


@harness.limit(60)
def test_roll_uvicorn():
    """uvicorn and drain: 4 restarts, not one failure"""
    roll(UVICORN, 4)


@harness.limit(60)
def test_roll_uwsgi():
    """uWSGI and drain: 4 restarts, not one failure"""
    roll(UWSGI, 4)


@harness.limit(60)
def test_roll_daphne():
    """daphne and drain: 4 restarts, not one failure"""
    roll(DAPHNE, 4)


harness.main()
