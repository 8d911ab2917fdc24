"""Root file systems that stand in for base images, where no registry can be reached: the files of
Debian packages that are installed on this machine, and nothing else of it. No network is needed,
and it takes seconds. What a root has of packages its dpkg knows, so that `apt-get install` of one
of them is the real one.
"""
import collections
import os
import re
import shutil
import subprocess

import harness
from files import write

# not read by anything in a container
LEFT_OUT = re.compile(r"/usr/share/(doc|man|locale|info|lintian|bug|bash-completion)/|\.pyc$"
                      r"|/usr/lib/python3/dist-packages/.*/tests?/")
Package = collections.namedtuple("Package", "essential depends")


def installed():
    """name → Package of what is installed, and name or virtual name → name."""
    form = r"${db:Status-Status}\t${Package}\t${Essential}\t${Provides}\t" \
           r"${Pre-Depends},${Depends}\n"
    text = subprocess.run(["dpkg-query", "-W", "-f", form], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    packages, provider = {}, {}
    for line in text.splitlines():
        status, name, essential, provides, depends = line.split("\t")
        if status != "installed":
            continue
        packages[name] = Package(essential == "yes", [
            [word.split()[0].split(":")[0] for word in group.split("|") if word.strip()]
            for group in depends.split(",") if group.strip()])
        for word in provides.split(","):
            if word.strip():
                provider.setdefault(word.split()[0], name)
    provider.update((name, name) for name in packages)
    return packages, provider


def closure(names, without=(), essential=False):
    """These packages with all that they depend on; essential: and what every Debian has."""
    packages, provider = installed()
    if essential:
        names = list(names) + [name for name, package in packages.items() if package.essential]
    found, asked = set(), list(names)
    while asked:
        name = provider.get(asked.pop())
        if name is None or name in found or name in without:
            continue
        found.add(name)
        for alternatives in packages[name].depends:
            asked += [a for a in alternatives if a in provider][:1]
    missing = [name for name in names if name not in provider]
    if missing:
        harness.skip("needs Debian's " + " ".join(missing))
    return sorted(found)


def files_of(packages):
    """The paths that these packages have here, with /bin, /lib and /sbin below /usr."""
    text = subprocess.run(["dpkg-query", "-L"] + packages, stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    paths = {re.sub(r"^/(bin|sbin|lib\w*)(?=/|$)", r"/usr/\1", line)
             for line in text.splitlines() if line.startswith("/") and line != "/."}
    return sorted(path for path in paths if os.path.lexists(path) and not LEFT_OUT.search(path))


def _frame(directory, packages):
    """What no package has as a file: links, accounts, dpkg's list."""
    for name in ("bin", "sbin", "lib", "lib64"):
        os.symlink("usr/" + name, directory + "/" + name)
    for name in ("dev", "proc", "sys", "run", "var/lib/dpkg/info", "var/lib/dpkg/updates",
                 "var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "usr/local/bin"):
        os.makedirs(directory + "/" + name)
    for name, mode in (("tmp", 0o1777), ("root", 0o700)):
        os.mkdir(directory + "/" + name)
        os.chmod(directory + "/" + name, mode)
    for name in ("passwd", "group"):
        with open("/usr/share/base-passwd/%s.master" % name, encoding="utf-8") as file:
            write("%s/etc/%s" % (directory, name), file.read())
    status = subprocess.run(["dpkg-query", "-s"] + packages, stdout=subprocess.PIPE, text=True,
                            check=True).stdout
    write(directory + "/var/lib/dpkg/status", status)
    write(directory + "/var/lib/dpkg/available", "")


def make(archive, packages, extra=None):
    """The tar archive of such a root. extra(directory): puts what else shall be there."""
    frame = archive + ".frame"
    os.mkdir(frame)
    _frame(frame, packages)
    if extra is not None:
        extra(frame)
    own = {path[len(frame):] for path in _walk(frame)}
    theirs = files_of(packages)
    twice = own.intersection(theirs)
    directories = {path for path in twice if os.path.isdir(path)}
    # each path once: what was put there counts
    _tar("-cf", archive, "/", [path for path in theirs if path not in twice - directories])
    _tar("-rf", archive, frame, sorted(own - directories))
    shutil.rmtree(frame)


def _walk(top):
    for path, directories, files in os.walk(top):
        for name in directories + files:
            yield path + "/" + name


def _tar(mode, archive, top, paths):
    subprocess.run(["tar", mode, archive, "-C", top, "--no-recursion", "--null", "-T", "-"],
                   input="\0".join(path[1:] for path in paths), text=True, check=True)
