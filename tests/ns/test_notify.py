#!/usr/bin/python3
"""sd_notify, on both sides: what the app says, and what a service manager outside hears."""
import os
import signal
import socket
import subprocess

import harness
from harness import wait_until
from inits import Pidone, Process, http_get
from proc import descendants_of
from programs import END_ON_TERM, WAIT, Frozen, listener, process_called, program
from servers import FakeServer

SAY = ("import socket\n"
       "def notify(*lines):\n"
       "    address = os.environ['NOTIFY_SOCKET'].replace('@', '\\0', 1)\n"
       "    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:\n"
       "        s.sendto('\\n'.join(lines).encode(), address)\n" + WAIT)
# says what stands behind each number when it gets that signal; ends at TERM
OBEDIENT = SAY + ("say('up')\n"
                  "while True:\n"
                  "    s = signal.sigwait(everything)\n"
                  "    if s == signal.SIGTERM:\n"
                  "        break\n"
                  "    notify(*orders[s])\n"
                  "    say('said', name(s))\n")


def obedient(**orders):
    numbers = {int(signal.Signals["SIG" + name]): lines for name, lines in orders.items()}
    return program("orders = %r\n" % numbers + OBEDIENT)


def run(keys, **more):
    return Pidone(["/run"], config="[run]\n" + keys + "\n", **more)


def test_ready_when_it_says_so():
    """ready = notify: ready at READY=1, and not any more at STOPPING=1"""
    p = run("ready = notify\ncommand = " + obedient(USR1=["READY=1", "STATUS=serving 1 of 2"],
                                                    USR2=["STOPPING=1"]))
    p.expect("^up")
    code, body = p.http("/readyz?verbose")
    assert code == 503 and "[-]notify failed: the app has not said so yet" in body, body
    p.signal(signal.SIGUSR1)
    p.until("/readyz", 200)
    assert p.status_page()["processes"][0]["status"] == "serving 1 of 2"
    p.signal(signal.SIGUSR2)
    assert "stopping" in p.until("/readyz", 503)
    p.signal(signal.SIGTERM)
    assert p.wait() == 0


def test_descendants_are_heard():
    """a descendant may speak for the command, also an orphan in a session of its own"""
    for how in ("    if os.fork() == 0:\n        notify('READY=1')\n",
                "    if os.fork() == 0:\n        os.setsid()\n"
                "        if os.fork():\n            os._exit(0)\n"
                "        notify('READY=1')\n"):
        p = run("ready = notify\ncommand = " +
                program(SAY + "if True:\n" + how + "signal.sigwait({15})\n"))
        p.until("/readyz", 200)
        p.signal(signal.SIGTERM)
        assert p.wait() == 0, p.output()


@harness.bare
def test_who_is_gone_already():
    """who said it and has ended since, as systemd-notify in a script does, is heard where it can
    only have been the command's"""
    text = SAY + ("say('up')\nsignal.sigwait({signal.SIGUSR1})\n"
                  "pid = os.fork()\n"
                  "if pid == 0:\n    notify('READY=1')\n    os._exit(0)\n"
                  "os.waitpid(pid, 0)\nsay('said')\nsignal.sigwait({signal.SIGTERM})\n")
    for other in ("", "process.other = sleep 1077"):
        p = run("ready = notify\n%s\ncommand = %s" % (other, program(text)))
        p.expect("^up")
        with Frozen(p.pid):
            os.kill(process_called(p, "python3"), signal.SIGUSR1)
            p.expect("^said")
        if other:
            p.expect("pid [0-9]+ said READY=1 and has ended since")
            assert p.http("/readyz")[0] == 503
        else:
            p.until("/readyz", 200)
        p.signal(signal.SIGTERM)
        p.wait()


def address_of(pid):
    """The NOTIFY_SOCKET of a process, as connect() takes it."""
    with open("/proc/%d/environ" % pid, "rb") as file:
        environ = dict(item.split(b"=", 1) for item in file.read().split(b"\0") if b"=" in item)
    return environ[b"NOTIFY_SOCKET"].decode()


