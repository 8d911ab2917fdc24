"""contrib/dockerfiles with a real Docker: the images are built and run, as Docker, as Kubernetes
and as docker-compose do. The base images are stand-ins (bases.py), all else is real."""
import glob
import os
import signal

import cases_compose
import cases_images
import cases_pod
import engine
import harness
from harness import wait_until
from inits import Process
from proc import process_name


def started_elsewhere(earlier=None):
    """This script once more, with its files in this case's directory, and its daemon's, which is
    not the earlier one's."""
    if engine.reason_against() is not None:
        harness.skip(engine.reason_against())
    run = Process(["/usr/bin/python3", __file__, "test_labels"],
                  env=dict(os.environ, TMPDIR=harness.tmp), name="script")
    directory = wait_until(lambda: set(glob.glob(harness.tmp + "/%s*" % engine.PREFIX)) -
                           {earlier}, 20, "the daemon's directory").pop()
    wait_until(lambda: os.path.exists(directory + "/docker.sock"), 20, "the daemon")
    wait_until(lambda: groups(directory), 20, "the first control group")
    assert processes(directory)
    return run, directory


def processes(directory):
    """The daemon and its helpers have the directory in their arguments."""
    return [words for words in map(process_name, map(int, filter(str.isdigit, os.listdir("/proc"))))
            if directory in words]


def groups(directory):
    name = os.path.basename(directory)
    return glob.glob("/sys/fs/cgroup/" + name) + glob.glob("/sys/fs/cgroup/*/" + name)


@harness.limit(60)
def test_interrupted():
    """A test run that is interrupted leaves no process, no control group and no file behind."""
    run, directory = started_elsewhere()
    for _ in range(2):
        run.signal(signal.SIGTERM)
    assert run.wait(30) == 128 + signal.SIGTERM
    assert not processes(directory) and not groups(directory)
    assert not os.path.exists(directory)


@harness.limit(60)
def test_killed():
    """Of one that is killed no process is left, and the next one removes its files."""
    run, directory = started_elsewhere()
    run.signal(signal.SIGKILL)
    run.wait(10)
    wait_until(lambda: not processes(directory), 20, "the end of the daemon")
    following, _ = started_elsewhere(directory)
    assert not os.path.exists(directory) and not groups(directory)
    following.signal(signal.SIGTERM)
    following.wait(30)


engine.run(lambda: harness.main(under_valgrind=False, sanitized=False, modules=[
    cases_images, cases_pod, cases_compose]))
