"""The recipes of doc/workers.md, for real: a worker under pidone, its broker taken away, itself
hung. Settings and configuration are read from the page: it shows what runs here."""
import os
import re
import shutil
import signal
import subprocess
import time

import harness
from django_site import Site
from harness import wait_until
from inits import BASE_ENV, Pidone
from proc import children_of, descendants_of, process_name, status_of

AGE = 10  # seconds that a heartbeat may be old here
TOO_OLD = "last heartbeat [0-9]+ s ago, allowed are %d s" % AGE
# what belongs to so short an age
SHORT_TIMEOUT = (('_timeout": 5', '_timeout": 1'), ("_timeout=5", "_timeout=1"))
SHORT_TTL = ("--worker-ttl 45", "--worker-ttl 20")
JOBS = '''
"""What the workers do here."""
import os
import time
from celery import current_app, shared_task
from celery.worker.control import control_command

def note(path):
    open(path, "w").close()

def gated(path):
    """Says that it runs, and ends when it may."""
    note(path + ".began")
    while not os.path.exists(path + ".open"):
        time.sleep(0.05)
    note(path)

celery_note = shared_task(note)
celery_gated = shared_task(gated)

@control_command()
def hang(state):
    """Runs in the main loop: it turns no more."""
    time.sleep(3600)

@control_command()
def deafen(state):
    """The loop turns, but reads nothing: as Celery 5.2 does with Redis after an outage."""
    state.consumer.hub.on_tick.clear()
    for fd in list(state.consumer.hub.readers):
        state.consumer.hub.remove(fd)
'''


class Recipe:
    """A section of doc/workers.md: .python (by file) and .ini."""

    def __init__(self, title):
        with open(harness.SRCDIR + "/doc/workers.md", encoding="utf-8") as file:
            section = re.search(r"^##+ %s\n(.*?)(?=^##|\Z)" % re.escape(title), file.read(),
                                re.M | re.S).group(1)
        blocks = re.findall(r"^```(\w+)\n(.*?)^```$", section, re.M | re.S)
        self.ini = "".join(text for kind, text in blocks if kind == "ini")
        self.python = {}
        for kind, text in blocks:
            if kind == "python":
                for path, part in re.findall(r"^# shop/(\w+\.py)\b[^\n]*\n(.*?)(?=^# shop/|\Z)",
                                             text, re.M | re.S):
                    self.python[path] = self.python.get(path, "") + part
        assert self.ini, "doc/workers.md has no configuration for " + title


