#!/usr/bin/python3
"""The configuration: contract §3, seen from outside."""
import os
import socket
import tempfile

import harness
from inits import Pidone, finished


def test_all_errors_at_once():
    """unknown keys, bad values, duplicates: all at once, with lines and suggestions, exit 78"""
    code, out = finished(["/run"], config="[run]\ncomand = true\nstop-grace = 10\n"
                         "drain = 1s\ndrain = 2s\n[probez]\nlisten = 1\n")
    assert code == 78, out
    assert ":2: " in out and "did you mean 'command'?" in out, out
    assert ":3: " in out and "stop-grace" in out, out
    assert ":5: " in out and "drain" in out, out
    assert ":6: " in out and "probes" in out, out
    assert "started" not in out, out


def test_unterminated_quote():
    """an unterminated quote: exit 78 with the line"""
    code, out = finished(["/run"], config="[run]\ncommand = echo 'oops\n")
    assert code == 78, out
    assert ":2: " in out and "quote" in out, out


def test_undefined_variable_with_message():
    """an undefined ${VAR:?message}: exit 78, the place and the message, before anything starts"""
    code, out = finished(["/run"], config="[run]\nstep = echo started-nothing\n"
                         "command = echo ${SHOP_ID:?set SHOP_ID in the values file}\n")
    assert code == 78, out
    assert "SHOP_ID: set SHOP_ID in the values file" in out, out
    assert "started-nothing" not in out, out


def test_bad_url():
    """a URL that cannot be parsed: exit 78, without a word of its password"""
    code, out = finished(["/run", "--", "true"],
                         env={"DATABASE_URL": "postgresql://u:s3cr3t@[::1/x"})
    assert code == 78, out
    assert "DATABASE_URL" in out, out
    assert "s3cr3t" not in out, out


def test_environment_overrides_the_file():
    """any key can be a variable PIDONE_<SECTION>_<KEY>, and it wins over the file"""
    code, out = finished(["/run"], config="[run]\ncommand = echo from file\n",
                         env={"PIDONE_RUN_COMMAND": "echo from variable"})
    assert code == 0 and "from variable" in out and "from file" not in out, out


def test_unknown_variable_is_a_warning():
    """an unknown PIDONE_* variable is a warning, never an error"""
    code, out = finished(["/run", "--", "true"],
                         env={"PIDONE_SERVICE_HOST": "10.0.0.1", "PIDONE_RUN_COMAND": "x"})
    assert code == 0, out
    assert "warning: PIDONE_RUN_COMAND" in out, out


def test_expansion_and_cpus():
    """commands are split as a shell does, with variables, and no shell; PIDONE_CPUS is there"""
    code, out = finished(["/run"], config="[run]\ncommand = printf '[%s]\\n' \"$A b\" ${B:-'x y'} "
                         "${PIDONE_CPUS} '*'\n", env={"A": "a"})
    assert code == 0, out
    assert "[a b]\n[x y]\n" in out and "[*]" in out, out
    cpus = out.split("[x y]\n[")[1].split("]")[0]
    assert int(cpus) >= 1, out


def test_shell_yes():
    """shell = yes runs /bin/sh -c"""
    code, out = finished(["/run"], config="[run]\nshell = yes\ncommand = echo a && echo b\n")
    assert code == 0 and "a\nb\n" in out, out


def test_env_defaults_and_files():
    """[env]: defaults, ${…}, from-files and secrets-dir; the container's own environment wins"""
    with tempfile.TemporaryDirectory(dir=harness.tmp) as directory:
        with open(os.path.join(directory, "key"), "w", encoding="ascii") as file:
            file.write("sesame\n")
        secrets = os.path.join(directory, "secrets")
        os.mkdir(secrets)
        with open(os.path.join(secrets, "API_TOKEN"), "w", encoding="ascii") as file:
            file.write("t0ken")
        config = ("[env]\nfrom-files = SECRET_KEY\nsecrets-dir = %s\nDB_HOST = ${PGHOST}\n"
                  "MODE = default\n[job]\ncommand = printenv SECRET_KEY API_TOKEN DB_HOST MODE\n"
                  "wait-timeout = 1s\n[postgres]\nurl-env = MY_URL\n" % secrets)
        code, out = finished(["/job", "--", "printenv", "SECRET_KEY", "API_TOKEN", "MODE"],
                             config=config, env={"SECRET_KEY_FILE": os.path.join(directory, "key"),
                                                 "MODE": "mine"})
        assert code == 0, out
        assert "sesame\nt0ken\nmine\n" in out, out


def test_missing_explicit_file():
    """a configuration file that was named but is not there: exit 78"""
    code, out = finished(["--config", "/no/such/pidone.ini", "/run", "--", "true"])
    assert code == 78, out
    assert "/no/such/pidone.ini" in out, out


def test_taken_port():
    """an explicit port that is taken: exit 78 with the place; a default one degrades"""
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    code, out = finished(["/run"], config="[probes]\nlisten = 127.0.0.1:%d\n"
                         "[run]\ncommand = echo ran\n" % port)
    assert code == 78, out
    assert str(port) in out and "\nran\n" not in out, out


def test_unwritable_socket_directory():
    """an explicit socket directory that cannot be written: exit 78 with the place"""
    code, out = finished(["/run"], config="[probes]\nsocket = /proc/nowhere/p.sock\n"
                         "[run]\ncommand = echo ran\n")
    assert code == 78, out
    assert "/proc/nowhere/p.sock" in out and "\nran\n" not in out, out


