#!/usr/bin/python3
"""The completions, in real shells on a terminal: what they offer is what the program's help
tells. A list is had by the keys that insert all completions; then the line is made the
arguments of a function that writes them into a file, so that no screen is read."""
import os
import re
import shutil
import subprocess

import harness
from harness import wait_until
from inits import BASE_ENV, Pidone
from terminal import Terminal

SOURCES = harness.SRCDIR + "/contrib/completions"
PROMPT = "ready> "
WORDS = "words() { printf '%s\\n' \"$@\" > \"$OUT.new\"; mv \"$OUT.new\" \"$OUT\"; }\n"
BASH_RC = """
. /usr/share/bash-completion/bash_completion
. SOURCES/pidone.bash
PS1='PROMPT'
bind 'set bell-style none'
bind 'set enable-bracketed-paste off'
bind '"\\C-o": insert-completions'
""" + WORDS
ZSH_RC = """
fpath=(SOURCES $fpath)
autoload -U compinit
compinit -u -D
PS1='PROMPT'
zle -C all-matches complete-word _generic
bindkey -e
bindkey '^O' all-matches
zstyle ':completion:all-matches::::' completer _all_matches _complete
zstyle ':completion:all-matches:*' insert true
unsetopt automenu
setopt interactivecomments
""" + WORDS
CONFIG = "[init]\nstep = true\n[%s]\ncommand = sleep 1\n"


class Shell:
    """An interactive shell, in a directory with a configuration that has the role /mail."""

    def __init__(self, name):
        self.name, self.n = name, 0
        self.home = harness.tmp + "/" + name
        os.mkdir(self.home)
        os.symlink(harness.BIN, self.home + "/pidone")
        for path, role in (("pidone.ini", "mail"), ("other.ini", "report")):
            with open("%s/%s" % (self.home, path), "w", encoding="ascii") as file:
                file.write(CONFIG % role)
        os.mkdir(self.home + "/some-directory")
        with open(self.home + "/.zshrc", "w", encoding="ascii") as file:
            file.write((BASH_RC if name == "bash" else ZSH_RC)
                       .replace("SOURCES", SOURCES).replace("PROMPT", PROMPT))
        words = ["bash", "--noprofile", "--rcfile", self.home + "/.zshrc", "-i"]
        if name == "zsh":
            words = ["zsh", "-d", "-i"]
        self.terminal = Terminal()
        self.terminal.resize(50, 500)
        environment = {"PATH": self.home + ":" + BASE_ENV["PATH"], "ZDOTDIR": self.home,
                       "HOME": self.home, "OUT": self.home + "/out", "TERM": "vt100"}
        self.process = Pidone((), words=words, pid1=False, terminal=self.terminal,
                              cwd=self.home, env=environment)
        self.terminal.close_slave()
        self.terminal.expect(PROMPT, 20)

    def offers(self, line):
        """The words that are offered at the end of this line; those in front are cut off."""
        out = self.home + "/out"
        self.terminal.type(line + "\x0f\x01words \n")
        wait_until(lambda: os.path.exists(out), 10, "what %s makes of %r" % (self.name, line))
        self.terminal.expect(PROMPT)
        with open(out, encoding="utf-8") as file:
            words = file.read().split("\n")[:-1]
        os.remove(out)
        stem = line.split(" ")
        assert words[:len(stem) - 1] == stem[:-1], (line, words)
        offered = words[len(stem) - 1:]
        # the word itself stays where nothing completes it
        return [] if offered == [stem[-1]] else sorted(offered)


def both(case):
    """The case, in bash and in zsh; the one that is missing is not an excuse for the other."""
    missing = [name for name in ("bash", "zsh") if not shutil.which(name)]
    if not os.path.exists("/usr/share/bash-completion/bash_completion"):
        missing.append("bash-completion")
    if missing:
        harness.skip("needs the package " + missing[0])
    for name in ("bash", "zsh"):
        case(Shell(name))


def help_of(*words, program=None):
    done = subprocess.run([program or harness.BIN, *words, "--help"], capture_output=True, text=True,
                          check=True, cwd=harness.tmp)
    return done.stdout


class Usage:
    """What the program says of itself at --help."""

    def __init__(self, program=None):
        text = help_of(program=program)
        self.options = set(re.findall(r"(?:^ +|, )(--?\w[\w-]*)", text, re.M))
        self.subcommands = set(re.findall(r"^ {7}pidone (\w+) ", text, re.M))
        self.of = {word: help_of(word, program=program) for word in self.subcommands}

    def options_of(self, word):
        return set(re.findall(r"--[a-z]+", self.of[word])) | {"-c", "--config", "-h", "--help"}

    def words_of(self, word):
        """live|ready|startup: what is meant literally."""
        return set(re.findall(r"(?<![\w/-])[a-z]+", self.of[word])) - {"usage", "pidone", word}


ROLES = {"/init", "/run", "/async", "/mail"}


def complaints(shell, usage):
    """Where the shell offers something else than the program understands."""
    def compare(line, expected):
        offered = set(shell.offers(line))
        if offered != set(expected):
            yield "%s: %r: offers %s, not %s" % (
                shell.name, line, sorted(offered - expected), sorted(expected - offered))
    yield from compare("pidone ", usage.subcommands | ROLES)
    yield from compare("pidone -", usage.options)
    for word in sorted(usage.subcommands):
        yield from compare("pidone %s -" % word, usage.options_of(word))
        if usage.words_of(word):
            yield from compare("pidone %s " % word, usage.words_of(word))
        elif "/ROLE" in usage.of[word]:
            yield from compare("pidone %s " % word, ROLES)


