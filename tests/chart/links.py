"""What one manifest says of another: names, labels and ports that must be somewhere else, too.

complaints(documents, outside): outside are names that somebody else makes."""
import pss

ZALANDO = ".credentials.postgresql.acid.zalan.do"


class World:
    def __init__(self, documents, outside):
        self.documents, self.outside = documents, set(outside)
        self.names = {(d["kind"], d["metadata"]["name"]): d for d in documents}
        # (title, labels, names and numbers of ports) of each pod that there will be
        self.pods = self._pods_with(lambda spec: spec["containers"])
        # Prometheus looks at init containers, too
        self.scraped = self._pods_with(lambda spec: [c for _, c in pss.containers(spec)])

    def _pods_with(self, containers):
        ours = [(title(d), template.get("metadata", {}).get("labels") or {},
                 {p.get(key) for c in containers(template["spec"])
                  for p in c.get("ports", []) for key in ("name", "containerPort")})
                for d in self.documents for template in pss.templates(d)]
        return ours + [(title(d), labels, ports) for d in self.documents
                       for labels, ports in _of_operators(d)]

    def has(self, kind, name):
        if kind == "Secret" and (("SealedSecret", name) in self.names or name.endswith(ZALANDO) or
                                 name.endswith("-app") and ("Cluster", name[:-4]) in self.names):
            return True
        return (kind, name) in self.names or name in self.outside

    def matched(self, selector, pods=None):
        return [pod for pod in pods or self.pods if selects(selector, pod[1])]


def _of_operators(document):
    """The pods that CloudNativePG makes: labels and ports that it documents."""
    name = document["metadata"]["name"]
    if document["kind"] == "Cluster":
        yield ({"cnpg.io/cluster": name, "cnpg.io/podRole": "instance"},
               {"metrics", "status", 5432, 8000, 9187})
    if document["kind"] == "Pooler":
        yield {"cnpg.io/poolerName": name, "cnpg.io/podRole": "pooler"}, {"metrics", 5432, 9127}


def title(document):
    return "%s/%s" % (document["kind"], document["metadata"]["name"])


def selects(selector, labels):
    """A label selector; {} is for all."""
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    for rule in selector.get("matchExpressions") or []:
        value, values = labels.get(rule["key"]), rule.get("values", [])
        if not {"In": value in values, "NotIn": value not in values, "Exists": value is not None,
                "DoesNotExist": value is None}[rule["operator"]]:
            return False
    return True


def complaints(documents, outside=()):
    world = World(documents, outside)
    for document in documents:
        here = title(document)
        for check in CHECKS:
            for text in check(world, document):
                yield "%s: %s" % (here, text)


def _workloads(world, document):
    """A controller selects its own pods, and nobody else's."""
    selector = document.get("spec", {}).get("selector")
    if document["kind"] not in ("Deployment", "StatefulSet", "DaemonSet"):
        return
    found = [name for name, _, _ in world.matched(selector)]
    if title(document) not in found:
        yield "the selector does not select its own pods"
    for name in sorted(set(found) - {title(document)}):
        yield "the selector selects the pods of %s, too" % name


def _services(world, document):
    if document["kind"] != "Service" or not document["spec"].get("selector"):
        return
    found = world.matched({"matchLabels": document["spec"]["selector"]})
    if not found:
        yield "selects no pod"
    for port in document["spec"]["ports"]:
        target = port.get("targetPort", port["port"])
        for name, _, ports in found:
            if target not in ports:
                yield "the port %s is none of the pods of %s" % (target, name)


def _backends(world, document):
    """(Service, its port by name or number) of an Ingress or HTTPRoute."""
    if document["kind"] == "Ingress":
        for rule in document["spec"].get("rules", []):
            for path in rule["http"]["paths"]:
                service = path["backend"]["service"]
                yield service["name"], service["port"].get("name", service["port"].get("number"))
    if document["kind"] == "HTTPRoute":
        for rule in document["spec"].get("rules", []):
            for backend in rule.get("backendRefs", []):
                yield backend["name"], backend["port"]


def _routes(world, document):
    for name, port in _backends(world, document):
        service = world.names.get(("Service", name))
        if service is None:
            yield "leads to the Service %s, which is not there" % name
        elif port not in [p.get(key) for p in service["spec"]["ports"] for key in ("name", "port")]:
            yield "leads to the port %s of the Service %s, which has none such" % (port, name)


