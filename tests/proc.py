"""What the kernel says of processes: they may be gone while one asks."""
import glob
import re


def children_of(pid):
    """Direct children, by the kernel's word; of all threads."""
    found = []
    for path in glob.glob("/proc/%d/task/*/children" % pid):
        try:
            with open(path) as file:
                found += [int(word) for word in file.read().split()]
        except OSError:
            pass
    return found


def descendants_of(pid):
    found = []
    for child in children_of(pid):
        found += [child] + descendants_of(child)
    return found


def process_name(pid):
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def command_name(pid):
    """The kernel's short name of a process (comm), or "" when it is gone."""
    try:
        with open("/proc/%d/comm" % pid) as file:
            return file.read().rstrip("\n")
    except OSError:
        return ""


def process_state(pid):
    """The letter of /proc/PID/stat: R, S, T, Z …; "" when it is gone."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def status_of(pid, field):
    """A line of /proc/PID/status, for instance SigBlk; "" when it is gone."""
    try:
        with open("/proc/%d/status" % pid) as file:
            return re.search(r"^%s:\s*(.*)$" % field, file.read(), re.M).group(1)
    except (OSError, AttributeError):
        return ""
