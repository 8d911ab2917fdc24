"""The network of a customer's namespace, as django-tenant makes it, around the pods that the chart
`django` makes: who may talk to whom, and that nobody else may."""
import itertools

import chart
import gitops
import pss
from flows import Pod, allowed
from harness import Failure

VALUES = {"customer": "acme", "quota": {"hard": {
    "pods": "9", "requests.cpu": "9", "requests.memory": "9Gi", "limits.memory": "9Gi",
    "requests.storage": "9Gi"}}, "parts": {"project": False}}
OUTSIDE = {"internet": "198.51.100.9", "internet, IPv6": "2001:db8:9::9", "private": "10.1.2.3",
           "private, IPv6": "fd00::9", "metadata": "169.254.169.254",
           "metadata, IPv6": "fd00:ec2::254", "mapped": "::ffff:10.1.2.3", "link-local": "fe80::1",
           "translated": "64:ff9b::a01:203"}


def policies(network=None):
    return chart.render(dict(VALUES, network=network or {}),
                        chart="django-tenant").all("NetworkPolicy")


def shared(**network):
    return policies(dict(network, shared=True))


def app():
    """The example's app `shop`."""
    return chart.render(*(gitops.EXAMPLES + name for name in (
        "/customer/apps/shop.yaml", "/hoster/_reset.yaml", "/hoster/clusters/c1.yaml",
        "/hoster/apps/acme/shop.yaml")))


def site(rendered):
    template = rendered.one("Deployment", "shop")["spec"]["template"]
    ports = {p["name"]: p["containerPort"] for _, c in pss.containers(template["spec"])
             for p in c.get("ports", [])}
    return Pod("acme", template["metadata"]["labels"], ports)


def ends(rendered=None):
    """Everybody there is: in the namespace, beside it, and outside."""
    cnpg = {"cnpg.io/cluster": "shop-db"}
    own = site(rendered or app())
    return dict(OUTSIDE, **{
        "site": own,
        "database": Pod("acme", dict(cnpg, **{"cnpg.io/podRole": "instance"})),
        "standby": Pod("acme", dict(cnpg, **{"cnpg.io/podRole": "instance"})),
        "import": Pod("acme", dict(cnpg, **{"cnpg.io/jobRole": "initdb"})),
        "pooler": Pod("acme", {"cnpg.io/poolerName": "shop-db-pooler"}),
        "solver": Pod("acme", {"acme.cert-manager.io/http01-solver": "true"}),
        "stranger": Pod("acme", {"app": "x"}),
        "spilo": Pod("acme", {"application": "spilo"}),
        "web": Pod("ingress-nginx", {"app": "nginx"}),
        "prometheus": Pod("monitoring", {}),
        "dns": Pod("kube-system", {"k8s-app": "kube-dns"}),
        "other in kube-system": Pod("kube-system", {"k8s-app": "x"}),
        "operator": Pod("cnpg-system", {"app.kubernetes.io/name": "cloudnative-pg"}),
        "other in cnpg-system": Pod("cnpg-system", {"app": "x"}),
        "neighbour's site": Pod("globex", own.labels),
    })


def talks(found, world):
    """{(client, server, port)} of all that goes through, over the ports that anybody has."""
    ports = [53, 443, 465, 5432, 6443, 8000, 8008, 8089, 9127, 9187, 80, 22, 6379] + \
        list(world["site"].ports.values())
    return {(a, b, port) for a, b in itertools.permutations(world, 2) for port in ports
            if "acme" in (namespace(world[a]), namespace(world[b]))
            and allowed(found, world[a], world[b], port)}


def namespace(end):
    return end.namespace if isinstance(end, Pod) else None


def compare(found, wanted):
    if found != wanted:
        raise Failure("only allowed: %s\nonly wanted: %s" % (sorted(found - wanted),
                                                            sorted(wanted - found)))


