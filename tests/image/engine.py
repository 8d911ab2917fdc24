"""A Docker daemon of this script's own: its processes, mounts and network are in namespaces that
end with it, its files in one temporary directory. Nothing of it is left on the machine, also when
the script is killed.
"""
import contextlib
import ctypes
import fcntl
import functools
import glob
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile

import harness
from harness import STATIC_BIN, Failure, need_command, wait_until
from inits import Process, http_get
from proc import children_of, process_state

PREFIX = "pidone-image."
PR_SET_PDEATHSIG = 1
START = """
mount --make-rshared /
mount -t tmpfs tmpfs /run
ip link set lo up
exec "$@"
"""
# The daemon wants to be spared by the kernel when memory is short, which takes a privilege that
# is missing where tests run in a sandbox. Everything else is runc as it is.
RUNTIME = """#!/usr/bin/python3 -IS
import json, os, sys
words = sys.argv[1:]
if "--bundle" in words:
    path = words[words.index("--bundle") + 1] + "/config.json"
    if os.path.exists(path):
        with open(path) as file:
            config = json.load(file)
        if (config["process"].get("oomScoreAdj") or 0) < 0:
            config["process"]["oomScoreAdj"] = 0
            with open(path, "w") as file:
                json.dump(config, file)
os.execvp("runc", ["runc"] + words)
"""

_libc = ctypes.CDLL(None, use_errno=True)
_engine = None


# ---- the daemon: in the process that the script is ----

class Engine:
    """The daemon; with: it is stopped at the end, and all that it started."""

    def __init__(self):
        _sweep()
        self.dir = tempfile.mkdtemp(prefix=PREFIX)
        self.owner = _hold(self.dir)
        self.socket = self.dir + "/docker.sock"
        self.log = self.dir + "/log"
        with open(self.dir + "/runtime", "w", encoding="ascii") as file:
            file.write(RUNTIME)
        os.chmod(self.dir + "/runtime", 0o755)
        with open(self.log, "w", encoding="ascii") as log:
            # pidone as PID 1 of this, too: the containers' helpers are orphans
            self.process = subprocess.Popen(
                ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
                 "sh", "-c", START, "sh", STATIC_BIN, "--", "dockerd",
                 "--host", "unix://" + self.socket, "--pidfile", self.dir + "/docker.pid",
                 "--data-root", self.dir + "/data", "--exec-root", "/run/docker",
                 "--bip", "172.31.255.1/24", "--default-ulimit", "nofile=4096:16384",
                 "--add-runtime", "spared=%s/runtime" % self.dir, "--default-runtime", "spared",
                 "--cgroup-parent", "/" + os.path.basename(self.dir)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                preexec_fn=_end_with_parent, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        _on_signals(signal.SIG_IGN)   # timeout(1), for instance, sends it twice
        harness._kill_descendants()  # pylint: disable=protected-access
        _remove(self.dir)
        self.owner.close()


def _end_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _hold(directory):
    """The open file whose lock says that the directory is in use."""
    file = open(directory + "/owner", "w", encoding="ascii")
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


def _sweep():
    """What is left of an earlier script that was killed: files, and empty control groups."""
    for directory in glob.glob(tempfile.gettempdir() + "/" + PREFIX + "*"):
        with contextlib.suppress(OSError), _hold(directory):
            _remove(directory)


def _remove(directory):
    name = os.path.basename(directory)
    for top in glob.glob("/sys/fs/cgroup/" + name) + glob.glob("/sys/fs/cgroup/*/" + name):
        for path, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(path)
    # the daemon's own files may be without permission to be removed
    shutil.rmtree(directory, onerror=lambda function, path, _: (
        os.chmod(os.path.dirname(path), stat.S_IRWXU), function(path)))


def _on_signals(action):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, action)


def _stop(number, _):
    _on_signals(signal.SIG_IGN)
    sys.exit(128 + number)


