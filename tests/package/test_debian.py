#!/usr/bin/python3
"""`make deb`: the packages are built, lintian is content, they are installed into an empty
root and run there. STATIC_DIR in the environment names a finished static build (of
contrib/static/build); what is about pidone-static is skipped without it."""
import glob
import os
import shutil
import subprocess

import harness
from files import files_in
from harness import STATIC_DIR
from inits import BASE_ENV

INSTALLED = {  # of the package pidone, beside what dpkg and debhelper add
    "usr/bin/pidone", "usr/share/man/man1/pidone.1.gz", "usr/share/man/man5/pidone.ini.5.gz",
    "usr/share/man/man7/pidone-lifecycle.7.gz", "usr/share/doc/pidone/copyright",
    "usr/share/doc/pidone/examples/pidone.ini", "usr/share/doc/pidone/changelog.gz",
    "usr/share/bash-completion/completions/pidone",
    "usr/share/zsh/vendor-completions/_pidone"}
BUILDERS = {"DEBFULLNAME": "Builders & Sons / Images", "DEBEMAIL": "builds@example.org"}


def run(argv, code=0, **more):
    done = subprocess.run(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False, **more)
    if code is not None and done.returncode != code:
        raise harness.Failure("%s: exit %d\n%s" % (" ".join(argv), done.returncode, done.stdout))
    return done


def environment(**more):
    return {**BASE_ENV, "HOME": harness.tmp, "TMPDIR": harness.tmp, **more}


def make_deb(name, static="no", umask=0o022, **more):
    """The packages, from a build directory of this name; its deb/."""
    harness.need_command("dpkg-buildpackage", "dh", "lintian")
    directory = harness.tmp + "/" + name
    os.mkdir(directory)
    run([harness.SRCDIR + "/configure"], cwd=directory, env=environment())
    done = run(["make", "-s", "deb"], cwd=directory, umask=umask,
               env=environment(STATIC_DIR=static, **more))
    assert "make deb: lintian\n" in done.stdout, done.stdout
    return directory + "/deb"


def only(pattern):
    found = glob.glob(pattern)
    assert len(found) == 1, (pattern, found)
    return found[0]


def install(root, *packages):
    os.makedirs(root + "/var/lib/dpkg/updates")
    for name in ("status", "available"):
        open("%s/var/lib/dpkg/%s" % (root, name), "w", encoding="ascii").close()
    # its libraries are this system's
    run(["dpkg", "--root=" + root, "--force-depends", "--log=/dev/null", "-i", *packages], env=environment())


def check_lintian_sees(deb):
    """lintian says no to this package when its manuals are taken out."""
    tree = harness.tmp + "/tree"
    run(["dpkg-deb", "-R", deb, tree])
    run(["rm", "-r", tree + "/usr/share/man"])
    bad = "%s/bad/%s" % (harness.tmp, os.path.basename(deb))
    os.mkdir(harness.tmp + "/bad")
    run(["dpkg-deb", "-b", tree, bad])
    done = run(["lintian", "--allow-root", "--fail-on", "error,warning", bad], code=None,
               env=environment())
    assert done.returncode != 0 and "no-manual-page" in done.stdout, done.stdout


def check_same_bytes(one, other):
    names = sorted(os.listdir(one))
    assert names == sorted(os.listdir(other)), (names, os.listdir(other))
    compared = [name for name in names if name.endswith((".deb", ".dsc", ".tar.xz"))]
    assert len(compared) == (6 if STATIC_DIR else 5), compared
    for name in compared:
        run(["cmp", "%s/%s" % (one, name), "%s/%s" % (other, name)])


def built():
    """The packages, made once for the cases of a run; pidone-static is one where there is a
    static build."""
    place = os.environ.get("PIDONE_TEST_CACHE", harness.tmp) + "/deb"
    if not os.path.exists(place):
        shutil.move(make_deb("build", static=STATIC_DIR or "no", **BUILDERS), place)
    return place


