"""The static program where there is nothing else: an empty root, a busybox one (as Alpine
is), no passwd, nothing that can be written; with TLS, SCRAM, search domains and IPv6.
STATIC_DIR in the environment names a finished static build, STATIC_AARCH64_DIR the one for
aarch64, whose program runs under qemu-user. That it passes all of tests/ns and tests/pg is
seen by tests/run."""
import glob
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile

import harness
from certificates import Authority, tls_server
from files import files_in, write
from harness import STATIC_BIN, STATIC_DIR, Failure
from inits import Pidone
from nameserver import NameServer
from proc import command_name, descendants_of
from servers import FakeServer

AARCH64_DIR = os.environ.get("STATIC_AARCH64_DIR", "")
ARCHIVE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
                       "pidone-static/archive")
# Becomes PID 1, like all of tests/nsrun's; its /proc is the new namespace's own.
ENTER = 'mkdir -p "$1/proc" && mount -t proc proc "$1/proc" && exec /usr/sbin/chroot $0 "$@"'
APP = "command = /pidone wait --timeout 1h tcp://127.0.0.1:1\n"


def need_static():
    if not STATIC_BIN:
        harness.skip("needs a static build: STATIC_DIR")
    harness.need_root()


class Root:
    """A root file system that holds /pidone and these files, nothing else."""

    def __init__(self, files=None, binary=None):
        need_static()
        self.path = tempfile.mkdtemp(prefix="root.", dir=harness.tmp)
        os.chmod(self.path, 0o755)
        shutil.copy(binary or STATIC_BIN, self.path + "/pidone")
        for name, text in (files or {}).items():
            write(self.path + name, text)

    def start(self, args, config=None, user=None, through=(), **more):
        """pidone as PID 1 there."""
        if config is not None:
            write(self.path + "/pidone.ini", config)
            more["env"] = dict(more.get("env", {}), PIDONE_CONFIG="/pidone.ini")
        options = "--userspec=%d:%d" % (user, user) if user is not None else ""
        return Pidone(args, words=["/pidone"] + args,
                      through=["/bin/sh", "-c", ENTER, options, self.path, *through], **more)


def test_empty_root():
    """with nothing but itself: a whole life of a service, with probes from outside"""
    root = Root()
    p = root.start(["/run"], config="[run]\n" + APP + "wait = tcp://127.0.0.1:8001\n")
    p.expect("waiting for tcp://127.0.0.1:8001: connection refused")
    FakeServer("mute", port=8001)
    p.until("/readyz", 200)
    p.until("/livez", 200)
    p.signal(signal.SIGTERM)
    assert p.wait() == 143, p.output()
    assert files_in(root.path) == {"pidone", "pidone.ini"}, files_in(root.path)
    p = root.start(["/init"], config="[init]\nstep = /pidone -V\nstep = /pidone --help\n")
    assert p.wait() == 0 and "pidone " in p.stdout, p.output()


def test_missing_program_in_an_empty_root():
    """a command that is not there is told as in any image, and a shell that is not there, too"""
    p = Root().start(["/run"], config="[run]\ncommand = gunicorn shop.wsgi\n",
                     env={"PATH": "/usr/bin:/bin"})
    assert p.wait() == 127 and "cannot run 'gunicorn'" in p.stderr, p.output()


def test_busybox_root():
    """a busybox root with musl's habits, as Alpine is: a shell, a Procfile, an exec: check"""
    harness.need_command("busybox")
    root = Root({"/app/Procfile": "release: echo migrated && true\nweb: sleep 1000\n",
                 "/etc/passwd": "app:x:1000:1000::/app:/bin/sh\n"})
    os.mkdir(root.path + "/bin")
    shutil.copy(shutil.which("busybox"), root.path + "/bin/busybox")
    for applet in ("sh", "sleep", "echo", "true", "test"):
        os.symlink("busybox", root.path + "/bin/" + applet)
    p = root.start(["/init"], through=["/bin/sh", "-c", 'cd /app && exec "$@"', "sh"],
                   env={"PATH": "/bin"})
    assert p.wait() == 0 and p.stdout == "migrated\n", p.output()
    p = root.start(["/run"], env={"PATH": "/bin"}, config="[run]\ncommand = sleep 1000\n"
                   "user = app\nready = exec:test -e /pidone\n")
    p.until("/readyz", 200)
    p.signal(signal.SIGTERM)
    assert p.wait() == 143, p.output()


class Database:
    """PostgreSQL with TLS and SCRAM, at the name db of the search domain shop.test, which
    has an address of IPv6 only."""

    def __init__(self):
        self.postgres, self.authority = tls_server("db", password="secret")
        self.names = NameServer({"db.shop.test": ["::1"]})

    def root(self, binary=None, authority=None):
        with open((authority or self.authority).certificate, encoding="ascii") as file:
            certificate = file.read()
        return Root({"/ca.crt": certificate, "/etc/resolv.conf":
                     "nameserver 127.0.0.53\nsearch svc.test shop.test\noptions ndots:5\n"}, binary)

    def url(self, password="secret"):
        return ("postgresql://postgres:%s@db:%d/postgres?sslmode=verify-full&sslrootcert=/ca.crt"
                % (password, self.postgres.port))


INIT = ("[postgres]\nauth-grace = 1ms\n[init]\nwait = postgres\nlock = postgres\n"
        "step = /pidone -V\n")


