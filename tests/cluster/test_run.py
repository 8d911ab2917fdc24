"""The chart, really run: rendered by Helm, executed by a small Kubernetes (kube/) with Docker, on
real PostgreSQL and Redis. The base images are stand-ins (tests/image/bases.py), all else is real."""
import os
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path += [TESTS + "/chart", TESTS + "/image"]

import chart  # noqa: E402
import engine  # noqa: E402

import cases_jobs  # noqa: E402
import cases_probes  # noqa: E402
import cases_up  # noqa: E402
import cases_worker  # noqa: E402

engine.run(lambda: chart.main(modules=[cases_up, cases_worker, cases_probes, cases_jobs]))
