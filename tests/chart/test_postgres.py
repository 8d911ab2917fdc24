"""The database: the CloudNativePG Cluster and what belongs to it; and that pidone finds its way
to it, past the pooler or through it, by the files that the pods really get."""
import base64
import os
import re

import chart
import harness
import pss
import servers
from inits import run_pidone
from samples import ALL_ROLES, APP, ONE_NODE, cluster, postgres

PAST = {"init", "check", "django-check", "task"}   # what goes past the pooler

CNPG = ("Cluster", "Database", "Pooler", "ScheduledBackup")
WAVE, OPTIONS = "argocd.argoproj.io/sync-wave", "argocd.argoproj.io/sync-options"
PASSWORD = "p@ss:/w0rd"


def spec(*values):
    return chart.render(APP, *values).one("Cluster")["spec"]


def containers(rendered):
    """("Kind/name container", container, pod's spec) of all that may talk to the database."""
    found = {}
    for document in rendered.docs:
        for template in pss.templates(document):
            for _, container in pss.containers(template["spec"]):
                if any(e["name"] == "PIDONE_POSTGRES_SECRET_DIR" for e in container.get("env", [])):
                    name = "%s %s" % (chart.title(document), container["name"])
                    found[re.sub("-[0-9a-f]{8,}", "", name)] = (container, template["spec"])
    return found


def source(container, pod):
    """The volume that is mounted where pidone looks."""
    place = next(e["value"] for e in container["env"] if e["name"] == "PIDONE_POSTGRES_SECRET_DIR")
    name = next(m["name"] for m in container["volumeMounts"] if m["mountPath"] == place)
    return next(v for v in pod["volumes"] if v["name"] == name)


# ---- what is rendered ----

def test_pooler_for_whom():
    """Site, workers and cron go through the pooler; /init, tasks and the trial of a new image,
    which lock and migrate, past it. Without a pooler all have the Secret as it is."""
    pooled = cluster(pooler={"enabled": True})
    direct = {"secret": "shop-db-app"}
    for values in (ALL_ROLES,), (ALL_ROLES, ONE_NODE):
        found = containers(chart.render(APP, *values, pooled))
        through = {name for name, pair in found.items() if "projected" in source(*pair)}
        past = {name for name, pair in found.items()
                if source(*pair).get("secret", {}).get("secretName") == direct["secret"]}
        assert through | past == set(found) and not through & past, (through, past, set(found))
        assert {name.split()[1] for name in past} <= PAST, past
        assert {name.split()[1] for name in through} >= {"run", "async", "beat", "cron"}
        assert ("Job/shop-preflight init" in past) == (ONE_NODE in values), past
        for pair in containers(chart.render(APP, *values)).values():
            assert source(*pair)["secret"]["secretName"] == direct["secret"], source(*pair)


def test_cluster():
    """Kept, applied first, without a superuser; with one server nothing holds up a drain, with
    three an update switches over."""
    rendered = chart.render(APP, cluster(
        instances=3, extensions=["pg_trgm", "unaccent"], imageName="registry.example.org/pg:17",
        walSize="2Gi", storageClassName="fast", parameters={"max_connections": "200"},
        backup={"objectStore": "store"}, pooler={"enabled": True, "instances": 2}))
    for document in (rendered.one(kind) for kind in CNPG):
        notes = document["metadata"]["annotations"]
        assert notes[WAVE] == "-2", document
        kept = document["kind"] in ("Cluster", "Database")
        assert (notes.get(OPTIONS) == "Prune=false,Delete=false") == kept, document
        assert (notes.get("helm.sh/resource-policy") == "keep") == kept, document
    three, one = rendered.one("Cluster")["spec"], spec()
    assert (three["instances"], three["enablePDB"], three["primaryUpdateMethod"]) == \
        (3, True, "switchover")
    assert (one["instances"], one["enablePDB"], one["primaryUpdateMethod"]) == \
        (1, False, "restart")
    assert one["enableSuperuserAccess"] is False
    assert three["storage"] == {"size": "5Gi", "storageClass": "fast"}
    assert three["walStorage"] == {"size": "2Gi", "storageClass": "fast"}
    assert one["storage"] == {"size": "5Gi"} and "walStorage" not in one
    assert three["postgresql"] == {"parameters": {"max_connections": "200"}}
    assert "postgresql" not in one and "imageName" not in one and "plugins" not in one
    # more servers, and nothing else about where they run: the operator would restart them
    assert all(one[key] == three[key] for key in ("affinity", "topologySpreadConstraints"))
    database = rendered.one("Database")["spec"]
    assert database["databaseReclaimPolicy"] == "retain"
    assert [e["name"] for e in database["extensions"]] == ["pg_trgm", "unaccent"]
    assert (database["name"], database["owner"]) == \
        (three["bootstrap"]["initdb"]["database"], three["bootstrap"]["initdb"]["owner"])


