"""The customer's words and texts, through Helm, Kubernetes and pidone: what reaches the program is
exactly what the values say."""
import json

import chart
import contract
import harness

# what a command may have: no empty word, no line break
WORDS = [" ", "a b", "  two  ", "it's", "'", "''", '"', 'say "no"', "\\", "\\\\", "\\n", "a\\",
         "\t",
         "$HOME", "$$", "$", "$$HOME", "$(PORT)", "$$(PORT)", "${PORT:-1}", "${X:?no}",
         "$(NO_SUCH)",
         "`id`", "$(", ")", "*", "?", "[a-z]", "~", "#x", "# x", ";", " ; x", "&&", "|", ">",
         "=", "a=b",
         "--", "-c", "%s", "{{ .Release.Name }}", "{", "yes", "0123", "1e3", "null", "---",
         "&x", "!!x",
         "Grüße", "😀", "\u00a0", "\u2028", "x" * 2000]
TEXTS = WORDS + ["", "a\nb\n", "\r\n", "\x1b[0m", "\t\n "]
# prints its words, and the variables that are given to it
CODE = ("import json, os, sys; print(json.dumps([sys.argv[1:], {k: v for k, v in os.environ.items()"
        " if k.startswith('SAID_')}]))")
ECHO = ["/usr/bin/python3", "-c", CODE]
DIGEST = "sha256:" + 64 * "a"
APP = {"image": {"repository": "registry.example.org/shop", "digest": DIGEST},
       "routes": [{"host": "shop.example.org"}]}
SAID = {"SAID_%d" % n: word for n, word in enumerate(TEXTS)}


def values(app, hoster=None):
    return {"app": {**APP, "env": SAID, **app}, "hoster": {"postgres": {"source": "cluster"},
                                                          **(hoster or {})}}


def pods(app, hoster=None):
    """name of a document → its Pod"""
    documents = chart.render(values(app, hoster)).docs
    return {pod.name.rsplit("-", 1)[0] if pod.name.startswith("shop-task") else pod.name: pod
            for pod in contract.pods("words", documents)}


def run(pod, name):
    """The container, run to its end: its exit code, and what the program printed."""
    pod.install()
    container = next(c for c in pod.containers if c["name"] == name)
    # what has ended is not to be started anew
    env = {name: "never" for name in pod.env(container) if name.endswith("_RESTART")}
    process = pod.pidone(container, env=env)
    code = process.wait(30)
    return code, process.stdout.strip(), process.stderr


def echoed(pod, name):
    code, out, said = run(pod, name)
    assert code == 0, (pod.where, name, code, out, said)
    words, variables = json.loads(out)
    assert words == WORDS, (pod.where, name, [pair for pair in zip(words, WORDS)
                                              if pair[0] != pair[1]], len(words))
    assert variables == SAID, (pod.where, name, variables)


OTHER = "[run]\ncommand = true\n[other]\n"
APP_OF_WORDS = {
    "run": {"command": ECHO + WORDS}, "init": {"command": ECHO + WORDS},
    "async": {"enabled": True, "command": ECHO + WORDS},
    "roles": {"beat": {"command": ECHO + WORDS}},
    "cron": {"clock": {"schedule": "@daily", "command": ECHO + WORDS}},
    "tasks": {"once": {"command": ECHO + WORDS}},
    "files": {"mountPath": "/app/media"}, "preflight": {"check": ECHO + WORDS},
}


@harness.limit(90)
def test_words():
    """Every word of a command, and every text of a variable, reaches the program as the values say,
    whichever way it goes: args of each role, a CronJob's, the trial's, and the text of
    PIDONE_TASK_ONCE. So also in an unmodified image, where the hoster's pidone is installed."""
    contract.database()
    for hoster in ({}, {"pidone": {"image": "registry.example.org/pidone@" + DIGEST}}):
        found = pods(APP_OF_WORDS, hoster)
        for name, containers in (("shop", ["init", "run", "async", "beat"]),
                                 ("shop-preflight", ["django-check", "init"]),
                                 ("shop-clock", ["cron"])):
            for container in containers:
                echoed(found[name], container)
    echoed(pods(APP_OF_WORDS)["shop-task-once"], "task")


def test_jobs():
    """A task runs once for each text of its command, whatever pod it is; one that fails says so
    with its exit code and is not marked. once-per-release goes by the image's digest."""
    server = contract.database()

    def task(*command):
        pod = pods({"tasks": {"import": {"command": list(command)}}})["shop-task-import"]
        return run(pod, "task")[:2]

    assert task("sh", "-c", "echo did it; exit 5") == (5, "did it")
    assert task("sh", "-c", "echo did it # $PORT") == (0, "did it")
    assert task("sh", "-c", "echo did it # $PORT") == (0, "")
    assert task("sh", "-c", "echo did more") == (0, "did more")
    code, _, said = run(pods({"config": "[init]\nonce-per-release = true\n"})["shop"], "init")
    assert code == 0 and "warning" not in said, said
    marks = server.psql("SELECT DISTINCT project, release FROM pidone_once ORDER BY 1",
                        database="app").splitlines()
    assert marks == ["default|" + DIGEST, "task-import|"], marks


def test_exit_codes():
    """A Job's pod fails with the code of its command, and each step of the trial with its own."""
    fails = ["sh", "-c", "exit 3"]
    app = {"init": {"command": fails}, "preflight": {"check": fails},
           "cron": {"clock": {"schedule": "@daily", "command": fails},
                    "other": {"schedule": "@daily", "role": "other"}},
           "tasks": {"import": {"command": fails}}, "files": {"mountPath": "/app/media"}}
    without = {"postgres": {"source": "none"}}
    found = pods({**app, "config": OTHER + "command = sh -c 'exit 4'\n"}, without)
    for name, container, wanted in (("shop-clock", "cron", 3), ("shop-other", "cron", 4),
                                    ("shop-task-import", "task", 3), ("shop", "init", 3),
                                    ("shop-preflight", "check", 0),
                                    ("shop-preflight", "django-check", 3),
                                    ("shop-preflight", "init", 3)):
        code, out, said = run(found[name], container)
        assert code == wanted, (name, container, code, out, said)
    wrong = pods({**app, "config": OTHER + "drian = 1s\n"}, without)
    code, _, said = run(wrong["shop-preflight"], "check")
    assert code == 78 and "did you mean 'drain'?" in said, (code, said)
