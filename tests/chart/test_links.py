"""The manifests of a release fit together: what one says of another is so."""
import chart
import links
import strict_yaml
import trees

GOOD = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop, part: site}}
  template:
    metadata: {labels: {app: shop, part: site}}
    spec:
      imagePullSecrets: [{name: registry}]
      initContainers: [{name: init, ports: [{name: init, containerPort: 9480}]}]
      containers:
      - name: run
        ports: [{name: http, containerPort: 8000}, {name: probes, containerPort: 9480}]
        livenessProbe: {httpGet: {port: probes, path: /livez}}
        envFrom: [{secretRef: {name: shop-env}}]
        env: [{name: KEY, valueFrom: {secretKeyRef: {name: shop-env, key: KEY}}}]
      volumes:
      - {name: files, persistentVolumeClaim: {claimName: shop-files}}
      - {name: config, configMap: {name: shop-config, items: [{key: a, path: b}]}}
      - {name: db, projected: {sources: [{secret: {name: shop-db-app}}]}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: shop-nightly}
spec:
  jobTemplate:
    spec:
      template:
        metadata: {labels: {app: shop, part: cron}}
        spec: {containers: [{name: cron}]}
---
{apiVersion: v1, kind: Service, metadata: {name: shop}, spec: {
  selector: {app: shop, part: site}, ports: [{name: http, port: 80, targetPort: http}]}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: shop}, spec: {rules: [
  {http: {paths: [{backend: {service: {name: shop, port: {name: http}}}}]}}]}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: shop}, spec: {
  rules: [{backendRefs: [{name: shop, port: 80}]}]}}
---
{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: shop}, spec: {
  selector: {matchLabels: {app: shop, part: site}}}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: shop}, spec: {
  podSelector: {matchExpressions: [{key: part, operator: In, values: [site]}]},
  ingress: [{ports: [{port: 8000}]}]}}
---
{apiVersion: monitoring.coreos.com/v1, kind: PodMonitor, metadata: {name: shop}, spec: {
  selector: {matchLabels: {app: shop}}, podMetricsEndpoints: [{port: probes}, {port: init}]}}
---
{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: shop-files}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: shop-config}, data: {a: "1"}}
---
{apiVersion: bitnami.com/v1alpha1, kind: SealedSecret, metadata: {name: shop-env}, spec: {
  encryptedData: {KEY: AgB}}}
---
{apiVersion: postgresql.cnpg.io/v1, kind: Cluster, metadata: {name: shop-db}}
---
{apiVersion: postgresql.cnpg.io/v1, kind: Pooler, metadata: {name: shop-db-pooler}, spec: {
  cluster: {name: shop-db}}}
"""
POD = "0.spec.template.spec."
# (path from the list of documents, another value): each breaks one link
BREAKS = [
    ("0.spec.selector.matchLabels.part", "sites"),
    ("0.spec.selector.matchLabels", {"app": "shop"}),
    (POD + "imagePullSecrets.0.name", "registries"),
    (POD + "containers.0.livenessProbe.httpGet.port", "http-probes"),
    (POD + "containers.0.envFrom.0.secretRef.name", "shop-envs"),
    (POD + "containers.0.env.0.valueFrom.secretKeyRef.key", "KEYS"),
    (POD + "volumes.0.persistentVolumeClaim.claimName", "shop-file"),
    (POD + "volumes.1.configMap.name", "shop-configs"),
    (POD + "volumes.1.configMap.items.0.key", "c"),
    (POD + "volumes.2.projected.sources.0.secret.name", "shop-dbs-app"),
    ("2.spec.selector.part", "sites"),
    ("2.spec.ports.0.targetPort", "https"),
    ("3.spec.rules.0.http.paths.0.backend.service.name", "shops"),
    ("3.spec.rules.0.http.paths.0.backend.service.port.name", "https"),
    ("4.spec.rules.0.backendRefs.0.name", "shops"),
    ("4.spec.rules.0.backendRefs.0.port", 81),
    ("5.spec.selector.matchLabels.part", "sites"),
    ("6.spec.podSelector.matchExpressions.0.values", ["sites"]),
    ("6.spec.ingress.0.ports.0.port", 8001),
    ("7.spec.selector.matchLabels.app", "shops"),
    ("7.spec.podMetricsEndpoints.0.port", "probe"),
    ("7.spec.podMetricsEndpoints.1.port", "inits"),
    ("12.spec.cluster.name", "shop"),
]


def test_checker():
    """The checks find each link that is broken, one at a time, and none in a release without."""
    good = strict_yaml.load_all(GOOD)
    assert not list(links.complaints(good, ["registry"])), list(links.complaints(good, ["registry"]))
    for path, value in BREAKS:
        folder, _, last = path.rpartition(".")
        assert trees.at(good, folder)[last] != value
        found = list(links.complaints(trees.broken(good, folder, {last: value}), ["registry"]))
        assert found and all(links.title(good[int(path.split(".")[0])]) in text
                             for text in found), (path, found)


def test_links():
    """Selectors select what they mean, routes lead to Services, Services to ports; what a pod
    wants is made by the chart, by an operator, or named in the values."""
    def complaints():
        for case, rendered in chart.rendered():
            outside = set(trees.scalars(strict_yaml.load(chart.read(rendered.values))))
            for text in links.complaints(rendered.docs, outside):
                yield "%s: %s" % (case, text)
    chart.complain(complaints())


if __name__ == "__main__":
    chart.main()
