"""How an init reaps very many orphans that end at once, as PID 1."""
import glob
import os
import random
import select
import subprocess

from figures import BenchError, Figure
from contenders import Started, helper

SPARE = 1000               # processes that the machine may want meanwhile
KB_EACH = 40               # an orphan's part of the kernel's memory, generously
PATIENCE_S = 120


def read_number(path):
    """The number in a file; None when there is none."""
    try:
        with open(path) as file:
            return int(file.read().split()[0])
    except (OSError, ValueError, IndexError):
        return None


def room_in_cgroups():
    """How many processes the pids controllers above us still allow; or None."""
    rooms = []
    with open("/proc/self/cgroup") as file:
        lines = [line.rstrip("\n").split(":", 2) for line in file]
    for _, controllers, path in lines:
        root = "/sys/fs/cgroup" + ("/" + controllers if controllers else "")
        if controllers not in ("", "pids"):
            continue
        while True:
            most = read_number(root + path + "/pids.max")
            if most is not None:
                rooms.append(most - (read_number(root + path + "/pids.current") or 0))
            if path in ("/", ""):
                break
            path = os.path.dirname(path)
    return min(rooms) if rooms else None


def room():
    """(how many orphans this machine can have, what allows no more)."""
    here = len(glob.glob("/proc/[0-9]*/task/[0-9]*"))
    rooms = [(read_number("/proc/sys/kernel/pid_max") - here - SPARE, "pid_max"),
             (read_number("/proc/sys/kernel/threads-max") - here - SPARE, "threads-max")]
    cgroups = room_in_cgroups()
    if cgroups is not None:
        rooms.append((cgroups - SPARE, "the control group's pids.max"))
    with open("/proc/meminfo") as file:
        free = next(int(line.split()[1]) for line in file if line.startswith("MemAvailable"))
    rooms.append((free // 2 // KB_EACH, "the free memory"))
    return min(rooms)


def cpu_ms(pid):
    """CPU time of the process's only thread: exact, else in the clock's ticks."""
    ns = read_number("/proc/%d/schedstat" % pid)
    if ns is not None:
        return ns / 1e6
    with open("/proc/%d/stat" % pid) as file:
        words = file.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def reap_once(init, orphans, stopped):
    """(ms until the last was reaped, CPU ms of the init, orphans left). stopped:
    the init is stopped while they end, and only its reaping is timed."""
    read_fd, write_fd = os.pipe()
    started = Started(init.name, init.as_pid1(helper("orphans"), str(orphans)), stdin=read_fd)
    os.close(read_fd)
    out = started.popen.stdout.fileno()
    if not select.select([out], [], [], PATIENCE_S)[0] or \
            os.read(out, 64).split() != [b"made", b"%d" % orphans]:
        started.fail("with %d orphans" % orphans)
    before = cpu_ms(started.pid)
    argv = [helper("reap"), str(started.pid), str(write_fd)] + ([str(out)] if stopped else [])
    reaper = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              pass_fds=(write_fd, out), text=True)
    os.close(write_fd)
    said, complaint = reaper.communicate()
    if reaper.returncode != 0:
        raise BenchError(complaint.strip())
    used = cpu_ms(started.pid) - before
    started.stop()
    ns, left = said.split()
    return int(ns) / 1e6, used, int(left)


def measure(inits, scale, say):
    """(rows of the table, a note where the machine could not have as many)."""
    most, why = room()
    orphans = min(scale.orphans, most)
    if orphans < 100:
        raise BenchError("there is no room for even 100 orphans: see %s" % why)
    note = None
    if orphans < scale.orphans:
        note = "Only %s orphans instead of %s: %s allows no more here." % (
            format(orphans, ","), format(scale.orphans, ","), why)
    if not os.path.exists("/proc/self/task/%d/children" % os.getpid()):
        return [], "Reaping is not measured: this kernel does not list a process's children."
    title = "reaping %s orphans that end at once, ms" % format(orphans, ",")
    figures = []
    for stopped, rounds, heading in (
            (False, scale.reap_rounds, title),
            (True, scale.reap_ended_rounds, "reaping as many that have ended, ms")):
        found = {init.name: [] for init in inits}
        draw = random.Random(1)
        for number in range(rounds):
            say("%s: round %d of %d" % (heading.removesuffix(", ms"), number + 1, rounds))
            for init in draw.sample(inits, len(inits)):
                found[init.name].append(reap_once(init, orphans, stopped))
        figures += rows(heading, found)
    return figures, note


def rows(heading, found):
    """The rows of {name: [what reap_once() said, …]}."""
    return [Figure(title, {name: [[values[k]] for values in found[name]] for name in found},
                   share=1.0 if k == 2 else 0.5)
            for k, title in enumerate((heading, "– CPU time of the init, ms",
                                       "– zombies left, at most"))]
