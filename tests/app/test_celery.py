"""Celery and its beat under pidone. See workers.py."""
import os
import re
import signal

import harness
from workers import TOO_OLD, Worker, finishes, hanging_broker, outage, process_in, replaced


class Celery(Worker):
    title, module = "Celery", "heartbeat_celery"
    enqueue = "celery_{task}.delay({path!r})"


class Beat(Worker):
    title, module = "Celery's beat", "heartbeat_celery"
    settings = ("CELERY_BEAT_SCHEDULE = {'note': {'task': 'shop.tasks.note', 'schedule': 1}}\n")


@harness.limit(180)
def test_celery_outage():
    """Celery without its broker, from the start and later: its heart beats, /livez is 200, and it
    is the same worker that works afterwards"""
    worker = Celery(redis=False)
    worker.pidone.expect("Cannot connect to redis", 30)
    worker.until_alive()
    worker.site.redis.start()
    outage(worker)


@harness.limit(180)
def test_celery_broker_hangs():
    """the same with a broker that answers nothing any more"""
    hanging_broker(Celery())


@harness.limit(120)
def test_celery_stopped():
    """/livez is 503 while Celery's main process hangs, and says how old its heartbeat is"""
    worker = Celery(ON_LIVE_FAILURE="report")
    main = worker.until_alive()
    os.kill(main, signal.SIGSTOP)
    body = worker.pidone.until("/livez", 503, 60)
    assert re.search(TOO_OLD, body), body
    os.kill(main, signal.SIGCONT)
    worker.pidone.until("/livez", 200, 30)
    worker.works()
    assert process_in(worker.pidone) == main


def celery_replaced_after(command):
    worker = Celery(STOP_GRACE="1s")
    main = worker.until_alive()
    worker.works()
    worker.enqueue = "current_app.control.broadcast({task!r})"
    worker.ask(command)
    replaced(worker, main)
    worker.enqueue = Celery.enqueue
    worker.works()


@harness.limit(120)
def test_celery_loop_hangs():
    """Celery whose main loop turns no more is replaced in place; its other threads and the pool
    keep no heart beating"""
    celery_replaced_after("hang")


@harness.limit(120)
def test_celery_is_deaf():
    """so is one whose loop turns, but hears its broker no more"""
    celery_replaced_after("deafen")


@harness.limit(120)
def test_celery_finishes():
    """a task that runs is done before Celery ends"""
    finishes(Celery(), "Warm shutdown")


@harness.limit(180)
def test_beat():
    """Celery's beat: its heart beats without the broker, too, and one that hangs is replaced"""
    worker = Beat(role="/beat", redis=False, STOP_GRACE="1s")
    worker.until_alive()
    worker.pidone.expect("Connection error", 30)
    worker.outlives("before there is a broker")
    worker.site.redis.start()
    worker.pidone.expect("Sending due task", 60)
    worker.site.redis.stop()
    worker.outlives("without the broker")
    main = process_in(worker.pidone)
    os.kill(main, signal.SIGSTOP)
    replaced(worker, main)


harness.main()
