"""A heartbeat file for Celery's worker and beat. Import it where the Celery app is made.

The main loop writes the file itself: when it looks in each turn whether it shall stop, and once a
second while it tries to reach a broker that is gone. A loop that hangs does neither.
"""
import os
import time
from contextlib import suppress
from pathlib import Path
from threading import get_ident

from celery import signals
from kombu import Connection


def heartbeat(path, then=lambda: None):
    """What the main loop shall call. HEARTBEAT_FILE: another path."""
    file, last = Path(os.environ.get("HEARTBEAT_FILE", path)), float("-inf")
    main, connect = (os.getpid(), get_ident()), Connection._ensure_connection

    def beat():
        nonlocal last
        if (os.getpid(), get_ident()) != main:
            return  # a process or thread of the pool
        if time.monotonic() - last >= 1:
            last = time.monotonic()
            with suppress(OSError):  # no reason to end: the check says that it is missing
                file.touch()
        then()

    def ensure_connection(self, *args, callback=beat, **kwargs):
        return connect(self, *args, callback=callback, **kwargs)
    Connection._ensure_connection = ensure_connection
    beat()
    return beat


@signals.worker_init.connect
def in_worker(sender, **_):
    from celery.worker import state
    from celery.worker.consumer import consumer
    look = state.maybe_shutdown
    beat = consumer.maybe_shutdown = heartbeat("/tmp/celery.heartbeat", look)
    state.maybe_shutdown = lambda: beat() if listens(sender.consumer) else look()


def listens(consumer):
    """Celery 5.2 can be deaf to a Redis that was away: its loop turns, and reads nothing."""
    hub, transport = consumer.hub, consumer.connection.transport
    return not hub or transport.driver_type != "redis" or any(
        reader and reader[0] == transport.on_readable for reader in hub.readers.values())


@signals.beat_init.connect
def in_beat(sender, **_):
    scheduler, beat = sender.scheduler, heartbeat("/tmp/celery-beat.heartbeat")
    scheduler.max_interval = min(scheduler.max_interval, 5)
    tick = scheduler.tick
    scheduler.tick = lambda: beat() or tick()
