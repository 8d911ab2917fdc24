"""Services, and what sends visitors to them: which pods answer for which host and path."""
from . import runtime
from .fields import Unsupported, check, one_of

KINDS = ("Service", "Ingress", "HTTPRoute")


def accept(manifest):
    """It has nothing that would be left out here."""
    kind, spec = manifest["kind"], manifest["spec"]
    if kind == "Service":
        check(kind, spec, "type", "selector", "ports", "ipFamilyPolicy", "ipFamilies")
        one_of("Service: type", spec.get("type", "ClusterIP"), "ClusterIP")
        for port in spec["ports"]:
            check(kind, port, "name", "port", "targetPort", "protocol", "appProtocol")
    elif kind == "Ingress":
        check(kind, spec, "ingressClassName", "tls", "rules")
        for rule in spec["rules"]:
            check(kind, rule, "host", "http")
            for path in check(kind, rule["http"], "paths")["paths"]:
                check(kind, path, "path", "pathType", "backend")
                one_of("pathType", path["pathType"], "Prefix")
    else:
        check(kind, spec, "parentRefs", "hostnames", "rules")
        for rule in spec["rules"]:
            check(kind, rule, "matches", "backendRefs", "timeouts")


def endpoints(service, port, pods):
    """ADDRESS:PORT of each ready pod. port: of the Service, by name or number."""
    spec = service["spec"]
    found = [p for p in spec["ports"] if port in (p.get("name"), p["port"])]
    if not found:
        raise Unsupported("Service %s has no port %s" % (service["metadata"]["name"], port))
    target = found[0].get("targetPort", found[0]["port"])
    addresses = []
    for pod in pods:
        if not pod.ready or any(pod.labels.get(key) != value
                                for key, value in spec["selector"].items()):
            continue
        if isinstance(target, str):
            named = {}
            for container in pod.main:
                named.update(runtime.ports(container.spec))
            if target not in named:
                continue        # no endpoint: so does Kubernetes, without a word
            addresses.append("%s:%d" % (pod.address, named[target]))
        else:
            addresses.append("%s:%d" % (pod.address, target))
    return sorted(addresses)


def _of_ingress(spec):
    """(host, path, name of the Service, its port)"""
    for rule in spec["rules"]:
        for path in rule["http"]["paths"]:
            service = path["backend"]["service"]
            port = service["port"].get("name", service["port"].get("number"))
            yield rule.get("host", ""), path["path"], service["name"], port


def _of_route(spec):
    for rule in spec["rules"]:
        for match in rule.get("matches") or [{"path": {"type": "PathPrefix", "value": "/"}}]:
            check("HTTPRoute", match, "path")
            one_of("HTTPRoute: path", match["path"]["type"], "PathPrefix")
            for host in spec.get("hostnames") or [""]:
                backend = rule["backendRefs"][0]
                yield host, match["path"]["value"], backend["name"], backend["port"]


def rules(objects, pods):
    """[host, path, addresses] of all that sends visitors somewhere."""
    found = []
    for (kind, _), manifest in sorted(objects.items()):
        if kind not in ("Ingress", "HTTPRoute"):
            continue
        parse = _of_ingress if kind == "Ingress" else _of_route
        for host, path, name, port in parse(manifest["spec"]):
            service = objects.get(("Service", name))
            found.append([host, path, endpoints(service, port, pods) if service else []])
    return found
