"""A terminal: what `kubectl run -it` and `docker run -it` give a container, as a pty."""
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

import harness


class Terminal:
    """For Pidone(terminal=...), which becomes the leader of its session. What is
    typed here it reads; what it and its commands write is expected here."""

    def __init__(self):
        self.fd, self.slave = pty.openpty()
        self.text = ""

    @staticmethod
    def take(fd=0):
        """In the child, before its exec: a session of its own on this terminal."""
        os.setsid()
        fcntl.ioctl(fd, termios.TIOCSCTTY, 0)
        for signo in (signal.SIGINT, signal.SIGQUIT):
            signal.signal(signo, signal.SIG_DFL)  # a job in the background ignores them

    def type(self, text):
        """As if typed."""
        os.write(self.fd, text.encode())

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def foreground(self):
        """The process group that the terminal's keys are for."""
        return struct.unpack("i", fcntl.ioctl(self.fd, termios.TIOCGPGRP, b"\0\0\0\0"))[0]

    def expect(self, words, timeout=5.0):
        """Waits until the terminal has shown these words, and forgets what it showed."""
        deadline = time.monotonic() + timeout * harness.SLOW
        while words not in self.text:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise harness.Failure("no %r in %r" % (words, self.text))
            try:
                self.text += os.read(self.fd, 4096).decode(errors="replace")
            except OSError:
                raise harness.Failure("no %r in %r, and it hung up" % (words, self.text)) \
                    from None
        self.text = self.text.partition(words)[2]

    def close_slave(self):
        """Of this process: only who was started on it has the terminal then."""
        os.close(self.slave)
        self.slave = -1

    def hang_up(self):
        """The terminal goes away."""
        os.close(self.fd)
