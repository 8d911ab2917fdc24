"""The images that the Dockerfiles of contrib/dockerfiles begin with, by the same names: stand-ins
from Debian's packages (roots.py, wheels.py), since no registry can be reached. The Dockerfiles
themselves are built as they are.
"""
import glob
import os
import shutil
import subprocess

import engine
import files
import harness
import roots
import wheels
from engine import docker

FILES = harness.SRCDIR + "/contrib/dockerfiles"
SITE = harness.SRCDIR + "/contrib/quickstart/site"
PATH = "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
PYTHON = ["python3-" + name for name in ("django", "psycopg2", "gunicorn", "celery", "redis")]
UWSGI = ["uwsgi-core", "uwsgi-plugin-python3"]
# what a server does not need to run
UNUSED = ("libllvm14", "perl", "locales", "postgresql-common", "postgresql-client-common",
          "ssl-cert", "ucf", "libxslt1.1")

# What the tests and compose.yaml need of the official images' own entrypoints.
SERVERS = """#!/bin/sh
set -e
if [ "$1" != postgres ]; then
	shift
	exec redis-server --protected-mode no "$@"
fi
data=/var/lib/postgresql/data
if [ "$(id -u)" = 0 ]; then
	mkdir -p $data /run/postgresql
	chown postgres:postgres $data /run/postgresql
	exec setpriv --reuid postgres --regid postgres --clear-groups "$0" "$@"
fi
PATH=/usr/lib/postgresql/15/bin:$PATH
if [ ! -s $data/PG_VERSION ]; then
	echo "$POSTGRES_PASSWORD" >/tmp/password
	initdb -D $data -U "$POSTGRES_USER" -A scram-sha-256 --pwfile /tmp/password --no-sync \\
		-E UTF8 --locale C.UTF-8 >/dev/null
	sed -i 's/^local.*/local all all trust/' $data/pg_hba.conf
	echo "CREATE DATABASE $POSTGRES_DB" | postgres --single -F -D $data postgres >/dev/null
	echo "host all all all scram-sha-256" >>$data/pg_hba.conf
fi
exec postgres -D $data -c listen_addresses='*' -c fsync=off -c jit=off
"""


def _with_wheels(directory):
    os.mkdir(directory + "/wheels")
    wheels.make(directory + "/wheels", PYTHON)
    files.write(directory + "/etc/pip.conf", "[global]\nno-index = true\nfind-links = /wheels\n")


def _alpine(directory):
    """A shell and tools from busybox, and no other C library than Debian's: of Alpine only the
    outline is shown."""
    _with_wheels(directory)
    os.mkdir(directory + "/usr/bin")
    for name in ("python", "python3"):
        os.symlink("/usr/bin/python3", directory + "/usr/local/bin/" + name)
    shutil.copy("/usr/bin/busybox", directory + "/usr/bin/busybox")
    for name in ("sh", "ls", "cat", "id"):
        os.symlink("busybox", directory + "/usr/bin/" + name)


def _servers(directory):
    files.write(directory + "/entrypoint", SERVERS, 0o755)
    files.append(directory + "/etc/passwd", "postgres:x:999:999::/var/lib/postgresql:/bin/sh\n")
    files.append(directory + "/etc/group", "postgres:x:999:\n")


# tags → packages, whether with all that every Debian has, what else, the image's configuration
BASES = {
    ("debian:bookworm", "debian:bookworm-slim"):
        (["apt", "python3-venv", "libpq5", "tzdata"] + UWSGI, True, _with_wheels, [PATH]),
    ("python:3.11-alpine3.20",):
        (["python3-venv", "libpq5", "tzdata", "busybox-static"], False, _alpine, [PATH]),
    ("gcr.io/distroless/python3-debian12:nonroot",):
        (["python3", "libpq5", "tzdata"], False, None,
         [PATH, "USER 65532", 'ENTRYPOINT ["/usr/bin/python3"]']),
    ("nginx:1.22-bookworm",):
        (["nginx-light"], False, None, [PATH]),
    ("postgres:15-bookworm", "redis:7-bookworm"):
        (["postgresql-15", "redis-server"], True, _servers,
         [PATH, 'ENTRYPOINT ["/entrypoint"]', 'CMD ["postgres"]']),
}
# The official image is a Debian with a Python of its own, in /usr/local.
OFFICIAL = "FROM debian:bookworm\nRUN for name in python python3; do " \
           "ln -s /usr/bin/python3 /usr/local/bin/$name; done\n"
