#!/usr/bin/python3
"""The probe server as HTTP clients see it: over TCP and the unix socket, by the letter of RFC
9110 and 9112; and that no request makes anybody work but the probe server."""
import re
import signal
import socket

import harness
from harness import SLOW, wait_until
from inits import Pidone, Process
from proc import children_of, command_name, status_of
from servers import FakeServer, http_reply

SITE = "[run]\ncommand = sleep 1077\n"
PATHS = ("/livez", "/readyz", "/startupz", "/metrics", "/status", "/status?format=text",
         "/livez?verbose", "/readyz?verbose", "/startupz?verbose")
UNIX = "/run/pidone/run.sock"
TYPES = {"/metrics": "text/plain; version=0.0.4; charset=utf-8", "/status": "application/json"}


def site(**more):
    p = Pidone(["/run"], config=SITE, **more)
    p.until("/readyz", 200)
    p.until("/startupz", 200)
    return p


def end(p):
    p.signal(signal.SIGTERM)
    assert p.wait() == 143, p.output()


def dial(p, way):
    """A connection to the probe server over "unix", or TCP to that address."""
    if way == "unix":
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(5 * SLOW)
        s.connect(p.path(UNIX))
        return s
    return socket.create_connection((way, 9480), 5 * SLOW)


class Answer:
    """One response as it came: .status, .headers (names in small letters), .body."""

    def __init__(self, head, body):
        lines = head.decode().split("\r\n")
        self.version, status, self.phrase = lines[0].split(" ", 2)
        self.status, self.body = int(status), body
        self.headers = {name.lower(): value for name, value in
                        (line.split(": ", 1) for line in lines[1:])}
        assert len(self.headers) == len(lines) - 1, lines
        self.closes = self.headers.get("connection") == "close"


def split(text, head_only=False):
    """The first answer in text, and what is behind it."""
    head, _, rest = text.partition(b"\r\n\r\n")
    answer = Answer(head, b"")
    length = 0 if head_only else int(answer.headers["content-length"])
    assert len(rest) >= length, text
    answer.body = rest[:length].decode()
    return answer, rest[length:]


