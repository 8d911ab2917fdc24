#!/usr/bin/python3
"""A terminal: what `kubectl run -it` and `docker run -it` see. Through a real pty."""
import os
import pty
import select
import signal
import time

import harness
from harness import wait_until


class Terminal:
    """pidone with these arguments on a new terminal, its leader and not PID 1."""

    def __init__(self, *args):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["PS1"] = "$ "
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a job in the background ignores it
            os.execv(harness.BIN, [harness.BIN] + list(args))
        self.text = ""

    def expect(self, words, timeout=5.0):
        """Waits until the terminal has shown these words, and forgets what it showed."""
        deadline = time.monotonic() + timeout * harness.SLOW
        while words not in self.text:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise harness.Failure("no %r in %r" % (words, self.text))
            try:
                self.text += os.read(self.fd, 4096).decode()
            except OSError:
                raise harness.Failure("no %r in %r, and it hung up" % (words, self.text))
        self.text = self.text.partition(words)[2]

    def type(self, text):
        """As if typed."""
        os.write(self.fd, text.encode())

    def wait(self, timeout=10.0):
        """The exit code."""
        def ended():
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            return (pid, status) if pid else None
        return os.waitstatus_to_exitcode(wait_until(ended, timeout)[1])


def test_command_has_the_foreground():
    """an interactive command gets the foreground: it reads the terminal"""
    t = Terminal("sh", "-c", "read line; echo got $line")
    t.type("hello\n")
    t.expect("got hello")
    assert t.wait() == 0


def test_ctrl_c_reaches_the_command():
    """Ctrl-C reaches the command, as the terminal sends it, and only once"""
    t = Terminal("/usr/bin/python3", "-u", "-c",
                 "import signal\n"
                 "signal.pthread_sigmask(signal.SIG_BLOCK, {2})\nprint('up')\n"
                 "print('got', int(signal.sigwait({2})))\ninput()\n"
                 "assert 2 not in signal.sigpending()\n")
    t.expect("up")
    t.type("\x03")
    t.expect("got 2")
    t.type("\n")
    assert t.wait() == 0
    assert "got" not in t.text, t.text
    t = Terminal("sleep", "1000")
    wait_until(lambda: any(harness.command_name(pid) == "sleep"
                           for pid in harness.children_of(t.pid)), 5)
    t.type("\x03")
    assert t.wait() == 130


def test_job_control():
    """job control works: a shell stops and continues its jobs"""
    t = Terminal("bash", "--norc", "--noprofile", "-i")
    t.expect("$ ")
    t.type("sleep 1000\n")
    wait_until(lambda: "sleep" in [harness.command_name(pid)
                                   for pid in harness.descendants_of(t.pid)], 5)
    t.type("\x1a")
    t.expect("Stopped")
    t.type("kill %1; wait; echo still $((40 + 2))\n")
    t.expect("still 42")
    t.type("exit 3\n")
    assert t.wait() == 3


def test_ctrl_z_stops_the_supervisor_with_its_command():
    """a keyboard TSTP stops the job as a whole where a shell started it; CONT continues it"""
    t = Terminal("bash", "--norc", "--noprofile", "-i")
    t.expect("$ ")
    t.type("%s sh -c 'echo up; read line; echo got $line'\n" % harness.BIN)
    t.expect("up\r\n")
    t.type("\x1a")
    t.expect("Stopped")
    t.type("fg\n")
    t.expect("read line")
    t.type("hello\n")
    t.expect("got hello")
    t.type("exit 0\n")
    assert t.wait() == 0


def test_terminal_that_goes_away():
    """a terminal that goes away: the command gets its HUP, and pidone ends with it"""
    t = Terminal("sh", "-c", "echo up; exec sleep 1000")
    t.expect("up")
    os.close(t.fd)
    assert t.wait() in (128 + signal.SIGHUP, 129)


if __name__ == "__main__":
    harness.main()
