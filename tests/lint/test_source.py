"""The house rules of doc/architecture.md that a machine can check. Every rule
is a function from a file's path and text to complaints, and is shown a bad
sample first: a lint that cannot fail proves nothing."""
import glob
import os
import re

import harness

FLOORS = ["base", "pure", "sys", "effect", "children", "supervisor", "cmd"]

# header → where it may be included
HOMES = {
    "ini.h": r"src/pure/config",
    "libpq-fe.h": r"src/children/pg",
    "uv.h": r"src/(effect|supervisor)/",
}

# What reaches outside: floor 1 decides, it does not look.
IMPURE_HEADERS = {"sys/socket.h", "netdb.h", "sys/time.h", "fcntl.h", "poll.h",
                  "sys/stat.h", "dirent.h", "sys/wait.h", "sys/mman.h", "sys/ioctl.h", "pwd.h",
                  "grp.h", "dlfcn.h", "sys/epoll.h", "sys/signalfd.h"}
IMPURE_CALLS = ["getenv", "secure_getenv", "open", "openat", "fopen", "read", "write", "close",
                "time", "clock_gettime", "gettimeofday", "localtime", "localtime_r", "getpid",
                "printf", "fprintf", "puts", "stat", "lstat", "fstat", "access", "socket",
                "connect", "getaddrinfo"]

# Calls with one home: PID 1 has one way to make, signal and bury a process.
PROCESS_CALLS = ["fork", "vfork", "clone", "kill", "killpg", "tgkill", "wait", "wait3", "wait4",
                 "waitpid", "waitid"]

BANNED = {
    "sprintf": "snprintf", "vsprintf": "vsnprintf", "strcpy": "memcpy or snprintf",
    "strcat": "snprintf or struct buf", "strncpy": "memcpy or snprintf", "gets": "nothing",
    "strtok": "own scanning", "atoi": "parse_uint()", "alloca": "a bounded array",
    "system": "an argv", "popen": "an argv", "assert": "struct err; after the line, never die",
    "abort": "struct err; after the line, never die",
    "uv_spawn": "sys_spawn: libuv loses exits beside waitid(P_ALL)",
    "uv_signal_": "signalfd", "uv_process_": "the reaper", "uv_queue_work": "a child: no threads",
    "uv_getaddrinfo": "a child: no threads", "uv_getnameinfo": "a child: no threads",
    "uv_fs_": "a child: no threads", "pthread_": "a child: no threads",
}

FILE_LINES, FUNCTION_LINES, COLUMNS = 400, 60, 100


def code_of(text):
    """The text with comments and the contents of literals blanked; same lines."""
    token = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
    return token.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def includes_of(text):
    """(line number, "<" or '"', name) of each #include outside comments."""
    found = []
    in_comment = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group()), text,
                        flags=re.S)
    for number, line in enumerate(in_comment.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)', line)
        if match:
            found.append((number, match.group(1), match.group(2)))
    return found


def calls_in(text, names):
    """(line number, name) of each use of these functions; a name that ends with
    "_" stands for all that begin so."""
    words = "|".join(n + (r"\w+" if n.endswith("_") else "") for n in names)
    pattern = re.compile(r"(?<![\w.>])(%s)\s*\(" % words)
    return [(number, match.group(1)) for number, line in enumerate(code_of(text).splitlines(), 1)
            for match in pattern.finditer(line)]


def floor_of(path):
    match = re.match(r"src/(\w+)/", path)
    return FLOORS.index(match.group(1)) if match else len(FLOORS)


def lint_floors(path, text):
    own = floor_of(path)
    for number, kind, name in includes_of(text):
        folder = name.split("/")[0]
        if kind == '"' and "/" in name and (folder not in FLOORS or FLOORS.index(folder) > own):
            yield "%s:%d: includes \"%s\" of a higher floor; talk upward by a callback or an " \
                  "event value" % (path, number, name)


def lint_homes(path, text):
    for number, _, name in includes_of(text):
        if name in HOMES and not re.match(HOMES[name], path):
            yield "%s:%d: <%s> belongs to %s only" % (path, number, name, HOMES[name])


def lint_process_calls(path, text):
    if not path.startswith("src/sys/"):
        for number, name in calls_in(text, PROCESS_CALLS):
            yield "%s:%d: %s() belongs to src/sys only" % (path, number, name)


def lint_pure(path, text):
    if not path.startswith("src/pure/"):
        return
    for number, _, name in includes_of(text):
        if name in IMPURE_HEADERS:
            yield "%s:%d: <%s> on floor 1: no I/O, no clock, no processes" % (path, number, name)
    for number, name in calls_in(text, IMPURE_CALLS):
        yield "%s:%d: %s() on floor 1: no I/O, no clock, no environment" % (path, number, name)