# programs that a distroless image does not have
NOT_DISTROLESS = ("bash", "dash", "coreutils", "dpkg", "perl-base", "tar", "debconf", "mawk",
                  "libc-bin", "sed", "grep", "findutils")


def _make(tags):
    packages, essential, extra, changes = BASES[tags]
    without = UNUSED if essential else UNUSED + NOT_DISTROLESS
    archive = harness.tmp + "/root.tar"
    roots.make(archive, roots.closure(packages, without, essential), extra)
    words = [word for change in changes for word in ("--change", change)]
    docker("import", *words, archive, tags[0])
    for tag in tags[1:]:
        docker("tag", tags[0], tag)
    os.unlink(archive)


def need(*wanted):
    """The stand-ins of these names are there."""
    if "python:3.11-slim-bookworm" in wanted:
        need("debian:bookworm")
        docker("build", "--tag", "python:3.11-slim-bookworm", "-", input=OFFICIAL)
    for tags in BASES:
        if set(tags) & set(wanted) and not engine.image_exists(tags[0]):
            _make(tags)


# ---- pidone's own image ----

# the real one takes minutes, and is tested elsewhere
STATIC_BUILD = """#!/bin/sh
set -e
[ "$1" = --output ]
mkdir -p "$2"
cp /src/contrib/static/pidone "$2/pidone"
cp /src/LICENSE "$2/NOTICE"
"""


def need_pidone():
    """pidone:0.1.0, from its Dockerfile; what builds the static file there is replaced by one
    that has it already."""
    if engine.image_exists("pidone:0.1.0"):
        return
    need("debian:bookworm")
    source = harness.tmp + "/source"
    files.write(source + "/contrib/static/build", STATIC_BUILD, 0o755)
    shutil.copy(harness.STATIC_BIN, source + "/contrib/static/pidone")
    shutil.copy(harness.SRCDIR + "/LICENSE", source)
    build(FILES + "/pidone.Dockerfile", "pidone:0.1.0", source)


# ---- the shop's images ----

def shop_context():
    """A customer's project: the quickstart's site, a worker's heartbeat (doc/workers.md), and
    what contrib/dockerfiles has."""
    context = harness.tmp + "/shop"
    if os.path.exists(context):
        return context
    shutil.copytree(SITE, context, ignore=shutil.ignore_patterns("__pycache__"))
    for path in glob.glob(FILES + "/*") + [FILES + "/.dockerignore"]:
        shutil.copy(path, context)
    subprocess.run(["chmod", "-R", "u+w", context], check=True)
    # a developer's directory: compose.override.yaml runs as that one
    subprocess.run(["chown", "-R", "1000:1000", context], check=True)
    shutil.copy(harness.SRCDIR + "/contrib/django/heartbeat_celery.py", context + "/shop")
    files.append(context + "/requirements.txt", "pyuwsgi>=2.0\n")
    files.append(context + "/shop/celery.py", "\nfrom . import heartbeat_celery  # noqa\n")
    return context


def build(dockerfile, tag, context, *more):
    return docker("build", "--progress", "plain", "--file", dockerfile, "--tag", tag, *more,
                  context)


FROM = {"django-debian": "python:3.11-slim-bookworm", "django-uwsgi": "python:3.11-slim-bookworm",
        "celery": "python:3.11-slim-bookworm", "django-alpine": "python:3.11-alpine3.20",
        "django-distroless": "gcr.io/distroless/python3-debian12:nonroot"}


def shop(kind, *more):
    """The tag of the shop's image from KIND.Dockerfile; what is built already comes from the
    builder's cache."""
    need_pidone()
    need(FROM[kind], "debian:bookworm")
    tag = kind + ":test"
    context = shop_context()
    build("%s/%s.Dockerfile" % (context, kind), tag, context, *more)
    return tag