def _selectors(world, document):
    """What is about pods is about some, and asks at ports that they have; but a chart without any
    pod is about those of others."""
    field = {"NetworkPolicy": "podSelector", "PodDisruptionBudget": "selector",
             "PodMonitor": "selector"}.get(document["kind"])
    if not field or not world.pods:
        return
    spec = document["spec"]
    found = world.matched(spec[field])
    if not found:
        yield "is about no pod"
    for endpoint in spec.get("podMetricsEndpoints", []):
        if not any(endpoint.get("port") in ports
                   for _, _, ports in world.matched(spec[field], world.scraped)):
            yield "no pod that it is about has the port %s" % endpoint.get("port")
    # an empty selector is about all pods of the namespace: not about these alone
    for rule in spec.get("ingress", []) if spec[field] else ():
        for port in rule.get("ports", []):
            if not any(port.get("port") in ports for _, _, ports in found):
                yield "lets in at the port %s, which no pod has that it is about" % port.get("port")


def _owned(world, document):
    """What is about a database names its Cluster."""
    if document["kind"] in ("Pooler", "ScheduledBackup", "Database", "Backup"):
        name = document["spec"]["cluster"]["name"]
        if not world.has("Cluster", name):
            yield "is about the Cluster %s, which is not there" % name


def _sources(volume):
    """(kind, name, keys) that a volume wants."""
    for place in [volume] + (volume.get("projected") or {}).get("sources", []):
        for field, kind, key in (("secret", "Secret", "secretName"),
                                 ("configMap", "ConfigMap", "name")):
            source = place.get(field)
            if source:
                name = source.get(key) or source.get("name")
                yield kind, name, [item["key"] for item in source.get("items", [])]
    claim = volume.get("persistentVolumeClaim")
    if claim:
        yield "PersistentVolumeClaim", claim["claimName"], []


def _wanted(spec):
    """(kind, name, keys) that a pod wants."""
    for volume in spec.get("volumes", []):
        yield from _sources(volume)
    for secret in spec.get("imagePullSecrets", []):
        yield "Secret", secret["name"], []
    if spec.get("serviceAccountName", "default") != "default":
        yield "ServiceAccount", spec["serviceAccountName"], []
    for _, container in pss.containers(spec):
        for source in container.get("envFrom", []):
            for field, kind in (("secretRef", "Secret"), ("configMapRef", "ConfigMap")):
                if field in source:
                    yield kind, source[field]["name"], []
        for variable in container.get("env", []):
            for field, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
                ref = variable.get("valueFrom", {}).get(field)
                if ref:
                    yield kind, ref["name"], [ref["key"]]


def _keys(world, kind, name):
    """Those that are known: None where somebody else makes it."""
    document = world.names.get((kind, name))
    sealed = world.names.get(("SealedSecret", name)) if kind == "Secret" else None
    if sealed:
        return set(sealed["spec"]["encryptedData"])
    return {key for field in ("data", "stringData", "binaryData")
            for key in document.get(field, {})} if document else None


def _pods(world, document):
    for template in pss.templates(document):
        for kind, name, keys in _wanted(template["spec"]):
            if not world.has(kind, name):
                yield "wants the %s %s, which nobody makes" % (kind, name)
            known = _keys(world, kind, name)
            for key in keys if known is not None else ():
                if key not in known:
                    yield "wants the key %s of the %s %s, which has none such" % (key, kind, name)
        yield from _probes(template["spec"])


def _probes(spec):
    for place, container in pss.containers(spec):
        ports = {p.get(key) for p in container.get("ports", []) for key in ("name", "containerPort")}
        handlers = [container.get(n) for n in ("livenessProbe", "readinessProbe", "startupProbe")]
        for handler in handlers + list((container.get("lifecycle") or {}).values()):
            for how in ("httpGet", "tcpSocket", "grpc"):
                port = ((handler or {}).get(how) or {}).get("port")
                if port is not None and port not in ports:
                    yield "%s: a probe asks at the port %s, which it has not" % (place, port)


CHECKS = (_workloads, _services, _routes, _selectors, _owned, _pods)
