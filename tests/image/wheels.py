"""Wheels of Debian's Python packages, for a pip that reaches no index: what `pip install` finds in
the stand-ins for base images. As pip sees them they are what PyPI has; what PyPI's bring along as
shared libraries (libpq, uWSGI) is in the stand-ins themselves.
"""
import importlib.metadata
import os
import pathlib
import re
import stat
import subprocess
import zipfile

import roots

DEBIAN = "/usr/lib/python3/dist-packages"
# Debian's name → the one that a requirements.txt asks for
RENAMED = {"psycopg2": "psycopg2-binary"}
# every environment has its own
LEFT_OUT = ("python3-pkg-resources", "python3-setuptools", "python3-distutils")
# PyPI's knows by itself which environment it is in
UWSGI = "#!/bin/sh\nexec /usr/bin/uwsgi-core --plugin python311 --home /venv \"$@\"\n"


def _files(package):
    listed = subprocess.run(["dpkg-query", "-L", package], stdout=subprocess.PIPE, text=True,
                            check=True).stdout.splitlines()
    return [path for path in listed if path.startswith(DEBIAN + "/")]


def _distribution(package):
    """Of a Debian package, or None if it has none."""
    for path in _files(package):
        if re.match(re.escape(DEBIAN) + r"/[^/]+\.(egg|dist)-info$", path):
            return importlib.metadata.PathDistribution(pathlib.Path(path))
    return None


def _with_required(names):
    """package → its distribution, and the names of those that it requires: Debian writes these
    into its own list and takes them out of Python's."""
    depends = {name: [a[0] for a in package.depends if a[0].startswith("python3-")]
               for name, package in roots.installed()[0].items()}
    distributions = {name: _distribution(name) for name in roots.closure(names)
                     if name.startswith("python3-") and name not in LEFT_OUT}
    for name, distribution in distributions.items():
        if distribution is not None:
            yield name, distribution, [
                distributions[other].metadata["Name"] for other in depends[name]
                if distributions.get(other) is not None]


def _write(directory, name, version, requires, files, texts):
    """texts: further files, below NAME-VERSION: ".dist-info/x" or ".data/x"."""
    stem = "%s-%s" % (re.sub(r"[-.]+", "_", name), version)
    texts = {stem + inside: text for inside, text in texts.items()}
    texts[stem + ".dist-info/METADATA"] = "".join(
        line + "\n" for line in ["Metadata-Version: 2.1", "Name: " + name, "Version: " + version] +
        ["Requires-Dist: " + other for other in requires])
    texts[stem + ".dist-info/WHEEL"] = "Wheel-Version: 1.0\nGenerator: tests\n" \
                                       "Root-Is-Purelib: true\nTag: py3-none-any\n"
    record = stem + ".dist-info/RECORD"
    texts[record] = "".join("%s,,\n" % inside
                            for inside in [inside for _, inside in files] + list(texts) + [record])
    with zipfile.ZipFile("%s/%s-py3-none-any.whl" % (directory, stem), "w") as wheel:
        for path, inside in files:
            wheel.write(path, inside)
        for inside, text in texts.items():
            info = zipfile.ZipInfo(inside)
            # pip makes executable what is so here
            mode = stat.S_IFREG | (0o755 if "/scripts/" in inside else 0o644)
            info.external_attr = mode << 16
            wheel.writestr(info, text)


def _entry_points(distribution):
    groups = {}
    for entry in distribution.entry_points:
        groups.setdefault(entry.group, []).append("%s = %s\n" % (entry.name, entry.value))
    return "".join("[%s]\n%s" % (group, "".join(lines)) for group, lines in groups.items())


def make(directory, packages):
    """Wheels of these Debian packages and of all that they require, and of uWSGI."""
    for package, distribution, requires in _with_required(packages):
        name = distribution.metadata["Name"]
        files = [(path, path[len(DEBIAN) + 1:]) for path in _files(package)
                 if os.path.isfile(path) and not re.search(r"\.(egg|dist)-info|/tests?/", path)]
        _write(directory, RENAMED.get(name, name), distribution.version, requires, files,
               {".dist-info/entry_points.txt": _entry_points(distribution)})
    _write(directory, "pyuwsgi", "2.0.21", [], [], {".data/scripts/uwsgi": UWSGI})
