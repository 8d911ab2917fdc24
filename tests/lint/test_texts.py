"""Scripts, manuals and white space."""
import ast
import glob
import os
import re
import shutil
import subprocess

import harness

TEXTS = ["src/**/*.[ch]", "tests/**/*.[ch]", "tests/**/*.py", "tests/run", ".ci/run",
         "tests/chart/**/*", "contrib/**/*", "doc/*", "*.md", "NEWS", "configure.ac", "Makefile.am"]


def texts():
    found = {}
    for pattern in TEXTS:
        for path in glob.glob(os.path.join(harness.SRCDIR, pattern), recursive=True,
                              include_hidden=True):
            if os.path.isfile(path) and "__pycache__" not in path:
                with open(path, errors="replace") as file:
                    found[os.path.relpath(path, harness.SRCDIR)] = file.read()
    return sorted(found.items())


def run(argv, text=None):
    done = subprocess.run(argv, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, cwd=harness.SRCDIR, check=False)
    return done.returncode, done.stdout


def lint_space(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip():
            yield "%s:%d: white space at the end of the line" % (path, number)
    if text and not text.endswith("\n"):
        yield "%s: no newline at the end" % path
    if text.endswith("\n\n"):
        yield "%s: empty lines at the end" % path


def complain(complaints):
    complaints = list(complaints)
    if complaints:
        raise harness.Failure("\n".join(complaints))


def test_space():
    """No line ends in white space, and every file ends in one newline."""
    for bad in ("x \n", "x\t\n", "x", "x\n\n"):
        assert list(lint_space("x", bad)), repr(bad)
    assert not list(lint_space("x", "x\n"))
    complain([c for path, text in texts() for c in lint_space(path, text)])


def test_shell():
    """shellcheck has nothing to say about any shell script."""
    harness.need_command("shellcheck")
    assert run(["shellcheck", "-x", "-"], "#!/bin/sh\nrm $x\n")[0] != 0
    scripts = [path for path, text in texts()
               if text.startswith("#!") and "sh" in text.split("\n")[0].split("/")[-1]
               or text.startswith("# shellcheck shell=")]
    assert "tests/run" in scripts and "contrib/debian.sh" in scripts, scripts
    code, output = run(["shellcheck", "-x"] + scripts)
    complain([output] if code else [])


def test_python():
    """Every Python file is one, and has a docstring."""
    for path, text in texts():
        if path.endswith(".py") and text:
            tree = ast.parse(text, path)
            if not ast.get_docstring(tree):
                raise harness.Failure(path + ": no docstring: what is it for?")


def test_manuals():
    """mandoc -Tlint has nothing to say about any manual."""
    harness.need_command("mandoc")
    assert run(["mandoc", "-Tlint", "-W", "warning"], ".Dd\n.Sh X\n.Xz\n")[0] != 0
    manuals = [path for path, _ in texts() if path.startswith("doc/") and path[-2:-1] == "."]
    for path in manuals:
        code, output = run([shutil.which("mandoc"), "-Tlint", "-W", "warning", path])
        complain([output] if code else [])


def lint_quotes(path, rendered):
    for number, line in enumerate(rendered.splitlines(), 1):
        if "''" in line or re.search(r"CMD \[[^\"]", line):
            yield "%s:%d of the rendered text: a quote is lost or misplaced: %s" % (
                path, number, line.strip())


def test_manuals_rendered():
    """Quotes stand where they were meant in what a reader of a manual sees."""
    harness.need_command("mandoc")
    for bad in ("`tcp://h:p, `unix:/p''", "HEALTHCHECK CMD [/pidone, probe, ready]"):
        assert list(lint_quotes("x", bad)), bad
    for path in (path for path, _ in texts() if re.search(r"^doc/.*\.\d$", path)):
        code, output = run(["mandoc", "-Tascii", path])
        assert code == 0, output
        complain(lint_quotes(path, output))


def documented(manual):
    """What doc/pidone.1 tells: options, subcommands, exit codes."""
    status = manual.split(".Sh EXIT STATUS", 1)[1].split("\n.Sh ", 1)[0]
    words = re.findall(r"^\.It (?:Fl|Cm) .*", manual, re.M)
    options = {"-" + name for line in words for name in re.findall(r"\bFl ([\w-]+)", line)}
    return (options, set(re.findall(r"^\.It Cm (\w+)", manual, re.M)),
            set(re.findall(r"^\.It (\d+)", status, re.M)))


def offered(main, base):
    """What src/main.c says at --help, and src/base/base.h as exit codes."""
    text = re.search(r'static const char usage\[\] =\n(.*?");', main, re.S).group(1)
    usage = "".join(re.findall(r'"((?:\\.|[^"\\])*)"', text)).replace("\\n", "\n")
    codes = re.search(r"enum exit_code \{(.*?)\};", base, re.S).group(1)
    return (set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", usage)),
            set(re.findall(r"^(?:usage:|      ) pidone (\w+)", usage, re.M)),
            set(re.findall(r"^\s*EXIT_CODE_\w+ = (\d+),", codes, re.M)))


def lint_manual(main, base, manual):
    kinds = ("option", "subcommand", "exit code")
    for kind, there, told in zip(kinds, offered(main, base), documented(manual)):
        for word in sorted(there - told):
            yield "doc/pidone.1 does not tell of the %s %s" % (kind, word)
        for word in sorted(told - there):
            yield "doc/pidone.1 tells of the %s %s, which there is not" % (kind, word)


def test_command_line_is_documented():
    """pidone(1) has exactly the options and subcommands of --help, and every exit code."""
    files = dict(texts())
    main, base, manual = (files[path] for path in ("src/main.c", "src/base/base.h",
                                                   "doc/pidone.1"))
    options, subcommands, codes = offered(main, base)
    assert {"-c", "--config", "--json", "-V"} <= options, options
    assert {"check", "install"} <= subcommands, subcommands
    assert {"0", "64", "127", "128"} <= codes, codes
    for bad in ((main.replace("  -q, -v ", "  -q, -v, --frob "), base, manual),
                (main.replace("pidone check ", "pidone frob "), base, manual),
                (main, base.replace("EXIT_CODE_USAGE = 64", "EXIT_CODE_USAGE = 65"), manual),
                (main, base, manual.replace(".It Fl q\n", ".It Fl x\n")),
                (main, base, manual.replace(" , Fl -help", "")),
                (main, base, manual.replace(".It 75\n", ".It\n"))):
        assert list(lint_manual(*bad)), "the lint does not see what is missing"
    complain(lint_manual(main, base, manual))


def lint_named_tests(page, files):
    """Each test that the page names is in the file that it is said to be in."""
    for file, names in re.findall(r"`((?:tests/lint/)?test_\w+\.py)`((?:[ ,;]*test_\w+)+)", page):
        paths = [path for path in files if path.endswith("/" + file.split("/")[-1])]
        for name in re.findall(r"test_\w+", names):
            if not any("\n    def %s(" % name in files[path] or "\ndef %s(" % name in files[path]
                       for path in paths):
                yield "doc/comparison.md names %s in %s, where it is not" % (name, file)


def test_comparison_names_tests():
    """Every test that doc/comparison.md names as a proof is there."""
    files = dict(texts())
    page = files["doc/comparison.md"]
    assert len(re.findall(r"test_\w+", page)) > 30, page
    assert list(lint_named_tests("`test_pid1.py` test_frob, test_foreground", files))
    assert not list(lint_named_tests("`test_pid1.py` test_foreground", files))
    complain(lint_named_tests(page, files))


def lint_lifecycle(names, notify, manual):
    """States that doc/pidone-lifecycle.7 does not tell of, or words of sd_notify."""
    states = re.findall(r"\[LIFECYCLE_\w+\] = \"(\w+)\"", names.split("lifecycle_event_name")[0])
    words = re.findall(r"\"([A-Z]+=1?)\"", notify)
    for word in ["Cm " + state for state in states] + words:
        if not re.search(r"^\.It %s$" % re.escape(word), manual, re.M):
            yield "doc/pidone-lifecycle.7 does not tell of: " + word


def test_lifecycle_is_documented():
    """pidone-lifecycle(7) has every state, and every word of sd_notify that is heard."""
    files = dict(texts())
    names, notify, manual = (files[path] for path in (
        "src/pure/lifecycle_names.c", "src/pure/sd_notify.c", "doc/pidone-lifecycle.7"))
    for bad in ((names.replace('"boot"', '"frob"'), notify, manual),
                (names, notify.replace('"STATUS="', '"FROB="'), manual)):
        assert list(lint_lifecycle(*bad)), "the lint does not see what is missing"
    complain(lint_lifecycle(names, notify, manual))


harness.main()