@harness.limit(300)
def test_package():
    """pidone: its own tests pass in the build, lintian has no error and no warning; installed,
    everything is in its place and runs; purged, nothing is left"""
    harness.need_root()
    deb = built()
    with open(deb + "/build.log", encoding="utf-8", errors="replace") as file:
        log = file.read()
    assert "PASS: tests/unit/test_parse" in log, log[-3000:]
    package = only(deb + "/pidone_*.deb")
    check_lintian_sees(package)
    fields = run(["dpkg-deb", "-f", package, "Depends", "Recommends", "Maintainer"]).stdout
    assert "libuv1" in fields and "libinih1" in fields, fields
    assert "Recommends: libpq5" in fields, fields
    assert "Maintainer: Builders & Sons / Images <builds@example.org>\n" in fields, fields
    root = harness.tmp + "/root"
    install(root, package)
    files = files_in(root)
    assert INSTALLED <= files, INSTALLED - files
    program = root + "/usr/bin/pidone"
    assert run([program, "--", "echo", "it runs"], env=environment()).stdout == "it runs\n"
    run(["dpkg", "--root=" + root, "--log=/dev/null", "-P", "pidone"], env=environment())
    assert not files_in(root + "/usr"), files_in(root + "/usr")


@harness.limit(300)
def test_same_bytes():
    """Made again elsewhere, at another time zone and with another umask, tarball and packages
    are the same bytes"""
    harness.need_root()
    check_same_bytes(built(), make_deb("another-place", static=STATIC_DIR or "no", umask=0o077,
                                       TZ="Asia/Tokyo", DEB_BUILD_OPTIONS="nocheck", **BUILDERS))


@harness.limit(300)
def test_static_package():
    """pidone-static: beside pidone, and in a root that has nothing else it runs, says what it
    carries, and is the file of the static build, unchanged"""
    harness.need_root()
    if not STATIC_DIR:
        harness.skip("needs a static build: STATIC_DIR")
    deb = built()
    static = only(deb + "/pidone-static_*.deb")
    fields = run(["dpkg-deb", "-f", static, "Depends", "Built-Using"]).stdout
    assert "Depends:" not in fields and "openssl (= " in fields, fields
    root = harness.tmp + "/root"
    install(root, only(deb + "/pidone_*.deb"), static)
    documents = "/usr/share/doc/pidone-static/"
    for name, place in (("pidone", "/usr/bin/pidone-static"), ("NOTICE", documents + "NOTICE"),
                        ("pidone.spdx.json", documents + "pidone.spdx.json")):
        run(["cmp", "%s/%s" % (STATIC_DIR, name), root + place])
    run(["dpkg", "--root=" + root, "--log=/dev/null", "-P", "pidone"], env=environment())
    assert not os.path.exists(root + "/lib"), "a C library in the empty root?"
    said = run(["chroot", root, "/usr/bin/pidone-static", "--version"], env=environment()).stdout
    assert said.startswith("pidone "), said
    manual = run(["zcat", root + "/usr/share/man/man1/pidone-static.1.gz"]).stdout
    assert ".Nm pidone-static\n" in manual, manual[:300]


def test_wrong_calls():
    """a directory that is no build directory, and a static build that is none, are told"""
    harness.need_command("dpkg-buildpackage", "dh")
    script = harness.SRCDIR + "/contrib/make-deb"
    assert "usage: make deb" in run([script, harness.tmp], code=64, env=environment()).stdout
    build = harness.tmp + "/build"
    os.mkdir(build)
    run([harness.SRCDIR + "/configure"], cwd=build, env=environment())
    for static in (harness.tmp, "/nowhere/at/all"):
        said = run([script, build], code=1, env=environment(STATIC_DIR=static)).stdout
        assert "STATIC_DIR=%s: there is no pidone in it" % static in said, said
    assert not os.path.exists(build + "/deb"), "it began nevertheless"


harness.main()
