"""A real Django site under pidone: gunicorn and Celery, PostgreSQL and Redis.
What runs is the quickstart's project, found without any configuration."""
import http.client
import os
import signal
import threading
import time

import harness
from harness import wait_until
from inits import http_get
from proc import children_of, process_name, process_state
from django_site import Site


@harness.limit(90)
def test_init_waits_then_migrates():
    """With the database down, /init says what it waits for and why, and proceeds when
    it is there; then the schema is, too, and /init ends with 0."""
    site = Site(postgres=False)
    init = site.role("/init")
    line = init.expect(r"(?i)waiting for postgres.*refused")
    assert "127.0.0.1" in line, line
    site.postgres.start()
    init.expect("manage.py migrate|started")
    assert init.wait(60) == 0
    assert site.migrations() == ["0001_initial", "0002_order_receipt_task"]
    assert "geheim" not in init.output()


@harness.limit(60)
def test_init_waiting_answers_term():
    """With the database down, /init answers TERM at once, with 143, and has
    started nothing of the app's."""
    site = Site(postgres=False)
    init = site.role("/init")
    init.expect(r"(?i)waiting for postgres.*refused")
    began = time.monotonic()
    init.signal(signal.SIGTERM)
    assert init.wait(5) == 143
    assert time.monotonic() - began < 2 * harness.PACE
    assert init.count("Applying|manage.py migrate") == 0, init.output()


@harness.limit(120)
def test_site_reads_and_writes():
    """/run serves the project that was detected: the page answers 200, writes
    to the database and reads from it; static files are there; a worker's result
    comes onto the page."""
    site = Site()
    site.migrate()
    run, worker = site.role("/run"), site.role("/async")
    run.until("/readyz", 200, 30)
    assert site.page()[0] == 200
    assert "nothing yet" in site.page()[1]
    assert http_get("/static/orders/shop.css", site.port)[0] == 200
    assert site.order("tea")[0] == 302
    assert "tea: " in site.page()[1]
    assert site.postgres.psql("SELECT item FROM orders_order") == "tea"
    worker.until("/readyz", 200, 30)
    wait_until(lambda: "tea: receipt 1 for TEA" in site.page()[1], 30, "the receipt on the page")


@harness.limit(120)
def test_readiness_turns():
    """/readyz is 503 with the reason while /run waits for the database, while
    /livez is 200; both are 200 once gunicorn answers; after TERM nothing is
    ready any more."""
    site = Site()
    site.migrate()
    site.postgres.stop()
    run = site.role("/run")
    run.expect(r"(?i)waiting for postgres.*refused")
    status, body = run.http("/readyz?verbose")
    assert status == 503 and "wait" in body, (status, body)
    assert run.http("/startupz")[0] == 503
    assert run.http("/livez")[0] == 200
    site.postgres.start()
    run.until("/readyz", 200, 30)
    assert run.http("/livez")[0] == 200
    assert run.http("/startupz")[0] == 200
    run.signal(signal.SIGTERM)
    assert run.wait(20) == 0, run.output()


@harness.limit(120)
def test_term_lets_a_request_finish():
    """TERM on /run: the request in flight is answered, gunicorn ends, and its
    exit code 0 is pidone's."""
    site = Site()
    site.migrate()
    run = site.role("/run")
    run.until("/readyz", 200, 30)
    answers = []

    def ask():
        try:
            answers.append(http_get("/slow", site.port, timeout=10))
        except (OSError, http.client.HTTPException) as error:
            answers.append(error)
    asking = threading.Thread(target=ask)
    asking.start()
    # the request has arrived once a worker's connection is established
    wait_until(lambda: any(line.split()[3] == "01" and
                           int(line.split()[1].rpartition(":")[2], 16) == site.port
                           for name in ("tcp", "tcp6")
                           for line in open("/proc/net/" + name).read().splitlines()[1:]),
               5, "the request's connection")
    run.signal(signal.SIGTERM)
    assert run.wait(20) == 0, run.output()
    asking.join()
    assert answers == [(200, "finished\n")], answers