def test_labels_of_its_own():
    """What the operator makes has no label by which the app's own pods are selected."""
    rendered = chart.render(APP, cluster(pooler={"enabled": True}))
    ours = next(iter(pss.templates(rendered.one("Deployment"))))["metadata"]["labels"]
    for labels in (rendered.one("Cluster")["spec"]["inheritedMetadata"]["labels"],
                   rendered.one("Pooler")["spec"]["template"]["metadata"]["labels"]):
        assert not set(labels) & set(ours), labels
        assert labels == {"app.kubernetes.io/part-of": "shop"}


def test_bootstrap():
    """A database begins empty, from an old server, or from a backup; never from two of them."""
    assert set(spec()["bootstrap"]["initdb"]) == {
        "database", "owner", "encoding", "localeCollate", "localeCType", "dataChecksums"}
    assert "externalClusters" not in spec()
    old = spec(cluster(**{"import": {
        "host": "old.example.net", "port": 5433, "database": "site", "user": "reader",
        "passwordSecret": "old", "sslMode": "verify-full", "caSecret": "old-ca"}}))
    assert old["bootstrap"]["initdb"]["import"] == {
        "type": "microservice", "databases": ["site"],
        "source": {"externalCluster": old["externalClusters"][0]["name"]}}
    assert old["externalClusters"] == [{
        "name": "import", "password": {"name": "old", "key": "password"},
        "sslRootCert": {"name": "old-ca", "key": "ca.crt"},
        "connectionParameters": {"host": "old.example.net", "port": "5433", "user": "reader",
                                 "dbname": "site", "sslmode": "verify-full"}}]
    found = spec(cluster(backup={"objectStore": "store", "serverName": "shop-db-2"},
                         recovery={"serverName": "shop-db",
                                   "targetTime": "2026-01-31T12:00:00Z"}))
    assert found["bootstrap"] == {"recovery": {
        "source": found["externalClusters"][0]["name"], "database": "app", "owner": "app",
        "recoveryTarget": {"targetTime": "2026-01-31T12:00:00Z"}}}
    read, written = found["externalClusters"][0]["plugin"], found["plugins"][0]
    assert read["name"] == written["name"] and written["isWALArchiver"] is True
    assert read["parameters"] == {"barmanObjectName": "store", "serverName": "shop-db"}
    assert written["parameters"] == {"barmanObjectName": "store", "serverName": "shop-db-2"}


def test_backup():
    """With an ObjectStore the log is archived and a backup made at once and then as scheduled;
    without one there is neither."""
    assert not chart.render(APP).all("ScheduledBackup")
    rendered = chart.render(APP, cluster(backup={
        "objectStore": "store", "schedule": "0 5 1 * * *", "target": "primary"}))
    plugin = rendered.one("Cluster")["spec"]["plugins"][0]
    assert plugin["parameters"] == {"barmanObjectName": "store", "serverName": "shop-db"}
    assert rendered.one("ScheduledBackup")["spec"] == {
        "cluster": {"name": "shop-db"}, "schedule": "0 5 1 * * *", "immediate": True,
        "backupOwnerReference": "cluster", "method": "plugin", "target": "primary",
        "pluginConfiguration": {"name": plugin["name"]}}


def test_other_sources():
    """A database that somebody else runs: nothing of CloudNativePG, and one of a kind."""
    sources = {"none": {}, "secret": {"secret": {"name": "shared-db"}},
               "zalando": {"zalando": {"cluster": "acme-shop", "user": "shop_user",
                                       "database": "shop"}}}
    for name, values in sources.items():
        rendered = chart.render(APP, ALL_ROLES, postgres(source=name, **values))
        assert not set(rendered.kinds()) & set(CNPG), (name, rendered.kinds())
        assert bool(containers(rendered)) == (name != "none")
        for pair in containers(rendered).values():
            volume = source(*pair)
            wanted = volume["secret"]["secretName"] if name == "secret" else \
                volume["projected"]["sources"][0]["secret"]["name"]
            assert wanted == {"secret": "shared-db", "zalando":
                              "shop-user.acme-shop.credentials.postgresql.acid.zalan.do"}[name]


# ---- what pidone makes of it ----

def operators_secret(host):
    """The keys that CloudNativePG writes, and Zalando's operator a part of."""
    address = "app:%s@%s:5432/app" % (PASSWORD.replace("@", "%40").replace(":", "%3A")
                                      .replace("/", "%2F"), host + ".acme")
    return {"username": "app", "user": "app", "password": PASSWORD, "dbname": "app",
            "host": host, "port": "5432", "uri": "postgresql://" + address,
            "jdbc-uri": "jdbc:postgresql://" + address, "pgpass": "%s:5432:app:app:x\n" % host}


