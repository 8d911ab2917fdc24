"""Every manifest has the fields that its kind has, with values of their types and patterns."""
import json

import chart
import harness
import strict_yaml
import trees
import typed

# one of each API group that the charts use, and of Kubernetes' own what matters most
GOOD = """
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {ports: [{port: 80, targetPort: http}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      securityContext: {runAsNonRoot: true}
      containers:
      - {name: run, image: shop, imagePullPolicy: Always, ports: [{containerPort: 8000}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: shop}
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: b}]}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: shop}
spec: {podSelector: {matchLabels: {app: shop}}, policyTypes: [Ingress]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: shop}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: shop}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: shop}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop}
spec:
  project: acme
  destination: {namespace: acme, name: here}
  sources: [{repoURL: "https://git.example.org/charts", path: django, targetRevision: main}]
---
apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata: {name: shop}
spec: {encryptedData: {KEY: AgB}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec: {hostnames: [shop.example.org], rules: [{backendRefs: [{name: shop, port: 80}]}]}
---
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata: {name: shop}
spec: {selector: {matchLabels: {app: shop}}, podMetricsEndpoints: [{port: probes}]}
---
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: {name: shop-db}
spec: {instances: 1, storage: {size: 5Gi}}
"""
# (kind, path, a new key or value): one mistake each, as somebody makes it
TYPOS = [
    ("Service", "spec.ports.0", {"targetport": "http"}),
    ("Deployment", "spec", {"replica": 2}),
    ("Deployment", "spec.template.spec.securityContext", {"runAsNonRot": True}),
    ("Deployment", "spec.template.spec.containers.0", {"imagePullPolcy": "Always"}),
    ("Deployment", "spec.template.spec.containers.0.ports.0", {"containerPort": "8000"}),
    ("CronJob", "spec.jobTemplate.spec.template.spec", {"restartpolicy": "Never"}),
    ("NetworkPolicy", "spec", {"policyType": ["Egress"]}),
    ("PodDisruptionBudget", "spec", {"maxUnavailabel": 1}),
    ("Role", "rules.0", {"verb": ["get"]}),
    ("Application", "spec", {"sorces": []}),
    ("SealedSecret", "spec", {"encryptedDatas": {}}),
    ("HTTPRoute", "spec.rules.0.backendRefs.0", {"prot": 80}),
    ("PodMonitor", "spec.podMetricsEndpoints.0", {"intervall": "30s"}),
    ("Cluster", "spec.storage", {"sizes": "5Gi"}),
]
# of the right type, and yet wrong
VALUES = [
    ("Deployment", "spec.template.spec.containers.0", {"imagePullPolicy": "Sometimes"}),
    ("HTTPRoute", "spec.hostnames", {"0": "Shop_.example.org"}),
    ("PodMonitor", "spec.podMetricsEndpoints.0", {"interval": "often"}),
    ("Cluster", "spec", {"instances": 0}),
]
# Where any key may stand: its name is the user's.
MAPS = {"labels", "annotations", "matchLabels", "nodeSelector", "limits", "requests", "data",
        "stringData", "binaryData", "encryptedData", "parameters", "hard", "default",
        "defaultRequest", "max", "min", "connectionParameters"}
MORE_MAPS = {"kubernetes-models/v1/Service spec.selector"}


def manifests():
    """(where, document) of all cases of all charts, each document once."""
    found = {}
    for case, rendered in chart.rendered():
        for document in rendered.docs:
            found.setdefault(json.dumps(document), ("%s: %s" % (case, chart.title(document)),
                                                    typed.typed_as(document)))
    return list(found.values())


@harness.limit(60)
def test_checker():
    """The compiler and the schemas find one mistake in a kind of each API group, and none where
    there is none."""
    good = {document["kind"]: document for document in strict_yaml.load_all(GOOD)}
    bad = [trees.broken(good[kind], path, change) for kind, path, change in TYPOS + VALUES]
    compiler = typed.compiled(list(good.values()) + bad)
    assert not any(compiler[:len(good)]), compiler[:len(good)]
    for typo, found in zip(TYPOS, compiler[len(good):]):
        assert found and list(typo[2])[0] in found[0], (typo, found)
    schema = typed.validated(list(good.values()) + bad)
    assert not any(schema[:len(good)]), schema[:len(good)]
    for value, found in zip(VALUES, schema[len(good) + len(TYPOS):]):
        assert found, value


@harness.limit(60)
def test_types():
    """No manifest has an unknown field, lacks one, or has a value of a wrong type."""
    found = manifests()
    chart.complain("%s: %s" % (where, text)
                   for (where, _), texts in zip(found, typed.compiled([d for _, d in found]))
                   for text in texts)


@harness.limit(60)
def test_schemas():
    """No manifest has a value against the pattern, range or list of values of its field."""
    found = manifests()
    chart.complain("%s: %s" % (where, text) for (where, _), text in
                   zip(found, typed.validated([d for _, d in found])) if text)


@harness.limit(120)
def test_every_object_is_closed():
    """An unknown field is found in each object of each kind that a case has, but where keys are
    the user's own: so test_types would have seen it."""
    tried = {}
    for where, document in manifests():
        for path, value in trees.objects(document):
            words = [word for word in path.split(".") if not word.isdigit()]
            shape = "%s %s" % (typed.specifier(document), ".".join(words))
            if not (words and words[-1] in MAPS) and shape not in MORE_MAPS and \
                    shape not in tried:
                tried[shape] = trees.broken(document, path, {"pidoneTypo": "x"})
    compiler = typed.compiled(list(tried.values()))
    chart.complain("an unknown field is accepted in %s" % shape
                   for shape, found in zip(tried, compiler) if not found)


if __name__ == "__main__":
    chart.main()
