#!/usr/bin/python3
"""user, group, umask, no-new-privs: of the app, its steps and checks, and of our own children."""
import re
import signal

import harness
from harness import wait_until
from inits import Pidone, finished
from proc import children_of, command_name, status_of
from programs import END_ON_TERM, WAIT, listener, program

SHOW = "sh -c 'id -u; id -g; id -G; umask; pwd; grep NoNewPrivs /proc/self/status'"


def run(keys, **more):
    return Pidone(["/run"], config="[run]\n%s\n" % keys, **more)


def people():
    """nsrun's options for a passwd and a group of the test's own: shop (1234), in staff and mail."""
    texts = {"passwd": "root:x:0:0::/root:/bin/sh\nshop:x:1234:2345::/home/shop:/bin/sh\n",
             "group": "root:x:0:\nshop:x:2345:\nstaff:x:3456:shop\nmail:x:4567:other,shop\n"
                      "other:x:5678:other\n"}
    options = []
    for name, text in texts.items():
        path = harness.tmp + "/" + name
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        options += ["--bind", "%s:/etc/%s" % (path, name)]
    return options


def test_numbers():
    """numbers need no passwd entry; umask, directory and no-new-privs are set"""
    p = run("user = 12345\ngroup = 23456\numask = 027\ndirectory = /usr\nno-new-privs = yes\n"
            "command = " + SHOW)
    assert p.wait() == 0, p.output()
    assert p.stdout == "12345\n23456\n23456\n0027\n/usr\nNoNewPrivs:\t1\n", p.stdout


def test_names():
    """a name brings its group and its supplementary groups, and none of root's"""
    p = run("user = shop\ncommand = sh -c 'id -u; id -g; id -G | tr \" \" \"\\n\" | sort -n'",
            nsrun=people())
    assert p.wait() == 0, p.output()
    assert p.stdout == "1234\n2345\n2345\n3456\n4567\n", p.stdout


def test_number_of_a_name():
    """a number that passwd knows is as good as its name; group overrides the user's"""
    p = run("user = 1234\ngroup = mail\ncommand = sh -c 'id -u; id -g; id -G'", nsrun=people())
    assert p.wait() == 0, p.output()
    lines = p.stdout.splitlines()
    assert lines[:2] == ["1234", "4567"] and set(lines[2].split()) == {"4567", "3456"}, p.stdout


def test_all_ids_change():
    """real, effective and saved ids change, so that there is no way back"""
    p = run("user = 12345\ngroup = 23456\ncommand = grep -E '^(Uid|Gid|CapEff|CapPrm):' "
            "/proc/self/status")
    assert p.wait() == 0
    assert p.stdout == ("Uid:\t12345\t12345\t12345\t12345\nGid:\t23456\t23456\t23456\t23456\n"
                        "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"), p.stdout


def test_groups_before_user():
    """the groups first, then the group, then the user: the other way round it would fail"""
    p = Pidone(["/run"], config="[run]\nuser = shop\ncommand = true\n", nsrun=people(),
               inject="setresuid:delay_enter=1500000")
    between = re.compile(r"^Uid:\t0\t.*^Gid:\t2345\t.*^Groups:\t2345 3456 4567 ", re.M | re.S)

    def is_between(pid):
        try:
            with open("/proc/%d/status" % pid, encoding="ascii") as file:
                return between.search(file.read())
        except OSError:
            return None  # it has ended
    wait_until(lambda: any(is_between(c) for c in children_of(p.pid)), 10)
    assert p.wait() == 0


def test_home_of_the_user():
    """HOME, USER and LOGNAME are the user's; a HOME that was chosen stays"""
    show = "command = sh -c 'echo $HOME $USER $LOGNAME'\n"
    for given, home in (("/root", "/home/shop"), (None, "/home/shop"), ("/", "/home/shop"),
                        ("/app", "/app")):
        p = run("user = shop\n" + show, nsrun=people(), env={"HOME": given})
        assert p.wait() == 0 and p.stdout == home + " shop shop\n", p.output()
    p = run("user = 4321\n" + show, nsrun=people(), env={"HOME": "/root"})
    assert p.wait() == 0 and p.stdout == "/root\n", p.output()
    p = Pidone(["sh", "-c", "echo $HOME $USER"], nsrun=people(),
               env={"HOME": "/root", "PIDONE_COMMAND_USER": "shop"})
    assert p.wait() == 0 and p.stdout == "/home/shop shop\n", p.output()


