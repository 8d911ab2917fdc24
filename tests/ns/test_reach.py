#!/usr/bin/python3
"""Nobody reaches the app although it runs: the reason says why, as far as the kernel's table
of sockets shows it, and never what may be false. Real servers: tests/app/test_reach.py."""
import re
import signal
import socket
import subprocess

import harness
from harness import wait_until
from inits import Pidone, Process
from programs import listener, server

PLAIN = "connection refused"
ELSEWHERE = (PLAIN + ": python3 listens on 0.0.0.0:9000 instead: change the check's port or bind "
             "[::]:8000")
LOOPBACK_ONLY = ("python3 listens on 127.0.0.1:8000 only, which nobody outside reaches: bind "
                 "[::]:8000")


def run(command, ready="http://localhost:8000/", keys="", **more):
    return Pidone(["/run"], config="[run]\ncheck-interval = 100ms\nready = %s\n%scommand = %s\n"
                  % (ready, keys, command), **more)


def check_of(p):
    return p.status_page()["checks"][0]


def reason_of(p, ready="http://localhost:8000/"):
    """Why it is not ready, once that is settled; the log has told it once."""
    p.expect("^up")
    wait_until(lambda: check_of(p)["failures"] >= 6, 10, "many failures")
    reason = check_of(p)["reason"]
    code, body = p.http("/readyz?verbose")
    assert code == 503 and "[-]%s failed: %s\n" % (ready, reason) in body, body
    told = "ready %s failed: %s\n" % (ready, reason)
    assert p.output().count("warning: " + told) == 1, (told, p.output())
    return reason


def end(p):
    p.signal(signal.SIGKILL)
    p.wait()


def listens(host, port):
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    s.bind((host, port))
    s.listen(8)
    return s


def test_another_port():
    """A refused check names where the command listens instead, and what to do."""
    p = run(server("'0.0.0.0', 9000"))
    assert reason_of(p) == ELSEWHERE
    assert ELSEWHERE in p.http("/readyz")[1]
    end(p)


def change_proc(p, command):
    """mount -t tmpfs none: nothing is in its /proc any more; umount: all is there again."""
    subprocess.run(["nsenter", "-t", str(p.pid), "-m", *command.split(), "/proc"], check=True)


def check_reason_stays(look_fails):
    p = Pidone(["/run"], config="[run]\ncheck-interval = 1h\nready = http://localhost:8000/\n"
               "command = %s\n" % server("'0.0.0.0', 9000"))
    p.expect("^up")
    wait_until(lambda: check_of(p)["reason"] == ELSEWHERE, 10, "a look")
    if look_fails:
        change_proc(p, "mount -t tmpfs none")
    seen, tries = set(), set()

    def twelve_more():
        tries.update(re.findall(r'results_total{.*result="failed"} (\d+)', p.http("/metrics")[1]))
        seen.add(check_of(p)["reason"])
        return len(tries) >= 12
    wait_until(twelve_more, 20, "twelve more tries")
    assert seen == {ELSEWHERE}, seen
    end(p)


def test_reason_stays():
    """While the app starts not every try looks; what the last look said stays until the next."""
    check_reason_stays(look_fails=False)


def test_reason_outlives_a_spoiled_look():
    """So it does when the next look came to nothing."""
    check_reason_stays(look_fails=True)


def test_the_command_before_others():
    """Of several processes the command is named; pidone's own sockets never are."""
    more = "process.more = %s\n" % server("'127.0.0.1', 7000")
    p = run(server("'0.0.0.0', 9000", "'::1', 9001"), keys=more)
    assert reason_of(p) == (PLAIN + ": python3 listens on 0.0.0.0:9000, [::1]:9001 instead: "
                            "change the check's port or bind [::]:8000")
    end(p)
    p = run(listener(), keys=more)
    assert "python3 listens on 127.0.0.1:7000 instead" in reason_of(p)
    end(p)
    p = run(listener())
    assert reason_of(p) == PLAIN
    end(p)


def test_orphan():
    """What went into the background is the app's, too."""
    p = run("sh -c '%s & exec %s'" % (server("'0.0.0.0', 9000"), listener()))
    p.expect("^up")
    assert reason_of(p) == ELSEWHERE
    end(p)
    p = run("sh -c '(setsid %s &) ; exec %s'" % (server("'0.0.0.0', 9000"), listener()))
    p.expect("^up")
    assert reason_of(p) == ELSEWHERE
    end(p)


def test_known_late():
    """Where the table shows it only after the check was bad already, it is told then, once."""
    p = run(server(after="s == 12 and serve('0.0.0.0', 9000)"))
    assert reason_of(p) == PLAIN
    p.signal(signal.SIGUSR2)
    p.expect("ready http://localhost:8000/ failed: " + PLAIN + ": python3 listens on")
    before = check_of(p)["failures"]
    wait_until(lambda: check_of(p)["failures"] >= before + 5, 10, "more failures")
    assert p.count("python3 listens on") == 1, p.output()
    end(p)