@harness.limit(60)
def test_offers_what_help_tells():
    """subcommands, their words and all options: exactly those of --help; a new one that is
    missing from the completion is told"""
    def case(shell):
        usage = Usage()
        assert {"-c", "--config", "-V", "--log-format"} <= usage.options, usage.options
        assert {"check", "wait", "install"} <= usage.subcommands, usage.subcommands
        assert usage.words_of("probe") == {"live", "ready", "startup"}
        assert usage.words_of("once") == {"list", "forget"}
        found = list(complaints(shell, usage))
        if found:
            raise harness.Failure("\n".join(found))
        for change in ((lambda: usage.options.add("--frob")),
                       (lambda: usage.of.update(status="usage: pidone status [--frob]")),
                       (lambda: usage.of.update(once="usage: pidone once list | frob"))):
            change()
            assert any("frob" in complaint for complaint in complaints(shell, usage)), \
                "what is new and not completed is not seen"
    both(case)


def test_roles_come_from_the_configuration():
    """roles: of the configuration that is named, or of a pidone.ini in the directory, and the
    usual ones; a broken file costs only its own"""
    def case(shell):
        assert set(shell.offers("pidone /")) == ROLES
        for option in ("-c other.ini", "--config other.ini", "--config=other.ini"):
            offered = set(shell.offers("pidone %s /" % option))
            assert offered == ROLES - {"/mail"} | {"/report"}, (option, offered)
        assert "/mail" in shell.offers("pidone probe ready ")
        assert "/report" in shell.offers("pidone -q -c other.ini explain ")
        assert "/report" in shell.offers("pidone -c other.ini check ")
        with open(shell.home + "/pidone.ini", "a", encoding="ascii") as file:
            file.write("what is this\n")
        assert set(shell.offers("pidone /")) == ROLES - {"/mail"}
    both(case)


def targets():
    """What may follow `wait`, out of the table of checks: not what is refused with a hint, nor
    the other spellings of a database's URL."""
    with open(harness.SRCDIR + "/src/pure/check_spec.c", encoding="utf-8") as file:
        table = re.search(r"forms\[\] = \{(.*?)\n\};", file.read(), re.S).group(1)
    rows = re.findall(r"\{ CHECK_(\w+), ([\w |]+), \"([^\"]+)\", (\w+),", table)
    assert len(rows) > 10, table
    found = {head for kind, uses, head, parse in rows
             if re.search("WAIT|ALL|NOT_LIVE", uses) and not parse.startswith("refuse")
             and kind != "MIGRATIONS"}
    return {head for head in found if head == "postgresql://" or not re.search("p(g|ost).*://|psql",
                                                                               head)}


def test_targets_of_wait():
    """behind wait: every target that there is, files behind file: and unix:, and the end"""
    def case(shell):
        expected = targets()
        assert {"postgres", "postgresql://", "redis://", "file:"} <= expected, expected
        assert set(shell.offers("pidone wait ")) == expected | {"--"}
        assert set(shell.offers("pidone wait postgres re")) == {"redis://"}
        assert shell.offers("pidone wait file:oth") == ["file:other.ini"]
        assert shell.offers("pidone wait unix:./oth") == ["unix:./other.ini"]
        assert "30s" in shell.offers("pidone wait --timeout ")
        assert "--timeout=30s" in shell.offers("pidone wait --timeout=3")
    both(case)


def test_values_of_options():
    """values: the formats of the log, files for the configuration and for install"""
    def case(shell):
        assert shell.offers("pidone --log-format ") == ["json", "text"]
        assert shell.offers("pidone --log-format=j") == ["--log-format=json"]
        for line in ("pidone -c oth", "pidone check --config oth", "pidone install oth",
                     "pidone explain -c oth"):
            assert shell.offers(line) == ["other.ini"], (line, shell.offers(line))
        assert shell.offers("pidone --config=oth") == ["--config=other.ini"]
    both(case)


def test_the_command_completes_itself():
    """what runs is completed as if it stood alone: a program's name, then its own words"""
    def case(shell):
        with open(shell.home + "/frobnicate", "w", encoding="ascii") as file:
            file.write("#!/bin/sh\n")
        os.chmod(shell.home + "/frobnicate", 0o755)
        shell.terminal.type({
            "bash": "complete -W 'alpha beta' frobnicate; hash -r\n",
            "zsh": "_frob() { compadd alpha beta }; compdef _frob frobnicate; rehash\n",
        }[shell.name])
        shell.terminal.expect(PROMPT)
        for line in ("pidone frobn", "pidone -- frobn", "pidone /run -- frobn", "pidone -q frobn",
                     "pidone wait postgres -- frobn"):
            assert shell.offers(line) == ["frobnicate"], (line, shell.offers(line))
            line += "icate "
            assert shell.offers(line) == ["alpha", "beta"], (line, shell.offers(line))
        # nor are its options ours
        assert shell.offers("pidone frobnicate -") == []
        assert shell.offers("pidone wait postgres -- frobnicate --t") == []
        assert shell.offers("pidone /run ") == ["--"]
    both(case)


harness.main()
