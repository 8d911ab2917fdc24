"""Values for the chart django that several tests need."""

APP = {"app": {"image": {"repository": "registry.example.org/acme/shop",
                         "digest": "sha256:" + 64 * "0"},
               "routes": [{"host": "shop.example.org"}]}}
ALL_ROLES = {"app": {"async": {"enabled": True}, "roles": {"beat": {}},
                     "cron": {"nightly": {"schedule": "0 3 * * *", "command": ["true"]}},
                     "tasks": {"import": {"command": ["true"]}}}}
# With a volume of one node, workers are in the site's pod, and a Job tries the image before
ONE_NODE = {"app": {"files": {"mountPath": "/app/media"}}}


def postgres(**values):
    return {"hoster": {"postgres": values}}


def cluster(**values):
    return postgres(cluster=values)
