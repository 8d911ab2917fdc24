"""Dockerfiles, read as Docker reads them: what is asked about them in test_dockerfiles.py."""
import json
import re
import shlex


class Instruction:
    """One of them: its line, name (upper case), flags ("--from" → value; of --mount a list),
    and the rest, as text and as a list: of the exec form, else of the words."""

    def __init__(self, number, text):
        self.number = number
        self.name, _, rest = text.partition(" ")
        self.name = self.name.upper()
        self.flags = {}
        # the flags of the program of HEALTHCHECK's or RUN's command come behind a first word
        while rest.lstrip().startswith("--"):
            word, _, rest = rest.lstrip().partition(" ")
            flag, _, value = word.partition("=")
            if flag == "--mount":
                self.flags.setdefault(flag, []).append(value)
            else:
                self.flags[flag] = value
        self.text = rest.strip()
        self.exec_form = None
        listed = self.text[len("CMD"):].strip() if self.name == "HEALTHCHECK" else self.text
        if listed.startswith("["):
            try:
                self.exec_form = json.loads(listed)
            except ValueError:
                pass  # Docker takes it for a shell's command

    def pairs(self):
        """Of ENV, LABEL, ARG: name → value (None without)."""
        found = {}
        for word in shlex.split(self.text):
            name, sign, value = word.partition("=")
            found[name] = value if sign else None
        return found


class Stage:
    """From one FROM to the next."""

    def __init__(self, image, name, number):
        self.image, self.name, self.number = image, name, number
        self.instructions = []

    def all(self, *names):
        return [i for i in self.instructions if i.name in names]

    def last(self, name):
        found = self.all(name)
        return found[-1] if found else None

    def pairs(self, name):
        found = {}
        for instruction in self.all(name):
            found.update(instruction.pairs())
        return found


def logical_lines(text):
    """(number, line) without comments, with continued lines joined."""
    joined, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or (not line.strip() and not joined):
            continue  # also between the parts of a continued line
        if not joined:
            start = number
        if line.rstrip().endswith("\\"):
            joined += line.rstrip()[:-1].strip() + " "
            continue
        yield start, (joined + line.strip()).strip()
        joined = ""


def parse(text):
    """(ARGs before the first FROM, stages)."""
    defaults, stages = {}, []
    for number, line in logical_lines(text):
        instruction = Instruction(number, line)
        if instruction.name == "ARG" and not stages:
            defaults.update(instruction.pairs())
        elif instruction.name == "FROM":
            words = instruction.text.split()
            image = re.sub(r"\$\{?(\w+)\}?", lambda m: defaults.get(m.group(1)) or "", words[0])
            stages.append(Stage(image, words[2] if len(words) == 3 else None, number))
        elif not stages:
            raise ValueError("line %d: %s before FROM" % (number, instruction.name))
        else:
            stages[-1].instructions.append(instruction)
    return defaults, stages
