#!/usr/bin/python3
"""Every sentence of tests/ns/test_pid1.py, put to Debian's tini, dumb-init and catatonit.
tests/peers/expected says which of them each breaks, and why; this fails when one
passes that is said to fail (then our claim is wrong, or the case tests nothing), and when
one fails that is said to pass. A name as argument: only this peer."""
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = os.path.join(os.path.dirname(HERE), "ns", "test_pid1.py")
PEERS = ("tini", "dumb-init", "catatonit")
MUST_WORK = os.environ.get("MUST_WORK") == "1"


def expected_failures():
    """{(peer, case): why}"""
    found = {}
    with open(os.path.join(HERE, "expected"), encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                peer, case, why = line.split(None, 2)
                found[peer, case] = why.strip()
    return found


def run(peer):
    """[(passed, case, lines of what it said)] of one peer. What fails by never coming is
    waited for: not as patiently as where it should come."""
    env = dict(os.environ, PID1=peer + " --", PIDONE_SLOW="1.5")
    done = subprocess.run([sys.executable, CASES], env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    results = []
    for line in done.stdout.splitlines():
        match = re.match(r"(not )?ok \d+ - (\w+)", line)
        if match:
            results.append((match.group(1) is None, match.group(2), []))
        elif results:
            results[-1][2].append(line)
    return results or [(False, "no_result", done.stdout.splitlines()[-20:])]


def judge(number, peer, result, expected):
    passed, case, said = result
    why = expected.pop((peer, case), None)
    good = passed == (why is None)
    text = "breaks it: " + why if why else "keeps it"
    print("%sok %d - %s, %s: %s" % ("" if good else "not ", number, peer, case, text))
    if not good:
        print("# it %s" % ("passed" if passed else "failed:"))
        print("\n".join("# " + line.lstrip("# ") for line in said[:40]))


def main():
    peers = [peer for peer in PEERS if not sys.argv[1:] or peer in sys.argv[1:]]
    expected = {key: why for key, why in expected_failures().items() if key[0] in peers}
    missing = [peer for peer in peers if shutil.which(peer) is None]
    if missing and not MUST_WORK:
        print("1..0 # SKIP needs " + ", ".join(missing))
        return
    number = 0
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for peer, results in zip(peers, pool.map(run, peers)):
            for result in results:
                number += 1
                judge(number, peer, result, expected)
    for peer, case in sorted(expected):
        number += 1
        print("not ok %d - %s, %s: there is no such case" % (number, peer, case))
    print("1..%d" % number)


main()
