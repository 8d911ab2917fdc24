"""The harness itself: a framework that cannot fail proves nothing."""
import os
import signal
import subprocess
import sys

import harness
from harness import wait_until
from inits import BASE_ENV, Process
from proc import children_of, descendants_of, process_state
from servers import FakeServer

HEAD = "import harness, os, signal, subprocess, sys, time\n" \
       "from harness import *\nfrom inits import *\nfrom servers import *\n"


def run_script(text, *words, **env):
    """The TAP output of a test file with this text."""
    path = harness.tmp + "/test_sample.py"
    with open(path, "w") as file:
        file.write(HEAD + text + "\nharness.main()\n")
    environment = dict(os.environ, PYTHONPATH=os.path.dirname(harness.__file__), MUST_WORK="")
    environment.update(env)
    done = subprocess.run([sys.executable, path, *words], env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout


def nsrun(*words, **more):
    harness.need_root()
    return Process([harness.NSRUN, *words], env=BASE_ENV, **more)


def test_verdicts():
    """A case passes, fails with its place and the output of what it started, or
    is skipped; with MUST_WORK=1 a skip is a failure."""
    text = ("def test_a():\n    '''good'''\n"
            "def test_b():\n    Process(['echo', 'hello']).expect('bye')\n"
            "def test_c():\n    skip('not here')\n"
            "def test_d():\n    os._exit(0)\n")
    lines = run_script(text).splitlines()
    assert lines[0] == "1..4" and lines[1] == "ok 1 - test_a: good", lines
    assert lines[2].startswith("not ok 2 - test_b"), lines
    assert "# out| hello" in lines and any("expect('bye')" in line for line in lines), lines
    assert "ok 3 - test_c:  # SKIP not here" in lines, lines
    assert "not ok 4 - test_d: " in lines, lines
    assert "not ok 1 - test_c: " in run_script(text, "test_c", MUST_WORK="1")
    assert "there is no case test_e" in run_script(text, "test_e")


def test_marks():
    """A case that wants the program as shipped is left out under sanitizers and valgrind, one
    that wants it bare under valgrind only, one that preloads a library with a static program;
    a file of which nothing is left passes."""
    text = "@as_shipped\ndef test_a():\n    pass\n@bare\ndef test_b():\n    pass\n"
    # has no interpreter, as a static program has none
    library = harness.BUILD + "/tests/ns/count_allocations.so"
    plain = {"PIDONE_SANITIZERS": "no", "PIDONE_WRAPPER": ""}
    sanitized = {"PIDONE_SANITIZERS": "address", "PIDONE_WRAPPER": ""}
    assert run_script(text, **plain).startswith("1..2"), text
    assert "test_a" not in run_script(text, **sanitized)
    assert "ok 1 - test_b" in run_script(text, **sanitized)
    assert "test_a" not in run_script("@preload\n" + text, **dict(plain, PIDONE_BIN=library))
    nothing = run_script(text, **dict(plain, PIDONE_WRAPPER="env"))
    assert nothing == "1..1\nok 1 - nothing here is for a program of this kind\n", nothing


def test_time_limit_and_leftovers():
    """At its time limit a case fails; whatever it had started is gone, also what
    left its session; nothing of it is in the temporary directory."""
    mark = harness.tmp + "/pid"
    output = run_script("@harness.limit(1)\ndef test_a():\n"
                        "    subprocess.run(['setsid', '-w', 'sh', '-c', 'echo $$ >%s; "
                        "sleep 1000'])\n" % mark, TMPDIR=harness.tmp)
    assert "not ok 1" in output and "the time limit of" in output, output
    with open(mark) as file:
        assert not os.path.exists("/proc/" + file.read().strip())
    assert not [name for name in os.listdir(harness.tmp) if name.startswith("pidone-test.")]


def test_reports_fail_a_case():
    """What a sanitizer or valgrind wrote fails the case, although it passed."""
    output = run_script("def test_a():\n    open(os.environ['TEST_REPORTS'] + '/x', 'w')"
                        ".write('overflow')\n")
    assert "not ok 1" in output and "# overflow" in output, output


def test_private_network():
    """A case has a network of its own: a port that is taken outside is free."""
    harness.need_root()
    outer = FakeServer("mute", port=9480)
    output = run_script("def test_a():\n    FakeServer('mute', port=%d)\n" % outer.port)
    assert "ok 1" in output and "not ok" not in output, output


def test_nsrun_exit_status():
    """nsrun ends with PID 1's own code, and with 128+N when a signal ended it."""
    assert nsrun("sh", "-c", "echo $$; exit 7").wait() == 7
    sleeper = nsrun("sh", "-c", "echo up; sleep 1000")
    sleeper.expect("^up$")
    os.kill(children_of(sleeper.pid)[0], signal.SIGKILL)
    assert sleeper.wait() == 137
    assert nsrun("/nonexistent").wait() == 125


def test_nsrun_namespace():
    """The command is PID 1, sees only its own processes, and dies with nsrun."""
    inside = nsrun("--dev", "--tmpfs", "/run", "sh", "-c",
                   "echo $$; echo /proc/[0-9]*; ls /run; ls /dev; echo up; sleep 1000")
    inside.expect("^up$")
    assert inside.stdout.splitlines()[:2] == ["1", "/proc/1"], inside.stdout
    assert "null" in inside.stdout and "kmsg" not in inside.stdout
    pids = descendants_of(inside.pid)
    inside.signal(signal.SIGKILL)
    inside.wait()
    wait_until(lambda: not any(process_state(p) not in ("", "Z") for p in pids), 5,
               "the namespace's end")


harness.main()
