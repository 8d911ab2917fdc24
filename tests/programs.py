"""Programs that tests have an init run: Python, since they must say when they listen,
so that no signal comes too early."""
import harness
from harness import wait_until

HEAD = "import os, signal, sys, time\n"


def program(text):
    """A Python program, as the words of a command (none has a blank)."""
    program.count = getattr(program, "count", 0) + 1
    path = "%s/program%d.py" % (harness.tmp, program.count)
    with open(path, "w", encoding="ascii") as file:
        file.write(HEAD + text)
    return "/usr/bin/python3 -u " + path


def listener(after="pass"):
    """Prints "up", then each signal that it gets, then does `after` (a statement on s)."""
    return program("def got(s, f):\n"
                   "    print('got', signal.Signals(s).name if s < 32 else s)\n"
                   "    %s\n"
                   "for s in list(range(1, 32)) + list(range(34, 65)):\n"
                   "    if s not in (9, 19, 17, 18):\n"
                   "        signal.signal(s, got)\n"
                   "print('up')\n"
                   "while True:\n"
                   "    signal.pause()\n" % after)


END_ON_TERM = "sys.exit(0) if s == 15 else None"


def process_called(p, name):
    """The pid of the process of this name below PID 1, once it has executed."""
    def found():
        return [pid for pid in p.inside() if harness.command_name(pid) == name]
    return wait_until(found, 5, name)[0]
