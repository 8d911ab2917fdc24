"""What rendered objects take of a ResourceQuota, at the worst moment."""
from collections import Counter
from fractions import Fraction

from checks.amounts import number

COUNTED = {"Deployment": "count/deployments.apps", "CronJob": "count/cronjobs.batch",
           "Job": "count/jobs.batch", "Service": "count/services", "ConfigMap": "count/configmaps",
           "Ingress": "count/ingresses.networking.k8s.io", "SealedSecret": "count/secrets"}
# what CloudNativePG makes beside the pods of one Cluster, and of one Pooler
CLUSTER = {"count/services": 3, "count/secrets": 6, "count/configmaps": 1, "count/jobs.batch": 1}
POOLER = {"count/deployments.apps": 1, "count/services": 1}
# what cert-manager makes for each host while it proves it
SOLVER = {"pods": 1, "requests.cpu": Fraction(1, 100), "requests.memory": 64 * 2**20,
          "limits.memory": 64 * 2**20, "limits.cpu": Fraction(1, 10), "count/services": 1,
          "count/ingresses.networking.k8s.io": 1}
# finished Jobs that a CronJob keeps, and the one that runs
KEPT = 5


class Limits:
    """The LimitRange: what a container gets that says nothing, and may have."""

    def __init__(self, documents):
        limits = [entry for d in documents if d["kind"] == "LimitRange"
                  for entry in d["spec"]["limits"]]
        self.container = next((e for e in limits if e["type"] == "Container"), {})
        self.volume = next((e for e in limits if e["type"] == "PersistentVolumeClaim"), {})

    def of(self, container):
        """requests.cpu and the like of one container, as the API server fills them in."""
        resources = container.get("resources") or {}
        limits = dict(self.container.get("default") or {}, **(resources.get("limits") or {}))
        requests = dict(self.container.get("defaultRequest") or {})
        # without a request of its own, a container requests its own limit
        requests.update(resources.get("limits") or {})
        requests.update(resources.get("requests") or {})
        found = {}
        for what, given in (("requests", requests), ("limits", limits)):
            for key in ("cpu", "memory"):
                if key in given:
                    found["%s.%s" % (what, key)] = number(given[key])
        return found


def add(parts):
    total = Counter()
    for part in parts:
        for key, value in part.items():
            total[key] += value
    return total


def times(count, part):
    return {key: count * value for key, value in part.items()}


def of_pod(spec, limits):
    """Containers run together; init containers before, one by one, and those that stay
    (restartPolicy Always) beside whatever follows."""
    beside, before = Counter(), Counter()
    for container in spec.get("initContainers") or []:
        own = limits.of(container)
        if container.get("restartPolicy") == "Always":
            beside = add([beside, own])
        else:
            for key, value in add([beside, own]).items():
                before[key] = max(before[key], value)
    running = add([beside] + [limits.of(c) for c in spec["containers"]])
    most = {key: max(running[key], before[key]) for key in set(running) | set(before)}
    return dict(most, pods=1)


def surge(spec):
    """Pods that a rolling update starts before it ends others."""
    strategy = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return 0
    most = (strategy.get("rollingUpdate") or {}).get("maxSurge", "25%")
    if isinstance(most, str):
        return -(-spec.get("replicas", 1) * int(most.rstrip("%")) // 100)
    return most


def of_cluster(spec, limits):
    """One of CloudNativePG: its pods all have the same resources, and one or two volumes."""
    instances = spec.get("instances", 1)
    pod = dict(limits.of({"resources": spec.get("resources")}), pods=1)
    sizes = [number(spec[key]["size"]) for key in ("storage", "walStorage") if spec.get(key)]
    return add([times(instances, pod), CLUSTER, times(instances, {
        "requests.storage": sum(sizes), "persistentvolumeclaims": len(sizes)})])


def of_pooler(spec, limits):
    template = get_template(spec)
    containers = template.get("containers") or [{}]
    pod = of_pod({"containers": containers}, limits)
    return add([times(spec.get("instances", 1) + 1, pod), POOLER])


def get_template(spec):
    return ((spec.get("template") or {}).get("spec")) or {}


def of_object(document, limits):
    kind, spec = document["kind"], document.get("spec") or {}
    if kind == "Deployment":
        return times(spec.get("replicas", 1) + surge(spec), of_pod(get_template(spec), limits))
    if kind == "Job":
        return of_pod(get_template(spec), limits)
    if kind == "CronJob":
        return add([of_pod(get_template(spec["jobTemplate"]["spec"]), limits),
                    {"count/jobs.batch": KEPT}])
    if kind == "PersistentVolumeClaim":
        return {"persistentvolumeclaims": 1,
                "requests.storage": number(spec["resources"]["requests"]["storage"])}
    if kind == "Cluster":
        return of_cluster(spec, limits)
    if kind == "Pooler":
        return of_pooler(spec, limits)
    if kind == "Ingress":
        hosts = {rule.get("host") for rule in spec.get("rules") or []}
        return add([times(len(hosts), SOLVER), {"count/secrets": 1}])
    return {}


def of(documents, limits):
    """Everything of one app."""
    counts = [{COUNTED[d["kind"]]: 1} for d in documents if d["kind"] in COUNTED]
    return add(counts + [of_object(d, limits) for d in documents])


def beyond(documents, limits):
    """(where, key, amount, most) of each container or volume that the LimitRange would refuse."""
    most = limits.container.get("max") or {}
    for document in documents:
        spec = document.get("spec") or {}
        if document["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        pod = get_template(spec)
        found = (pod.get("initContainers") or []) + (pod.get("containers") or [])
        if document["kind"] == "Cluster":
            found = [{"name": "postgres", "resources": spec.get("resources")}]
        for container in found:
            for key in ("cpu", "memory"):
                value = limits.of(container).get("limits." + key)
                if key in most and value is not None and value > number(most[key]):
                    yield ("%s %s, container %s," % (document["kind"], document["metadata"]["name"],
                                                     container["name"]), key, value,
                           number(most[key]))
        yield from _volumes(document, spec, number(limits.volume.get("max", {}).get("storage")))


def _volumes(document, spec, most):
    sizes = []
    if document["kind"] == "PersistentVolumeClaim":
        sizes = [spec["resources"]["requests"]["storage"]]
    if document["kind"] == "Cluster":
        sizes = [spec[key]["size"] for key in ("storage", "walStorage") if spec.get(key)]
    for size in sizes:
        if most is not None and number(size) > most:
            yield ("%s %s" % (document["kind"], document["metadata"]["name"]), "storage",
                   number(size), most)
