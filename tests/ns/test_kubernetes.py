#!/usr/bin/python3
"""doc/kubernetes.md does what it says: each pod, probe, health check and rule in it is read out of
it, and tried."""
import json
import os
import re
import signal
import subprocess

import harness
from harness import wait_until
from inits import Pidone

PAGE = os.path.join(harness.SRCDIR, "doc/kubernetes.md")
STOP_GRACE_S = 20  # the default
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
PROBE_KEYS = {"httpGet", "exec", "periodSeconds", "timeoutSeconds", "failureThreshold"}
COMMANDS = {"PIDONE_INIT_COMMAND": "true", "PIDONE_RUN_COMMAND": "sleep 1000",
            "PIDONE_ASYNC_COMMAND": "sleep 1000"}


def blocks(language):
    with open(PAGE, encoding="utf-8") as file:
        return re.findall("^```%s\n(.*?)^```$" % language, file.read(), re.S | re.M)


def documents(key):
    """The YAML blocks that have this key on top."""
    try:
        import yaml
    except ImportError:
        harness.skip("needs Debian's python3-yaml")
    found = [text for text in map(yaml.safe_load, blocks("yaml")) if key in text]
    assert found, "no block has " + key
    return found


def pods():
    return [pod["spec"] for pod in documents("spec") if "kind" not in pod]


def containers(pod):
    return pod.get("initContainers", []) + pod.get("containers", [])


def start(container):
    """The container, with something to run instead of an app."""
    env = {item["name"]: item["value"] for item in container.get("env", [])}
    return Pidone(container["args"], env=dict(COMMANDS, **env))


def ask(p, command):
    """What `kubectl exec` or Docker do: runs the command in the container. Its exit code."""
    assert command[0] == "/pidone", command
    return subprocess.run(["nsenter", "-t", str(p.pid), "-p", "-m", "-r", "-w", harness.BIN] +
                          command[1:], env={}, check=False, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode


def port_of(container, port):
    """The number behind a port's name."""
    named = {each["name"]: each["containerPort"] for each in container.get("ports", [])}
    return named.get(port, port)


def passes(p, container, probe):
    if "exec" in probe:
        return ask(p, probe["exec"]["command"]) == 0
    get = probe["httpGet"]
    try:
        return p.http(get["path"], port=port_of(container, get["port"]))[0] == 200
    except OSError:
        return False


def test_probes():
    """every probe of every pod is answered where it asks, and passes"""
    tried = 0
    for pod in pods():
        for container in containers(pod):
            probes = [container[name] for name in PROBES if name in container]
            assert all(set(probe) <= PROBE_KEYS for probe in probes), container
            p = start(container)
            for probe in probes:
                wait_until(lambda: passes(p, container, probe), 10, str(probe))
                tried += 1
            ends = container["args"] == ["/init"]
            if not ends:
                p.expect(": started ")
                p.signal(signal.SIGTERM)
            assert p.wait() == (0 if ends else 143)
    assert tried >= 7, tried


def test_worker_never_takes_the_site_away():
    """beside the site a worker has no probes; in a pod of its own it has a readinessProbe"""
    shared, alone = [], []
    for pod in pods():
        services = pod.get("containers", [])
        for container in services:
            if container["args"] == ["/async"]:
                (shared if len(services) > 1 else alone).append(container)
    assert shared and alone, (shared, alone)
    for container in shared:
        assert not set(PROBES) & set(container), container
    assert all("readinessProbe" in container for container in alone), alone


def test_roles_without_probes():
    """a container of the page that has no probes is one whose role answers none, or a worker
    beside the site"""
    for pod in pods():
        for container in containers(pod):
            if not any(name in container for name in PROBES):
                shared = len(pod["containers"]) > 1 and container["args"] == ["/async"]
                assert shared or container["args"] == ["/init"], container


def test_ports_of_one_pod():
    """the containers of a pod share one network: no two have a port in common, nor a port's name"""
    for pod in pods():
        ports = [port for each in containers(pod) for port in each.get("ports", [])]
        for key in ("name", "containerPort"):
            values = [port[key] for port in ports]
            assert len(set(values)) == len(values), values
            assert all(len(str(value)) <= 15 for value in values), values


def seconds(text):
    return float(re.fullmatch(r"([\d.]+)s", text).group(1))


def test_grace():
    """terminationGracePeriodSeconds has room for drain and stop-grace"""
    checked = 0
    for pod in pods():
        drains = [seconds(item["value"]) for each in containers(pod) for item in each.get("env", [])
                  if item["name"].endswith("_DRAIN")]
        if drains:
            checked += 1
            assert pod["terminationGracePeriodSeconds"] >= max(drains) + STOP_GRACE_S + 5
    assert checked


def test_health_checks():
    """Docker's and Compose's health checks pass when the role is ready, and fail before"""
    line = re.fullmatch("HEALTHCHECK .* CMD (.*)\n", blocks("dockerfile")[0])
    services = documents("services")[0]["services"]
    compose = services["run"]["healthcheck"]["test"]
    assert compose[0] == "CMD"
    for command in (json.loads(line.group(1)), compose[1:]):
        p = Pidone(["/run"], env=dict(COMMANDS, PIDONE_RUN_READY="exec:test -e /run/there"))
        p.until("/livez", 200)
        assert ask(p, command) == 1
        open(p.path("/run/there"), "w", encoding="ascii").close()
        wait_until(lambda: ask(p, command) == 0, 10, "it to be healthy")
        p.stop()
    assert services["run"]["depends_on"] == {"init": {"condition":
                                                      "service_completed_successfully"}}


def names_in(text):
    return set(re.findall(r"`((?:pidone|process)_[a-z_]+)`", text))


def test_metrics():
    """the table names every metric that there is, and none that there is not"""
    p = Pidone(["/run"], env=dict(COMMANDS, PIDONE_RUN_READY="exec:true",
                                  PIDONE_RUN_WAIT="exec:true"))
    p.until("/readyz", 200)
    emitted = set(re.findall("^# TYPE (\\S+) ", p.http("/metrics")[1], re.M))
    with open(PAGE, encoding="utf-8") as file:
        documented = names_in(file.read())
    # a limit there is not everywhere; test_metrics.py has one
    assert documented ^ emitted <= {"pidone_cgroup_memory_limit_bytes"}, documented ^ emitted


def test_rules():
    """promtool accepts the rules, and all that they ask for is there"""
    harness.need_command("promtool")
    groups = [text for text in blocks("yaml") if text.startswith("groups:")]
    assert len(groups) == 1
    path = harness.tmp + "/rules.yml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(groups[0])
    told = subprocess.run(["promtool", "check", "rules", path], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert told.returncode == 0 and "FAILED" not in told.stdout, told.stdout
    with open(PAGE, encoding="utf-8") as file:
        documented = names_in(file.read())
    asked = {name for rule in documents("groups")[0]["groups"][0]["rules"]
             for name in re.findall(r"pidone_[a-z_]+", rule["expr"])}
    assert len(asked) >= 4 and asked <= documented, asked - documented


def test_pod_monitor():
    """the PodMonitor asks at ports that the pod names"""
    monitor = [text for text in documents("kind") if text["kind"] == "PodMonitor"][0]
    named = {port["name"] for pod in pods() for each in containers(pod)
             for port in each.get("ports", [])}
    asked = {each["port"] for each in monitor["spec"]["podMetricsEndpoints"]}
    assert asked and asked <= named, asked


if __name__ == "__main__":
    harness.main()
