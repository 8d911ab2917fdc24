"""Django-Q under pidone. See workers.py."""
import os
import signal

import harness
from proc import children_of
from workers import Worker, finishes, hanging_broker, late_broker, replaced


class DjangoQ(Worker):
    title, module = "Django-Q", "heartbeat_django_q"
    enqueue = "from django_q.tasks import async_task; async_task({task}, {path!r})"


@harness.limit(180)
def test_django_q_outage():
    """Django-Q is not started before there is a broker, and outlives one that goes"""
    late_broker(DjangoQ(redis=False))


@harness.limit(180)
def test_django_q_broker_hangs():
    """the same with a broker that answers nothing any more"""
    hanging_broker(DjangoQ())


@harness.limit(120)
def test_django_q_hangs():
    """Django-Q's guard hangs: the cluster is replaced in place"""
    worker = DjangoQ(STOP_GRACE="1s")
    main = worker.until_alive()
    os.kill(children_of(main)[0], signal.SIGSTOP)
    replaced(worker, main)
    worker.works()


@harness.limit(120)
def test_django_q_finishes():
    """a task that runs is done before Django-Q ends"""
    finishes(DjangoQ(), "Q Cluster .* stopping")


harness.main()