def kubelet_mounts(volume, rendered, secret, where):
    """The files of a volume, laid out as the kubelet does: behind two links."""
    files = {}
    for part in volume.get("projected", {}).get("sources", [volume]):
        if "configMap" in part:
            data = rendered.one("ConfigMap", part["configMap"]["name"])["data"]
        else:
            data = {k: base64.b64decode(base64.b64encode(v.encode())).decode()
                    for k, v in secret.items()}
        items = next(iter(part.values())).get("items") if "projected" in volume else None
        for key, path in [(i["key"], i["path"]) for i in items] if items else \
                [(key, key) for key in data]:
            assert path not in files, "two sources make the file %s" % path
            files[path] = data[key]
    os.makedirs(where + "/..2026_01_31")
    os.symlink("..2026_01_31", where + "/..data")
    for path, text in files.items():
        with open("%s/..data/%s" % (where, path), "w", encoding="utf-8") as file:
            file.write(text)
        os.symlink("..data/" + path, "%s/%s" % (where, path))
    return where


def real_server():
    """PostgreSQL with the app's database, where the operator's Secret says: it has a network of
    its own, so the ports are free."""
    servers.free_port = lambda: 5432
    server = servers.Postgres(password="other")
    server.psql("CREATE ROLE app LOGIN PASSWORD '%s'" % PASSWORD)
    server.psql("CREATE DATABASE app OWNER app")
    return server


def connects(place, host):
    """pidone waits for the database by these files, and the app gets the way there."""
    ask = "SELECT current_user || ' in ' || current_database() || ' on ' || inet_server_addr()"
    process = run_pidone("wait", "--timeout", "10s", "postgres", "--",
                         "/bin/sh", "-c", 'echo "at $PGHOST"; psql -X -A -t -c "%s"' % ask,
                         env={"PIDONE_POSTGRES_SECRET_DIR": place,
                              "PATH": "/usr/bin:/bin"}, timeout=20)
    assert process.code == 0, process.output()
    assert ("at %s\n" % host) in process.stdout and \
        "app in app on 127.0.0.1" in process.stdout, process.output()


@harness.limit(60)
def test_pidone_connects():
    """By the files of /init to the server, by those of the site to PgBouncer, by Zalando's to the
    server: pidone logs in, and the app with what it gets."""
    harness.need_root()
    server = real_server()
    harness.cover("/etc/hosts", "127.0.0.1 localhost shop-db-rw shop-db-rw.acme acme-shop\n"
                                "127.0.0.2 shop-db-pooler\n")
    users = harness.tmp + "/users"
    with open(users, "w", encoding="ascii") as file:
        file.write('"app" "%s"\n' % PASSWORD)
    os.chmod(users, 0o644)
    pooler = servers.PgBouncer(server, mode="transaction", settings=[
        "listen_addr = 127.0.0.2", "auth_type = md5", "auth_file = " + users,
        "[databases]", "app = host=127.0.0.1 port=5432 user=app password=" + PASSWORD])
    rendered = chart.render(APP, ALL_ROLES, ONE_NODE, cluster(pooler={"enabled": True}))
    secret = operators_secret("shop-db-rw")
    for n, (name, pair) in enumerate(containers(rendered).items()):
        place = kubelet_mounts(source(*pair), rendered, secret, "%s/db%d" % (harness.tmp, n))
        past = name.split()[1] in PAST
        before = pooler.process.count("login attempt: db=app user=app")
        connects(place, "shop-db-rw.acme" if past else "shop-db-pooler")
        assert (pooler.process.count("login attempt: db=app user=app") > before) != past, name
    rendered = chart.render(APP, postgres(source="zalando", zalando={
        "cluster": "acme-shop", "user": "app", "database": "app"}))
    for n, pair in enumerate(containers(rendered).values()):
        place = kubelet_mounts(source(*pair), rendered, {
            "username": "app", "password": PASSWORD}, "%s/zalando%d" % (harness.tmp, n))
        connects(place, "acme-shop")


@harness.limit(60)
def test_collation():
    """A new database sorts by code points, and knows upper and lower case beyond ASCII all the
    same; a locale of the image replaces both."""
    initdb = spec()["bootstrap"]["initdb"]
    server = servers.Postgres()
    server.psql("CREATE DATABASE app TEMPLATE template0 ENCODING '%s' LC_COLLATE '%s' LC_CTYPE '%s'"
                % (initdb["encoding"], initdb["localeCollate"], initdb["localeCType"]))
    assert server.psql("SELECT upper('straße, müller')", "app") == "STRAßE, MÜLLER"
    assert server.psql("SELECT 'ÄRGER' ILIKE 'ärger'", "app") == "t"
    assert server.psql("SELECT string_agg(w, ' ' ORDER BY w) FROM unnest('{b,ä,Z,a}'::text[]) w",
                       "app") == "Z a b ä"
    # no version of a library: nothing to compare, and nothing to rebuild
    assert server.psql(
        "SELECT datcollversion IS NULL FROM pg_database WHERE datname = 'app'") == "t"
    other = spec(cluster(collation="de_DE.UTF-8"))["bootstrap"]["initdb"]
    assert other["localeCollate"] == other["localeCType"] == "de_DE.UTF-8"


if __name__ == "__main__":
    chart.main()