def test_database_for_anybody():
    """a random UID that no passwd knows, without capabilities, in a root that cannot be written:
    verify-full, SCRAM, a search domain, IPv6, and the lock"""
    database = Database()
    root = database.root()
    write(root.path + "/pidone.ini", INIT)
    os.mkdir(root.path + "/proc")
    subprocess.run(["mount", "--bind", root.path, root.path], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", root.path], check=True)
    p = root.start(["/init"], user=1234567,
                   env={"DATABASE_URL": database.url(), "PIDONE_CONFIG": "/pidone.ini"})
    assert p.wait(30) == 0 and "pidone " in p.stdout, p.output()
    assert "db.svc.test" in database.names.asked and "db.shop.test" in database.names.asked


def test_database_that_is_not_meant():
    """another authority, and a wrong password, are told as what they are"""
    database = Database()
    p = database.root(authority=Authority("Another CA")).start(
        ["/init"], config=INIT, env={"DATABASE_URL": database.url()})
    assert p.wait(30) == 69 and "certificate verify failed" in p.stderr, p.output()
    p = database.root().start(["/init"], config=INIT,
                              env={"DATABASE_URL": database.url("wrong")})
    assert p.wait(30) == 69 and "password authentication failed" in p.stderr and \
        "28P01" in p.stderr, p.output()


def test_aarch64():
    """the program for aarch64, under qemu-user: a service's life, and the database's"""
    need_static()
    if not AARCH64_DIR:
        harness.skip("needs a static build for aarch64: STATIC_AARCH64_DIR")
    harness.need_command("qemu-aarch64-static")
    with open(AARCH64_DIR + "/pidone", "rb") as file:
        assert file.read(20)[18] == 183, "not for aarch64"  # e_machine: EM_AARCH64
    database = Database()
    root = database.root(AARCH64_DIR + "/pidone")
    shutil.copy(shutil.which("qemu-aarch64-static"), root.path + "/qemu")
    shutil.copy(STATIC_BIN, root.path + "/app")  # the kernel here runs it
    p = root.start(["/init"], config=INIT.replace("/pidone -V", "/app -V"),
                   env={"DATABASE_URL": database.url()}, through=["/qemu"])
    assert p.wait(60) == 0 and "pidone " in p.stdout, p.output()
    p = root.start(["/run"], config="[run]\n" + APP.replace("/pidone", "/app"),
                   through=["/qemu"])
    p.until("/readyz", 200, 30)
    p.signal(signal.SIGTERM)
    assert p.wait(30) == 143, p.output()


def read(name):
    with open(STATIC_DIR + "/" + name, encoding="utf-8") as file:
        return file.read()


def sha256_of(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def test_papers():
    """checksum, bill of materials and licences go with the program, and tell the truth"""
    need_static()
    subprocess.run(["sha256sum", "--check", "--strict", "pidone.sha256"], cwd=STATIC_DIR,
                   check=True, stdout=subprocess.DEVNULL)
    bill = json.loads(read("pidone.spdx.json"))
    parts = {part["SPDXID"]: part for part in bill["packages"]}
    assert bill["spdxVersion"] == "SPDX-2.3" and len(parts) == len(bill["packages"])
    assert parts["SPDXRef-pidone"]["checksums"] == [
        {"algorithm": "SHA256", "checksumValue": sha256_of(STATIC_DIR + "/pidone")}]
    ends = {(r["relationshipType"], r["relatedSpdxElement"]) for r in bill["relationships"]}
    libraries = set(parts) - {"SPDXRef-pidone"}
    assert ends == {("DESCRIBES", "SPDXRef-pidone")} | {("STATIC_LINK", one) for one in libraries}
    # each checksum is that of a file of the archive which bears the version in its name
    files = [path for name in ("*.dsc", "*.deb") for path in
             glob.glob(ARCHIVE + "/files/*/" + name)]
    known = {sha256_of(path): os.path.basename(path).replace("%3a", ":") for path in files}
    for name in libraries - {"SPDXRef-gcc"}:  # which is installed here, not fetched
        found = known[parts[name]["checksums"][0]["checksumValue"]]
        assert parts[name]["versionInfo"] in found, (parts[name], found)
    notice = read("NOTICE")
    for name in libraries:
        title = "======== %s %s" % (parts[name]["name"], parts[name]["versionInfo"])
        if title not in notice:
            raise Failure("NOTICE has no licence of " + title)
    for words in ("Apache License", "PostgreSQL Global Development Group", "Ben Hoyt", "musl",
                  "GCC RUNTIME LIBRARY EXCEPTION", "libuv"):
        assert words.lower() in notice.lower(), words


def test_size_and_memory():
    """at most 2.7 MB; in /run with probes PID 1 at most 600 kB, all of pidone at most 1.2 MB"""
    need_static()
    if os.uname().machine != "x86_64":
        harness.skip("the figures are those of x86_64")
    assert os.path.getsize(STATIC_BIN) <= 2700000, os.path.getsize(STATIC_BIN)
    # a copy of which no other test's processes share pages
    FakeServer("mute", port=8001)
    p = Root().start(["/run"], config="[run]\n%sready = tcp://127.0.0.1:8001\n" % APP)
    p.until("/readyz", 200)
    own = {pid: pss_kb(pid) for pid in [p.pid] + descendants_of(p.pid)
           if command_name(pid).startswith("pidone")}
    assert len(own) >= 2, own
    assert own[p.pid] <= 600 and sum(own.values()) <= 1200, own
    p.signal(signal.SIGTERM)
    assert p.wait() == 143


def pss_kb(pid):
    with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


if __name__ == "__main__":
    harness.main()