@harness.limit(120)
def test_term_stops_celery_warmly():
    """TERM on /async reaches Celery's main process once and not its pool: a warm
    shutdown, exit code 0."""
    site = Site()
    site.migrate()
    worker = site.role("/async")
    worker.expect(r"ready\.$", 30)
    # Celery's handler writes to stderr, too: let the main process finish its line
    wait_until(lambda: [process_state(pid) for pid in children_of(worker.pid)
                        if "celery" in process_name(pid)] == ["S"], 5, "idle Celery")
    worker.signal(signal.SIGTERM)
    assert worker.wait(30) == 0, worker.output()
    assert worker.count("Warm shutdown") == 1, worker.output()
    assert worker.count("WorkerLostError|Cold shutdown") == 0, worker.output()


@harness.limit(120)
def test_two_inits_take_turns():
    """Two /init started together: the migrations run one after the other, never
    at once, and the one that waits says who holds the lock."""
    site = Site()
    overlap = harness.tmp + "/overlap"
    os.mkdir(overlap, 0o777)
    os.chmod(overlap, 0o777)
    # mkdir is atomic: it fails if the other one is between its two lines
    step = ("/bin/sh -c 'mkdir %s/now && python3 manage.py migrate --noinput && sleep 0.5 && "
            "rmdir %s/now'" % (overlap, overlap))
    config = "[init]\nstep = %s\n" % step
    both = [site.role("/init", config=config) for _ in range(2)]
    assert [init.wait(60) for init in both] == [0, 0]
    assert site.migrations() == ["0001_initial", "0002_order_receipt_task"]
    assert sum(init.count("Applying orders.0001_initial") for init in both) == 1
    assert sum(init.count(r"lock.*held by") for init in both) == 1


SLOW_INDEX = """
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

class Migration(migrations.Migration):
    atomic = False
    dependencies = [("orders", "0002_order_receipt_task")]
    operations = [
        migrations.RunSQL("SELECT pg_sleep(1)"),
        AddIndexConcurrently("order", models.Index(fields=["item"], name="order_item")),
    ]
"""


@harness.limit(120)
def test_index_built_concurrently():
    """Django's AddIndexConcurrently while five more /init wait for the lock: no deadlock,
    one migration, and a valid index"""
    site = Site()
    site.migrate()
    with open(site.app + "/orders/migrations/0003_index.py", "w", encoding="ascii") as file:
        file.write(SLOW_INDEX)
    quiet = {"PIDONE_INIT_LISTEN": "none", "PIDONE_INIT_SOCKET": "none"}
    first = site.role("/init", env=quiet)
    wait_until(lambda: "pg_sleep" in site.postgres.psql(
        "SELECT query FROM pg_stat_activity WHERE application_name LIKE 'pidone/%'"), 20)
    others = [site.role("/init", env=quiet) for _ in range(5)]
    for init in others:
        init.expect("waiting for the lock: .*held by", 20)
    for init in [first] + others:
        assert init.wait(60) == 0, init.output()
    assert "deadlock" not in site.postgres.process.output()
    assert sum(i.count("Applying orders.0003_index... OK") for i in [first] + others) == 1
    assert site.postgres.psql("SELECT indisvalid FROM pg_index"
                              " WHERE indexrelid = 'order_item'::regclass") == "t"


@harness.limit(120)
def test_no_broker_is_not_fatal():
    """Without Redis the site is ready and takes orders; the page says what is
    missing. Readiness is about this container, not about all that it could use."""
    site = Site(redis=False)
    site.migrate()
    run = site.role("/run")
    run.until("/readyz", 200, 30)
    assert site.order("tea")[0] == 302
    assert "tea: no worker was reachable" in site.page()[1]


harness.main()
