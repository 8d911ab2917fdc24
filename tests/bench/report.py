"""doc/bench.md: the figures as a table, the targets, and what to make of them."""
import os
import platform

from figures import number
from contenders import ALL, BASE, OURS, OURS_STATIC, output_of
from pages import table, verdict
from startup import ALONE

MISSING = [init.name for init in ALL if not init.installed]

INTRODUCTION = """# How fast, how small

pidone, as an ordinary and as the static program, beside Debian's tini, dumb-init and catatonit, measured in one run on one machine. To repeat it, as
root in a build directory:

    apt-get install tini dumb-init catatonit hyperfine strace
    make bench-inits

This page is what it printed. `make bench-inits BENCH_FLAGS=--quick` takes half a minute, says roughly the same, and
leaves this page alone. `PIDONE_BIN=FILE make bench-inits` measures another binary. No
test depends on any of this: a test that looks at a clock fails on somebody's machine.
"""

HOW_TO_READ = """Each cell: the median, and in parentheses its ratio to tini's with a 95 % confidence
interval. An interval around 1 says that no difference was seen. *Runs* is the number of values of each init; *no
init* is the command by itself, which every start contains.

- **start-up**: the init starts `true` and ends with it, timed by hyperfine; then what the kernel counts of it,
  which the noise of the machine hardly touches. As an ordinary process, tini with `-s`: to make a namespace takes
  longer than any init.
- **from start to `main`**: until the first statement of the command, on one clock. Each start follows one of another
  init, so caches are colder than under hyperfine, which starts one init several times in a row.
- **idle**: as PID 1 of a pid namespace with a command that sleeps. PSS counts a page that n processes share as
  1/n. Each init runs from copies of its program and of the C library, as in an image of its own, so that only its
  command shares pages with it; where a node runs many containers of one image, each has less. Much of it is pages
  of files that the kernel maps around a page that was asked for, from a random address on: it differs from start
  to start, and can be taken back when memory is short. Private and dirty cannot, and is what no other process has
  (what PID 1 and the probe server share since the fork is only in the PSS). *As `/run`*: pidone as the role, its
  probe server answering. The others have nothing like it.
- *pidone-static* is what `contrib/static/build` makes. It brings its C library, libpq and OpenSSL along, which the
  others share with nobody in an image of their own, either: theirs are not in these bytes.
- **wakeups**: context switches of all processes of the init, for all inits in the same seconds.
- **signal**: from `kill` at PID 1 until the handler of the command runs. The first one finds everything cold, as the
  one TERM in the life of a container does.
- **reaping**: PID 1 inherits these processes, and they end at once; until the last of them was reaped. They share
  one address space, so that this is about the init and not about taking address spaces apart. *That have ended*:
  the init is stopped meanwhile, so that afterwards it finds all of them at once and need not fight for a processor.
"""

NOISE = """## On noise

Each measurement goes over the inits in turn, in an order that always changes, so that another job on the machine
hits all alike. Medians do not see the few slow runs, and the bootstrap draws whole stretches of time, not single
values. With tini measured against itself the ratios of a start are 0.98 to 1.02 and those of a signal 0.9 to 1.1,
with 1 inside nearly every interval; where processors are few and busy, they also move by some hundredths from one
run of `make bench-inits` to the next. How long a signal takes depends on which processor the scheduler wakes the command
on, which it keeps for a while: so the inits are started anew many times. Reaping what ends at once is the
scheduler's, too: among thousands of processes that end, the init is one of many that want a processor and the
kernel's locks, and the few runs can differ by a factor. The CPU time of reaping what has ended says most about an
init. Believe system calls and wakeups to the digit, faults and private memory to a page or two, medians of a start
to some per cent, and the rest as an order of magnitude."""


def cell(figure, name):
    if name not in figure.blocks:
        return "not installed" if name in MISSING and BASE in figure.blocks else "–"
    text = number(figure.value(name))
    compared = figure.ratio(name) if name not in (BASE, ALONE) else None
    if compared is None:
        return text
    whole, low, high = compared
    if low is None:
        return "%s (×%.2f)" % (text, whole)
    return "%s (×%.2f, %.2f–%.2f)" % (text, whole, low, high)


def figures_table(figures):
    names = [init.name for init in ALL] + [ALONE]
    return table([[""] + names + ["runs"]] +
                 [[figure.title] + [cell(figure, name) for name in names]
                  + [format(figure.runs(), ",")] for figure in figures])


def target_rows(figures, inits):
    """[target, measured, verdict] of each target."""
    found = {figure.key: figure for figure in figures if figure.key}
    present = [init.name for init in inits]
    rows = []
    for name, kind, limit in ((OURS, "dynamic", 1.25), (OURS_STATIC, "static", 1.0)):
        if name not in present:
            continue
        whole, low, high = found["startup"].ratio(name)
        interval = "" if low is None else " (%.3f–%.3f)" % (low, high)
        rows.append(["start-up of the %s build: at most %.2f times tini's" % (kind, limit),
                     "%.3f%s" % (whole, interval), verdict(whole, low, high, limit)])
    for key, what in (("wakeups", "a plain command"), ("wakeups_role", "`/run` without a check")):
        value = found[key].value(OURS)
        rows.append(["idle, %s: no wakeup" % what, number(value), verdict(value, None, None, 0)])
    if OURS_STATIC in present:
        size = os.path.getsize(next(init.program for init in inits if init.name == OURS_STATIC))
        rows.append(["size of the static build: at most 2,700,000 bytes", format(size, ","),
                     verdict(size, None, None, 2700000)])
        for key, what, limit in (("pss_first", "PID 1", 600),
                                 ("pss_all", "PID 1 and probe server", 1200)):
            value = found[key].value(OURS_STATIC)
            rows.append(["PSS of the static build, %s as `/run`: at most %d kB" % (what, limit),
                         number(value) + " kB", verdict(value, None, None, limit)])
    return rows


def linkage(init):
    libraries = init.libraries()
    return "dynamic, needs " + ", ".join(libraries) if libraries else "static"


def subjects(inits):
    """What was measured, and where: no path, no name of the machine."""
    libc = output_of("dpkg-query", "-W", "-f", "${Version}", "libc6")
    lines = ["- %s %s%s: %s; %s bytes" % (
        init.name, init.version(), "" if init.is_ours else " (Debian)", linkage(init),
        format(os.path.getsize(init.program), ",")) for init in inits]
    lines.append("- the C library is Debian's libc6 %s" % libc)
    lines.append("- Linux %s, %s, %d processors" % (platform.release(), platform.machine(),
                                                   os.cpu_count()))
    return "\n".join(lines)


def write(inits, figures, notes):
    """The whole page, as text."""
    parts = [INTRODUCTION, "## What was measured\n\n" + subjects(inits) + "\n", "## Figures\n",
             figures_table(figures) + "\n"]
    parts += [note + "\n" for note in notes]
    parts += [HOW_TO_READ, "## Targets\n",
              table([["target", "measured", ""]] + target_rows(figures, inits)) + "\n", NOISE]
    return "\n".join(parts) + "\n"
