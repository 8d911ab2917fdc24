"""Whether everything renders, and a customer's apps together fit into its quota: with the pods of a
rolling update, of a trial of a new image, of CronJobs and of cert-manager, all at the same time."""
import json
import os
import subprocess
import tempfile

import yaml

from checks import amounts, needs
from checks.tree import get

# An app of whose customer's file nothing is known: as much as most take.
STAND_IN = {"image": {"digest": "sha256:" + "0" * 64}, "async": {"enabled": True},
            "cron": {"nightly": {"schedule": "0 3 * * *", "command": ["true"]}}}


def check(now, options):
    """Complaints about each customer; with --needs its needs are printed."""
    with tempfile.TemporaryDirectory(prefix="check-") as scratch:
        for name in sorted(now.tenants):
            yield from _customer(now, options, scratch, name)


def _customer(now, options, scratch, name):
    values = now.values("tenants/%s.yaml" % name)
    cluster = get(values, "project.destination.name")
    files = ["clusters/all.tenants.yaml", "clusters/%s.tenants.yaml" % cluster,
             "tenants/%s.yaml" % name]
    tenant, said = _render(options, "django-tenant", name,
                           name, [os.path.join(options.root, f) for f in files])
    if said:
        yield "tenants/%s.yaml: it does not render: %s" % (name, said)
        return
    limits = needs.Limits(tenant)
    per_app = {}
    for app in now.apps:
        if app.customer != name:
            continue
        documents, said = _render(options, "django", app.name, name,
                                  _values_of(options, scratch, app))
        if said:
            yield "%s: it does not render: %s" % (app.file, said)
            continue
        per_app[app.name] = needs.of(documents, limits)
        yield from _too_big(app, documents, limits)
    total = needs.add(per_app.values())
    hard = _one(tenant, "ResourceQuota")["spec"]["hard"]
    if options.needs:
        print("%s needs, and may:" % name)
        for key in sorted(set(total) | set(hard)):
            print("  %-32s %8s %8s" % (key, amounts.text(key, total.get(key, 0)), hard.get(key, "-")))
    for key in sorted(hard):
        if total.get(key, 0) > amounts.number(hard[key]):
            parts = ["%s %s" % (app, amounts.text(key, need[key]))
                     for app, need in sorted(per_app.items()) if need.get(key)]
            yield ("tenants/%s.yaml: quota: %s is %s, but its apps may need %s at a time (%s). Raise "
                   "it there, or lower what apps/%s/ gives them." % (
                       name, key, hard[key], amounts.text(key, total[key]), ", ".join(parts), name))


def _too_big(app, documents, limits):
    """What the LimitRange would refuse."""
    for where, key, value, most in needs.beyond(documents, limits):
        yield ("%s: %s asks for %s %s, but limits in tenants/%s.yaml (or clusters/*.tenants.yaml) "
               "allow %s at most. Raise that, or lower this." % (
                   app.file, where, amounts.text(key, value), key, app.customer,
                   amounts.text(key, most)))


def _values_of(options, scratch, app):
    """The four files in the order of argocd/apps.yaml."""
    customer = None
    if options.customers:
        path = os.path.join(options.customers, app.customer, "apps", app.name + ".yaml")
        customer = path if os.path.isfile(path) else None
    if not customer:
        registries = get(app.hoster, "images.registries") or ["registry.example.org"]
        domains = [d.replace("*", "www") for d in app.hoster.get("domains") or []]
        block = dict(STAND_IN, routes=[{"host": host} for host in domains],
                     image=dict(STAND_IN["image"], repository=registries[0] + "/" + app.name))
        if get(app.values, "hoster.files"):
            block["files"] = {"mountPath": "/app/media"}
        customer = os.path.join(scratch, "%s-%s.yaml" % (app.customer, app.name))
        with open(customer, "w", encoding="utf-8") as file:
            json.dump({"app": block}, file)
    return [customer] + [os.path.join(options.root, name)
                         for name in ("_reset.yaml", app.cluster_file, app.file)]


def _render(options, chart, release, namespace, files):
    """(documents, what Helm said against it)"""
    words = [options.helm, "template", release, os.path.join(options.charts, chart),
             "--namespace", namespace]
    for name in files:
        words += ["--values", name]
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              stdin=subprocess.DEVNULL, check=False)
    except OSError as error:
        raise SystemExit("check: %s: %s. Install Helm, say where it is with --helm, or leave the "
                         "quotas out with --no-render." % (options.helm, error.strerror)) from None
    if done.returncode:
        return [], " ".join(done.stderr.split())
    return [d for d in yaml.safe_load_all(done.stdout) if d], None


def _one(documents, kind):
    return next(d for d in documents if d["kind"] == kind)
