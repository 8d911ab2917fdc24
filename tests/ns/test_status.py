#!/usr/bin/python3
"""`pidone status`: what a person reads at three in the morning, and a program at any time."""
import json
import os
import re
import signal
import subprocess
import tempfile

import harness
from harness import wait_until
from inits import BASE_ENV, Pidone, http_get
from programs import listener, process_called, program


def run(keys, **more):
    """A role, and the environment in which `pidone status` finds it."""
    path = tempfile.mkdtemp(dir=harness.tmp) + "/run.sock"
    p = Pidone(["/run"], config="[run]\nsocket = %s\n%s\n" % (path, keys), **more)
    wait_until(lambda: os.path.exists(path), 5, "its socket")
    return p, dict(BASE_ENV, PIDONE_CONFIG=p.config)


def status(env, *args, **more):
    return subprocess.run([harness.BIN, "status"] + list(args), env=env, check=True,
                          stdout=subprocess.PIPE, text=True, **more).stdout


def shown_on_terminal(env):
    """What it shows where its output is a terminal."""
    ours, theirs = os.openpty()
    subprocess.run([harness.BIN, "status"], env=env, check=True, stdout=theirs)
    os.close(theirs)
    shown = b""
    try:
        while True:
            shown += os.read(ours, 4096)
    except OSError:  # the terminal is gone
        os.close(ours)
        return shown.decode()


def test_table():
    """the state and since when, processes, checks with their last reason, restarts, the last
    events; every column as wide as it has to be"""
    p, env = run("ready = exec:true\nready = exec:sh -c 'echo the cache is cold; exit 1'\n"
                 "check-interval = 50ms\ncheck-failures = 1\nrestart = always\n"
                 "restart-delay = 10ms\nprocess.a-long-name = sleep 1000\ncommand = %s" %
                 listener("os._exit(s)"))
    p.expect("^up")
    os.kill(process_called(p, "python3"), signal.SIGUSR1)
    p.expect("^up")

    def with_results():
        shown = status(env)
        return shown if re.search("exec:true +ready +ok", shown) and \
            re.search("exec:sh +ready +failed", shown) else None
    text = wait_until(with_results, 10, "results")
    lines = text.splitlines()
    assert re.fullmatch(r"/run is running for \ds \(pidone \S+, up \ds\)", lines[0]), text
    assert lines[1] == "ready  no: exec:sh: exit code 1: the cache is cold", text
    assert lines[2] == "live   yes", text
    assert not [line for line in lines if line.endswith(" ")], text
    processes = lines[lines.index("") + 1:][:3]
    assert processes[0].split() == "PROCESS PROGRAM STATE FOR PID STARTS LAST EXIT".split(), text
    assert re.fullmatch(r"main +python3 +running +\ds +\d+ +2 +10", processes[1]), text
    assert re.fullmatch(r"a-long-name +sleep +running +\ds +\d+ +1", processes[2]), text
    at = processes[0].index("STATE")
    assert [line[at:at + 7] for line in processes[1:]] == ["running", "running"], text
    assert re.search(r"\nCHECK +OF +STATE +LAST OK\n"
                     r"exec:true +ready +ok +\ds ago\n"
                     r"exec:sh +ready +failed +never +exit code 1: the cache is cold\n", text), text
    assert re.search(r"\nLAST EVENTS\n\ds ago +info +started main: python3 \(pid \d+\)\n", text), text
    assert re.search(r"\n\ds ago +warning +main: python3 \(pid \d+\) exited with 10\n", text), text
    assert re.search(r"\nrestarts 1, signals forwarded 0, orphans reaped \d+, log lines lost 0\n$",
                     text), text


def test_colors():
    """colours on a terminal that knows them; never in a pipe, and not where NO_COLOR says so"""
    p, env = run("command = sleep 1000")
    env["TERM"] = "xterm-256color"
    p.expect(": ready$")
    assert "\033" not in status(env)
    shown = shown_on_terminal(env)
    assert "ready  \033[32myes\033[0m\r\n" in shown, shown
    assert re.search("sleep +\033\\[32mrunning\033\\[0m  ", shown), shown
    stripped = re.sub("\033\\[\\d*m", "", shown).replace("\r\n", "\n")
    assert re.sub(r"\d+s", "Ns", stripped) == re.sub(r"\d+s", "Ns", status(env)), shown
    for more in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": ""}):
        assert "\033" not in shown_on_terminal(dict(env, **more)), more
    assert "\033" in shown_on_terminal(dict(env, NO_COLOR=""))  # empty: as if not set


def test_json():
    """the same for programs: what is not known is null"""
    p, env = run("ready = exec:true\nwait = exec:true\ncommand = sleep 1000")
    p.expect(": ready$")
    page = json.loads(status(env, "--json"))
    process, check, wait = page["processes"][0], page["checks"][0], page["waits"][0]
    assert (process["state"], process["starts"], process["last_exit_code"]) == ("running", 1, None)
    assert (check["name"], check["state"], check["reason"]) == ("exec:true", "ok", None)
    assert (wait["name"], wait["waiting"]) == ("exec:true", False)
    assert page["lock"] == {"waiting": False, "waited_seconds": 0}
    messages = [event["message"] for event in page["events"]]
    assert messages[-1] == "ready" and messages[-2].startswith("started sleep"), messages
    assert {event["level"] for event in page["events"]} == {"info"}
    assert json.loads(http_get("/status", unix=re.search("socket = (.*)", open(
        p.config, encoding="ascii").read()).group(1))[1]).keys() == page.keys()


@harness.bare  # valgrind: the command ends before a check does
@harness.limit(60)
def test_one_moment():
    """what a check found and what follows from it are seen together, whenever one looks; of a
    command that was started again nothing is known"""
    p, _ = run("ready = exec:true\n"
               "ready = exec:sh -c 'if test -e flag; then rm flag; else touch flag; exit 1; fi'\n"
               "check-interval = 10ms\ncheck-failures = 1\nrestart = always\nrestart-delay = 1ms\n"
               "restart-max = 9999\ncommand = sleep 0.2")
    turns, before = 0, None
    while turns < 200:
        page = p.status_page()
        bad = [check for check in page["checks"] if check["state"] != "ok"]
        if page["processes"][0]["state"] == "running":
            assert page["ready"] == (not bad), page
        if page["ready"] is False and page["not_ready"].startswith("exec:"):
            wanted = "%s: %s" % (bad[0]["name"], bad[0]["reason"] or "no result yet")
            assert page["not_ready"] == wanted, page
        turns += page["ready"] != before
        before = page["ready"]
    assert p.alive()


def test_events_that_nobody_wrote():
    """the last sixteen, in their order, also those that log.level keeps out of the log"""
    p, env = run("restart = always\nrestart-delay = 1ms\ncommand = %s\n[log]\nlevel = error" % program(
        "n = int(open('n').read()) if os.path.exists('n') else 0\n"
        "open('n', 'w').write(str(n + 1))\n"
        "sys.exit(100 + n) if n < 30 else time.sleep(1000)\n"))
    page = wait_until(lambda: [each for each in [json.loads(status(env, "--json"))]
                               if each["processes"][0]["starts"] == 31], 20, "31 starts")[0]
    messages = [event["message"] for event in page["events"]]
    assert len(messages) == 16
    codes = [int(found.group(1)) for found in
             (re.search(r"exited with (\d+)", message) for message in messages) if found]
    assert codes == list(range(130 - len(codes), 130)) and len(codes) >= 4, messages
    assert "started python3" in messages[-1] or messages[-1] == "ready", messages
    assert "exited" not in p.output(), p.output()


if __name__ == "__main__":
    harness.main()