def test_loopback_only():
    """A check by loopback that holds tells, too, when nobody outside reaches what answered; it
    stays ready, and the log has it once a start."""
    p = run(server("'127.0.0.1', 8000", after="s == 12 and os._exit(1)"),
            keys="restart = always\nrestart-delay = 50ms\n")
    for starts in (1, 2):
        p.expect("^up")
        p.expect("warning: ready http://localhost:8000/ holds, but " + LOOPBACK_ONLY
                 .replace("[", r"\["))
        code, body = wait_until(lambda: p.until("/readyz", 200) and p.http("/readyz?verbose"))
        assert code == 200 and "[+]http://localhost:8000/ ok: %s\n" % LOOPBACK_ONLY in body, body
        assert check_of(p)["reason"] == LOOPBACK_ONLY and check_of(p)["state"] == "ok"
        last = p.status_page()["checks"][0]["last_ok_seconds_ago"]
        wait_until(lambda seen=last: check_of(p)["last_ok_seconds_ago"] < seen, 5, "another try")
        assert p.count("holds, but") == starts, p.output()
        p.signal(signal.SIGUSR2)
    end(p)


def test_two_checks():
    """Of two checks that find out the same, the log has it once."""
    p = run(server("'127.0.0.1', 8000"), keys="live = tcp://127.0.0.1:8000\n")
    wait_until(lambda: [c["reason"] for c in p.status_page()["checks"]] == 2 * [LOOPBACK_ONLY])
    assert p.count("holds, but") == 1, p.output()
    end(p)


def test_spoiled_look():
    """A look that came to nothing, as on a machine too busy for it, is taken again."""
    p = Pidone(["/run"], config="[run]\ncheck-interval = 2s\nready = http://localhost:8000/\n"
               "command = %s\n" % server("'127.0.0.1', 8000"))
    p.expect("^up")
    change_proc(p, "mount -t tmpfs none")
    p.until("/readyz", 200, 20)
    change_proc(p, "umount")
    p.expect("warning: ready http://localhost:8000/ holds, but " + re.escape(LOOPBACK_ONLY), 10)
    end(p)


def test_reachable():
    """Nothing is said of one that is reached: by another address of the port, too."""
    for addresses in (["'0.0.0.0', 8000"], ["'::', 8000"], ["'127.0.0.1', 8000", "'::', 8000, 1"]):
        p = run(server(*addresses))
        p.until("/readyz", 200)
        assert check_of(p)["reason"] is None
        assert "[+]http://localhost:8000/ ok\n" in p.http("/readyz?verbose")[1]
        assert p.count("listens on") == 0, p.output()
        end(p)


def test_sockets_of_others():
    """What other containers of the pod have is not the app's: neither instead of what was
    asked, nor behind a check that holds."""
    others = [listens("127.0.0.1", 9000), listens("::", 9001)]
    p = run(listener())
    assert reason_of(p) == PLAIN
    others += [listens("127.0.0.1", 8000)]
    p.signal(signal.SIGKILL)
    p.wait()
    p = run(listener(), ready="tcp://localhost:8000")
    p.until("/readyz", 200)
    assert check_of(p)["reason"] is None and p.count("listens on") == 0, p.output()
    end(p)


def test_shared_processes():
    """The same where all processes can be seen, and pidone is not PID 1."""
    other = listens("127.0.0.1", 9001)
    more = Process(["/usr/bin/python3", "-c", "import socket, signal\n"
                    "s = socket.create_server(('127.0.0.1', 9002))\nprint('up', flush=True)\n"
                    "signal.pause()\n"])
    more.expect("up")
    p = run(server("'0.0.0.0', 9000"), pid1=False)
    assert reason_of(p) == ELSEWHERE
    p.stop()
    p = run(listener(), pid1=False)
    assert reason_of(p) == PLAIN
    p.signal(signal.SIGKILL)
    p.wait()
    other.close()


HIDDEN = "ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\n"  # PR_SET_DUMPABLE: as a program with file
#                                                      capabilities, or one that changed its user


@harness.bare  # which writes files as the user that it began as
def test_what_cannot_be_seen():
    """Of a process that hides what it has open nothing is claimed; what listens at the very
    port that was asked is "something"."""
    user = {"user": (1000, 1000)}
    p = run(server("'0.0.0.0', 9000", before=HIDDEN), **user)
    assert reason_of(p) == PLAIN
    end(p)
    p = run(server("'127.0.0.1', 8000", before=HIDDEN), **user)
    p.until("/readyz", 200)
    assert check_of(p)["reason"] is None
    end(p)
    p = run(server("'127.0.0.1', 8000", before=HIDDEN), ready="http://[::1]:8000/", **user)
    assert reason_of(p, "http://[::1]:8000/") == (
        PLAIN + ": something listens on 127.0.0.1:8000 by IPv4 only: bind [::]:8000")
    end(p)
    p = run(server("'0.0.0.0', 9000"), **user)
    assert reason_of(p) == ELSEWHERE
    end(p)


