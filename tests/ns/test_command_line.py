#!/usr/bin/python3
"""The command line: contract §1, and what wrong input gets."""
import json
import os
import re
import socket
import socketserver
import subprocess
import tempfile
import threading

import harness
from inits import BASE_ENV, finished
from programs import for_another_machine


def test_role_with_command_behind_dashes():
    """`pidone /ROLE -- COMMAND ARG…` runs this command instead of the configured one"""
    code, out = finished(["/run", "--", "sh", "-c", "echo one:$0; exit 7", "a b"],
                         config="[run]\ncommand = false\n")
    assert "one:a b" in out, out
    assert code == 7, out


def test_words_behind_dashes_are_not_expanded():
    """What stands behind `--` is words already: no variable and no quote is read again"""
    code, out = finished(["/run", "--", "printf", "%s\n", "$HOME 'x' ${Y:?no}"], config="")
    assert "$HOME 'x' ${Y:?no}" in out, out
    assert code == 0, out


def test_own_role():
    """any role of the configuration can be run"""
    code, out = finished(["/report"], config="[report]\ncommand = echo hello from report\n")
    assert "hello from report" in out, out
    assert code == 0, out


def test_plain_command():
    """`pidone COMMAND ARG…` is what tini does: no line of its own, the command's exit code"""
    code, out = finished(["sh", "-c", "echo plain; exit 5"])
    assert out.strip() == "plain", out
    assert code == 5


def test_plain_command_has_the_environment_of_the_roles():
    """a plain command sees the same environment as the roles"""
    code, out = finished(["sh", "-c", "echo v=$GREETING host=$PGHOST"],
                         config="[env]\nGREETING = hi\n",
                         env={"DATABASE_URL": "postgresql://u:p@db.example/shop"})
    assert "v=hi host=db.example" in out, out
    assert code == 0


def test_dashes_end_the_doubt():
    """subcommand words win over programs of the same name; `--` ends the doubt"""
    code, out = finished(["--", "check"])
    assert code == 127, out
    assert "cannot run 'check': there is no such program in PATH" in out, out


def test_symlink_name_runs_the_role():
    """under the name init, run or async (a symlink) it runs that role"""
    code, out = finished([], argv0="async",
                         config="[async]\ncommand = echo hello\nrestart = never\n")
    assert "pidone[/async]: started echo" in out, out
    assert code == 0, out


