"""Who may talk to the app and its database, and to whom they may: flows, not words."""
import ipaddress

import chart
import pss
from flows import Pod, allowed
from samples import ALL_ROLES, APP, ONE_NODE, postgres

INGRESS = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}
METRICS = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}},
           "podSelector": {"matchLabels": {"app": "prometheus"}}}
CLOSED = {"hoster": {"network": {"ingressFrom": [INGRESS], "metricsFrom": [METRICS]}}}
POOLER = {"hoster": {"postgres": {"cluster": {"pooler": {"enabled": True}}}}}
FILES = {"app": {"files": {"urls": {"/media/": "media"}}},
         "hoster": {"fileServer": {"image": "registry.example.org/nginx@sha256:" + 64 * "1"}}}

CONTROLLER = Pod("ingress", {"app": "controller"})
PROMETHEUS = Pod("monitoring", {"app": "prometheus"})
GRAFANA = Pod("monitoring", {"app": "grafana"})
OPERATOR = Pod("cnpg-system", {"app.kubernetes.io/name": "cloudnative-pg"})
STRANGER = Pod("other", {"app.kubernetes.io/name": "django",
                         "app.kubernetes.io/instance": "shop"})
# another app of the same customer: the namespace has no wall between them but ours
NEIGHBOUR = Pod("acme", {"app.kubernetes.io/name": "django",
                         "app.kubernetes.io/instance": "blog",
                         "app.kubernetes.io/component": "site"})
DNS = Pod("kube-system", {"k8s-app": "kube-dns"})
DATABASE = Pod("acme", {"cnpg.io/cluster": "shop-db", "cnpg.io/podRole": "instance",
                        "app.kubernetes.io/name": "postgresql",
                        "app.kubernetes.io/instance": "shop-db"}, {"metrics": 9187})
IMPORT_JOB = Pod("acme", {"cnpg.io/cluster": "shop-db", "cnpg.io/jobRole": "import"})
OTHER_DATABASE = Pod("acme", {"cnpg.io/cluster": "blog-db", "cnpg.io/podRole": "instance"})
PGBOUNCER = Pod("acme", {"cnpg.io/poolerName": "shop-db-pooler", "cnpg.io/podRole": "pooler"},
                {"metrics": 9127})
NEW_PGBOUNCER = Pod("acme", dict(PGBOUNCER.labels, **{"cnpg.io/cluster": "shop-db"}),
                    PGBOUNCER.ports)
ZALANDO = Pod("acme", {"application": "spilo", "cluster-name": "acme-main"})


class World:
    def __init__(self, *values):
        self.rendered = chart.render(APP, *values)
        self.policies = self.rendered.all("NetworkPolicy")
        self.pods = {}     # component → Pod
        for document in self.rendered.docs:
            for template in pss.templates(document):
                labels = template["metadata"]["labels"]
                ports = {p["name"]: p["containerPort"] for _, c in pss.containers(template["spec"])
                         for p in c.get("ports", [])}
                self.pods[labels["app.kubernetes.io/component"]] = Pod("acme", labels, ports)

    def expect(self, flows):
        """(client, server, port, protocol) → whether it may be."""
        for (client, server, port, *protocol), wanted in flows:
            found = allowed(self.policies, client, server, port, *protocol)
            assert found == wanted, "%s to %s at %d is %s" % tuple(
                [end if isinstance(end, str) else "%s %s" % (end.namespace, end.labels)
                 for end in (client, server)] + [port, "allowed" if found else "forbidden"])


def test_visitors():
    """Only the site's pods are visited, and only at the ports of the site and of its files: by
    whom the hoster names, or by anybody where nobody is named."""
    world = World(ALL_ROLES, ONE_NODE, FILES, CLOSED)
    site = world.pods["site"]
    http, files, probes = (site.ports[name] for name in ("http", "files", "probes"))
    world.expect([((CONTROLLER, site, http), True), ((CONTROLLER, site, files), True),
                  ((CONTROLLER, site, probes), False), ((CONTROLLER, site, 9999), False)] +
                 [((client, site, port), False) for port in (http, files)
                  for client in (STRANGER, NEIGHBOUR, PROMETHEUS, "192.0.2.1")])
    for component in ("cron", "task", "preflight"):
        world.expect([((CONTROLLER, world.pods[component], http), False)])
    world = World(ALL_ROLES)
    world.expect([((client, world.pods["site"], http), True)
                  for client in (CONTROLLER, STRANGER, NEIGHBOUR, "192.0.2.1")] +
                 [((CONTROLLER, world.pods[worker], http), False) for worker in ("async", "beat")] +
                 [((CONTROLLER, world.pods["site"], probes), False)])