def lint_banned(path, text):
    for number, name in calls_in(text, BANNED):
        instead = next(v for k, v in BANNED.items() if name == k or
                       k.endswith("_") and name.startswith(k))
        yield "%s:%d: %s() is banned; instead: %s" % (path, number, name, instead)


def lint_size(path, text):
    lines = text.splitlines()
    if len(lines) > FILE_LINES:
        yield "%s: %d lines; at most %d: split it by what it knows" % (
            path, len(lines), FILE_LINES)
    start = 0
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        if line == "}" and start:
            if number - start + 1 > FUNCTION_LINES:
                yield "%s:%d: a function of %d lines; at most %d" % (
                    path, start, number - start + 1, FUNCTION_LINES)
            start = 0
        if len(line.expandtabs(8)) > COLUMNS:
            yield "%s:%d: longer than %d columns" % (path, number, COLUMNS)


def lint_first_comment(path, text):
    if not text.startswith("/*"):
        yield "%s:1: no first comment: what is it for, what is it not?" % path


def sources():
    found = []
    for pattern in ("src/**/*.c", "src/**/*.h"):
        for path in glob.glob(os.path.join(harness.SRCDIR, pattern), recursive=True):
            with open(path) as file:
                found.append((os.path.relpath(path, harness.SRCDIR), file.read()))
    if len(found) < 10:
        raise harness.Failure("only %d sources in %s" % (len(found), harness.SRCDIR))
    return sorted(found)


def prove(lint, path, bad, good):
    """The rule complains of bad, and not of good, then of none of our files."""
    if not list(lint(path, bad)):
        raise harness.Failure("the lint does not see what is wrong with: " + bad)
    complaints = list(lint(path, good))
    if complaints:
        raise harness.Failure("the lint complains of good code: " + complaints[0])
    complaints = [c for name, text in sources() for c in lint(name, text)]
    if complaints:
        raise harness.Failure("\n".join(complaints))


def test_floors():
    """A file includes headers of its own floor and of lower ones only."""
    prove(lint_floors, "src/pure/x.c", '#include "effect/page.h"\n',
          '#include "base/err.h"\n#include "pure/plan.h"\n/*\n#include "cmd/cmd.h"\n*/\n')


def test_homes():
    """inih is used in one place, libpq in one, libuv by the loop's owners only."""
    prove(lint_homes, "src/pure/x.c", "#include <ini.h>\n", "#include <stdio.h>\n")
    prove(lint_homes, "src/effect/x.c", "#include <libpq-fe.h>\n", "#include <uv.h>\n")
    prove(lint_homes, "src/children/x.c", "#include <uv.h>\n", "#include <stdio.h>\n")


def test_process_calls():
    """Processes are made, signalled and waited for in src/sys only."""
    prove(lint_process_calls, "src/effect/x.c", "int x = kill (1, 2);\n",
          "/* kill(1) */ sys_kill(1, 2); x->wait(3); puts(\"fork()\");\n")


def test_pure():
    """Floor 1 has no I/O, no clock, no environment, no descriptors."""
    prove(lint_pure, "src/pure/x.c", "#include <fcntl.h>\n", "#include <stdio.h>\n")
    prove(lint_pure, "src/pure/x.c", "char *x = getenv(\"X\");\n", "snprintf(a, b, \"x\");\n")
    prove(lint_pure, "src/pure/x.c", "x = time(NULL);\n", "gmtime_r(&x, &y);\n")


def test_banned():
    """Calls that overflow, start threads or shells, or end PID 1, are not used."""
    for name in BANNED:
        bad = "\t%s(x);\n" % (name + "start" if name.endswith("_") else name)
        if not list(lint_banned("src/effect/x.c", bad)):
            raise harness.Failure("does not see: " + bad)
    prove(lint_banned, "src/effect/x.c", "strcpy(a, b);\n",
          "_Static_assert(1, \"\"); parse_system(a); /* abort() */\n")


def test_size():
    """Files have at most 400 lines, functions 60, lines 100 columns."""
    body = "{\n" + "\tx();\n" * 58 + "}\n"
    prove(lint_size, "src/base/x.c", body.replace("}", "\ty();\n}"), body)
    prove(lint_size, "src/base/x.c", "x\n" * 401, "x\n" * 400)
    prove(lint_size, "src/base/x.c", "\t" + "x" * 93 + "\n", "\t" + "x" * 92 + "\n")


def test_first_comment():
    """Every file begins by saying what it is for."""
    prove(lint_first_comment, "src/base/x.c", "int x;\n", "/* x */\n")


harness.main()
