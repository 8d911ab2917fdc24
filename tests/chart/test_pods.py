"""Every pod that a chart makes: what its namespace enforces, and what Kubernetes offers unasked."""
import copy

import chart
import pss
import trees

# A server of NFS acts as the users of its clients, which takes capabilities.
UNRESTRICTED = ("nfs",)

CONTAINER = {"name": "c", "image": "registry.example.org/shop@sha256:" + 64 * "0",
             "securityContext": {"allowPrivilegeEscalation": False,
                                 "capabilities": {"drop": ["ALL"]}}}
POD = {"metadata": {"annotations": {}},
       "spec": {"securityContext": {"runAsNonRoot": True, "runAsUser": 10001,
                                    "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [CONTAINER], "initContainers": [dict(CONTAINER, name="i")],
                "ephemeralContainers": [dict(CONTAINER, name="e")],
                "volumes": [{"name": kind, kind: {}} for kind in sorted(pss.VOLUMES)]}}

# rule → (path, value): the value at that place of the pod, or of a container, breaks the rule
OF_POD = {
    "HostProcess": [("spec.securityContext.windowsOptions", {"hostProcess": True})],
    "Host Namespaces": [("spec.hostNetwork", True), ("spec.hostPID", True), ("spec.hostIPC", True)],
    "Volume Types": [("spec.volumes", [{"name": "v", kind: {}}]) for kind in (
        "hostPath", "nfs", "gitRepo", "iscsi", "rbd", "cephfs", "flexVolume", "glusterfs")],
    "AppArmor": [("spec.securityContext.appArmorProfile", {"type": "Unconfined"}),
                 ("metadata.annotations", {pss.APPARMOR + "c": "unconfined"})],
    "SELinux": [("spec.securityContext.seLinuxOptions", {"type": "spc_t"}),
                ("spec.securityContext.seLinuxOptions", {"user": "system_u"}),
                ("spec.securityContext.seLinuxOptions", {"role": "sysadm_r"})],
    "Sysctls": [("spec.securityContext.sysctls", [{"name": "kernel.msgmax", "value": "1"}])],
    "Running as Non-root": [("spec.securityContext.runAsNonRoot", False),
                            ("spec.securityContext.runAsNonRoot", None)],
    "Running as Non-root user": [("spec.securityContext.runAsUser", 0)],
    "Seccomp": [("spec.securityContext.seccompProfile", None),
                ("spec.securityContext.seccompProfile", {"type": "Unconfined"})],
}
OF_CONTAINER = {
    "HostProcess": [("securityContext.windowsOptions", {"hostProcess": True})],
    "Privileged Containers": [("securityContext.privileged", True)],
    "Capabilities": [("securityContext.capabilities", None),
                     ("securityContext.capabilities", {"drop": []}),
                     ("securityContext.capabilities", {"drop": ["NET_RAW"]}),
                     ("securityContext.capabilities", {"drop": ["ALL"], "add": ["SYS_PTRACE"]})],
    "Host Ports": [("ports", [{"containerPort": 80}, {"containerPort": 81, "hostPort": 81}])],
    "Host Probes / Lifecycle Hooks": [
        ("livenessProbe", {"httpGet": {"host": "10.0.0.1", "port": 80}}),
        ("readinessProbe", {"tcpSocket": {"host": "10.0.0.1", "port": 80}}),
        ("startupProbe", {"httpGet": {"host": "10.0.0.1", "port": 80}}),
        ("lifecycle", {"preStop": {"httpGet": {"host": "10.0.0.1", "port": 80}}})],
    "AppArmor": [("securityContext.appArmorProfile", {"type": "Unconfined"})],
    "SELinux": [("securityContext.seLinuxOptions", {"type": "spc_t"})],
    "/proc Mount Type": [("securityContext.procMount", "Unmasked")],
    "Privilege Escalation": [("securityContext.allowPrivilegeEscalation", None),
                             ("securityContext.allowPrivilegeEscalation", True)],
    "Running as Non-root": [("securityContext.runAsNonRoot", False)],
    "Running as Non-root user": [("securityContext.runAsUser", 0)],
    "Seccomp": [("securityContext.seccompProfile", {"type": "Unconfined"})],
}


def changed(place, path, value):
    """Sets, or with None removes, what is at this path below place."""
    folder, _, last = path.rpartition(".")
    trees.at(place, folder).pop(last, None)
    if value is not None:
        trees.at(place, folder)[last] = value


def rules_broken(pod):
    return {text.split(": ")[0] for text in pss.complaints(pod)}


def test_checker():
    """The checker finds each way to break a rule of the standard, for the pod and for each kind of
    container, and nothing else in it; and it finds nothing in a pod that keeps all."""
    assert not pss.complaints(POD), pss.complaints(POD)
    for rule, ways in OF_POD.items():
        for path, value in ways:
            pod = copy.deepcopy(POD)
            changed(pod, path, value)
            assert rules_broken(pod) == {rule}, (rule, path, value, pss.complaints(pod))
    for rule, ways in OF_CONTAINER.items():
        for path, value in ways:
            for kind in pss.CONTAINERS:
                pod = copy.deepcopy(POD)
                changed(pod["spec"][kind][0], path, value)
                assert rules_broken(pod) == {rule}, (rule, path, value, pss.complaints(pod))
    assert set(OF_POD) | set(OF_CONTAINER) == set(pss.RULES)


def test_allowed():
    """What the standard allows is not complained of."""
    for path, value in (
            ("securityContext.capabilities", {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}),
            ("securityContext.seccompProfile", {"type": "Localhost", "localhostProfile": "x"}),
            ("securityContext.appArmorProfile", {"type": "RuntimeDefault"}),
            ("securityContext.seLinuxOptions", {"level": "s0:c1", "type": "container_t"}),
            ("securityContext.procMount", "Default"), ("securityContext.runAsUser", 1),
            ("ports", [{"containerPort": 80, "hostPort": 0}]),
            ("livenessProbe", {"httpGet": {"port": 80, "host": ""}})):
        pod = copy.deepcopy(POD)
        changed(pod["spec"]["containers"][0], path, value)
        assert not pss.complaints(pod), (path, value, pss.complaints(pod))
    # each container decides for itself, and the pod says nothing
    pod = copy.deepcopy(POD)
    for container in (pod["spec"][kind][0] for kind in pss.CONTAINERS):
        container["securityContext"].update(pod["spec"]["securityContext"])
    changed(pod, "spec.securityContext", None)
    assert not pss.complaints(pod), pss.complaints(pod)


def test_found_everywhere():
    """A pod is found in whatever holds one."""
    bad = {"spec": {"hostPID": True, "containers": []}}
    for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"):
        assert pss.templates({"kind": kind, "spec": {"template": bad}}) == [bad], kind
    assert pss.templates({"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": bad}}}})
    assert pss.templates(dict(bad, kind="Pod")) and pss.templates(
        {"kind": "PodTemplate", "template": bad})
    assert pss.templates({"kind": "Service", "spec": {}}) == []