def test_metrics():
    """pidone's ports of all pods, and the database's, are read by whom the hoster names; by
    anybody where monitoring is on and nobody is named; otherwise by nobody."""
    def ports(world):
        for component, pod in world.pods.items():
            for name, number in pod.ports.items():
                if name not in ("http", "files"):
                    yield pod, number
        yield from ((DATABASE, 9187), (PGBOUNCER, 9127), (NEW_PGBOUNCER, 9127))

    monitored = {"hoster": {"monitoring": {"enabled": True}}}
    for values, who in (((CLOSED,), [PROMETHEUS]), ((CLOSED, monitored), [PROMETHEUS]),
                        ((monitored,), [PROMETHEUS, GRAFANA, STRANGER]), ((), [])):
        world = World(ALL_ROLES, POOLER, *values)
        assert len(list(ports(world))) >= 6
        world.expect([((client, pod, port), client in who) for pod, port in ports(world)
                      for client in (PROMETHEUS, GRAFANA, STRANGER)])


def test_database():
    """The database is reached by its own app's pods, of each kind, by its pooler, by its own
    servers and by the operator; the pooler by the app; by nobody else."""
    for values in (ALL_ROLES,), (ALL_ROLES, ONE_NODE):
        world = World(POOLER, *values)
        for component, pod in world.pods.items():
            world.expect([((pod, DATABASE, 5432), True), ((pod, PGBOUNCER, 5432), True),
                          ((pod, NEW_PGBOUNCER, 5432), True), ((pod, DATABASE, 8000), False),
                          ((pod, OTHER_DATABASE, 5432), False)])
    world.expect(
        [((PGBOUNCER, DATABASE, 5432), True), ((NEW_PGBOUNCER, DATABASE, 5432), True),
         ((DATABASE, DATABASE, 5432), True), ((IMPORT_JOB, DATABASE, 5432), True),
         ((DATABASE, DATABASE, 8000), True)] +
        [((OPERATOR, DATABASE, port), True) for port in (5432, 8000)] +
        [((client, server, port), False) for server in (DATABASE, PGBOUNCER)
         for client in (STRANGER, NEIGHBOUR, OTHER_DATABASE, CONTROLLER, PROMETHEUS, "192.0.2.1",
                        Pod("cnpg-system", {"app": "x"}))
         for port in (5432, 8000)])
    elsewhere = {"hoster": {"network": {"databaseOperator": [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "operators"}}}]}}}
    World(elsewhere).expect([((OPERATOR, DATABASE, 8000), False),
                             ((Pod("operators", {}), DATABASE, 8000), True)])


def test_database_of_somebody_else():
    """Zalando's: its pods. A Secret: its port, wherever that is, as only the Secret says."""
    zalando = World(postgres(source="zalando", zalando={
        "cluster": "acme-main", "user": "shop", "database": "shop"}))
    site = zalando.pods["site"]
    zalando.expect([((site, ZALANDO, 5432), True), ((site, ZALANDO, 8008), False),
                    ((site, DATABASE, 5432), False)])
    secret = World(postgres(source="secret", secret={"name": "shared", "port": 6432}))
    secret.expect([((site, "10.1.2.3", 6432), True), ((site, DATABASE, 6432), True),
                   ((site, "fd00::1", 6432), True), ((site, "10.1.2.3", 5432), False)])
    none = World(postgres(source="none"))
    none.expect([((site, "10.1.2.3", 5432), False), ((site, DATABASE, 5432), False)])
    for world in (zalando, secret, none):
        assert sorted(p["metadata"]["name"] for p in world.policies) == ["shop", "shop-site"]


# What no pod needs of the world outside; a cloud's credentials are at 169.254.169.254
INSIDE = ["0.0.0.1", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1",
          "169.254.169.254", "169.254.20.10", "172.16.0.1", "172.31.255.255", "192.0.0.1",
          "192.168.0.1", "198.18.0.1", "198.19.255.255", "224.0.0.1", "255.255.255.255",
          "::1", "::", "fc00::1", "fd00:ec2::254", "fe80::1", "febf::1", "fec0::1", "ff02::1"]
