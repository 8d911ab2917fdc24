#!/usr/bin/python3
"""`make install`: what lies where, and that `make uninstall` leaves nothing."""
import os
import subprocess

import harness
from files import files_in
from harness import BUILD
from inits import BASE_ENV

# below /usr/local; the mode tells a program
INSTALLED = {
    "bin/pidone": 0o755,
    "share/man/man1/pidone.1": 0o644,
    "share/man/man5/pidone.ini.5": 0o644,
    "share/man/man7/pidone-lifecycle.7": 0o644,
    "share/doc/pidone/examples/pidone.ini": 0o644,
    "share/bash-completion/completions/pidone": 0o644,
    "share/zsh/site-functions/_pidone": 0o644,
}


def make(*words):
    if not os.path.exists(BUILD + "/Makefile"):
        harness.skip("needs a build directory around the program")
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(["make", "-s", "-C", BUILD, *words], env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout


def test_install():
    """the program, the manuals, completions for bash and zsh, and the sample, where each is
    looked for; nothing else"""
    root = harness.tmp + "/root"
    make("install", "DESTDIR=" + root, "prefix=/usr/local")
    assert files_in(root) == {"usr/local/" + name for name in INSTALLED}, files_in(root)
    for name, mode in INSTALLED.items():
        found = os.stat("%s/usr/local/%s" % (root, name)).st_mode & 0o777
        assert found == mode, (name, oct(found))
    said = subprocess.run([root + "/usr/local/bin/pidone", "--version"], capture_output=True,
                          text=True, check=True).stdout
    assert said.startswith("pidone "), said
    make("uninstall", "DESTDIR=" + root, "prefix=/usr/local")
    assert files_in(root) == set(), files_in(root)


def test_install_elsewhere():
    """each folder can be another: what a distribution sets is obeyed"""
    root = harness.tmp + "/root"
    make("install", "DESTDIR=" + root, "prefix=/usr", "docdir=/usr/share/doc/other",
         "datadir=/data", "mandir=/man", "bindir=/sbin")
    assert files_in(root) == {
        "sbin/pidone", "man/man1/pidone.1", "man/man5/pidone.ini.5", "man/man7/pidone-lifecycle.7",
        "usr/share/doc/other/examples/pidone.ini", "data/bash-completion/completions/pidone",
        "data/zsh/site-functions/_pidone"}, files_in(root)


def test_sample_is_all_comments():
    """the sample can be copied as it is: everything in it is commented out, and `check` has
    nothing to say"""
    sample = harness.SRCDIR + "/doc/pidone.ini"
    with open(sample, encoding="utf-8") as file:
        lines = [line for line in file if line.strip() and line[0] not in "#["]
    assert not lines, lines
    done = subprocess.run([harness.BIN, "-c", sample, "check"], capture_output=True, text=True,
                          cwd=harness.tmp, env=BASE_ENV, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done


harness.main()
