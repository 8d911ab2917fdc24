"""The README's first command, as a newcomer gives it."""
import glob
import os
import re
import signal
import subprocess

import harness
from harness import wait_until
from inits import BASE_ENV, Process, http_get
from proc import process_name

RUN = os.path.join(harness.SRCDIR, "contrib/quickstart/run")
BUILT = ("--build", harness.BUILD)


def quickstart(*args):
    harness.need_root()
    if subprocess.run(["dpkg-query", "-W", "postgresql-15", "redis-server", "gunicorn"],
                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                      check=False).returncode != 0:
        harness.skip("needs Debian's packages: there is no network here to install them")
    # a group of its own, so that a Ctrl-C can be sent as a terminal does
    return Process([RUN, *args], env=dict(BASE_ENV, TMPDIR=harness.tmp), cwd="/",
                   name="quickstart", start_new_session=True)


def left_behind():
    """Directories, and processes that were started from them."""
    found = glob.glob(harness.tmp + "/pidone-quickstart.*")
    for directory in glob.glob("/proc/[0-9]*"):
        words = process_name(int(os.path.basename(directory)))
        if harness.tmp + "/pidone-quickstart." in words:
            found.append(words)
    return found


@harness.limit(180)
def test_quickstart():
    """contrib/quickstart/run shows the wait, the probes turning from 503 to 200,
    the page, the task's result and the graceful stops; it ends with 0 within
    three minutes and leaves nothing behind."""
    run = quickstart()
    assert run.wait(175) == 0, run.output()[-4000:]
    text = run.output()
    for sentence in ("waiting for postgres", r"/init ended with exit code 0",
                     r"/readyz answers 503", r"/readyz answers 200", "tea: receipt 1 for TEA",
                     "the slow request: finished; /run ended with exit code 0",
                     "/async ended with exit code 0"):
        if not re.search(sentence, text):
            raise harness.Failure("not shown: " + sentence)
    assert left_behind() == []


@harness.limit(120)
def test_interrupted():
    """Ctrl-C while /init waits: everything is stopped, nothing is left behind."""
    run = quickstart(*BUILT)
    run.expect("waiting for postgres", 100)
    os.killpg(run.pid, signal.SIGINT)
    assert run.wait(15) == 130
    assert left_behind() == []


@harness.limit(180)
def test_keep():
    """--keep leaves the site running, says how to look at it, and how to stop it."""
    run = quickstart("--keep", *BUILT)
    site = run.expect(r"the site\s+http", 170).split()[-1]
    stop = run.expect(r"stop it all").split()[-1]
    assert run.wait(10) == 0
    port = int(re.search(r":(\d+)/", site).group(1))
    assert "receipt 1 for TEA" in http_get("/", port)[1]
    assert subprocess.run([stop], check=False, timeout=30).returncode == 0
    wait_until(lambda: left_behind() == [], 5, "nothing is left behind")


harness.main()
