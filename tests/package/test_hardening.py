#!/usr/bin/python3
"""What a finished binary has against being exploited, read from the file itself, and that each
check sees what is missing: from a program that was built without it. STATIC_DIR in the
environment names a finished static build, whose program is looked at, too."""
import glob
import os
import re
import subprocess

import harness
from harness import BUILD, STATIC_BIN, wait_until
from inits import Pidone, Process
from proc import children_of

PROGRAM = BUILD + "/pidone"
PAGE = os.sysconf("SC_PAGESIZE")

SAMPLE = """
#include <string.h>
#include <stdio.h>
int main(int argc, char **argv)
{
	char copy[32];
	strcpy(copy, argv[argc - 1]);
	EXTRA
	return puts(copy);
}
"""
# a program without any library: nothing in it is somebody else's
BARE_SAMPLE = """
void __stack_chk_fail(void) { for (;;); }
void use(char *text);
void use(char *text) { __asm__ volatile("" : : "r"(text) : "memory"); }
void *const table[] = { use };
void _start(void) { char text[64]; use(text); EXTRA for (;;); }
"""
# in place of EXTRA: an address in the code, and data that can be written and executed
EXTRA = """
#ifdef RELOCATION
	__asm__ volatile("jmp 1f; .quad use_me; 1:");
#elif defined WRITABLE
	__asm__ volatile(".pushsection .extra, \\"awx\\"; .byte 0; .popsection");
#endif
"""


def read(*argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False,
                          env={"PATH": os.environ["PATH"], "LC_ALL": "C"})
    # 1: readelf does not know a kind of note, such as the one that names libpq
    assert done.returncode == 0 or done.returncode == 1 and "Unknown note" in done.stdout, argv
    return done.stdout


class Binary:
    """An ELF file, as readelf and objdump tell of it."""

    def __init__(self, path):
        self.path = path
        header = read("readelf", "-hW", path)
        self.type = re.search(r"Type: +(\w+)", header).group(1)
        self.is_x86 = "X86-64" in header
        self.machine = "x86_64" if self.is_x86 else "aarch64" if "AArch64" in header else "another"
        # (name, address, size in memory, flags)
        self.segments = [
            (name, int(address, 16), int(size, 16), flags.replace(" ", "")) for
            name, address, size, flags in re.findall(
                r"^  ([A-Z_]+) +0x\w+ (0x\w+) 0x\w+ 0x\w+ (0x\w+) ([RWE ]{3}) ",
                read("readelf", "-lW", path), re.M)]
        self.dynamic = read("readelf", "-dW", path)
        self.symbols = set(re.findall(r"\bUND (\w+)", read("readelf", "--dyn-syms", "-W", path)))

    def segment(self, name):
        return next((s for s in self.segments if s[0] == name), None)

    def guards(self):
        """How often the code takes the guard of the stack, which it needs to compare."""
        return read("objdump", "-d", "--no-show-raw-insn", self.path).count("%fs:0x28")


def has_no_executable_stack(binary):
    stack = binary.segment("GNU_STACK")
    return stack is not None and "E" not in stack[3]


def has_nothing_writable_and_executable(binary):
    return not any("W" in s[3] and "E" in s[3] for s in binary.segments)


# Of every binary.
COMMON = {
    "no executable stack": has_no_executable_stack,
    "no segment that is writable and executable": has_nothing_writable_and_executable,
    "no relocation of code": lambda b: "TEXTREL" not in b.dynamic,
    "no path of libraries": lambda b: not re.search(r"\((RPATH|RUNPATH)\)", b.dynamic),
    "RELRO": lambda b: b.segment("GNU_RELRO") is not None,
}
DYNAMIC = {
    **COMMON,
    "PIE": lambda b: b.type == "DYN" and re.search(r"Flags:.* PIE", b.dynamic),
    "full RELRO": lambda b: re.search(r"\(FLAGS\).*BIND_NOW|Flags:.*\bNOW\b", b.dynamic),
    "stack protector": lambda b: "__stack_chk_fail" in b.symbols,
    "FORTIFY": lambda b: any(re.fullmatch(r"__(?!stack)\w+_chk", name) for name in b.symbols),
}
# The C library musl has no FORTIFY; a processor but x86-64 has its guard where a stripped
# file does not tell.
STATIC = {
    **COMMON,
    "no interpreter, no library": lambda b: b.segment("INTERP") is None and
                                  "(NEEDED)" not in b.dynamic,
    "stack protector": lambda b: not b.is_x86 or b.guards() > 0,
}


def lacks(path, features):
    binary = Binary(path)
    return [name for name, has in features.items() if not has(binary)]


