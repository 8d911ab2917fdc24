"""The image as Kubernetes uses it: /init to its end, then /run and /async in one network, locked
down, with limits, volumes, probes from outside, and a stop with grace."""
import http.client
import json
import os
import signal
import threading
import time

import bases
import harness
from engine import LOCKED, Container, docker, environment, on_docker
from harness import wait_until
from inits import Process, http_get
from pod import Pod, broker, empty_directory

IMAGE = "django-debian"


@harness.limit(120)
@on_docker
def test_pod():
    """/init ends with 0; then /run and /async answer their probes from outside at two ports of
    one address, and a task of the site's is done by the worker."""
    pod = Pod(bases.shop("celery"))
    broker()
    pod.migrate()
    run, worker = pod.role("/run"), pod.role("/async")
    for container, port in ((run, 9480), (worker, 9481)):
        container.until("/readyz", 200, port, pod.address)
        assert container.http("/livez", port, pod.address)[0] == 200
        assert json.loads(container.http("/status", port, pod.address)[1])["role"] == \
            "/" + container.name
    status, _ = http_get("/", 8000, host=pod.address, method="POST", body="item=tea",
                         headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert status == 302
    wait_until(lambda: "receipt 1 for TEA" in run.http("/", 8000, pod.address)[1], 30,
               "the receipt on the page")
    # a probe that is a program, without a shell, curl or a port
    for container in (run, worker):
        code, text = container.execute("/pidone", "probe", "ready")
        assert code == 0, text
    # the worker's heartbeat is what its image's HEALTHCHECK asks for
    assert worker.execute("/pidone", "probe", "live")[0] == 0
    assert worker.stop_it(30) == 0, worker.output()
    assert worker.count("Warm shutdown") == 1


@harness.limit(90)
@on_docker
def test_pod_waits():
    """While there is no database, /init says what it waits for, a probe of /run says 503 and
    why, and nobody restarts; when it comes, both go on."""
    pod = Pod(bases.shop(IMAGE), database=False)
    init = pod.role("/init")
    init.expect("waiting for postgres: db")
    run = pod.role("/run")
    body = run.until("/readyz", 503, 9480, pod.address)
    assert "waiting for postgres" in body, body
    assert run.http("/livez", 9480, pod.address)[0] == 200
    pod.start_database()
    assert init.wait(60) == 0, init.output()
    run.until("/readyz", 200, 9480, pod.address)


STATUS = "print(open('/proc/1/status').read(), open('/proc/1/mounts').read(), sep='')"


@harness.limit(60)
@on_docker
def test_locked_down():
    """It runs as an ordinary user without any capability, with no_new_privs, Docker's default
    seccomp profile and a root that cannot be written."""
    run = Container(bases.shop(IMAGE), ["/run", "--", "sleep", "infinity"], options=LOCKED)
    run.expect("started sleep")
    code, text = run.execute("python", "-c", STATUS)
    assert code == 0, text
    found = dict(line.split(":", 1) for line in text.splitlines() if ":\t" in line)
    assert found["Uid"].split() == ["10001"] * 4
    assert {found[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} \
        == {"0" * 16}, found
    assert (found["NoNewPrivs"].strip(), found["Seccomp"].strip()) == ("1", "2"), found
    root = [line.split() for line in text.splitlines() if " / overlay " in line]
    assert root and root[0][3].split(",")[0] == "ro", root
    # with nowhere else to go, the socket is in /tmp
    assert run.execute("/pidone", "probe", "ready")[0] == 0
    assert run.stop_it(20) in (0, 143)


@harness.limit(60)
@on_docker
def test_any_user():
    """A user that the image does not know, as OpenShift gives each project one, will do."""
    pod = Pod(bases.shop(IMAGE))
    options = ["--user", "1000660000:0"]
    init = pod.role("/init", options=options)
    assert init.wait(60) == 0, init.output()
    run = pod.site(options=options)
    assert run.http("/", 8000, pod.address)[0] == 200


GROW = "import os, sys\nheld = []\nwhile True: held.append(bytearray(os.urandom(1 << 20)))"


@harness.limit(60)
@on_docker
def test_memory_limit():
    """When the kernel kills for want of memory, the termination log and the last line say so,
    with the limit, and the exit code is 137."""
    log = harness.tmp + "/termination-log"
    with open(log, "w", encoding="ascii"):
        pass
    os.chmod(log, 0o666)   # as the kubelet makes it
    run = Container(bases.shop(IMAGE), ["/run", "--", "python", "-c", GROW], options=LOCKED + [
        "--memory", "48m", "--memory-swap", "48m", "--volume", log + ":/dev/termination-log"])
    assert run.wait(40) == 137, run.output()
    with open(log, encoding="utf-8") as file:
        said = file.read()
    for text in (said, run.output()):
        assert "memory" in text and "48" in text, (said, run.output())
    assert run.state()["OOMKilled"]


@harness.limit(90)
@on_docker
def test_shared_volume():
    """What /init collects into a volume, /run serves: with STATIC_ROOT on a mounted volume,
    collectstatic is one of its steps, and without one it is not."""
    pod = Pod(bases.shop(IMAGE))
    init = pod.migrate()
    assert init.count("static files? copied") == 0, init.output()
    volume = empty_directory("static")
    options = ["--volume", volume + ":/app/static"]
    init = pod.role("/init", options=options)
    assert init.wait(60) == 0, init.output()
    assert init.count("static files? copied") == 1, init.output()
    run = pod.site(options=options)
    assert run.http("/static/orders/shop.css", 8000, pod.address)[0] == 200


@harness.limit(90)
@on_docker
def test_unmodified_image():
    """An image that has never heard of pidone is started by it: pidone's image, as init
    container, installs it into a shared volume."""
    bases.shop(IMAGE)
    context = bases.shop_context()
    bases.build(context + "/django-debian.Dockerfile", "plain:test", context, "--target", "build")
    pod = Pod("plain:test")
    shared = empty_directory("shared")
    install = pod.role("install", image="pidone:0.1.0", args=["/shared/pidone"],
                       options=["--volume", shared + ":/shared"])
    assert install.wait() == 0, install.output()
    plain = ["--user", "10001:10001", "--env", "PYTHONDONTWRITEBYTECODE=1"]
    has_it = pod.role("/init", options=plain + ["--entrypoint", "/pidone"])
    assert has_it.wait() == 127, "the image has pidone already: " + has_it.output()
    options = plain + ["--volume", shared + ":/shared:ro", "--entrypoint", "/shared/pidone"]
    init = pod.role("/init", options=options)
    assert init.wait(60) == 0, init.output()
    run = pod.site(options=options)
    assert run.http("/", 8000, pod.address)[0] == 200
    code, text = run.execute("/shared/pidone", "probe", "ready")
    assert code == 0, text
    assert run.stop_it(20) == 0, run.output()


@harness.limit(90)
@on_docker
def test_stop_with_grace():
    """At `docker stop`, which is what Kubernetes does, /readyz is 503 at once, the request in
    flight is answered, and the exit code is 0."""
    pod = Pod(bases.shop(IMAGE))
    pod.migrate()
    run = pod.site()
    # the page takes as long as this holds its table
    session = pod.database.session()
    session.tell("BEGIN; LOCK TABLE orders_order; SELECT 'held';")
    session.expect("held")
    answers = []

    def ask():
        try:
            answers.append(http_get("/", 8000, host=pod.address, timeout=30)[0])
        except (OSError, http.client.HTTPException) as error:
            answers.append(error)
    asking = threading.Thread(target=ask)
    asking.start()
    wait_until(lambda: pod.database.psql(
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == "t", 10,
        "the request in the database")
    stopping = Process(["docker", "stop", "--time", "60", run.id], env=environment(), cwd="/")
    run.until("/readyz", 503, 9480, pod.address)
    assert run.alive() and not answers, answers
    session.tell("COMMIT;")
    asking.join()
    assert answers == [200], answers
    assert run.wait(30) == 0, run.output()
    assert stopping.wait() == 0


STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)" \
           "\nsignal.pause()"


@harness.limit(60)
@on_docker
def test_stop_without_grace_left():
    """What does not end is killed by pidone at the end of stop-grace, long before Docker would:
    137, and the reason says so."""
    run = Container(bases.shop(IMAGE), ["/run", "--", "python", "-c", STUBBORN], options=LOCKED,
                    env={"PIDONE_RUN_STOP_GRACE": "500ms"})
    run.expect("^up")
    began = time.monotonic()
    assert run.stop_it(120) == 128 + signal.SIGKILL
    assert time.monotonic() - began < 60
    assert run.count("KILL|kill") > 0, run.output()


@harness.limit(60)
@on_docker
def test_command_in_a_running_pod():
    """`kubectl exec` of a command through pidone sees the database as the site does."""
    pod = Pod(bases.shop(IMAGE))
    pod.migrate()
    run = pod.site()
    code, text = run.execute("/pidone", "python", "manage.py", "showmigrations", "orders")
    assert code == 0 and "[X] 0002_order_receipt_task" in text, text


@harness.limit(60)
@on_docker
def test_restart_policy():
    """A site that ends badly ends its container with its own code, so that the engine's restart
    policy counts it."""
    run = Container(bases.shop(IMAGE), ["/run", "--", "python", "-c", "raise SystemExit(3)"],
                    options=LOCKED + ["--restart", "on-failure:2", "--detach"])
    assert run.wait() == 0, run.output()
    wait_until(lambda: docker("inspect", "-f", "{{.RestartCount}} {{.State.Status}}", run.id) ==
               "2 exited", 30, "two restarts")
    assert run.state()["ExitCode"] == 3
