"""The images of contrib/dockerfiles, built as they are and run."""
import re
import subprocess
import tarfile

import bases
import engine
import harness
from engine import LOCKED, Container, docker, inspect, on_docker
from files import append, write
from pod import Pod


def contents(image):
    """The names of all files of an image."""
    name = docker("create", image)
    archive = harness.tmp + "/contents.tar"
    docker("export", "--output", archive, name)
    with tarfile.open(archive) as file:
        return {member.name for member in file if member.isfile()}


def python(image, code):
    """The exit code of a line of Python in a container of the image, what it prints, and what
    it complains of: of two pipes' lines nobody knows the order."""
    run = Container(image, ["python", "-c", code])
    code = run.wait(20)
    return code, run.stdout.strip(), run.stderr


@harness.limit(60)
@on_docker
def test_pidone_image():
    """pidone's own image has one program and its notice in it, and runs it as nobody special."""
    bases.need_pidone()
    # what Docker itself puts into each container
    added = {".dockerenv", "dev/console", "etc/hostname", "etc/hosts", "etc/resolv.conf"}
    assert contents("pidone:0.1.0") - added == {"pidone", "NOTICE"}
    assert inspect("pidone:0.1.0", "{{.Config.User}}", "image") == "65532:65532"
    run = Container("pidone:0.1.0", options=LOCKED)
    assert run.wait() == 0 and run.stdout.startswith("pidone 0.1.0"), run.output()


def serves(kind):
    """The image's whole life: migrations, the site, health, static files, the stop."""
    pod = Pod(bases.shop(kind))
    pod.migrate()
    run = pod.role("/run", options=["--health-interval", "1s"])
    run.until_health("healthy")
    status, page = run.http("/", 8000, pod.address)
    assert status == 200 and "nothing yet" in page, page
    assert run.http("/static/orders/shop.css", 8000, pod.address)[0] == 200
    assert run.stop_it(20) == 0, run.output()
    assert run.count("Traceback|Permission denied|Read-only") == 0, run.output()


@harness.limit(90)
@on_docker
def test_debian():
    """django-debian.Dockerfile: /init migrates, /run is healthy, serves a page and the static
    files that were collected at the build, and ends with 0; on a read-only root, without
    capabilities."""
    serves("django-debian")


@harness.limit(90)
@on_docker
def test_distroless():
    """django-distroless.Dockerfile: the same, in an image that has no shell"""
    serves("django-distroless")
    shell = Container("django-distroless:test", ["sh", "-c", "true"])
    assert shell.wait() == 127, shell.output()


@harness.limit(90)
@on_docker
def test_alpine():
    """django-alpine.Dockerfile: the same, with nothing but busybox beside Python"""
    serves("django-alpine")


@harness.limit(90)
@on_docker
def test_uwsgi():
    """django-uwsgi.Dockerfile: the same, with uWSGI"""
    serves("django-uwsgi")


@harness.limit(90)
@on_docker
def test_health_turns():
    """HEALTHCHECK says unhealthy, with pidone's reason, while the site does not answer."""
    run = Container(bases.shop("django-debian"), ["/run", "--", "sleep", "infinity"], options=[
        "--health-interval", "1s", "--health-start-period", "1s", "--health-retries", "1"],
        env={"PIDONE_RUN_READY": "http://localhost:8000/"})
    said = run.until_health("unhealthy")
    assert "http://localhost:8000/" in said and "refused" in said, said


@harness.limit(90)
@on_docker
def test_source_changes():
    """When only the source changes, a new build installs nothing."""
    bases.shop("django-debian")
    context = bases.shop_context()
    append(context + "/orders/views.py", "\n# changed\n")
    again = bases.build(context + "/django-debian.Dockerfile", "changed:test", context)
    steps = dict(re.findall(r"^#(\d+) \[(?:\w+ )?.*?\] (\w+ .*)$", again, re.M))
    cached = {number for number in re.findall(r"^#(\d+) CACHED", again, re.M)}
    is_cached = {text: number in cached for number, text in steps.items()}
    assert [c for text, c in is_cached.items() if "pip install" in text] == [True], is_cached
    assert [c for text, c in is_cached.items() if "collectstatic" in text] == [False], is_cached