def all_templates():
    """("chart/case: Kind/name", template)"""
    found = [("%s: %s" % (case, chart.title(document)), template)
             for case, rendered in chart.rendered() for document in rendered.docs
             for template in pss.templates(document)]
    assert found
    return found


def test_restricted():
    """Every pod of every case may run where "restricted" is enforced, but those of a few charts
    for the hoster, each of which needs more."""
    assert [name for name in chart.names() if name not in UNRESTRICTED]
    exempt = {name for name in UNRESTRICTED if name in chart.names()}
    for where, template in all_templates():
        if where.split("/")[0] in exempt and pss.complaints(template):
            exempt.remove(where.split("/")[0])
    assert not exempt, "may run restricted, and is yet in UNRESTRICTED: %s" % exempt
    chart.complain("%s: %s" % (where, text) for where, template in all_templates()
                   for text in pss.complaints(template)
                   if where.split("/")[0] not in UNRESTRICTED)


def test_nothing_unasked():
    """No pod gets a token for Kubernetes' API, nor variables about each Service of its namespace;
    every container asks for CPU and memory, and has a limit of memory."""
    def complaints():
        for where, template in all_templates():
            spec = template["spec"]
            for name in ("automountServiceAccountToken", "enableServiceLinks"):
                if spec.get(name) is not False:
                    yield "%s: %s is not false" % (where, name)
            for place, container in pss.containers(spec):
                resources = container.get("resources", {})
                for kind, name in (("requests", "cpu"), ("requests", "memory"),
                                   ("limits", "memory")):
                    if not resources.get(kind, {}).get(name):
                        yield "%s: %s: no %s of %s" % (where, place, kind, name)
    chart.complain(complaints())


def test_names():
    """Within a pod no container, volume, port, variable or mounted path is there twice, variables
    are in the order of their names, and what is mounted is there."""
    def twice(where, what, words):
        words = list(words)
        for word in sorted({w for w in words if words.count(w) > 1}):
            yield "%s: the %s %s is there twice" % (where, what, word)

    def complaints():
        for where, template in all_templates():
            spec = template["spec"]
            volumes = [volume["name"] for volume in spec.get("volumes", [])]
            yield from twice(where, "volume", volumes)
            yield from twice(where, "container", [c["name"] for _, c in pss.containers(spec)])
            yield from twice(where, "port", [p["containerPort"] for c in spec["containers"]
                                             for p in c.get("ports", [])])
            used = set()
            for place, container in pss.containers(spec):
                here = "%s: %s" % (where, place)
                mounts = container.get("volumeMounts", [])
                variables = [e["name"] for e in container.get("env", [])]
                yield from twice(here, "variable", variables)
                if variables != sorted(variables):
                    yield "%s: the variables are not in the order of their names" % here
                yield from twice(here, "mounted path", [m["mountPath"] for m in mounts])
                yield from twice(here, "port's name", [p["name"]
                                                      for p in container.get("ports", [])
                                                      if "name" in p])
                used |= {m["name"] for m in mounts}
            for name in sorted(used ^ set(volumes)):
                yield "%s: the volume %s is %s" % (where, name, "not mounted" if name in volumes
                                                   else "mounted, but there is none")
    chart.complain(complaints())


if __name__ == "__main__":
    chart.main()