def exchange(p, request, way="127.0.0.1"):
    """Everything that the server says until it closes. What it keeps open is asked for one
    more thing, with "close": its answer is the last, and is not returned."""
    with dial(p, way) as s:
        s.sendall(request.encode("latin-1"))
        text = b""
        asked = False
        while True:
            chunk = s.recv(65536)
            if not chunk:
                break
            text += chunk
            if b"\r\n\r\n" in text and not asked and b"Connection: close" not in text:
                asked = True
                s.sendall(b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    if asked:
        head = text.rindex(b"HTTP/1.1 404 ")
        assert split(text[head:])[1] == b"", text
        return text[:head], True
    return text, False


def ask(p, request, way="127.0.0.1", head_only=False):
    """The one answer to it, and whether the connection was kept."""
    text, kept = exchange(p, request, way)
    answer, rest = split(text, head_only)
    assert rest == b"", (request, text)
    assert answer.version == "HTTP/1.1"
    assert answer.closes == (not kept), (request, text)
    return answer, kept


def check_endpoint(p, way, path):
    answer, kept = ask(p, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path, way)
    assert answer.status == 200 and kept, (way, path, answer.status)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == TYPES.get(path, "text/plain; charset=utf-8")
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", answer.headers["date"])
    assert len(answer.body) == int(answer.headers["content-length"]) > 0
    head, kept = ask(p, "HEAD %s HTTP/1.1\r\nHost: a\r\n\r\n" % path, way, head_only=True)
    assert head.status == 200 and kept, (way, path, head.status)
    assert head.headers.keys() == answer.headers.keys()
    if "z" in path:  # in the others time goes on
        assert head.headers["content-length"] == answer.headers["content-length"]
    old, kept = ask(p, "GET %s HTTP/1.0\r\n\r\n" % path, way)
    assert old.status == 200 and not kept, (way, path, old.status)


def test_every_endpoint_on_every_way():
    """every endpoint answers GET, HEAD and HTTP/1.0 on both families and on the unix socket, is
    never cached, and keeps the connections of HTTP/1.1"""
    p = site()
    for way in ("127.0.0.1", "::1", "unix"):
        for path in PATHS:
            check_endpoint(p, way, path)
    end(p)


def test_hosts_with_one_family():
    """a host without IPv6 answers on IPv4, one without IPv4 on IPv6, and the unix socket does"""
    for family, way in ((socket.AF_INET6, "127.0.0.1"), (socket.AF_INET, "::1")):
        p = Pidone(["/run"], config=SITE, nsrun=["--deny", "socket:%d=EAFNOSUPPORT" % family])
        p.until("/readyz", 200, unix=UNIX)
        for each in (way, "unix"):
            check_endpoint(p, each, "/readyz")
        end(p)


OK, GONE, BAD, METHOD = 200, 404, 400, 405
GET = "GET /readyz HTTP/1.1\r\nHost: a\r\n"
# request, status, is the connection kept?
WIRE = [
    # keep-alive: of HTTP/1.1 unless told otherwise; HTTP/1.0 may ask for it and does not get it
    (GET + "\r\n", OK, True),
    (GET + "Connection: close\r\n\r\n", OK, False),
    ("GET /readyz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", OK, False),
    # Host: one, and a real one; HTTP/1.0 need not have it
    ("GET /readyz HTTP/1.1\r\n\r\n", BAD, False),
    (GET + "Host: a\r\n\r\n", BAD, False),
    ("GET /readyz HTTP/1.1\r\nHost:\r\n\r\n", OK, True),
    ("GET /readyz HTTP/1.1\r\nHost: a b\r\n\r\n", BAD, False),
    ("GET /readyz HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", BAD, False),
    # targets: absolute ones, whatever their host; paths only as they are written here
    ("GET http://other:1/readyz HTTP/1.1\r\nHost: a\r\n\r\n", OK, True),
    ("GET http://other HTTP/1.1\r\nHost: a\r\n\r\n", GONE, True),
    ("GET //readyz HTTP/1.1\r\nHost: a\r\n\r\n", GONE, True),
    ("GET /readyz/ HTTP/1.1\r\nHost: a\r\n\r\n", GONE, True),
    ("GET /%72eadyz HTTP/1.1\r\nHost: a\r\n\r\n", GONE, True),
    ("GET /x/../readyz HTTP/1.1\r\nHost: a\r\n\r\n", GONE, True),
    ("GET readyz HTTP/1.1\r\nHost: a\r\n\r\n", BAD, False),
    ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", BAD, False),
    # methods
    ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", METHOD, False),
    ("OPTIONS /readyz HTTP/1.1\r\nHost: a\r\n\r\n", METHOD, False),
    ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", METHOD, False),
    ("get /readyz HTTP/1.1\r\nHost: a\r\n\r\n", METHOD, False),
    ("POST /readyz HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody", METHOD, False),
    ("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\nnot all", METHOD, False),
    ("M" * 300 + " / HTTP/1.1\r\nHost: a\r\n\r\n", 501, False),
    # bodies: nobody reads them, nothing in them is a request, "continue" is never said
    (GET + "Content-Length: 0\r\n\r\n", OK, True),
    (GET + "Content-Length: 4\r\n\r\nbody", OK, False),
    (GET + "Content-Length: 22\r\n\r\nGET /readyz HTTP/1.0\r\n\r\n", OK, False),
    (GET + "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", OK, False),
    (GET + "Expect: 100-continue\r\nContent-Length: 4\r\n\r\n", OK, False),
    (GET + "Expect: 100-continue\r\n\r\n", OK, True),
    (GET + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", OK, True),
    (GET + "Content-Length: 0\r\nContent-Length: 4\r\n\r\nbody", BAD, False),
    (GET + "Content-Length: four\r\n\r\nbody", BAD, False),
    (GET + "Transfer-Encoding: gzip\r\n\r\nbody", BAD, False),
    (GET + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", OK, False),
    # lines
    (GET.replace("\r\n", "\n") + "\n", OK, True),
    ("\r\n\r\n" + GET + "\r\n", OK, True),
    (GET + "X: a\r\n folded\r\n\r\n", BAD, False),
    (GET + "X : a\r\n\r\n", BAD, False),
    (GET + "X: a\rb\r\n\r\n", BAD, False),
    (GET + "X: \xe4\r\n\r\n", OK, True),
    # limits
    ("GET /" + "x" * 300 + " HTTP/1.1\r\nHost: a\r\n\r\n", 414, False),
    ("GET /" + "x" * 100000 + " HTTP/1.1\r\nHost: a\r\n\r\n", 414, False),
    (GET + "Cookie: " + "x" * 20000 + "\r\n\r\n", OK, True),
    (GET + "Cookie: " + "x" * 40000 + "\r\n\r\n", 431, False),
    (GET + "X: y\r\n" * 20000 + "\r\n", 431, False),
    # other protocols
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, False),
    ("GET /readyz\r\n\r\n", BAD, False),
    ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", BAD, False),
    ("SSH-2.0-OpenSSH_9.2\r\n", BAD, False),
]


def test_by_the_letter():
    """what RFC 9110 and 9112 say of Host, targets, methods, bodies, line ends and limits: the
    right status, and a connection that is kept only where the next request surely begins"""
    p = site()
    for way in ("127.0.0.1", "unix"):
        for request, status, is_kept in WIRE:
            answer, kept = ask(p, request, way)
            assert (answer.status, kept) == (status, is_kept), (request[:300], answer.status, kept)
            assert ("allow" in answer.headers) == (status == METHOD), request
    end(p)


def test_head_never_has_a_body():
    """no answer to HEAD has a body, whatever its status is"""
    p = site()
    for request, status in (("HEAD /readyz HTTP/1.1\r\nHost: a\r\n\r\n", OK),
                            ("HEAD /nothing HTTP/1.1\r\nHost: a\r\n\r\n", GONE),
                            ("HEAD /readyz HTTP/1.1\r\n\r\n", BAD),
                            ("HEAD /readyz HTTP/1.1\r\nX\r\n\r\n", BAD),
                            ("HEAD /readyz HTTP/1.1\r\n" + "X: y\r\n" * 9000, 431),
                            ("HEAD /readyz HTTP/3.0\r\n\r\n", 505)):
        answer, _ = ask(p, request, head_only=True)
        assert answer.status == status, (request[:100], answer.status)
        assert int(answer.headers["content-length"]) > 0
    end(p)


# ---- nobody works for a request ----

# Of the probe server, while it answers: what poll, accept, read and write. Everything else,
# above all socket(), connect(), open() and fork(), would be work for somebody.
QUIET = ("poll", "ppoll", "restart_syscall", "accept4", "setsockopt", "recvfrom", "recvmsg",
         "sendto", "sendmsg", "shutdown", "close", "clock_gettime", "gettimeofday")
# Of PID 1: that it turned. It reads the count of out-of-memory kills meanwhile.
QUIET_PID1 = ("epoll_wait", "epoll_pwait", "restart_syscall", "recvfrom", "sendto", "pread64",
              "lseek", "read", "clock_gettime")


# For /metrics the probe server reads what the kernel counts.
KERNELS_FIGURES = re.compile(
    r"^\d+ +(?:(?:openat|open|newfstatat|stat)\((?:AT_FDCWD, )?\"/(?:proc|sys/fs/cgroup)/|"
    r"(?:read|readv|fstat|getdents64|newfstatat|fcntl|ioctl)\(\d+, |brk\(|mmap\(NULL|munmap\(|close\()")


class Traced:
    """What a process asks of the kernel, but for the calls named."""

    def __init__(self, pid, but):
        harness.need_command("strace")
        self.file = "%s/trace.%d" % (harness.tmp, pid)
        self.strace = Process(["strace", "-f", "-qq", "-o", self.file, "-p", str(pid), "-e",
                               "trace=!%s" % ",".join("?" + name for name in but)])
        wait_until(lambda: status_of(pid, "TracerPid") != "0", 5, "strace to attach")

    def end(self):
        self.strace.signal(signal.SIGINT)
        self.strace.wait()
        with open(self.file, encoding="utf-8") as file:
            return [line for line in file if "(" in line and "<unfinished" not in line and
                    not KERNELS_FIGURES.search(line)]


def many_requests(p, rounds):
    for _ in range(rounds):
        for path in PATHS + ("/nothing", "/"):
            p.http(path)
            p.http(path, method="HEAD")
            p.http(path, method="POST", body="x")
            p.http(path, unix=UNIX)


@harness.limit(60)
@harness.as_shipped
def test_no_request_makes_anybody_work():
    """whatever is asked, however often: no check, no name lookup, no connection, no process; not
    in the probe server and not in PID 1"""
    app = FakeServer(http_reply(), port=8001)
    p = Pidone(["/run"], config="[run]\ncommand = sleep 1077\ncheck-interval = 1h\n"
               "ready = http://localhost:8001/\nlive = tcp://localhost:8001\n"
               "ready = exec:touch %s/checked\n" % harness.tmp)
    p.until("/readyz", 200)
    probes = [c for c in children_of(p.pid) if command_name(c) == "pidone: probes"][0]
    wait_until(lambda: all(check["state"] == "ok" for check in p.status_page()["checks"]), 5,
               "all checks")
    wait_until(lambda: "pidone: check" not in map(command_name, children_of(p.pid)), 5,
               "the last of them to be reaped")
    before = len(app.requests)
    traced = [Traced(probes, QUIET), Traced(p.pid, QUIET_PID1)]
    many_requests(p, 20)
    for each in traced:
        lines = each.end()
        assert lines == [], lines[:5]
    assert len(app.requests) == before, "a request made a check run"
    seen = Traced(p.pid, QUIET_PID1)
    end(p)
    assert seen.end() != [], "the trace shows nothing, not even of a stop"


if __name__ == "__main__":
    harness.main()