OUTSIDE = ["1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
           "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.255.255",
           "192.169.0.0", "198.17.255.255", "198.20.0.0", "203.0.114.1", "223.255.255.255",
           "2001:4860:4860::8888", "2606:4700:4700::1111", "2a00::1", "64:ff9b::101:101"]


def test_outside():
    """The world outside is reached, at any port; nothing private, of this link or of this machine
    is, also not by an IPv6 address that stands for the IPv4 one."""
    def by_detours(address):
        if ":" not in address:
            number = int(ipaddress.ip_address(address))
            for prefix in ("64:ff9b::", "::", "::ffff:0:0"):
                yield str(ipaddress.ip_address(int(ipaddress.ip_address(prefix)) + number))
            yield str(ipaddress.ip_address(0x2002 << 112 | number << 80 | 1))

    mine = {"hoster": {"network": {"clusterNetworks": ["203.0.112.0/24", "2a0f::/16"]}}}
    world = World(ALL_ROLES, mine)
    for component in ("site", "async", "cron", "task"):
        pod = world.pods[component]
        world.expect(
            [((pod, address, port), True) for address in OUTSIDE for port in (25, 443, 65535)] +
            [((pod, address, 443), False) for inside in INSIDE + ["203.0.112.9", "2a0f::9"]
             for address in [inside] + (list(by_detours(inside)) if inside in INSIDE else [])] +
            [((pod, "1.1.1.1", 443, "UDP"), True), ((pod, STRANGER, 443), False)])
    closed = World({"hoster": {"network": {"internet": False}}})
    closed.expect([((closed.pods["site"], address, 443), False) for address in OUTSIDE] +
                  [((closed.pods["site"], DNS, 53, protocol), True) for protocol in ("UDP", "TCP")])


def test_named():
    """Whom the hoster names is reached, at the ports that are named: TCP, unless UDP is said."""
    broker = {"podSelector": {"matchLabels": {"app": "redis"}}}
    world = World({"hoster": {"network": {"internet": False, "egress": [
        {"to": [broker], "ports": [{"port": 6379}]},
        {"to": [{"ipBlock": {"cidr": "10.9.0.0/16", "except": ["10.9.9.0/24"]}}],
         "ports": [{"port": 514, "protocol": "UDP"}]},
        {"to": [{"ipBlock": {"cidr": "2001:db8::/32"}}]}]}}})
    site, redis = world.pods["site"], Pod("acme", {"app": "redis"})
    world.expect([((site, redis, 6379), True), ((site, redis, 6380), False),
                  ((site, redis, 6379, "UDP"), False),
                  ((site, Pod("other", {"app": "redis"}), 6379), False),
                  ((site, "10.9.1.1", 514, "UDP"), True), ((site, "10.9.1.1", 514), False),
                  ((site, "10.9.9.1", 514, "UDP"), False), ((site, "2001:db8::1", 1), True),
                  ((NEIGHBOUR, redis, 6379), True)])


def test_none():
    """hoster.network.policy: false means none at all; and policies are there before the pods."""
    assert not World({"hoster": {"network": {"policy": False}}}).policies
    for policy in World(POOLER).policies:
        assert policy["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] == "-2", policy


def test_budgets():
    """A budget for each that has more than one pod: the site, a worker of its own, the pooler.
    A pod that is broken is in no drain's way."""
    def budgets(*values):
        rendered = chart.render(APP, ALL_ROLES, *values)
        for budget in rendered.all("PodDisruptionBudget"):
            assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
            assert budget["spec"]["maxUnavailable"] == 1
        return {b["metadata"]["name"]: b["spec"]["selector"]["matchLabels"]
                for b in rendered.all("PodDisruptionBudget")}

    assert not budgets() and not budgets(POOLER)
    found = budgets(POOLER, {"hoster": {"replicas": {"run": 3, "beat": 2}, "postgres": {
        "cluster": {"pooler": {"instances": 2}}}}})
    assert found == {
        "shop": {"app.kubernetes.io/instance": "shop", "app.kubernetes.io/component": "site"},
        "shop-beat": {"app.kubernetes.io/instance": "shop", "app.kubernetes.io/component": "beat"},
        "shop-db-pooler": {"cnpg.io/poolerName": "shop-db-pooler"}}


if __name__ == "__main__":
    chart.main()
