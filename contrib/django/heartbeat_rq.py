"""A heartbeat file for rq, also with django-rq: rq worker --worker-class heartbeat_rq.Worker

The worker's own heartbeat goes to Redis; here it is written to a file, too, and before, so that it
is seen whether Redis can be reached or not. The process that does a job does not count.
"""
import os
from contextlib import suppress
from pathlib import Path

import rq

FILE = Path(os.environ.get("HEARTBEAT_FILE", "/tmp/rq.heartbeat"))


class Worker(rq.Worker):
    # seconds between two tries to reach Redis: in rq's own minute no heart would beat
    max_connection_wait_time = 5.0

    def heartbeat(self, *args, **kwargs):
        if not self.is_horse:
            with suppress(OSError):  # no reason to end the worker: the check says it
                FILE.touch()
        super().heartbeat(*args, **kwargs)
