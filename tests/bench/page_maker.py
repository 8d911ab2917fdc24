"""From the command line to the page: what the makers of all pages do alike."""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

import harness
from figures import BenchError
from pages import replace, say

EXIT_USAGE = 64


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, "bench: %s\n" % message)


def _options(about, quick):
    parser = Parser(prog=os.path.basename(sys.argv[0]), description=about)
    parser.add_argument("--quick", action="store_true",
                        help=quick + ", less sure; only printed")
    parser.add_argument("--output", metavar="FILE", help="write the page there as well")
    return parser.parse_args()


def _need(programs):
    if not harness.IS_ROOT:
        raise BenchError("needs root, for namespaces")
    if not os.access(harness.NSRUN, os.X_OK):
        raise BenchError("there is no program at NSRUN_BIN; `make bench` builds it")
    for name, package in programs.items():
        if shutil.which(name) is None:
            raise BenchError("needs %s: apt-get install %s" % (name, package))


def _end_all():
    for each in harness.started:
        if each.alive():
            each.popen.kill()


def make_page(about, quick, measure, programs=(), end=_end_all):
    """measure(is_quick) returns the page. programs: {name: package} that it needs; end() is called
    at the end, whatever happens."""
    options = _options(about, quick)
    try:
        _need(dict(programs))
        # a network and a /run of our own: what runs on the machine has our ports, too
        harness._enter_private_world()
        with tempfile.TemporaryDirectory(prefix="pidone-bench.") as harness.tmp:
            os.chmod(harness.tmp, 0o755)
            page = measure(options.quick)
        print(page)
        if options.output and options.quick:
            say("a quick run is not sure enough to be kept: %s is as it was" %
                os.path.basename(options.output))
        elif options.output:
            replace(options.output, page)
    except (BenchError, harness.Failure, OSError, subprocess.SubprocessError) as error:
        sys.exit("bench: %s" % error)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        end()
