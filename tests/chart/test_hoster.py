"""What the hoster's file must not say: each sentence names the file and the key, and who does what
it says instead gets what the chart renders."""
import re

import chart
from samples import APP, cluster, postgres

IMPORT = {"host": "old.example.net", "database": "site", "user": "reader", "passwordSecret": "old"}
ZALANDO = {"cluster": "acme-main", "user": "shop", "database": "shop"}
STORE = {"objectStore": "store", "serverName": "shop-db-2"}


def without(values, key):
    return {k: v for k, v in values.items() if k != key}


# (values, keys of which the sentences are about, what to write instead as further values)
WRONG = [
    (postgres(source="secret"), ["secret.name"], postgres(secret={"name": "shared"})),
    (postgres(secret={"name": "shared"}), ["secret.name"], postgres(source="secret")),
    (postgres(source="zalando"), ["zalando." + key for key in ZALANDO], postgres(zalando=ZALANDO)),
    (postgres(zalando=ZALANDO), ["zalando." + key for key in ZALANDO], postgres(source="zalando")),
    (postgres(source="none", cluster={"pooler": {"enabled": True}}), ["cluster.pooler.enabled"],
     cluster(pooler={"enabled": False})),
    (cluster(imageName="registry.example.org:5000/pg@sha256:" + 64 * "0"), ["cluster.imageName"],
     cluster(imageName="registry.example.org:5000/pg:17.6@sha256:" + 64 * "0")),
    (postgres(source="none", cluster={"import": IMPORT}), ["cluster.import.host"],
     postgres(source="cluster")),
    (postgres(source="none", cluster={"backup": STORE, "recovery": {"serverName": "shop-db"}}),
     ["cluster.recovery.serverName"], postgres(source="cluster")),
    (cluster(**{"import": IMPORT, "backup": STORE, "recovery": {"serverName": "shop-db"}}),
     ["cluster.import.host"], cluster(recovery={"serverName": ""})),
    (cluster(**{"import": dict(IMPORT, sslMode="verify-ca")}), ["cluster.import.caSecret"],
     cluster(**{"import": {"caSecret": "ca"}})),
    (cluster(**{"import": dict(IMPORT, caSecret="ca")}), ["cluster.import.caSecret"],
     cluster(**{"import": {"sslMode": "verify-full"}})),
    (cluster(recovery={"serverName": "old-db"}), ["cluster.backup.objectStore"],
     cluster(backup={"objectStore": "store"})),
    (cluster(recovery={"targetTime": "2026-01-31T12:00:00Z"}), ["cluster.recovery.targetTime"],
     cluster(backup=STORE, recovery={"serverName": "shop-db"})),
    (cluster(backup={"serverName": "shop-db-2"}), ["cluster.backup.serverName"],
     cluster(backup={"objectStore": "store"})),
    (cluster(backup={"objectStore": "store"}, recovery={"serverName": "shop-db"}),
     ["cluster.recovery.serverName"], cluster(backup={"serverName": "shop-db-2"})),
    (cluster(backup=STORE, recovery={"serverName": "shop-db-2"}), ["cluster.recovery.serverName"],
     cluster(backup={"serverName": "shop-db-3"})),
    ({"hoster": {"network": {"databaseOperator": []}}}, ["network.databaseOperator"],
     {"hoster": {"network": {"databaseOperator": [{"podSelector": {}}]}}}),
    ({"hoster": {"network": {"egress": [{"to": []}]}}}, ["network.egress[0].to"],
     {"hoster": {"network": {"egress": [
         {"to": [{"podSelector": {"matchLabels": {"app": "redis"}}}]}]}}}),
] + [(cluster(**{"import": without(IMPORT, key)}), ["cluster.import." + key],
      cluster(**{"import": IMPORT})) for key in ("database", "user", "passwordSecret")] + [
     (cluster(**{"import": {key: IMPORT[key]}}), ["cluster.import." + key],
      cluster(**{"import": IMPORT})) for key in ("database", "user", "passwordSecret")]
# of no harm: a file for a whole cluster of Kubernetes may say it, and an app have none of it
RIGHT = [
    postgres(source="none", cluster={"backup": {"objectStore": "store"}, "instances": 3,
                                     "extensions": ["pg_trgm"]}),
    cluster(**{"import": dict(IMPORT, sslMode="verify-full", caSecret="ca")}),
    postgres(source="secret", secret={"name": "shared"}),
    {"hoster": {"network": {"policy": False, "databaseOperator": []}}},
]


def sentences(said):
    return [line for line in said.splitlines() if " file: " in line]


def test_sentences():
    """Each is refused by exactly the sentences about its keys; with what they advise it renders."""
    def one(case):
        wrong, keys, instead = case
        found = sentences(chart.fails(APP, wrong))
        told = [re.match(r"the hoster's file: (hoster\.\S+) ", line) for line in found]
        assert all(told), found
        keys = ["hoster." + ("" if key.startswith("network") else "postgres.") + key
                for key in keys]
        if sorted(match.group(1) for match in told) != sorted(keys):
            raise chart.Failure("%s is refused about %s, and not about %s" % (wrong, found, keys))
        for line in found:
            if "write " not in line and "leave " not in line:
                raise chart.Failure("says nothing of what to write instead: " + line)
        chart.render(APP, wrong, instead)
    chart.each(one, WRONG)
    chart.each(lambda values: chart.render(APP, values), RIGHT)


def test_all_at_once():
    """Several mistakes are several sentences, in one go, also beside the customer's."""
    said = sentences(chart.fails(APP, {"app": {"image": {"repository": ""}}},
                                 postgres(source="secret", cluster={"pooler": {"enabled": True}})))
    assert len(said) == 3, said
    assert any(line.startswith("the customer's file: app.image") for line in said), said


def test_networks():
    """A network that is none is refused by the schema, with its key."""
    for key, values in (
            ("clusterNetworks", {"clusterNetworks": ["10.0.0.0/33"]}),
            ("clusterNetworks", {"clusterNetworks": ["fd00::/129"]}),
            ("clusterNetworks", {"clusterNetworks": ["0.0.0.0/0"]}),
            ("clusterNetworks", {"clusterNetworks": ["::/0"]}),
            ("cidr", {"ingressFrom": [{"ipBlock": {"cidr": "10.0.0.1"}}]}),
            ("except", {"ingressFrom": [{"ipBlock": {"cidr": "::/0", "except": ["x::/64"]}}]})):
        said = chart.fails(APP, {"hoster": {"network": values}})
        assert key in said, said


if __name__ == "__main__":
    chart.main()
