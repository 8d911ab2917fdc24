#!/usr/bin/python3
"""/metrics: what Prometheus reads, against what really happened. The format of each line is
promtool's to judge (Debian's package prometheus)."""
import os
import re
import resource
import signal
import socket
import subprocess
import tempfile
import time

import harness
from cgroups import limited_memory
from harness import wait_until
from inits import Pidone
from proc import status_of
from programs import listener, process_called, program

LINE = re.compile(r'([a-z_]+)(\{.*\})? (\S+)')


def metrics(p):
    """{'name{labels}': value}"""
    code, body = p.http("/metrics")
    assert code == 200
    found = {}
    for line in body.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = LINE.fullmatch(line).groups()
        key = name + (labels or "")
        assert key not in found, "twice: " + line
        found[key] = float(value)
    return found


def until(p, condition, what):
    def look():
        found = metrics(p)
        return condition(found) and found
    return wait_until(look, 10, what)


def run(keys, **more):
    return Pidone(["/run"], config="[run]\n" + keys + "\n", **more)


def test_format():
    """promtool has nothing to say about any of it, at every stage of a life"""
    harness.need_command("promtool")

    def judge(p):
        told = subprocess.run(["promtool", "check", "metrics"], input=p.http("/metrics")[1],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        assert (told.returncode, told.stdout) == (0, ""), told.stdout
    port = harness.free_port()
    p = run("wait = tcp://127.0.0.1:%d\nready = exec:true\nready = exec:true\nlive = exec:false\n"
            "check-interval = 50ms\nrestart = always\nrestart-delay = 10ms\nprocess.beat = sleep 9\n"
            "command = %s" % (port, listener("os._exit(s)")))
    until(p, lambda m: m['pidone_state{state="waiting"}'] == 1, "it to wait")
    judge(p)
    with socket.create_server(("127.0.0.1", port)):
        p.expect("^up")
    os.kill(process_called(p, "python3"), signal.SIGUSR1)
    until(p, lambda m: m.get('pidone_process_exits_total{process="main",code="10"}') == 1, "the end")
    judge(p)
    assert '{check="exec:true #2",kind="ready",state="ok"} ' in p.http("/metrics")[1]


def test_long_page():
    """all of it comes, also where there are as many processes and checks as there may be"""
    keys = ["process.further-process-%d = sleep 1000" % k for k in range(15)]
    keys += ["ready = tcp://a-name-that-is-%d-characters-long.example:1000%d" % (k, k % 10)
             for k in range(16)]
    p = run("\n".join(keys) + "\ncheck-interval = 1h\ncommand = sleep 1000")
    until(p, lambda m: sum(m[key] for key in m if key.startswith("pidone_process_running")) == 16,
          "all processes")
    for path in ("/metrics", "/status", "/status?format=text", "/readyz?verbose"):
        code, body = p.http(path)  # fails where less comes than was announced
        assert code in (200, 503) and "characters-long" in body, path
    assert len(p.http("/metrics")[1]) > 16384


def test_starts_restarts_and_exits():
    """starts, restarts, and exits by code of each process"""
    p = run("restart = always\nrestart-delay = 10ms\nprocess.beat = sleep 1000\ncommand = %s" %
            listener("os._exit(s)"))
    for signo, count in ((signal.SIGUSR1, 1), (signal.SIGUSR2, 1), (signal.SIGUSR1, 2)):
        p.expect("^up")
        os.kill(process_called(p, "python3"), signo)
        name = 'pidone_process_exits_total{process="main",code="%d"}' % signo
        until(p, lambda m: m.get(name) == count, name)
    p.expect("^up")
    os.kill(process_called(p, "python3"), signal.SIGKILL)
    p.expect("^up")
    found = metrics(p)
    exits = {key: value for key, value in found.items() if "exits_total" in key}
    assert exits == {'pidone_process_exits_total{process="main",code="%d"}' % code: count
                     for code, count in ((10, 2), (12, 1), (137, 1))}, exits
    assert found["pidone_restarts_total"] == 4
    assert found['pidone_process_starts_total{process="main",program="python3"}'] == 5
    assert found['pidone_process_starts_total{process="beat",program="sleep"}'] == 1
    assert found['pidone_process_running{process="beat",program="sleep"}'] == 1


def test_more_exits_than_there_is_room_for():
    """forty different codes: thirty-one by their number, the rest together, none lost"""
    p = run("restart = always\nrestart-delay = 1ms\ncommand = %s" % program(
        "n = int(open('n').read()) if os.path.exists('n') else 0\n"
        "open('n', 'w').write(str(n + 1))\n"
        "sys.exit(100 + n) if n < 40 else time.sleep(1000)\n"))

    def exits(found):
        return {key: value for key, value in found.items() if "exits_total" in key}
    found = exits(until(p, lambda m: sum(exits(m).values()) == 40, "forty ends"))
    assert found.pop('pidone_process_exits_total{process="other",code="other"}') == 9
    assert sorted(found) == ['pidone_process_exits_total{process="main",code="%d"}' % code
                             for code in range(100, 131)], found


def test_waits():
    """seconds waited by target: they run while it is waited, and stand still afterwards"""
    port, other = harness.free_port(), harness.free_port()
    names = ['pidone_wait_seconds_total{target="tcp://127.0.0.1:%d"}' % n for n in (port, other)]
    with socket.create_server(("127.0.0.1", other)):
        p = run("wait = tcp://127.0.0.1:%d\nwait = tcp://127.0.0.1:%d\ncommand = sleep 1000" %
                (port, other))
        p.expect("%d is there after" % other)
        before = metrics(p)
        after = until(p, lambda m: m[names[0]] > before[names[0]] + 0.2, "time to pass")
        assert after[names[1]] == before[names[1]] < after[names[0]]
        with socket.create_server(("127.0.0.1", port)):
            p.expect("started sleep")
    found = metrics(p)
    up = found["pidone_uptime_seconds"]
    assert found[names[0]] <= up and found["pidone_lock_wait_seconds_total"] == 0
    later = until(p, lambda m: m["pidone_uptime_seconds"] > up + 0.2, "time to pass")
    assert [later[name] for name in names] == [found[name] for name in names]


def test_checks():
    """results, durations and the last success of a check, against what the check itself counted"""
    begin = time.time()
    folder = tempfile.mkdtemp(dir=harness.tmp)
    check = program("open('asked', 'a').write('.')\n"
                    "sys.exit(0 if os.path.exists('good') else 1)\n")
    p = run("ready = exec:%s\ncheck-interval = 100ms\ncheck-failures = 1\ncommand = %s" %
            (check, program("open('good', 'w')\nprint('up')\n"
                            "signal.signal(10, lambda *a: os.unlink('good'))\n"
                            "while True:\n    signal.pause()\n")), cwd=folder)
    labels = 'check="exec:/usr/bin/python3",kind="ready"'
    results = 'pidone_check_results_total{%s,result="%%s"}' % labels
    success = "pidone_check_last_success_timestamp_seconds{%s}" % labels
    found = until(p, lambda m: m[results % "ok"] >= 3, "three good answers")
    assert begin <= found[success] <= time.time()
    os.kill(process_called(p, "python3"), signal.SIGUSR1)
    # one that was under way may have been good still
    first = until(p, lambda m: m[results % "failed"] >= 1, "a bad answer")
    second = until(p, lambda m: m[results % "failed"] >= 3, "three bad answers")
    assert second[success] == first[success] and second[results % "ok"] == first[results % "ok"]
    results_in_all = second[results % "ok"] + second[results % "failed"]
    with open(folder + "/asked", encoding="ascii") as file:
        assert 0 <= len(file.read()) - results_in_all <= 2  # asked since
    assert second["pidone_check_duration_seconds_count{%s}" % labels] == results_in_all
    assert 0 < second["pidone_check_duration_seconds_sum{%s}" % labels] <= time.time() - begin


@harness.bare  # valgrind keeps some of the descriptors for itself
def test_main_process():
    """process_*: the main process as the kernel sees it; read by the probe server, for PID 1 is
    stopped meanwhile; nothing while it does not run"""
    p = run("restart = always\nrestart-delay = 1h\ncommand = %s" % program(
        "files = [open('/dev/null') for _ in range(7)]\n"
        "while time.process_time() < 0.2:\n    pass\n"
        "print('up')\nsignal.pause()\n"), preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_NOFILE, (500, 1000)))
    p.expect("^up")
    pid = process_called(p, "python3")
    p.signal(signal.SIGSTOP)
    found = metrics(p)
    p.signal(signal.SIGCONT)
    with open("/proc/%d/stat" % pid, encoding="ascii") as file:
        started = int(file.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    assert abs(found["process_start_time_seconds"] - boot - started) < 0.1
    assert found["process_open_fds"] == len(os.listdir("/proc/%d/fd" % pid)) >= 10
    assert found["process_max_fds"] == 500
    assert 0.15 < found["process_cpu_seconds_total"] < 20
    assert found["process_threads"] == 1
    resident = 1024 * int(status_of(pid, "VmRSS").split()[0])
    assert 0.8 < found["process_resident_memory_bytes"] / resident < 1.25  # the kernel rounds
    assert found["process_virtual_memory_bytes"] == 1024 * int(
        status_of(pid, "VmSize").split()[0])
    os.kill(pid, signal.SIGKILL)
    p.expect("was ended by KILL|was killed")
    assert not [name for name in metrics(p) if name.startswith("process_")]


@harness.bare  # valgrind needs more than that itself
def test_memory():
    """the control group's limit and its out-of-memory kills"""
    hungry = program("data = []\nprint('up')\nsignal.signal(10, lambda *a: None)\n"
                     "signal.pause()\n"
                     "while True:\n    data.append(b'x' * (1 << 20))\n")
    with limited_memory(96 << 20):
        p = run("restart = always\nrestart-delay = 10ms\ncommand = %s" % hungry)
        p.expect("^up")
        before = metrics(p)
        assert before["pidone_cgroup_memory_limit_bytes"] == 96 << 20
        assert 0 < before["pidone_cgroup_memory_usage_bytes"] <= 96 << 20
        assert before["pidone_cgroup_oom_kills_total"] == 0
        os.kill(process_called(p, "python3"), signal.SIGUSR1)
        p.expect("out of memory", 20)
        p.expect("^up", 20)
        assert metrics(p)["pidone_cgroup_oom_kills_total"] == 1
        p.signal(signal.SIGKILL)
        p.wait()


if __name__ == "__main__":
    harness.main()