@harness.limit(90)
@on_docker
def test_build_secret():
    """pip's password is there during the build, and nowhere in the image or its history."""
    secret = "geheim-" + "x1y2z3"
    write(harness.tmp + "/netrc", "machine pypi.example.org login x password %s\n" % secret)
    # another requirement, so that the line with the secret is run and does not come from the cache
    context = bases.shop_context()
    append(context + "/requirements.txt", "# with a secret\n")
    bases.need_pidone()
    bases.need("python:3.11-slim-bookworm")
    given = ["--secret", "id=netrc,src=%s/netrc" % harness.tmp]
    bases.build(context + "/django-debian.Dockerfile", "secret:test", context, *given)
    assert not mentions("secret:test", secret)
    # a line that kept it would be found
    seen = docker("build", "--progress", "plain", "--tag", "seen:test", *given, "-", input=(
        "FROM secret:test\nUSER 0\nRUN --mount=type=secret,id=netrc,target=/root/.netrc "
        "cat /root/.netrc > /kept\n"))
    assert mentions("seen:test", secret), seen


def mentions(image, text):
    """Do the layers, the configuration or the history have this?"""
    with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE,
                          env=engine.environment()) as saved:
        found = subprocess.run(["grep", "-c", "-a", "-F", text], stdin=saved.stdout, check=False,
                               stdout=subprocess.DEVNULL)
    assert saved.returncode == 0
    return found.returncode == 0


@harness.limit(60)
@on_docker
def test_site_cannot_change_itself():
    """The image's user is an ordinary one, and cannot write where the code is."""
    image = bases.shop("django-debian")
    code, ids, complaint = python(
        image, "import os; print(os.getuid(), os.getgid()); open('/app/x', 'w')")
    assert (code, ids) == (1, "10001 10001"), (code, ids, complaint)
    assert "Permission denied: '/app/x'" in complaint, complaint


@harness.limit(60)
@on_docker
def test_bytecode():
    """The bytecode of the site and of what it needs is in the image: nothing is compiled at a
    start, and nothing is written."""
    found = python(bases.shop("django-debian"), (
        "import glob, importlib.util, os, sys\n"
        "found = glob.glob('/app/**/*.py', recursive=True) + "
        "glob.glob(sys.prefix + '/lib/*/site-packages/django/**/*.py', recursive=True)\n"
        "found = [f for f in found if '/conf/' not in f]\n"
        "print(len(found) > 100, [f for f in found "
        "if not os.path.exists(importlib.util.cache_from_source(f))], sys.dont_write_bytecode)"))
    assert found == (0, "True [] True", ""), found


@harness.limit(60)
@on_docker
def test_labels():
    """The revision that was given to the build is the image's label."""
    bases.shop("django-debian", "--build-arg", "REVISION=abc123")
    labels = inspect("django-debian:test", "{{json .Config.Labels}}", "image")
    assert labels["org.opencontainers.image.revision"] == "abc123", labels


@harness.limit(60)
@on_docker
def test_left_out():
    """.dockerignore: secrets, the Dockerfile and what was made outside do not reach the image."""
    context = bases.shop_context()
    for name in (".env", "server.key", "db.sqlite3"):
        write("%s/%s" % (context, name), "secret\n")
    bases.shop("django-debian")
    ours = {name[len("app/"):] for name in contents("django-debian:test")
            if name.startswith("app/")}
    assert "manage.py" in ours
    assert not ours & {".env", "server.key", "db.sqlite3", ".dockerignore", "compose.yaml",
                       "django-debian.Dockerfile"}, ours


@harness.limit(60)
@on_docker
def test_bad_configuration_ends_the_build():
    """A mistake in pidone's configuration ends the build, with the line and the word meant."""
    bases.shop("celery")
    context = bases.shop_context()
    append(context + "/celery.pidone.ini", "stop-grase = 3s\n")
    try:
        bases.build(context + "/celery.Dockerfile", "bad:test", context)
    except harness.Failure as failure:
        assert "stop-grace" in str(failure), failure
    else:
        raise harness.Failure("it was built")
    assert not engine.image_exists("bad:test")
