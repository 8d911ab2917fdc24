"""What pidone makes of the database's Secret, as each operator writes it and the chart mounts
it."""
import chart
import contract
import harness

DIGEST = "sha256:" + 64 * "a"
# every kind of pod; Recreate, so that there is a trial
APP = {"image": {"repository": "registry.example.org/shop", "digest": DIGEST},
       "routes": [{"host": "shop.example.org"}], "async": {"enabled": True}, "roles": {"beat": {}},
       "cron": {"clock": {"schedule": "@daily", "command": ["true"]},
                "index": {"schedule": "@daily", "role": "index"}},
       "tasks": {"import": {"command": ["true"]}, "rebuild": {"role": "rebuild"}},
       "files": {"mountPath": "/app/media"}}
EXTERNAL = {"host": "db.example.net", "port": "6432", "dbname": "shop_live", "username": "shop",
            "password": "p@ss/w#rd"}
URI = {"uri": "postgresql://shop:p%40ss%2Fw%23rd@db.example.net:6432/shop_live?sslmode=require"}
DIRECT, POOLED = "app@shop-db-rw:5432/app", "app@shop-db-pooler:5432/app"
NOTHING = "none: no wait and no lock"
# What needs the server itself: the lock and the marks of /init and of tasks, and the trial of both.
# All others may go through a pooler.
PAST_THE_POOLER = {"init", "task", "check", "django-check"}
# (values of hoster.postgres, secrets beside those of operators, direct, pooled)
SOURCES = {
    "cluster": ({"source": "cluster"}, {}, DIRECT, DIRECT),
    "pooler": ({"source": "cluster", "cluster": {"pooler": {"enabled": True}}}, {}, DIRECT, POOLED),
    "zalando": ({"source": "zalando", "zalando": {"cluster": "acme-main", "user": "shop_owner",
                                                  "database": "shop"}},
                {"shop-owner.acme-main" + contract.ZALANDO: {"username": "shop_owner",
                                                             "password": "pw"}},
                "shop_owner@acme-main:5432/shop", "shop_owner@acme-main:5432/shop"),
    "secret": ({"source": "secret", "secret": {"name": "elsewhere"}}, {"elsewhere": EXTERNAL},
               "shop@db.example.net:6432/shop_live", "shop@db.example.net:6432/shop_live"),
    "secret with a uri": ({"source": "secret", "secret": {"name": "elsewhere"}}, {"elsewhere": URI},
                          "shop@db.example.net:6432/shop_live",
                          "shop@db.example.net:6432/shop_live"),
    "none": ({"source": "none"}, {}, NOTHING, NOTHING),
}


def found(postgres, secrets):
    """(where, container's name, what pidone says of the database)"""
    documents = chart.render({"app": APP, "hoster": {"postgres": postgres}}).docs
    for pod in contract.pods("shop", documents, secrets):
        for container in pod.containers:
            settings, complaint = pod.explained(container)
            assert not complaint, (pod.where, container["name"], complaint)
            yield pod.where, container["name"], settings.database


@harness.limit(90)
def test_secrets():
    """pidone finds host, port, database and user in the mounted files, whoever wrote the Secret, in
    every container of every pod; through a pooler where one is, and past it for locks and marks."""
    def complaints():
        for source, (postgres, secrets, direct, pooled) in SOURCES.items():
            seen = set()
            for where, name, database in found(postgres, secrets):
                seen.add(name)
                wanted = direct if name in PAST_THE_POOLER else pooled
                if database != wanted:
                    yield "%s: %s, %s: %s, and it should be %s" % (source, where, name, database,
                                                                  wanted)
            assert seen >= {"init", "run", "async", "beat", "cron", "task", "check"}, seen
    chart.complain(complaints())


def test_wrong_secret():
    """Files of other names, or fewer, are noticed: pidone says what it misses."""
    for secret, wanted in (({"hostname": "x"}, "has none of the files uri, host, port"),
                           ({"username": "x"}, "has neither uri nor host"),
                           ({**EXTERNAL, "dbname": "other"}, "shop@db.example.net:6432/other")):
        said = {database for _, _, database in found(
            {"source": "secret", "secret": {"name": "elsewhere"}}, {"elsewhere": secret})}
        assert len(said) == 1 and wanted in said.pop(), (secret, said)
