"""The Pod Security Standard "restricted" (which contains "baseline"), for what a namespace with
pod-security.kubernetes.io/enforce=restricted would let in. Written from the published standard:
each rule has the standard's name for it. For Linux pods; Windows has exceptions that are none here.
"""
CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim",
           "projected", "secret"}
SYSCTLS = {"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range",
           "net.ipv4.ip_unprivileged_port_start", "net.ipv4.tcp_syncookies",
           "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
           "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout",
           "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes"}
SELINUX_TYPES = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
PROFILES = {"RuntimeDefault", "Localhost"}
APPARMOR = "container.apparmor.security.beta.kubernetes.io/"


def templates(document):
    """[pod template] of one manifest: what has metadata and a pod's spec."""
    kind, spec = document["kind"], document.get("spec", {})
    if kind == "Pod":
        return [document]
    if kind == "PodTemplate":
        return [document["template"]]
    if kind == "CronJob":
        return [spec["jobTemplate"]["spec"]["template"]]
    if kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController",
                "Job"):
        return [spec["template"]]
    return []


def containers(spec):
    """(where, container) of all kinds."""
    return [("%s/%s" % (kind, container.get("name")), container)
            for kind in CONTAINERS for container in spec.get(kind) or []]


def contexts(spec):
    """(where, security context) of the pod and of each container; {} where there is none."""
    return [("pod", spec.get("securityContext") or {})] + [
        (where, container.get("securityContext") or {}) for where, container in containers(spec)]


def complaints(template):
    """["rule: where: what is wrong", …]"""
    spec = template["spec"]
    return ["%s: %s" % (rule, text)
            for rule, function in RULES.items() for text in function(spec, template)]


def _host_process(spec, _):
    for where, context in contexts(spec):
        if (context.get("windowsOptions") or {}).get("hostProcess"):
            yield where + ": hostProcess"


def _host_namespaces(spec, _):
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(name):
            yield name


def _privileged(spec, _):
    for where, context in contexts(spec):
        if context.get("privileged"):
            yield where + ": privileged"


def _capabilities(spec, _):
    for where, container in containers(spec):
        these = (container.get("securityContext") or {}).get("capabilities") or {}
        if "ALL" not in (these.get("drop") or []):
            yield where + ": drop has no ALL"
        more = set(these.get("add") or []) - {"NET_BIND_SERVICE"}
        if more:
            yield "%s: adds %s" % (where, ", ".join(sorted(more)))


def _volume_types(spec, _):
    for volume in spec.get("volumes") or []:
        for kind in sorted(set(volume) - VOLUMES - {"name"}):
            yield "%s is a %s" % (volume["name"], kind)


def _host_ports(spec, _):
    for where, container in containers(spec):
        for port in container.get("ports") or []:
            if port.get("hostPort"):
                yield "%s: %s" % (where, port["hostPort"])


def _host_probes(spec, _):
    for where, container in containers(spec):
        handlers = [container.get(name) for name in
                    ("livenessProbe", "readinessProbe", "startupProbe")]
        handlers += (container.get("lifecycle") or {}).values()
        for handler in handlers:
            for how in ("httpGet", "tcpSocket"):
                if ((handler or {}).get(how) or {}).get("host"):
                    yield "%s: %s of another host" % (where, how)


def _apparmor(spec, template):
    for where, context in contexts(spec):
        kind = (context.get("appArmorProfile") or {}).get("type")
        if kind not in PROFILES | {None}:
            yield "%s: %s" % (where, kind)
    for name, value in (template.get("metadata", {}).get("annotations") or {}).items():
        if name.startswith(APPARMOR) and value not in ("", "runtime/default") and \
                not value.startswith("localhost/"):
            yield "%s: %s" % (name, value)


def _selinux(spec, _):
    for where, context in contexts(spec):
        options = context.get("seLinuxOptions") or {}
        if options.get("type", "") not in SELINUX_TYPES:
            yield "%s: type %s" % (where, options["type"])
        for name in ("user", "role"):
            if options.get(name):
                yield "%s: %s %s" % (where, name, options[name])


def _proc_mount(spec, _):
    for where, context in contexts(spec):
        if context.get("procMount") not in (None, "Default"):
            yield "%s: %s" % (where, context["procMount"])


def _sysctls(spec, _):
    for sysctl in (spec.get("securityContext") or {}).get("sysctls") or []:
        if sysctl["name"] not in SYSCTLS:
            yield sysctl["name"]


def _privilege_escalation(spec, _):
    for where, container in containers(spec):
        if (container.get("securityContext") or {}).get("allowPrivilegeEscalation") is not False:
            yield where + ": allowPrivilegeEscalation is not false"


def _inherited(spec, value_of, good):
    """Where a container's own value is bad, or it has none and neither has the pod. A bad one of
    the pod is bad, too, even if each container has its own."""
    (_, pod), *others = contexts(spec)
    if value_of(pod) is not None and not good(value_of(pod)):
        yield "pod: %s" % value_of(pod)
    for where, context in others:
        value = value_of(context)
        if value is None and value_of(pod) is None:
            yield where + ": neither here nor for the pod"
        elif value is not None and not good(value):
            yield "%s: %s" % (where, value)


def _non_root(spec, _):
    return _inherited(spec, lambda c: c.get("runAsNonRoot"), lambda value: value is True)


def _non_root_user(spec, _):
    for where, context in contexts(spec):
        if context.get("runAsUser") == 0:
            yield where + ": runAsUser 0"


def _seccomp(spec, _):
    return _inherited(spec, lambda c: (c.get("seccompProfile") or {}).get("type"),
                      lambda value: value in PROFILES)


RULES = {
    "HostProcess": _host_process,
    "Host Namespaces": _host_namespaces,
    "Privileged Containers": _privileged,
    "Capabilities": _capabilities,
    "Volume Types": _volume_types,
    "Host Ports": _host_ports,
    "Host Probes / Lifecycle Hooks": _host_probes,
    "AppArmor": _apparmor,
    "SELinux": _selinux,
    "/proc Mount Type": _proc_mount,
    "Sysctls": _sysctls,
    "Privilege Escalation": _privilege_escalation,
    "Running as Non-root": _non_root,
    "Running as Non-root user": _non_root_user,
    "Seccomp": _seccomp,
}
