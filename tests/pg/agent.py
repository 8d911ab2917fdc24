"""What the tests of the agent share: the tool that runs it alone."""
import os

import harness
from inits import Process

TOOL = os.environ.get("AGENT_TOOL", os.path.dirname(harness.BIN) + "/tests/pg/agent_tool")


def agent(mission, env, settings="", session_id="id1"):
    """The running tool; settings are lines of [postgres]."""
    argv = [TOOL, mission, ""]
    if settings:
        argv[2] = harness.tmp + "/agent-%s-%s.ini" % (mission, session_id)
        with open(argv[2], "w") as file:
            file.write("[postgres]\n" + settings + "\n")
    environment = {"PATH": "/usr/bin:/bin", "HOME": harness.tmp}
    environment.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
    environment.update(env)
    return Process(argv + [session_id], env=environment, name="agent " + session_id)


def pid_of(tool):
    return int(tool.expect(r"PID \d+").split()[1])


def error_packet(sqlstate, text):
    """An ErrorResponse of the protocol, version 3."""
    fields = b"".join(k + v.encode() + b"\0" for k, v in (
        (b"S", "FATAL"), (b"V", "FATAL"), (b"C", sqlstate), (b"M", text)))
    body = fields + b"\0"
    return b"E" + (len(body) + 4).to_bytes(4, "big") + body


def says(sqlstate, text):
    """For FakeServer: refuses TLS, then answers the login with this error."""
    def serve(connection, first):
        if first[4:8] == (80877103).to_bytes(4, "big"):
            connection.sendall(b"N")
            connection.recv(65536)
        connection.sendall(error_packet(sqlstate, text))
    return serve
