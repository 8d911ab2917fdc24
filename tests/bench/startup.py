"""What it costs to start a command by an init, and to end with it. None of the
inits is PID 1 here: to make a namespace takes longer than any of them."""
import json
import os
import random
import shlex
import shutil
import subprocess
import tempfile

from figures import BenchError, Figure, in_blocks
from contenders import ENVIRONMENT, helper

TRUE = "/usr/bin/true"
ALONE = "no init"    # the command by itself: what no init can save
BLOCK = 10


def commands(inits, command):
    """{name: words} of the command by each init, and alone."""
    return {**{init.name: init.plain(command) for init in inits}, ALONE: [command]}


def run(argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env=ENVIRONMENT, cwd="/", text=True,
                          check=False)
    if done.returncode != 0:
        raise BenchError("%s: %s" % (os.path.basename(argv[0]), done.stderr.strip()))
    return done.stdout


def hyperfine(inits, rounds, runs):
    """Milliseconds of `X true`: short rounds, in each a new order of the inits."""
    words = commands(inits, TRUE)
    blocks = {name: [] for name in words}
    draw = random.Random(1)
    with tempfile.TemporaryDirectory() as directory:
        for _ in range(rounds):
            order = list(words)
            draw.shuffle(order)
            path = directory + "/times.json"
            run([shutil.which("hyperfine"), "-N", "--style", "none", "--warmup", "2",
                 "--runs", str(runs), "--export-json", path] +
                [shlex.join(words[name]) for name in order])
            with open(path) as file:
                results = json.load(file)["results"]
            for name, result in zip(order, results):
                blocks[name].append([1000 * seconds for seconds in result["times"]])
    return blocks


def spawn(inits, command, rounds):
    """{column: blocks} of what tests/bench/spawn.c prints."""
    words = commands(inits, command)
    argv = [helper("spawn"), str(rounds)]
    for name in words:
        argv += words[name] + [","]
    found = {name: [] for name in words}
    names = list(words)
    for line in run(argv[:-1]).splitlines():
        index, *values = [int(word) for word in line.split()]
        found[names[index]].append(values)
    return {column: {name: in_blocks([values[k] / scale for values in found[name]], BLOCK)
                     for name in names}
            for k, (column, scale) in enumerate((("main", 1e6), ("end", 1e6), ("faults", 1),
                                                 ("cpu", 1e3)))}


def system_calls(inits):
    """How many, of the init and of what it started; None without strace."""
    if shutil.which("strace") is None:
        return None
    blocks = {}
    with tempfile.TemporaryDirectory() as directory:
        path = directory + "/calls"
        for name, words in commands(inits, TRUE).items():
            blocks[name] = []
            for _ in range(3):
                run(["strace", "-f", "-c", "-U", "name,calls", "-o", path] + words)
                with open(path) as file:
                    lines = [line.split() for line in file]
                blocks[name].append([sum(int(line[1]) for line in lines if len(line) == 2
                                         and line[0] != "total" and line[1].isdigit())])
    return blocks


def measure(inits, scale, say):
    """The rows of the table, with the command alone as one more column."""
    say("start-up, %d times each" % (scale.startup_rounds * scale.startup_runs))
    figures = [Figure("start-up: `X true`, ms",
                      hyperfine(inits, scale.startup_rounds, scale.startup_runs),
                      key="startup")]
    say("what the kernel counts of it")
    cost = spawn(inits, TRUE, scale.cost_rounds)
    figures.append(Figure("– CPU time, ms", cost["cpu"]))
    figures.append(Figure("– minor page faults", cost["faults"]))
    calls = system_calls(inits)
    if calls is not None:
        figures.append(Figure("– system calls", calls))
    else:
        say("without strace no system calls are counted: apt-get install strace")
    say("from the start until main() of the command, %d times each" % scale.spawn_rounds)
    times = spawn(inits, helper("stamp"), scale.spawn_rounds)
    figures.append(Figure("from start to the command's `main`, ms", times["main"]))
    return figures
