"""rq under pidone. See workers.py."""
import os
import re
import signal

import harness
from harness import wait_until
from proc import children_of, process_name
from workers import Worker, finishes, late_broker, replaced


class Rq(Worker):
    title, module = "rq", "heartbeat_rq"
    enqueue = "import django_rq; django_rq.enqueue({task}, {path!r})"


@harness.limit(180)
def test_rq_outage():
    """rq is not started before there is a broker, and outlives one that goes while it is idle"""
    late_broker(Rq(redis=False))


@harness.limit(180)
def test_rq_loses_its_broker_at_work():
    """rq ends by itself when Redis goes while a job runs: it is started again, less and less
    often, until Redis is back; /livez is 200 all the time, and the job goes on meanwhile"""
    worker = Rq()
    main = worker.until_alive()
    path = worker.ask("gated")
    wait_until(lambda: os.path.exists(path + ".began"), 60, "the job to begin")
    worker.site.redis.stop()
    job = children_of(main)[0]
    os.kill(main, signal.SIGALRM)  # it looks after the job, which it does every half minute
    for pause in (1000, 2000, 4000):
        line = worker.pidone.expect("starting python3 again", 60)
        assert 0.9 * pause <= int(re.search(r"in (\d+) ms", line).group(1)) <= pause, line
        assert worker.pidone.http("/livez")[0] == 200
    assert process_name(job), "the job has ended"
    open(path + ".open", "w", encoding="ascii").close()
    wait_until(lambda: os.path.exists(path), 30, "the job to end")
    worker.site.redis.start()
    worker.works()


@harness.limit(120)
def test_rq_hangs():
    """rq's main process hangs: it is replaced in place"""
    worker = Rq(STOP_GRACE="1s")
    main = worker.until_alive()
    os.kill(main, signal.SIGSTOP)
    replaced(worker, main)
    worker.works()


@harness.limit(120)
def test_rq_finishes():
    """a job that runs is done before rq ends"""
    finishes(Rq(), "Warm shut down requested")


harness.main()