def test_strangers_are_not_heard():
    """others are not heard: of another pid namespace, or put into this one from outside"""
    p = Pidone(["-v", "/run"],
               config="[run]\nready = notify\ncommand = %s\n" % obedient(USR1=["READY=1"]))
    p.expect("^up")
    address = address_of(process_called(p, "python3"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.sendto(b"READY=1", address.replace("@", "\0", 1))
    inside = Process(["nsenter", "-t", str(p.pid), "-p", "-m", "/usr/bin/python3", "-c",
                              "import socket, sys\n"
                              "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
                              "s.sendto(b'READY=1', '\\0' + sys.argv[1][1:])\n"
                              "print('said', flush=True)\n"
                              "sys.stdin.read()\n", address], stdin=subprocess.PIPE)
    inside.expect("said")
    p.expect("is none of ours")
    assert p.http("/readyz")[0] == 503
    inside.popen.stdin.close()
    p.signal(signal.SIGUSR1)
    p.until("/readyz", 200)
    p.signal(signal.SIGTERM)
    assert p.wait() == 0


def test_nonsense_is_ignored():
    """anything else is ignored: unknown words, floods, descriptors, binary"""
    text = SAY + ("say('up')\n"
                  "address = os.environ['NOTIFY_SOCKET'].replace('@', '\\0', 1)\n"
                  "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
                  "s.connect(address)\n"
                  "for data in (b'', b'\\0', b'READY=0', b'RELOADING=1', b'x' * 5000,\n"
                  "             b'READY=1\\0', bytes(range(256)), b'=1', b'WATCHDOG=trigger'):\n"
                  "    s.send(data)\n"
                  "r, w = os.pipe()\n"
                  "socket.send_fds(s, [b'FDSTORE=1'], [w] * 100)\n"
                  "os.close(w)\n"
                  "os.read(r, 1)\n"   # its end says that nobody kept them
                  "for i in range(5000):\n"
                  "    s.send(b'STATUS=%d' % i)\n"
                  "say('done')\n"
                  "signal.sigwait({signal.SIGTERM})\n")
    p = run("ready = notify\ncommand = " + program(text))
    p.expect("^done")
    wait_until(lambda: p.status_page()["processes"][0]["status"] == "4999", 5)
    assert p.http("/readyz")[0] == 503
    p.signal(signal.SIGTERM)
    assert p.wait() == 0


def test_watchdog():
    """live = notify: WATCHDOG_USEC says how often; silence makes it not live, a word live again"""
    p = run("live = notify\ncheck-interval = 400ms\ncheck-failures = 2\ncommand = " +
            obedient(USR1=["WATCHDOG=1"]) + "\nprocess.env = sh -c 'trap : USR1; echo wd "
            "$WATCHDOG_USEC $$ $WATCHDOG_PID; while :; do sleep 1; done'")
    line = p.expect("^wd ").split()
    assert line[1] == "800000" and line[2] == line[3], line
    p.expect("^up")
    assert p.http("/livez")[0] == 200
    p.signal(signal.SIGUSR1)
    body = p.until("/livez", 503)
    assert "has said nothing for 800ms" in body, body
    p.signal(signal.SIGUSR1)
    p.until("/livez", 200)
    p.until("/livez", 503)
    p.signal(signal.SIGTERM)
    assert p.wait() in (0, 143)


def test_watchdog_restarts():
    """live = notify, on-live-failure = restart: a process that hangs is replaced"""
    text = SAY + ("say('up')\nwhile not os.path.exists('hang'):\n"
                  "    notify('READY=1', 'WATCHDOG=1')\n"
                  "    if signal.sigtimedwait({signal.SIGTERM}, 0.05):\n        sys.exit()\n"
                  "say('hangs')\nos.unlink('hang')\nsignal.sigwait({signal.SIGTERM})\n")
    p = run("ready = notify\nlive = notify\ncheck-interval = 300ms\non-live-failure = restart\n"
            "restart-delay = 50ms\ncommand = " + program(text))
    p.expect("^up")
    p.until("/readyz", 200)
    cwd = os.readlink("/proc/%d/cwd" % descendants_of(p.pid)[-1])
    open("/proc/%d/root%s/hang" % (p.pid, cwd), "w", encoding="ascii").close()
    p.expect("^hangs")
    p.expect("live notify failed: has said nothing for 900ms")
    p.expect("^up")
    p.until("/readyz", 200)
    assert p.status_page()["processes"][0]["starts"] == 2
    p.signal(signal.SIGTERM)
    p.wait()


def test_watchdog_begins_with_the_first_word():
    """live = notify: a start may take longer than the watchdog"""
    text = SAY + ("say('up')\nsignal.sigwait({signal.SIGUSR1})\n"
                  "notify('READY=1')\nsignal.sigwait({signal.SIGTERM})\n")
    p = run("ready = notify\nlive = notify\ncheck-interval = 100ms\ncheck-failures = 1\n"
            "command = %s\nprocess.clock = sh -c 'sleep 1; echo a second; exec sleep 1077'" %
            program(text))
    p.expect("^up")
    p.expect("^a second")
    assert p.http("/livez")[0] == 200
    os.kill(process_called(p, "python3"), signal.SIGUSR1)
    p.expect("live notify failed: has said nothing for 100ms")
    p.signal(signal.SIGTERM)
    assert p.wait() == 0


def test_main_pid():
    """MAINPID=: the process named is the main one when the old one has ended"""
    text = SAY + ("say('up')\n"
                  "signal.sigwait({signal.SIGUSR1})\n"
                  "pid = os.fork()\n"
                  "if pid:\n"
                  "    notify('MAINPID=%d' % pid)\n"
                  "    os._exit(0)\n"
                  "while True:\n"
                  "    s = signal.sigwait(everything)\n"
                  "    say('new main got', name(s))\n"
                  "    if s == signal.SIGTERM:\n"
                  "        sys.exit(7)\n")
    p = run("ready = notify\ncommand = " + program(text))
    p.expect("^up")
    old = p.status_page()["processes"][0]["pid"]
    p.signal(signal.SIGUSR1)
    p.expect("handed over")
    new = p.status_page()["processes"][0]["pid"]
    assert new != old, (old, new)
    p.signal(signal.SIGUSR2)
    p.expect("^new main got SIGUSR2")
    p.signal(signal.SIGTERM)
    assert p.wait() == 7


SUCCESSION = SAY + ("say('up')\n"
                    "pid = os.fork()\n"
                    "if pid:\n"
                    "    notify('READY=1\\nMAINPID=%d' % pid)\n"
                    "    s = signal.sigwait(everything)\n"
                    "    say('old got', name(s))\n"
                    "    os._exit(0)\n"
                    "while True:\n"
                    "    s = signal.sigwait(everything)\n"
                    "    say('new got', name(s))\n"
                    "    if s == signal.SIGQUIT:\n"
                    "        sys.exit(7)\n")


def test_main_pid_during_the_stop():
    """a main that hands over at its stop signal: the new one gets it, too, once"""
    p = run("ready = notify\nstop-signal = QUIT\ncommand = " + program(SUCCESSION))
    p.until("/readyz", 200)
    p.signal(signal.SIGTERM)
    assert p.wait() == 7, p.output()
    assert p.count("^(old|new) got SIGQUIT") == 2 and p.count("^new got") == 1, p.output()


def test_main_pid_of_a_plain_command():
    """the same for a plain command: it gets its TERM, and does not hang"""
    p = Pidone(["--"] + program(SUCCESSION).split(), config="[command]\nready = notify\n"
               "signal.TERM = QUIT\n")
    p.expect("^up")
    wait_until(lambda: p.count("READY") or len(descendants_of(p.pid)) >= 2, 5)
    p.signal(signal.SIGTERM)
    assert p.wait() == 7, p.output()


def test_main_pid_that_is_nobodys():
    """MAINPID= of a process that is not ours to bury, or is gone, changes nothing"""
    for pid in ("os.getppid()", "2", "99999", "dead"):
        p = run("ready = notify\ncommand = " +
                program(SAY + "dead = os.fork()\n"
                        "if dead == 0:\n    os._exit(0)\n"
                        "os.waitpid(dead, 0)\n"
                        "notify('MAINPID=%%d' %% (%s))\n" % pid +
                        "os._exit(9)\n"))
        assert p.wait() == 9, p.output()


@harness.bare
def test_user_can_connect():
    """the socket can be reached by `user`, and without any writable directory"""
    p = run("user = 65534\nready = notify\ncommand = " + obedient(USR1=["READY=1"]),
            nsrun=["--read-only"])
    p.expect("^up")
    p.signal(signal.SIGUSR1)
    p.until("/readyz", 200)
    p.signal(signal.SIGTERM)
    assert p.wait() == 0


# ---- the manager outside ----

class Manager:
    """What a service manager, or podman, has at NOTIFY_SOCKET."""

    def __init__(self, name="manager"):
        self.path = harness.tmp + "/" + name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o777)
        self.heard = []

    def receive(self, seconds):
        """The next datagram; None when there is none for so long."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(4096).decode()
        except (socket.timeout, BlockingIOError):
            return None

    def expect(self, line):
        def heard():
            self.heard += (self.receive(0.1) or "").splitlines()
            return line in self.heard
        try:
            wait_until(heard, 10)
        except harness.Failure:
            raise harness.Failure("no %r in %r" % (line, self.heard)) from None


def test_manager_hears_of_us():
    """an outer NOTIFY_SOCKET hears why we are not ready, READY=1 when we are, STOPPING=1 when we
    stop; the app hears of ours only"""
    manager = Manager()
    p = run("ready = notify\nwait = tcp://127.0.0.1:8001\ncommand = " +
            obedient(USR1=["READY=1", "X_SECRET=1"]),
            env={"NOTIFY_SOCKET": manager.path})
    p.expect("waiting for tcp://127.0.0.1:8001")
    manager.expect("STATUS=waiting for tcp://127.0.0.1:8001: connection refused")
    FakeServer("mute", port=8001)
    p.expect("^up")
    manager.expect("STATUS=notify: the app has not said so yet")
    assert "READY=1" not in manager.heard
    p.signal(signal.SIGUSR1)
    manager.expect("READY=1")
    p.signal(signal.SIGTERM)
    manager.expect("STOPPING=1")
    assert p.wait() == 0
    assert "X_SECRET=1" not in manager.heard and manager.heard.count("STOPPING=1") == 1


def test_manager_that_watches_us():
    """an outer watchdog hears WATCHDOG=1 while we are live, and nothing while a live check fails;
    one that watches somebody else hears nothing"""
    def run_with(pid):
        manager = Manager("manager-" + pid)
        p = run("live = exec:test ! -e sick\ncheck-interval = 50ms\ncheck-failures = 1\n"
                "command = sh -c 'echo up$WATCHDOG_USEC; exec sleep 1077'",
                env={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "100000", "WATCHDOG_PID": pid})
        p.expect("^up$")
        return p, manager
    p, manager = run_with("1")
    for _ in range(3):
        manager.expect("WATCHDOG=1")
        manager.heard.clear()
    sick = "/proc/%d/cwd/sick" % process_called(p, "sleep")
    open(sick, "w", encoding="ascii").close()
    p.until("/livez", 503)
    while manager.receive(0) is not None:
        pass
    said = manager.receive(0.5)
    while said is not None:  # of our state, still
        assert "WATCHDOG=1" not in said, said
        said = manager.receive(0.5)
    manager.heard.clear()
    os.unlink(sick)
    manager.expect("WATCHDOG=1")
    p.signal(signal.SIGTERM)
    p.wait()
    p, manager = run_with("7")
    manager.expect("READY=1")
    p.signal(signal.SIGTERM)
    p.wait()
    manager.expect("STOPPING=1")
    assert "WATCHDOG=1" not in manager.heard


def test_plain_command_speaks_for_itself():
    """a plain command gets the outer NOTIFY_SOCKET as it was given, and nobody speaks before it"""
    manager = Manager()
    p = Pidone(["sh", "-c", "echo $NOTIFY_SOCKET $WATCHDOG_USEC $((WATCHDOG_PID - $$))"],
               env={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"})
    assert p.wait() == 0
    assert p.stdout == manager.path + " 1 0\n", p.stdout
    assert manager.receive(0) is None


def test_role_without_notify():
    """a role without `notify` says READY=1 when it is ready; its command gets no NOTIFY_SOCKET"""
    manager = Manager()
    p = run("command = sh -c 'env | grep -c NOTIFY; exec sleep 1077'",
            env={"NOTIFY_SOCKET": manager.path})
    p.expect("^0$")
    manager.expect("READY=1")
    p.signal(signal.SIGTERM)
    manager.expect("STOPPING=1")
    assert p.wait() == 143


def test_manager_that_is_not_there():
    """a NOTIFY_SOCKET that nobody listens on is a warning"""
    p = run("command = " + listener(END_ON_TERM), env={"NOTIFY_SOCKET": "/nonexistent"})
    p.expect("warning: NOTIFY_SOCKET: reach /nonexistent: No such file")
    p.expect("^up")
    p.signal(signal.SIGTERM)
    assert p.wait() == 0


# ---- real servers ----

APP = ("def application(environ, start_response):\n"
       "    start_response('200 OK', [])\n"
       "    return [b'hello']\n")


def serve(command, **more):
    with open(harness.tmp + "/app.py", "w", encoding="ascii") as file:
        file.write(APP)
    return run("directory = %s\nready = notify\ncommand = %s" % (harness.tmp, command),
               env={"HOME": harness.tmp}, **more)


def test_gunicorn():
    """gunicorn tells when its arbiter is up"""
    harness.need_command("gunicorn")
    p = serve("gunicorn app:application --bind [::]:8000")
    p.until("/readyz", 200)
    assert p.status_page()["processes"][0]["status"] == "Gunicorn arbiter booted"
    wait_until(lambda: http_get("/", port=8000)[1] == "hello", 10)
    p.signal(signal.SIGTERM)
    assert p.wait() == 0


def test_uwsgi():
    """uWSGI tells that it initializes, and when it is ready"""
    harness.need_command("uwsgi_python3")
    p = serve("uwsgi_python3 --master --die-on-term --http-socket 127.0.0.1:8000 --wsgi-file app.py")
    p.until("/readyz", 200)
    assert http_get("/", port=8000, host="127.0.0.1")[1] == "hello"
    assert "uWSGI" in p.status_page()["processes"][0]["status"]
    p.signal(signal.SIGTERM)
    assert p.wait() == 0


if __name__ == "__main__":
    harness.main()
