"""New releases of a site that visitors use, as in test_run.py: a script of its own, so that both
run at the same time."""
import os
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path += [TESTS + "/chart", TESTS + "/image"]

import chart  # noqa: E402
import engine  # noqa: E402

import cases_release  # noqa: E402

engine.run(lambda: chart.main(modules=[cases_release]))
