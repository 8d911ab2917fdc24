"""A control group of our own, so that the kernel's limits are ours to set. Needs root."""
import contextlib
import os

import harness
from harness import wait_until


def _write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(str(text))


@contextlib.contextmanager
def limited_memory(size):
    """What is started meanwhile has so many bytes together, and no swap. The group's path."""
    v1 = os.path.isdir("/sys/fs/cgroup/memory")
    parent = "/sys/fs/cgroup/memory" if v1 else "/sys/fs/cgroup"
    group = "%s/pidone-test-%d" % (parent, os.getpid())
    os.mkdir(group)
    try:
        limits = {"memory.limit_in_bytes": size, "memory.memsw.limit_in_bytes": size} if v1 else \
            {"memory.max": size, "memory.swap.max": 0}
        for name, value in limits.items():
            _write(group + "/" + name, value)
        _write(group + "/cgroup.procs", os.getpid())
        yield group
    finally:
        _write(parent + "/cgroup.procs", os.getpid())
        wait_until(lambda: harness.remove_directory(group), 5)