class Worker:
    """The site with a recipe applied as the page says, and a worker of its kind under pidone."""
    title = module = None  # the page's section, and the file of contrib/django
    enqueue = None         # the words that have a task done
    settings = ""

    def __init__(self, role="/async", redis=True, **env):
        self.role, self.recipe, self.done = role, Recipe(self.title), 0
        self.site = Site(redis=redis)
        self.work = harness.tmp + "/work"
        os.mkdir(self.work)
        os.chmod(self.work, 0o777)
        shutil.copy("%s/contrib/django/%s.py" % (harness.SRCDIR, self.module),
                    self.site.app + "/shop")
        self.write("settings.py", "INSTALLED_APPS += ['shop']\n" + self.settings)
        self.write("tasks.py", JOBS)
        for name, text in self.recipe.python.items():
            self.write(name, text.replace(*SHORT_TIMEOUT[0]).replace(*SHORT_TIMEOUT[1]))
        self.site.migrate()
        self.start(env)

    def write(self, name, text):
        with open(self.site.app + "/shop/" + name, "a", encoding="utf-8") as file:
            file.write("\n" + text)

    def start(self, env):
        """With short times, as any user, on a root that is read-only but for /tmp."""
        path = re.search(r"^live = heartbeat:(\S+) ", self.recipe.ini, re.M).group(1)
        # a busy machine has the quarter of a minute to start it in
        settings = {"LIVE": "heartbeat:%s %ds" % (path, AGE), "CHECK_INTERVAL": "500ms",
                    "CHECK_FAILURES": "30", "STOP_GRACE": "20s"}
        if "wait = redis:" in self.recipe.ini:
            settings["WAIT"] = self.site.redis.url()
        settings.update(env)
        env = {"PIDONE_%s_%s" % (self.role[1:].upper(), k): v for k, v in settings.items()}
        binds = [word for directory in (self.site.app, self.work)
                 for word in ("--bind", directory + ":" + directory)]
        self.pidone = Pidone([self.role], env=dict(self.site.env, **env), cwd=self.site.app,
                             config=self.recipe.ini.replace(*SHORT_TTL), user=(12345, 12345),
                             nsrun=["--no-new-privs", "--read-only", "--tmpfs", "/tmp"] + binds)
        self.file = self.pidone.path(path)

    def until_alive(self):
        """The pid of its main process, once its heart beats."""
        wait_until(lambda: self.pidone.status_page()["checks"][0]["state"] == "ok", 30,
                   "a heartbeat")
        assert self.pidone.http("/livez")[0] == 200
        return process_in(self.pidone)

    def ask(self, task):
        """Has the task done, and returns the file that there is when it was."""
        self.done += 1
        path = "%s/%d" % (self.work, self.done)
        env = dict(BASE_ENV, **{k: str(v) for k, v in self.site.env.items()})
        words = "from shop.tasks import *\n" + self.enqueue.format(task=task, path=path)
        subprocess.run(["/usr/bin/python3", "manage.py", "shell", "-c", words],
                       cwd=self.site.app, env=env, check=True, stderr=subprocess.DEVNULL)
        return path

    def works(self):
        path = self.ask("note")
        wait_until(lambda: os.path.exists(path), 60, "the task to be done")

    def outlives(self, what):
        """For longer than a heartbeat may be old, it beats, and a kubelet that asks /livez is
        content: three answers in a row that are not 200 would have it restart the container."""
        begin = time.time()
        refusals = 0

        def beats_on():
            nonlocal refusals
            status, body = self.pidone.http("/livez?verbose")
            last = os.stat(self.file).st_mtime
            refusals = 0 if status == 200 else refusals + 1
            assert refusals < 3 and time.time() - last <= AGE, (time.time() - last, body)
            return last > begin + AGE + 1
        wait_until(beats_on, 60, "a heartbeat " + what)


def process_in(pidone):
    """The pid of the role's main process."""
    def found():
        inside = str(pidone.status_page()["processes"][0]["pid"])
        return [pid for pid in children_of(pidone.pid)
                if status_of(pid, "NSpid").split()[-1:] == [inside]]
    return wait_until(found, 30, "a main process")[0]


def outage(worker):
    """The broker goes and comes back."""
    main = worker.until_alive()
    worker.works()
    worker.site.redis.stop()
    worker.outlives("without the broker")
    worker.site.redis.start()
    worker.works()
    not_restarted(worker, main)


def late_broker(worker):
    """It was made without a broker, and is not started before there is one; which goes later."""
    worker.pidone.expect("waiting for redis")
    worker.site.redis.start()
    outage(worker)


def hanging_broker(worker):
    """The broker accepts connections, and answers nothing."""
    main = worker.until_alive()
    worker.works()
    worker.site.redis.process.signal(signal.SIGSTOP)
    worker.outlives("with a broker that hangs")
    worker.site.redis.process.signal(signal.SIGCONT)
    worker.works()
    not_restarted(worker, main)


def not_restarted(worker, main):
    assert process_in(worker.pidone) == main, worker.pidone.output()
    assert worker.pidone.count("live .* failed") == 0, worker.pidone.output()


def replaced(worker, main):
    """It hangs: the reason is told, it is killed with all that it started, and another one works."""
    old = [main] + descendants_of(main)
    worker.pidone.expect("live heartbeat:.* failed: " + TOO_OLD, 60)
    wait_until(lambda: worker.pidone.status_page()["processes"][0]["starts"] == 2, 60,
               "another start")
    new = worker.until_alive()
    assert new != main and worker.pidone.alive()
    assert not [pid for pid in old if process_name(pid)], worker.pidone.output()
    return new


def finishes(worker, says):
    """TERM: the task that runs is done, and the worker ends with 0."""
    worker.until_alive()
    path = worker.ask("gated")
    wait_until(lambda: os.path.exists(path + ".began"), 60, "the task to begin")
    worker.pidone.signal(signal.SIGTERM)
    worker.pidone.expect(says, 20)
    assert not os.path.exists(path)
    open(path + ".open", "w", encoding="ascii").close()
    assert worker.pidone.wait(30) == 0, worker.pidone.output()
    assert os.path.exists(path)