def test_user_can_open_its_output():
    """the user may open /dev/stdout and /dev/stderr, as servers do for their logs"""
    p = run("user = 12345\ncommand = sh -c 'echo one >/dev/stdout; echo two >/dev/stderr'")
    assert p.wait() == 0, p.output()
    assert "one\n" in p.stdout and "two\n" in p.stderr


def test_steps_and_checks_run_as_the_user():
    """steps and exec: checks run as the user, too"""
    p = run("user = 12345\nstep = sh -c 'echo step $(id -u)'\n"
            "ready = exec:sh -c 'test $(id -u) = 12345'\ncommand = sleep 1077")
    p.expect("^step 12345")
    p.until("/readyz", 200)
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


def test_waiters_run_as_the_user():
    """what waits runs as the user, the agent that speaks to PostgreSQL too"""
    p = run("user = 12345\nwait = tcp://127.0.0.1:1\ncommand = true",
            env={"DATABASE_URL": "postgresql://127.0.0.1:1/shop"})
    p.expect("waiting for tcp")
    p.expect("waiting for postgres")
    for name in ("pidone: wait", "pidone: agent"):
        child = wait_until(lambda: [c for c in children_of(p.pid)
                                    if command_name(c) == name], 5)[0]
        assert status_of(child, "Uid").split() == ["12345"] * 4, name
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


def test_unknown_user():
    """an unknown user or group: exit 78 with the place, before anything is started"""
    for key in ("user", "group"):
        code, out = finished(["/run"], config="[run]\ncommand = id\n%s = nobodyy\n" % key)
        assert code == 78, out
        assert "pidone.ini:3: there is no %s 'nobodyy'" % key in out, out
        assert "started" not in out, out


@harness.bare  # valgrind writes its log as the user
def test_not_root():
    """a user who may not change says so: exit 78, with who was meant"""
    p = run("user = 12345\ncommand = id", user=(1000, 1000))
    assert p.wait() == 78
    assert "set the groups of user '12345' (only root may)" in p.output(), p.output()


@harness.bare  # valgrind writes its log as the user
def test_already_that_user():
    """`user` as which pidone runs already changes nothing, and needs no privilege"""
    p = run("user = 1000\ngroup = 1000\ncommand = id -u", user=(1000, 1000),
            nsrun=["--no-new-privs"])
    assert p.wait() == 0 and p.stdout == "1000\n", p.output()


def test_no_new_privs_holds_for_what_it_starts():
    """no-new-privs = yes: a setuid program gains nothing"""
    p = run("user = 12345\nno-new-privs = yes\ncommand = grep NoNewPrivs /proc/self/status")
    assert p.wait() == 0 and p.stdout == "NoNewPrivs:\t1\n", p.output()
    p = run("command = grep NoNewPrivs /proc/self/status")
    assert p.wait() == 0 and p.stdout == "NoNewPrivs:\t0\n", p.output()


def test_without_the_capability_kill():
    """root that may become the user, but not signal others (drop: ALL, add: SETUID, SETGID): the
    app gets its signals all the same, and so does what it left"""
    left = program(WAIT + "say('left up')\nwhile True:\n"
                   "    say('left got', name(signal.sigwait(everything)))\n")
    p = run("user = 65534\nstop-grace = %ds\ncommand = sh -c 'setsid %s & exec %s'" %
            (2 * harness.PACE, left, listener(END_ON_TERM)),
            through=["setpriv", "--bounding-set", "-all,+setuid,+setgid", "--inh-caps", "-all"])
    p.expect("^up")
    p.expect("^left up")
    p.signal(signal.SIGUSR1)
    p.expect("^got SIGUSR1")
    p.signal(signal.SIGTERM)
    p.expect("^got SIGTERM")
    p.expect("^left got SIGTERM")
    assert p.wait() == 0
    assert "may not" not in p.output() and "hangs" not in p.output(), p.output()


if __name__ == "__main__":
    harness.main()