def test_check_subcommand():
    """pidone check: every error and warning; exit 0 or 78"""
    code, out = finished(["check"], config="[run]\ncommand = true\n", pid1=False)
    assert code == 0, out
    code, out = finished(["check"], config="[run]\ncomand = true\n", pid1=False)
    assert code == 78 and "did you mean 'command'?" in out, out


def test_key_without_effect():
    """a key that does nothing is warned about in the file, and not as a variable: a chart sets it
    for every image"""
    config = "[run]\ncommand = true\n"
    code, out = finished(["check"], config=config + "on-live-failure = restart\n", pid1=False)
    assert code == 0 and "does nothing without 'live'" in out and "; 1 warning" in out, out
    code, out = finished(["check"], config=config, pid1=False,
                         env={"PIDONE_RUN_ON_LIVE_FAILURE": "restart"})
    assert code == 0 and "warning" not in out, out


def test_check_of_roles():
    """pidone check /ROLE: what has nothing to run, a program or a user that is not there is 78,
    with the words that the start would say; without the role's name it is no mistake"""
    config = "[run]\ncommand = nosuchprogram x\n[beat]\nprocess.one = true\ncommand = sleep 3\n" \
             "[mail]\ncommand = true\nuser = nosuchuser\n[init]\nstep = true\nstep = nosuchstep\n" \
             "[here]\ndirectory = /bin\ncommand = ./true\n[shell]\nshell = yes\ncommand = a | b\n"
    for words, code, message in (
            ([], 0, "is fine"),
            (["/beat", "/init", "/here", "/shell"], 0, "is fine"),
            (["/beat", "/run"], 78, "/run: cannot run 'nosuchprogram'"),
            (["/mail"], 78, "/mail: there is no user 'nosuchuser'"),
            (["/async"], 78, "nothing says what /async runs"),
            (["run"], 64, "did you mean /run?")):
        got, out = finished(["check"] + words, config=config, pid1=False)
        assert got == code and message in out, (words, got, out)
    got, out = finished(["check", "/task"], env={"PIDONE_TASK_COMMAND": "'true' 'a b'"}, pid1=False)
    assert got == 0, out


def test_check_finds_what_a_start_would():
    """pidone check finds what would end a start, and warns of a user who is not there"""
    lines = ["process.p%d = sleep 1077" % i for i in range(16)]
    for keys, message in (
            (lines, "/run has 17 processes, 16 is the limit"),
            (["ready = tcp://localhost:%d" % (i + 1) for i in range(17)], "more than 16 checks"),
            (["wait = tcp://localhost:%d" % (i + 1) for i in range(17)], "more than 16 targets")):
        config = "[run]\ncommand = true\n" + "\n".join(keys) + "\n"
        for args in (["check"], ["/run"]):
            code, out = finished(args, config=config, pid1=False)
            assert code == 78 and message in out, out
    code, out = finished(["check"], pid1=False, config="[run]\ncommand = true\nuser = nosuchuser\n")
    assert code == 0 and "there is no user 'nosuchuser'" in out and "; 1 warning" in out, out


def test_uwsgi_that_term_reloads():
    """uwsgi without die-on-term: check and the start warn of what TERM does, and of nothing
    when it is told otherwise"""
    warning = "pidone.ini:2: TERM reloads uWSGI instead of stopping it"
    with open(harness.tmp + "/uwsgi", "w", encoding="ascii") as file:
        file.write("#!/bin/sh\n")
    os.chmod(file.name, 0o755)
    with open(harness.tmp + "/told.ini", "w", encoding="ascii") as file:
        file.write("[uwsgi]\ndie-on-term = true\n")
    for args in (["check"], ["/run"]):
        def told(words, more="", env=None, args=args):
            code, out = finished(args, pid1=args != ["check"], cwd=harness.tmp, env=env, config=(
                "[run]\ncommand = ./uwsgi --module a.wsgi --master %s\n%s" % (words, more)))
            assert code == 0, out
            return warning in out and "--die-on-term" in out
        assert told("")
        assert not told("--die-on-term")
        assert not told("--ini told.ini")
        assert not told("", "stop-signal = INT\n")
        assert not told("", "signal.TERM = QUIT\n")
        assert not told("", env={"UWSGI_DIE_ON_TERM": "1"})
        assert not told("", "[env]\nUWSGI_DIE_ON_TERM = 1\n")
    with open(harness.tmp + "/Procfile", "w", encoding="ascii") as file:
        file.write("web: ./uwsgi --module a.wsgi\n")
    code, out = finished(["check"], pid1=False, cwd=harness.tmp)
    assert code == 0 and "Procfile:1 (web): TERM reloads uWSGI" in out, out
    assert "; detected here: /run; 1 warning" in out, out


def test_explain_masks_secrets():
    """pidone explain: each setting with its source, secrets masked"""
    code, out = finished(["explain", "/run"], pid1=False, config="[run]\ncommand = gunicorn x\n",
                         env={"DATABASE_URL": "postgresql://u:s3cr3t@db/shop"})
    assert code == 0, out
    assert "gunicorn x" in out and "s3cr3t" not in out, out


def test_termination_message():
    """on failure the reason is written to /dev/termination-log, if it exists"""
    for config, words in (("[run]\ncomand = x\n", "did you mean 'command'?"),
                          ("[run]\ncommand = sh -c 'exit 3'\n", "exit 3: sh exited with 3"),
                          ("[run]\ncommand = nosuchprogram\n", "there is no such program")):
        p = Pidone(["/run"], config=config)
        assert p.wait() != 0
        assert words in p.termination_log, p.termination_log


if __name__ == "__main__":
    harness.main(under_valgrind=False)