def test_another_user():
    """The check runs as the app's user, and sees what it has open."""
    p = run(server("'0.0.0.0', 9000"), keys="user = 1000\n")
    assert reason_of(p) == ELSEWHERE
    end(p)


@harness.bare  # valgrind reads its own maps there
def test_no_proc():
    """Without /proc, nothing is known, and nothing claimed."""
    p = run(server("'0.0.0.0', 9000"), nsrun=["--no-proc"])
    assert reason_of(p) == PLAIN
    end(p)


def test_one_family():
    """One that was asked by the other family says so; [::] may have one family only, which
    the table does not show."""
    p = run(server("'0.0.0.0', 8000"), ready="tcp://[::1]:8000")
    assert reason_of(p, "tcp://[::1]:8000") == (
        PLAIN + ": python3 listens on 0.0.0.0:8000 by IPv4 only: bind [::]:8000")
    end(p)
    p = run(server("'::', 8000, 1"), ready="tcp://127.0.0.1:8000")
    assert reason_of(p, "tcp://127.0.0.1:8000") == (
        PLAIN + ": python3 listens on [::]:8000 by IPv6 only: bind 0.0.0.0:8000")
    end(p)


def give_address(address):
    """This network has it, beside loopback."""
    harness.need_root()
    harness.need_command("ip")
    for script in ("link add pod type veth peer name node", "link set node up", "link set pod up",
                   "addr add %s dev pod%s" % (address, " nodad" if ":" in address else "")):
        subprocess.run(["ip"] + script.split(), check=True)


def test_ipv6_cluster():
    """Where others reach the pod by IPv6 only, 0.0.0.0 is not reached."""
    give_address("2001:db8::5/64")
    p = run(server("'0.0.0.0', 8000"))
    p.expect("holds, but python3 listens on 0.0.0.0:8000 by IPv4 only, which nobody reaches by "
             r"IPv6: bind \[::\]:8000$")
    end(p)
    p = run(server("'::', 8000, 1"))
    p.until("/readyz", 200)
    assert p.count("listens on") == 0, p.output()
    end(p)


def test_ipv4_cluster():
    """Where others reach the pod by IPv4 only, a [::] that has one family is not reached."""
    give_address("10.1.2.3/24")
    p = run(server("'::', 8000, 1"))
    p.expect(r"holds, but python3 listens on \[::\]:8000 by IPv6 only, which nobody reaches by "
             "IPv4: bind 0.0.0.0:8000$")
    end(p)
    for address in ("'0.0.0.0', 8000", "'::', 8000"):
        p = run(server(address))
        p.until("/readyz", 200)
        assert p.count("listens on") == 0, p.output()
        end(p)


def test_address_of_the_pod():
    """A check that asks the pod's address, as Kubernetes does, finds loopback refused."""
    give_address("10.1.2.3/24")
    p = run(server("'127.0.0.1', 8000"), ready="http://10.1.2.3:8000/")
    assert reason_of(p, "http://10.1.2.3:8000/") == (
        PLAIN + ": python3 listens on 127.0.0.1:8000 only: bind [::]:8000")
    end(p)


def test_unix_socket():
    """One that listens on a unix socket only, and a check that asks another one."""
    path = "/run/the app.sock"
    p = run(server("'%s'" % path))
    assert reason_of(p) == (PLAIN + ": python3 listens on unix:%s instead: change the check or "
                            "bind [::]:8000" % path)
    end(p)
    p = run(server("'%s'" % path), ready="unix:/run/x.sock")
    assert reason_of(p, "unix:/run/x.sock") == (
        "no such file or directory: python3 listens on unix:%s instead: change the check" % path)
    end(p)


def test_targets_are_not_the_app():
    """What is waited for, and a server elsewhere, is not explained by the app's sockets."""
    p = Pidone(["/run"], config="[run]\nwait = tcp://localhost:8001\ncommand = true\n")
    p.expect("waiting for tcp://localhost:8001: connection refused$")
    end(p)
    give_address("10.1.2.3/24")
    subprocess.run("ip route add unreachable 10.9.9.9".split(), check=True)
    p = run(server("'0.0.0.0', 9000"), ready="tcp://10.9.9.9:8000")
    # as glibc says it, and musl
    assert reason_of(p, "tcp://10.9.9.9:8000") in ("no route to host", "host is unreachable")
    end(p)


if __name__ == "__main__":
    harness.main()