def test_executable_of_the_roles_path():
    """an executable regular file of the role's path, with further arguments, is its command"""
    path = "/pidonetestrole"
    with open(path, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\necho file ran with $1\n")
    try:
        os.chmod(path, 0o755)
        code, out = finished(["/pidonetestrole", "more"], config="")
        assert "file ran with more" in out, out
        assert code == 0, out
        os.chmod(path, 0o644)
        code, out = finished(["/pidonetestrole"], config="")
        assert code == 78, out
    finally:
        os.unlink(path)


def test_procfile():
    """Procfile: release → /init, web → /run, worker → /async; other lines are roles"""
    with tempfile.TemporaryDirectory(dir=harness.tmp) as directory:
        with open(os.path.join(directory, "Procfile"), "w", encoding="ascii") as file:
            file.write("release: echo this is release\nweb: echo this is web\n"
                       "worker: echo this is worker\nclock: echo this is clock\n")
        for role, word in (("/init", "release"), ("/run", "web"), ("/clock", "clock")):
            code, out = finished([role], cwd=directory)
            assert "this is " + word in out, out
            assert code == 0, out


def test_nothing_found():
    """nothing found: exit 78 and a message with the three shortest ways to define it"""
    with tempfile.TemporaryDirectory(dir=harness.tmp) as directory:
        code, out = finished(["/run"], cwd=directory)
        assert code == 78, out
        assert "nothing says what /run runs" in out, out
        for way in ("--", "[run]", "PIDONE_RUN_COMMAND"):
            assert way in out, (way, out)


def test_unknown_role():
    """an unknown role: exit 78, and a near one is suggested"""
    code, out = finished(["/asynk"], config="[run]\ncommand = true\n")
    assert code == 78, out
    assert "no role /asynk: did you mean /async?" in out, out


def test_no_such_command():
    """a command that does not exist: exit 127 before anything is waited for"""
    code, out = finished(["/run", "--", "gunicornn", "x"],
                         env={"DATABASE_URL": "postgresql://u@127.0.0.1:1/x"})
    assert code == 127, out
    assert "cannot run 'gunicornn': there is no such program in PATH" in out, out
    assert "waiting" not in out, out


def test_not_executable():
    """a command that is not executable: exit 126 and the remedy"""
    code, out = finished(["/run", "--", "/etc/passwd"], config="")
    assert code == 126, out
    assert "chmod +x" in out, out


def without_loader():
    with open("/bin/true", "rb") as file:
        return re.sub(rb"/ld-[a-z0-9]+", lambda m: b"/ld-" + b"n" * (len(m[0]) - 4), file.read())


@harness.bare
def test_programs_that_cannot_run():
    """a program that cannot run: why, as far as a look into it tells, and the exit code of a
    shell for it"""
    for content, code, message in (
            (b"#! /no/such/python -u\n", 127,
             "its #! line asks for '/no/such/python', which is not there"),
            (b"#!/bin/sh\r\n", 127,
             "its #! line asks for '/bin/sh' and a carriage return: save the file with Unix"),
            (without_loader(), 127, "the loader that it was linked for is not there"),
            (for_another_machine(), 126, "it was built for another machine: for "),
            (b"", 126, "it is an empty file"),
            (b"\0rubbish", 126, "it is neither a program for this machine nor a text"),
            (b"echo run by $0 $1; exit 3\n", 3, "run by %s x\n")):
        with tempfile.TemporaryDirectory(dir=harness.tmp) as directory:
            script = os.path.join(directory, "our-script")
            with open(script, "wb") as file:
                file.write(content)
            os.chmod(script, 0o755)
            wanted = message % script if "%s" in message else "cannot run 'our-script': " + message
            got, out = finished(["our-script", "x"], env={"PATH": "/none:%s:/usr/bin" % directory})
            assert got == code and wanted in out, (got, out)
            got, out = finished([script, "x"])
            assert got == code and wanted.replace("'our-script'", "'%s'" % script) in out, (got, out)


@harness.bare
def test_link_to_nothing():
    """a program that is a link to nothing: which link, and where to; one that is further behind
    in PATH is taken all the same"""
    os.chmod(harness.tmp, 0o755)
    for name in ("python9", "true"):
        os.symlink("/usr/local/bin/no-such-python", os.path.join(harness.tmp, name))
    env = {"PATH": "/none:%s:/usr/bin" % harness.tmp}
    wanted = "%s/python9 is a link to '/usr/local/bin/no-such-python', and that leads to nothing" \
        % harness.tmp
    for program in ("python9", harness.tmp + "/python9"):
        code, out = finished([program], env=env)
        assert code == 127 and "cannot run '%s': %s" % (program, wanted) in out, out
    assert finished(["true"], env=env)[0] == 0
    code, out = finished(["/run", "--", "python9"], env=env)
    assert code == 127 and wanted in out, out


@harness.bare
def test_directories_that_are_in_the_way():
    """a directory is no program; one in PATH that may not be searched does not make a program
    that is nowhere one that may not be run"""
    code, out = finished(["/usr/share"])
    assert code == 126 and "cannot run '/usr/share': it is a directory" in out, out
    private = os.path.join(harness.tmp, "private")
    os.mkdir(private, 0o700)
    os.chmod(harness.tmp, 0o755)
    code, out = finished(["gunicornn"], user=(65534, 65534),
                         env={"PATH": private + ":/usr/bin:/bin"})
    assert code == 127 and "no such program in PATH, as far as this user may search" in out, out
    code, out = finished([private + "/gunicorn"], user=(65534, 65534))
    assert code == 126 and "may not search a directory on the way to it" in out, out


def test_usage_errors():
    """a wrong command line: exit 64 and a pointer to the help"""
    for args in ([], ["--nonsense"], ["--"], ["/run", "--"], ["/run", "sleep"],
                 ["--log-format", "xml", "true"], ["-c"], ["--config=", "true"]):
        code, out = finished(args, config="[run]\ncommand = true\n")
        assert code == 64, (args, code, out)
        assert "pidone --help" in out, (args, out)


def test_version_and_help():
    """-V and -h answer on stdout with exit 0"""
    code, out = finished(["-V"])
    assert code == 0 and out.startswith("\npidone 0."), out
    code, out = finished(["--help"])
    assert code == 0 and "usage: pidone" in out, out


def test_log_format_json():
    """--log-format json: one JSON object a line, with ts, level, role, event, msg"""
    code, out = finished(["--log-format", "json", "/job"], config="[job]\ncommand = true\n")
    assert code == 0, out
    lines = [json.loads(line) for line in out.strip().splitlines()]
    started = [line for line in lines if line["event"] == "started"]
    assert started and started[0]["role"] == "/job", lines
    for line in lines:
        assert {"ts", "level", "role", "event", "msg"} <= set(line), line


def test_json_has_no_other_lines():
    """with JSON every line is one object, help for a person too"""
    code, out = finished(["--log-format", "json", "/run"])
    assert code == 78, out
    lines = [json.loads(line) for line in out.strip().splitlines()]
    assert any(line["event"] == "help" and "PIDONE_RUN_COMMAND" in line["msg"]
               for line in lines), lines


def test_quiet_still_says_why():
    """-q: an end with a failure says why, once"""
    code, out = finished(["-q", "/run", "--", "sh", "-c", "exit 9"], config="")
    assert code == 9 and out.count("sh exited with 9") == 1, out
    code, out = finished(["/run"], config="[run]\ncommand = nosuchprogram\n")
    assert code == 127 and out.count("no such program") == 1, out


def test_quiet_and_verbose():
    """-q logs only warnings and errors, -v also what it decides"""
    code, out = finished(["-q", "/job"], config="[job]\ncommand = true\n")
    assert (code, out) == (0, "\n"), out
    code, out = finished(["-v", "/job"], config="[job]\ncommand = true\n")
    assert "boot -> running" in out, out


def plain(*args, env=None, cwd=None, **more):
    """The program itself, as a person calls it: (exit code, stdout, stderr)."""
    environment = dict(BASE_ENV, **(env or {}))
    for name, value in os.environ.items():
        if name.endswith("SAN_OPTIONS"):
            environment[name] = value
    more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    done = subprocess.run([harness.BIN, *args], env=environment, cwd=cwd, text=True, check=False,
                          **more)
    return done.returncode, done.stdout, done.stderr


def test_config_behind_a_subcommand():
    """--config may stand behind a subcommand as well, but behind "--" it is the command's"""
    path = harness.tmp + "/other.ini"
    with open(path, "w", encoding="ascii") as file:
        file.write("[job]\ncommand = true\n")
    for words in (["--config", path], ["-c", path], ["--config=" + path]):
        assert plain("check", *words) == (0, path + " is fine; roles: /job\n", ""), words
        assert plain("explain", *words, "/job")[0] == 0
        assert plain("explain", "/job", *words)[0] == 0
    code, _, err = plain("check", "--config")
    assert code == 64 and "a value is missing behind '--config'" in err, err
    assert plain("wait", "file:" + path, "--", "echo", "--config", "x")[:2] == \
        (0, "--config x\n")


def test_lost_output():
    """a result that cannot be written is told, and is not exit 0"""
    for args in (["explain"], ["explain", "--ini"], ["--help"], ["--version"], ["check"],
                 ["status", "--help"]):
        with open("/dev/full", "w", encoding="ascii") as full:
            code, _, err = plain(*args, cwd=harness.tmp, stdout=full)
        assert "write the result: No space left on device" in err, (args, err)
        assert code == 70, (args, code, err)


def test_help_of_subcommands():
    """--help behind a subcommand prints how to call it, exit 0"""
    for word in ("check", "explain", "probe", "status", "wait", "once", "install"):
        code, out, err = plain(word, "--help", cwd=harness.tmp)
        assert (code, err) == (0, ""), (word, code, err)
        assert out.startswith("usage: pidone " + word), out
    # behind -- it is the command's own
    code, out, err = plain("wait", "file:/", "--", "printf", "%s", "--help", cwd=harness.tmp)
    assert (code, out) == (0, "--help"), (code, out, err)


@harness.bare  # runs with a PATH that has no valgrind
def test_forgotten_slash():
    """a word that is no program, but nearly a role or a subcommand: "did you mean"; roles of
    the configuration count, what stands far away gets no guess"""
    for word, meant in (("async", "/async"), ("rum", "/run"), ("chekc", "pidone check"),
                        ("help", "--help"), ("reprot", "/report")):
        code, out = finished([word], config="[report]\ncommand = true\n", env={"PATH": "/nowhere"})
        assert code == 127, (word, out)
        assert "; did you mean %s?\n" % meant in out, (word, out)
    for args in (["gunicorn"], ["--", "check"], ["/nowhere/run"], ["/job", "--", "run"]):
        code, out = finished(args, config="", env={"PATH": "/nowhere"})
        assert code == 127, (args, out)
        assert "did you mean" not in out, (args, out)


def test_program_called_like_a_role():
    """`pidone init` runs the program of that name and says so; behind `--` it does not"""
    with tempfile.TemporaryDirectory(dir=harness.tmp) as directory:
        os.chmod(directory, 0o755)
        for name in ("init", "other"):
            with open(os.path.join(directory, name), "w", encoding="ascii") as file:
                file.write("#!/bin/sh\necho this is the program\n")
            os.chmod(os.path.join(directory, name), 0o755)
        hint = "pidone: runs the program 'init'; the role is /init\n"
        for args, hinted in ((["init"], True), (["--", "init"], False), (["-q", "init"], False),
                             ([directory + "/init"], False), (["other"], False)):
            code, out = finished(args, env={"PATH": directory + ":/bin"})
            assert "this is the program" in out, (args, out)
            assert (hint in out) == hinted, (args, out)
            assert code == 0, (args, out)


def test_role_without_slash_behind_a_subcommand():
    """`explain run`, `status run`, `probe ready run`: exit 64, did you mean /run?"""
    for args in (["explain", "run"], ["status", "run"], ["probe", "ready", "run"]):
        code, out, err = plain(*args)
        assert (code, out) == (64, ""), (args, code, out)
        assert "did you mean /run?" in err, (args, err)
    code, _, err = plain("status", "/run", "/async")
    assert code == 64 and "did you mean" not in err, err


def test_probe_by_path():
    """`probe readyz` and `probe /readyz` ask what `probe ready` asks"""
    with tempfile.TemporaryDirectory(dir=harness.tmp) as directory:
        path = os.path.join(directory, "run.sock")
        with socketserver.ThreadingUnixStreamServer(path, Echo) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            for word in ("live", "ready", "startup"):
                for form in (word, word + "z", "/" + word + "z"):
                    code, out, err = plain("probe", form, env={"PIDONE_RUN_SOCKET": path})
                    assert (code, out, err) == (0, "GET /%sz HTTP/1.1" % word, ""), (form, out, err)
            server.shutdown()
    code, _, err = plain("probe", "read")
    assert code == 64 and "no such probe: read" in err, err


class Echo(socketserver.StreamRequestHandler):
    """Answers 200 with the request's first line."""
    def handle(self):
        line = self.rfile.readline().strip()
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n" + line)


def test_nobody_to_ask():
    """no supervisor: the role and the sockets looked for; a stale socket: the reason, once"""
    code, _, err = plain("probe", "live", "/nosuchrole")
    assert code == 1, err
    assert ("no running supervisor of /nosuchrole was found; there is no "
            "/run/pidone/nosuchrole.sock and no /tmp/pidone-nosuchrole.sock\n") in err, err
    with tempfile.TemporaryDirectory(dir=harness.tmp) as directory:
        path = os.path.join(directory, "run.sock")
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(path)
        for args in (["status", "/run"], ["probe", "ready"]):
            code, _, err = plain(*args, env={"PIDONE_RUN_SOCKET": path,
                                             "PIDONE_RUN_LISTEN": "none"})
            assert code == 1, err
            assert err.endswith(path + ": connection refused\n"), err


def test_check_names_detected_roles():
    """check in a Django project without configuration: the roles that are detected"""
    with tempfile.TemporaryDirectory(dir=harness.tmp) as directory:
        def write(name, text):
            with open(os.path.join(directory, name), "w", encoding="ascii") as file:
                file.write(text)
            os.chmod(os.path.join(directory, name), 0o755)
        os.mkdir(os.path.join(directory, "shop"))
        write("manage.py", "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n")
        write("shop/settings.py", "WSGI_APPLICATION = 'shop.wsgi.application'\n")
        write("shop/wsgi.py", "application = None\n")
        write("python", "#!/bin/sh\n")
        write("gunicorn", "#!/bin/sh\n")
        write("pidone.ini", "")
        code, out, err = plain("-c", "pidone.ini", "check", cwd=directory, env={"PATH": directory})
        assert (code, err) == (0, ""), err
        assert out == "pidone.ini is fine; detected here: /init, /run\n", out
        write("pidone.ini", "[run]\ncommand = true\n")
        code, out, err = plain("-c", "pidone.ini", "check", cwd=directory, env={"PATH": directory})
        assert out == "pidone.ini is fine; roles: /run; detected here: /init\n", out


@harness.bare  # valgrind wants to write, too
def test_install_where_nothing_can_be_written():
    """install into a read-only place: exit 78, and what to change in the pod"""
    code, out = finished(["install", "/usr/pidone"], nsrun=["--read-only"])
    assert code == 78, out
    assert "create a file beside '/usr/pidone': Read-only file system; mount the volume without " \
           "readOnly" in out, out


def test_named_by_variable():
    """a missing file that PIDONE_CONFIG names: the message says who named it"""
    code, _, err = plain("check", env={"PIDONE_CONFIG": "/nope"})
    assert code == 78, err
    assert "/nope: cannot open the configuration: No such file or directory " \
           "(PIDONE_CONFIG names this file)" in err, err


if __name__ == "__main__":
    harness.main(under_valgrind=False)
