"""Programs that tests have an init run: Python, since they must say when they listen,
so that no signal comes too early."""
import os
import struct

import harness
from harness import wait_until
from proc import command_name

HEAD = "import os, signal, sys, time\n"


def program(text):
    """A Python program, as the words of a command (none has a blank)."""
    program.count = getattr(program, "count", 0) + 1
    path = "%s/program%d.py" % (harness.tmp, program.count)
    with open(path, "w", encoding="ascii") as file:
        file.write(HEAD + text)
    return "/usr/bin/python3 -u " + path


# Waits for signals that are blocked: a handler of Python's may be called only after the
# next system call has begun to wait for ever.
WAIT = ("everything = set(range(1, 32)) | set(range(34, 65))\n"
        "everything -= {9, 17, 18, 19}\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, everything)\n"
        "def name(s):\n"
        "    return signal.Signals(s).name if s < 32 else str(s)\n"
        "def say(*words):\n"
        "    os.write(1, (' '.join(words) + '\\n').encode())\n")


LISTEN = ("say('up')\n"
          "while True:\n"
          "    s = signal.sigwait(everything)\n"
          "    say('got', name(s))\n"
          "    %s\n")


def listener(after="pass"):
    """Prints "up", then each signal that it gets, then does `after` (a statement on s)."""
    return program(WAIT + LISTEN % after)


def with_child(signo):
    """Prints "up" when it has a child; at the signal, whether it got it "alone" or "with its
    child", and ends. The child takes no signal: what it was sent stays pending there, to be seen."""
    return program(WAIT +
                   "pid = os.fork()\n"
                   "while pid == 0:\n"
                   "    signal.pause()\n"
                   "say('up')\n"
                   "signal.sigwait({%d})\n"
                   "status = open('/proc/%%d/status' %% pid).read().split()\n"
                   "pending = [status[status.index(f) + 1] for f in ('SigPnd:', 'ShdPnd:')]\n"
                   "sent = any(int(mask, 16) >> (%d - 1) & 1 for mask in pending)\n"
                   "say('got it', 'with its child' if sent else 'alone')\n"
                   "os.kill(pid, 9)\n"
                   "os.waitpid(pid, 0)\n" % (signo, signo))


SERVE = ("import ctypes, socket, threading\n"
         "kept = []\n"
         "def serve(host, port=None, v6only=0):\n"
         "    family = socket.AF_INET6 if ':' in host else socket.AF_INET\n"
         "    s = socket.socket(socket.AF_UNIX if port is None else family)\n"
         "    if port is not None and ':' in host:\n"
         "        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)\n"
         "    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
         "    s.bind(host if port is None else (host, port))\n"
         "    s.listen(64)\n"
         "    kept.append(s)\n"
         "    def answer():\n"
         "        while True:\n"
         "            c = s.accept()[0]\n"
         "            c.recv(9999)\n"
         "            c.sendall(b'HTTP/1.0 200 OK\\r\\n\\r\\n')\n"
         "            c.close()\n"
         "    threading.Thread(target=answer, daemon=True).start()\n")


def server(*addresses, before="", after="pass"):
    """Answers every request with 200 at these ("'127.0.0.1', 8000", or "'/a/socket'"), and
    prints as listener() does. before: statements, before it listens."""
    return program(WAIT + SERVE + before + "".join("serve(%s)\n" % a for a in addresses) +
                   LISTEN % after)


END_ON_TERM = "sys.exit(0) if s == 15 else None"


AGENT = "pidone: agent"


def process_called(p, name):
    """The pid of the process of this name below PID 1, once it has executed."""
    def found():
        return [pid for pid in p.inside() if command_name(pid) == name]
    return wait_until(found, 5, name)[0]


def for_another_machine():
    """The bytes of a program that this machine cannot execute."""
    with open("/bin/true", "rb") as file:
        data = bytearray(file.read())
    # e_machine: EM_AARCH64, or there EM_X86_64
    data[18:20] = struct.pack("=H", 183 if os.uname().machine != "aarch64" else 62)
    return bytes(data)


def dissolve(group):
    """The processes of a control group go on above it; true once the group is gone."""
    with open(group + "/cgroup.procs", encoding="ascii") as file:
        for pid in file.read().split():
            try:
                with open(os.path.dirname(group) + "/cgroup.procs", "w", encoding="ascii") as above:
                    above.write(pid)
            except ProcessLookupError:
                pass  # it has ended
    return harness.remove_directory(group)


class Frozen:
    """While the block runs this process acts on nothing, not even on KILL, as one that hangs
    inside the kernel on storage that does not answer."""

    def __init__(self, pid):
        self.pid = pid
        self.group = "/sys/fs/cgroup/freezer/pidone-test-%d-%d" % (os.getpid(), pid)
        if not os.path.isdir(os.path.dirname(self.group)):
            harness.skip("needs the freezer of control groups, version 1")

    def _write(self, name, text):
        with open("%s/%s" % (self.group, name), "w", encoding="ascii") as file:
            file.write(text)

    def __enter__(self):
        os.mkdir(self.group)
        self._write("cgroup.procs", str(self.pid))
        self._write("freezer.state", "FROZEN")

    def __exit__(self, *_):
        self._write("freezer.state", "THAWED")
        wait_until(lambda: dissolve(self.group), 5)
