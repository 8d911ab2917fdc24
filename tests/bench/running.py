"""What a running init costs: memory and wakeups while nothing happens, and the
time that a signal takes through it. All are PID 1 here, all at the same time."""
import os
import random
import select
import subprocess
import tempfile

import harness
from inits import http_get
from proc import command_name, descendants_of
from figures import BenchError, Figure
from contenders import HELPERS, Image, Started, helper

COMMAND = "sleep"
ROLE = "/run"      # pidone as the role, with its probe server
SOCKET = "/run/pidone/run.sock"
CONFIG = "[run]\ncommand = sleep 1000\n"
WARM_UP = 5        # signals of a start that are not counted with the others
QUIET_POLLS = 20   # so often asked without a change: it is idle


def switches(pids):
    """Voluntary and other context switches of all threads of these."""
    count = 0
    for pid in pids:
        for thread in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/status" % (pid, thread)) as file:
                count += sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)
    return count


def memory(pids):
    """(PSS, private dirty) of these together, in kB; and how many they are."""
    total = {"Pss": 0, "Private_Dirty": 0}
    for pid in pids:
        with open("/proc/%d/smaps_rollup" % pid) as file:
            for line in file:
                key, _, value = line.partition(":")
                if key in total:
                    total[key] += int(value.split()[0])
    return total["Pss"], total["Private_Dirty"], len(pids)


def wait_until_idle(started):
    """The command runs, and the init has not been awake for a while."""
    def runs():
        return [pid for pid in descendants_of(started.pid)
                if command_name(pid) == COMMAND]
    harness.wait_until(runs, 10, "the command of " + started.name)
    last = [None, 0]

    def quiet():
        now = switches(started.processes(COMMAND))
        last[1] = last[1] + 1 if now == last[0] else 0
        last[0] = now
        return last[1] >= QUIET_POLLS
    harness.wait_until(quiet, 20, started.name + " comes to rest")


def images(inits, directory):
    """{name: Image} of each init, and one more of each pidone as the role."""
    found = {init.name: Image(init, directory + "/" + init.name) for init in inits}
    for init in inits:
        if init.is_ours:
            found[init.name + ROLE] = Image(init, directory + "/" + init.name + "-role")
    return found


def start_all(ready, config, draw):
    """{name: Started} of `X sleep` by each init, and of each pidone as the role."""
    started = {}
    for name in draw.sample(list(ready), len(ready)):
        if name.endswith(ROLE):
            started[name] = ready[name].start(ROLE, environment={"PIDONE_CONFIG": config})
        else:
            started[name] = ready[name].start("/usr/bin/sleep", "1000")

    def all_answer():
        return all(http_get("/readyz", unix="/proc/%d/root%s" % (each.pid, SOCKET))[0] == 200
                   for name, each in started.items() if name.endswith(ROLE))
    harness.wait_until(all_answer, 10, "the probe servers of pidone")
    for each in started.values():
        wait_until_idle(each)
    return started


def count_wakeups(started, seconds):
    """{name: switches of the init's processes}, all in the same seconds."""
    pids = {name: each.processes(COMMAND) for name, each in started.items()}
    before = {name: switches(pids[name]) for name in pids}
    select.select([], [], [], seconds)
    return {name: switches(pids[name]) - before[name] for name in pids}


def idle(inits, scale, say):
    """The rows of memory and wakeups."""
    say("memory of idle inits, starts of each: %d" % scale.idle_starts)
    draw = random.Random(1)
    first, whole, awake = {}, {}, {}
    # not in /tmp: where that is memory, every page of a program counts as dirty
    with tempfile.TemporaryDirectory(dir=HELPERS) as directory:
        ready = images(inits, directory)
        config = directory + "/pidone.ini"
        with open(config, "w") as file:
            file.write(CONFIG)
        for number in range(scale.idle_starts):
            started = start_all(ready, config, draw)
            for name, each in started.items():
                first.setdefault(name, []).append(memory([each.pid]))
                whole.setdefault(name, []).append(memory(each.processes(COMMAND)))
            if number + 1 == scale.idle_starts:
                say("wakeups in %d idle seconds" % scale.idle_s)
                awake = count_wakeups(started, scale.idle_s)
            for each in started.values():
                each.stop()
    return rows_of_idle(first, whole, awake, scale)


def rows_of_idle(first, whole, awake, scale):
    def column(found, k, names):
        return {new: [[values[k]] for values in found[old]] for old, new in names}
    inits = [(name, name) for name in first if not name.endswith(ROLE)]
    role = [(name, name.removesuffix(ROLE)) for name in first if name.endswith(ROLE)]
    wakeups = "wakeups in %d idle seconds" % scale.idle_s
    return [
        Figure("idle: PSS of all its processes, kB", column(whole, 0, inits)),
        Figure("– private and dirty, kB", column(whole, 1, inits)),
        Figure("– how many processes", column(whole, 2, inits), compared=False),
        Figure("idle as `/run`: PSS of PID 1, kB", column(first, 0, role), key="pss_first"),
        Figure("– private and dirty, kB", column(first, 1, role)),
        Figure("idle as `/run`: PSS of PID 1 and probe server, kB", column(whole, 0, role),
               key="pss_all"),
        Figure("– private and dirty, kB", column(whole, 1, role)),
        Figure("– how many processes", column(whole, 2, role)),
        Figure(wakeups, {name: [[awake[name]]] for name, _ in inits}, key="wakeups",
               compared=False),
        Figure(wakeups + ", as `/run`", {new: [[awake[old]]] for old, new in role},
               key="wakeups_role", compared=False),
    ]


def signals_once(inits, rounds):
    """{name: [µs, …]} of inits that are started for it."""
    started = [Started(init.name, init.as_pid1(helper("handler"))) for init in inits]
    argv = [helper("latency"), str(rounds)]
    fds = []
    for each in started:
        fd = each.popen.stdout.fileno()
        if not select.select([fd], [], [], 10)[0] or len(os.read(fd, 8)) != 8:
            each.fail("did not start the command")
        argv += [str(each.pid), str(fd)]
        fds.append(fd)
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, pass_fds=fds, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(done.stderr.strip())
    for each in started:
        each.stop()
    found = {init.name: [] for init in inits}
    for line in done.stdout.splitlines():
        index, ns = line.split()
        found[inits[int(index)].name].append(int(ns) / 1000)
    return found


def latency(inits, scale, say):
    """The rows of signal latency, in microseconds. Each start is one block: on
    which processors the scheduler keeps the processes of one is its secret."""
    say("signals, %d starts, %d for each" % (scale.latency_starts, scale.latency_rounds))
    first = {init.name: [] for init in inits}
    blocks = {init.name: [] for init in inits}
    draw = random.Random(1)
    for _ in range(scale.latency_starts):
        order = draw.sample(inits, len(inits))
        for name, values in signals_once(order, scale.latency_rounds).items():
            first[name].append(values[:1])
            blocks[name].append(values[WARM_UP:])
    return [Figure("signal: `kill` to the command's handler, median, µs", blocks),
            Figure("– 99th percentile, µs", blocks, share=0.99),
            Figure("– the first signal after the start, median, µs", first)]