def build(name, text, flags):
    harness.need_command("gcc", "readelf", "objdump")
    source = "%s/%s.c" % (harness.tmp, name)
    with open(source, "w", encoding="ascii") as file:
        file.write(text)
    done = subprocess.run(["gcc", "-w", "-o", source[:-2], source, *flags], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout
    return source[:-2]


GOOD = ["-O2", "-fPIE", "-pie", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2",
        "-Wl,-z,relro,-z,now,-z,noexecstack"]
GOOD_STATIC = ["-O2", "-nostdlib", "-static-pie", "-fPIE", "-fstack-protector-strong",
               "-Wl,-z,relro,-z,now,-z,noexecstack"]
WITHOUT = {
    "no executable stack": ["-Wl,-z,execstack"],
    "no segment that is writable and executable": ["-DWRITABLE"],
    "no relocation of code": ["-DRELOCATION", "-Wl,-z,notext"],
    "no path of libraries": ["-Wl,-rpath,/somewhere"],
    "RELRO": ["-Wl,-z,norelro"],
    "PIE": ["-fno-pie", "-no-pie"],
    "full RELRO": ["-Wl,-z,lazy"],
    "stack protector": ["-fno-stack-protector"],
    "FORTIFY": ["-U_FORTIFY_SOURCE"],
    "no interpreter, no library": ["-pie"],
}


def check_each_is_seen(text, good, features):
    text = "void use_me(void) {}\n" + text.replace("EXTRA", EXTRA)
    assert lacks(build("good", text, good), features) == [], "it complains of a good program"
    for name in features:
        found = lacks(build("bad", text, good + WITHOUT[name]), features)
        assert name in found, "%s is missing, and only this is seen: %s" % (name, found)


def test_each_is_seen():
    """every check complains of a program that was built without, and of none with it"""
    check_each_is_seen(SAMPLE, GOOD, DYNAMIC)


def test_each_is_seen_in_static():
    """so does every check of a static binary"""
    if os.uname().machine != "x86_64":
        harness.skip("is for x86-64")
    check_each_is_seen(BARE_SAMPLE, GOOD_STATIC, STATIC)


def features_of(path):
    """What a binary of this kind has, if it is ours."""
    if Binary(path).segment("INTERP") is None:
        return STATIC
    makefile = os.path.dirname(path) + "/Makefile"
    if os.path.exists(makefile):
        with open(makefile, encoding="utf-8") as file:
            if not re.search(r"^CFLAGS = .*-O[1-3s]", file.read(), re.M):
                return {name: DYNAMIC[name] for name in DYNAMIC if name != "FORTIFY"}
    return DYNAMIC


def check_is_hardened(path):
    found = lacks(path, features_of(path))
    if found:
        raise harness.Failure("%s lacks: %s" % (path, ", ".join(found)))
    binary = Binary(path)
    assert not binary.is_x86 or binary.guards() > 100, binary.guards()


@harness.as_shipped
def test_program():
    """the program: PIE, full RELRO, stack protector, FORTIFY; no executable stack, no writable
    code, no relocations in code, no path of libraries of its own"""
    harness.need_command("readelf", "objdump")
    check_is_hardened(PROGRAM)


@harness.as_shipped
def test_branches_are_marked():
    """every object of ours says that it is made for CET; what it is linked with, such as the C
    library's start code, may say less, and then the binary does"""
    harness.need_command("readelf")
    if os.uname().machine != "x86_64":
        harness.skip("is for x86-64")
    objects = glob.glob(BUILD + "/src/**/*.o", recursive=True)
    assert len(objects) > 100, objects
    unmarked = [path for path in objects if "IBT, SHSTK" not in read("readelf", "-n", path)]
    assert not unmarked, unmarked
    without = build("without", SAMPLE.replace("EXTRA", ""), ["-c", "-fcf-protection=none"])
    assert "IBT, SHSTK" not in read("readelf", "-n", without)


def relro_is_writable(process, path):
    """Whether the running program can still write what RELRO is to protect."""
    with open("/proc/%d/maps" % process.pid, encoding="ascii") as file:
        maps = [re.match(r"(\w+)-(\w+) (\S+)", line).groups() for line in file
                if line.rstrip().endswith(os.path.realpath(path))]
    binary = Binary(path)
    base = int(maps[0][0], 16) - binary.segment("LOAD")[1] // PAGE * PAGE
    _, address, size, _ = binary.segment("GNU_RELRO")
    start, end = (base + address) // PAGE * PAGE, (base + address + size) // PAGE * PAGE
    inside = [flags for first, last, flags in maps
              if int(first, 16) < end and int(last, 16) > start]
    assert inside, (maps, hex(start), hex(end))
    return any("w" in flags for flags in inside)


def check_relro(path):
    p = Pidone((), words=[path, "--", "sleep", "60"], pid1=False)
    wait_until(lambda: children_of(p.pid), 10, "its command")
    assert not relro_is_writable(p, path), "what RELRO is to protect can be written"
    p.stop()


@harness.as_shipped
def test_relro_is_in_force():
    """the running PID 1 cannot write the tables that RELRO protects"""
    # without a C library nobody protects them, nor sets up the stack's guard
    bare = build("bare", BARE_SAMPLE.replace("EXTRA", ""), GOOD_STATIC + ["-fno-stack-protector"])
    p = Process([bare])
    wait_until(lambda: os.readlink("/proc/%d/exe" % p.pid) == bare, 10, "it runs")
    assert relro_is_writable(p, bare)
    p.stop()
    check_relro(PROGRAM)


def test_static():
    """the static binary: no interpreter and no library, RELRO that is in force, stack protector;
    no executable stack, no writable code, no relocations in code"""
    harness.need_command("readelf", "objdump")
    if not STATIC_BIN:
        harness.skip("needs a static build: STATIC_DIR")
    assert Binary(STATIC_BIN).segment("INTERP") is None, "this binary is not static"
    check_is_hardened(STATIC_BIN)
    if Binary(STATIC_BIN).machine == os.uname().machine:
        check_relro(STATIC_BIN)


harness.main()