def run(main):
    """main(), with the daemon around it where it can be had: the cases are in another process,
    which ends what it started after each."""
    global _engine
    if harness.WRAPPER or harness.SANITIZED or reason_against() is not None:
        main()
        return
    _on_signals(_stop)
    _libc.prctl(harness.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with Engine() as _engine:
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            _end_with_parent()
            tempfile.tempdir = _engine.dir   # so that the cases' files end with it, too
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            try:
                main()
                sys.stdout.flush()
            finally:
                os._exit(0)
        os.waitpid(pid, 0)


def reason_against():
    if not STATIC_BIN:
        return "needs a static build: STATIC_DIR"
    if not harness.IS_ROOT:
        return "needs root, for a Docker daemon"
    for name in ("dockerd", "runc", "ip", "unshare"):
        if shutil.which(name) is None:
            return "needs the command " + name
    return None


# ---- in a case ----

def on_docker(function):
    """Decorator: the case has a Docker daemon without any container, and is in its network."""
    @functools.wraps(function)
    def case():
        if reason_against() is not None:
            harness.skip(reason_against())
        need_command("docker")
        _enter_network()
        wait_until(_answers, 20, "the Docker daemon to answer; its log: " + _engine.log)
        _clear()
        try:
            function()
        finally:
            _clear()
    return case


def _answers():
    if process_state(_engine.process.pid) in ("", "Z"):
        with open(_engine.log, encoding="utf-8") as file:
            raise Failure("the Docker daemon has ended:\n" + file.read()[-3000:])
    return os.path.exists(_engine.socket) and _call(["version"]).returncode == 0


def _enter_network():
    """The containers are reached from where the daemon is."""
    inside = wait_until(lambda: children_of(_engine.process.pid), 10, "the daemon's namespaces")[0]
    with open("/proc/%d/ns/net" % inside, encoding="ascii") as file:
        if _libc.setns(file.fileno(), harness.CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def socket():
    """Where the daemon listens."""
    return _engine.socket


def weigh(processes):
    """The containers get as much of the processors as so many processes do: else all of them
    together count as one, beside each of the other tests that run at the same time."""
    for top, file, unit in (("/sys/fs/cgroup/cpu", "cpu.shares", 1024),
                            ("/sys/fs/cgroup", "cpu.weight", 100)):
        if os.path.isdir(top):
            group = "%s/%s" % (top, os.path.basename(_engine.dir))
            os.makedirs(group, exist_ok=True)   # before there is a container
            with contextlib.suppress(FileNotFoundError), \
                    open(group + "/" + file, "w", encoding="ascii") as weight:
                weight.write(str(processes * unit))
            break


def environment():
    """For docker and docker-compose."""
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DOCKER_HOST": "unix://" + _engine.socket,
            "DOCKER_CONFIG": _engine.dir + "/client", "HOME": _engine.dir, "DOCKER_BUILDKIT": "1",
            "COMPOSE_DOCKER_CLI_BUILD": "1", "LC_ALL": "C.UTF-8"}


def _call(words, **more):
    return subprocess.run(["docker"] + words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, env=environment(), check=False, cwd="/", **more)


def docker(*words, **more):
    """What `docker WORDS…` prints; a failure fails the case."""
    done = _call(list(words), **more)
    if done.returncode != 0:
        raise Failure("docker %s: %s" % (" ".join(words[:4]), done.stdout[-4000:]))
    return done.stdout.strip()


def _clear():
    for kind, words in (("container", ["rm", "--force", "--volumes"]), ("volume", ["rm", "-f"])):
        found = _call([kind, "ls", "--quiet"] + (["--all"] if kind == "container" else [])).stdout
        if found.split():
            _call([kind] + words + found.split())
    _call(["network", "prune", "--force"])


def inspect(name, form, kind="container"):
    """A part of what the daemon knows of it, as Go's template says: {{json .State}} is parsed."""
    text = docker(kind, "inspect", "--format", form, name)
    return json.loads(text) if form.startswith("{{json") else text


def image_exists(tag):
    return _call(["image", "inspect", tag]).returncode == 0


# Kubernetes' "restricted", and what a careful hoster adds
LOCKED = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
          "--tmpfs", "/tmp"]


class Container(Process):
    """`docker run` of an image; lines and exit code are the container's."""
    count_of_all = 0

    def __init__(self, image, args=(), options=(), env=None, name=None):
        Container.count_of_all += 1
        self.id = "%s-%d" % (name or "c", Container.count_of_all)
        words = ["docker", "run", "--name", self.id, "--sig-proxy=false"] + list(options)
        for key, value in (env or {}).items():
            words += ["--env", "%s=%s" % (key, value)]
        super().__init__(words + [image] + list(args), env=environment(), cwd="/",
                         name=name or " ".join(args) or image)

    def state(self):
        """What Docker says of it; {} before it says anything."""
        text = _call(["container", "inspect", "--format", "{{json .State}}", self.id]).stdout
        return json.loads(text) if text.startswith("{") else {}

    def until_health(self, word):
        """Waits until HEALTHCHECK says starting, healthy or unhealthy; what it said last."""
        def look():
            self.must_run()
            health = self.state().get("Health", {})
            return health.get("Status") == word and health
        return wait_until(look, 60, "%s to be %s" % (self.name, word))["Log"][-1]["Output"]

    def must_run(self):
        if not self.alive():
            raise Failure("%s has ended with %d" % (self.name, self.wait()))

    def address(self):
        def look():
            done = _call(["container", "inspect", "--format",
                          "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", self.id])
            return done.returncode == 0 and done.stdout.strip()
        return wait_until(look, 20, "the address of " + self.name)

    def http(self, path, port, address=None):
        return http_get(path, port, host=address or self.address())

    def until(self, path, status, port, address=None, timeout=30):
        """Waits for this answer; its body."""
        def answer():
            self.must_run()
            code, body = self.http(path, port, address)
            return (code == status) and (code, body)
        return wait_until(answer, timeout, "%d from %s of %s" % (status, path, self.name))[1]

    def execute(self, *words):
        """(exit code, output) of a further process inside."""
        done = _call(["exec", self.id] + list(words))
        return done.returncode, done.stdout

    def stop_it(self, grace):
        """`docker stop`, and the exit code."""
        docker("stop", "--time", str(grace), self.id)
        return self.wait()