def usual(world):
    """What the pods of a namespace need of each other and of the cluster."""
    ports = world["site"].ports
    inside = ["site", "database", "standby", "import", "pooler", "solver", "stranger", "spilo"]
    servers = ["database", "standby", "import"]
    wanted = {(name, "dns", 53) for name in inside}
    wanted |= {("web", "site", ports[n]) for n in ("http", "files")} | {("web", "solver", 8089)}
    wanted |= {("prometheus", "site", port) for name, port in ports.items()
               if name not in ("http", "files")}
    wanted |= {("prometheus", name, 9187) for name in servers} | {("prometheus", "pooler", 9127)}
    wanted |= {("operator", name, port) for name in servers + ["pooler"] for port in (5432, 8000)}
    wanted |= {("site", name, 5432) for name in servers + ["pooler"]}
    wanted |= {(a, b, port) for a, b in itertools.permutations(servers + ["pooler"], 2)
               for port in (5432, 8000)}
    # the API server and the object store may be anywhere, until the hoster says where
    wanted |= {(name, to, port) for name in servers + ["pooler"] for to in OUTSIDE
               for port in (443, 6443)}
    return wanted


def test_default():
    """Alone it lets names be asked for, certificates be proved, and databases reach each other (who
    may reach them, the app says), the API server and the object store; nothing else."""
    world = ends()
    compare(talks(policies(), world), {
        (client, server, port) for client, server, port in usual(world)
        if server in ("dns", "solver") or server in OUTSIDE})


def test_with_an_app():
    """With an app beside it there is all that its pods, its database, visitors, metrics, names and
    certificates need, and nothing more."""
    rendered = app()
    world = ends(rendered)
    found = talks(policies() + rendered.all("NetworkPolicy"), world)
    wanted = usual(world)
    # the example's app has no pooler; the chart opens no 8000 to one
    wanted = {(a, b, port) for a, b, port in wanted if "pooler" not in (a, b) or
              b in ("dns",) or b in OUTSIDE}
    # hoster.network.internet of the chart `django`, at any port
    ports = {port for _, _, port in found}
    wanted |= {("site", to, port) for to in ("internet", "internet, IPv6") for port in ports}
    # a name server may be anywhere, since the chart cannot know where the cluster's is
    wanted |= {("site", to, 53) for to in world if namespace(world[to]) != "acme"}
    compare(found, wanted)


def test_shared():
    """With `shared` the same for all apps, whose own policies are not there."""
    world = ends()
    compare(talks(shared(), world), usual(world))


def test_dns_protocols():
    """Names are asked for by UDP and TCP, also at the port of OpenShift's servers."""
    world, found = ends(), policies()
    for port, protocol in itertools.product((53, 5353), ("UDP", "TCP")):
        assert allowed(found, world["site"], world["dns"], port, protocol)
        assert not allowed(found, world["site"], world["other in kube-system"], port,
                                   protocol)
    assert not allowed(found, world["site"], world["database"], 5432, "UDP")


def test_internet():
    """Apps then reach what is outside, of both families, and nothing private: not the nodes, not a
    cloud's metadata."""
    world = ends()
    compare(talks(shared(internet={"enabled": True}), world), usual(world) | {
        ("site", to, port) for to in ("internet", "internet, IPv6") for port in (80, 443, 465)})


def test_closed():
    """With nothing named nothing is let in, and a database reaches nothing but its like."""
    world = ends()
    found = shared(web=[], metrics=[], databaseOperator=[], apiServer={"addresses": []},
                   objectStore={"addresses": []},
                   dns={"to": [{"ipBlock": {"cidr": "169.254.20.10/32"}}]})
    compare(talks(found, world), {t for t in usual(world) if namespace(world[t[0]]) == "acme"
                                  and namespace(world[t[1]]) == "acme"})


def test_more():
    """A broker for apps, an old server for databases, Zalando's operator: only those, only there."""
    world = ends()
    found = shared(
        apiServer={"addresses": ["2001:db8:9::9/128"]}, objectStore={"addresses": []},
        egress=[{"to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}], "ports": [{"port": 6379}]}],
        databaseEgress=[{"to": [{"ipBlock": {"cidr": "fd00::9/128"}}], "ports": [{"port": 5432}]}],
        zalandoOperator=[{"namespaceSelector": {"matchLabels": {
            "kubernetes.io/metadata.name": "cnpg-system"}}}])
    servers = ["database", "standby", "import", "pooler", "spilo"]
    wanted = {t for t in usual(world) if t[1] not in OUTSIDE}
    wanted |= {(name, "internet, IPv6", port) for name in servers for port in (443, 6443)}
    wanted |= {("site", "private", 6379), ("site", "spilo", 5432)}
    wanted |= {(name, "private, IPv6", 5432) for name in servers}
    wanted |= {(name, "spilo", port) for name in ("operator", "other in cnpg-system")
               for port in (5432, 8008)}
    compare(talks(found, world), wanted)


if __name__ == "__main__":
    chart.main()
