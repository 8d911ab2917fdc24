"""The ValidatingAdmissionPolicies of django-tenant, evaluated as the API server does."""
import copy
import json
import os
import shutil
import subprocess
import tempfile

import chart
import gitops
import harness
from harness import Failure

DIGEST = "@sha256:" + "a" * 64
OWN = "registry.example.org/acme/shop" + DIGEST
DIGESTS, SECRETS, EXEC = "digest", "a Secret that is the hoster's", "in its app's pods"


def policies():
    """name → policy, of the case with everything; each has a binding for the same namespace."""
    found = chart.render(chart.cases("django-tenant")["all"], chart="django-tenant")
    bindings = {b["spec"]["policyName"]: b["spec"] for b in
                found.all("ValidatingAdmissionPolicyBinding")}
    result = {}
    for policy in found.all("ValidatingAdmissionPolicy"):
        binding = bindings.pop(policy["metadata"]["name"])
        assert binding["validationActions"] == ["Deny"]
        selector = {"matchLabels": {"kubernetes.io/metadata.name": "acme"}}
        assert binding["matchResources"]["namespaceSelector"] == selector
        assert policy["spec"]["matchConstraints"]["namespaceSelector"] == selector
        assert policy["spec"]["failurePolicy"] == "Fail"
        result[policy["metadata"]["name"]] = policy
    assert not bindings
    return result


def evaluated(policy, requests):
    """For each request None (not about it), or the messages against it."""
    directory = tempfile.mkdtemp(dir=harness.tmp)
    os.symlink(chart.tools() + "/node_modules", directory + "/node_modules")
    shutil.copy(chart.HERE + "/cel.mjs", directory)
    done = subprocess.run(["node", "cel.mjs"], cwd=directory, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, input=json.dumps(
                              [{"policy": policy, "request": r} for r in requests]))
    if done.returncode:
        raise Failure(done.stderr[-2000:])
    return json.loads(done.stdout)


def pod(image=OWN, **more):
    return {"spec": dict({"containers": [dict({"name": "c", "image": image},
                                              **more.pop("container", {}))]}, **more)}


def request(new, old=None):
    return {"object": new, "oldObject": old, "request": {}}


def expect(policy, pairs):
    """pairs: (request, None for not asked, "" for allowed, or a part of the message)"""
    for (asked, wanted), found in zip(pairs, evaluated(policy, [p[0] for p in pairs])):
        if (found is None) != (wanted is None) or wanted is not None and (
                bool(found) != bool(wanted) or wanted and not any(wanted in f for f in found)):
            raise Failure("%s: %s, and not %r" % (json.dumps(asked), found, wanted))


def secret(**more):
    return {"env": [{"name": "X", "valueFrom": {"secretKeyRef": dict({"key": "k"}, **more)}}]}


def test_images():
    """An image needs a digest and a known registry; an operator's needs neither. Each container is
    looked at, of each kind."""
    policy = policies()["django-tenant-acme"]
    init = [{"name": "i", "image": "registry.example.org/acme/x:1"}]
    expect(policy, [
        (request(pod()), ""),
        (request(pod("registry.example.org/hoster/pidone" + DIGEST)), ""),
        (request(pod("registry.example.org/acme/shop:1")), DIGESTS),
        (request(pod("registry.example.org/acme/shop:1" + DIGEST)), ""),
        (request(pod("registry.example.org/acme/shop@sha256:abc")), DIGESTS),
        (request(pod("registry.example.org/acme/shop" + DIGEST + "x")), DIGESTS),
        (request(pod("registry.example.org/acmeevil/shop" + DIGEST)), DIGESTS),
        (request(pod("evil.example.org/registry.example.org/acme/x" + DIGEST)), DIGESTS),
        (request(pod("shop" + DIGEST)), DIGESTS),
        (request(pod("registry.example.org/operators/postgresql:17")), ""),
        (request(pod(initContainers=init)), DIGESTS),
        (request(pod(ephemeralContainers=init), pod()), DIGESTS),
        (request(pod(initContainers=[{"name": "i", "image": OWN}],
                     ephemeralContainers=[{"name": "e", "image": OWN}])), ""),
    ])


def test_secrets():
    """No pod gets a Secret of the hoster's: not as a variable, not whole, not as a file, in no kind
    of container or volume."""
    policy = policies()["django-tenant-acme"]
    for name, wanted in (("tenant-backup-credentials", SECRETS), ("zalando-superuser", SECRETS),
                         ("shop-env", "")):
        whole = {"envFrom": [{"configMapRef": {"name": "x"}}, {"secretRef": {"name": name}}]}
        projected = {"name": "v", "projected": {"sources": [
            {"configMap": {"name": "x"}}, {"secret": {"name": name}}]}}
        other = {"name": "o", "image": OWN}
        expect(policy, [(request(p), wanted) for p in (
            pod(container=secret(name=name)), pod(container=whole),
            pod(initContainers=[dict(other, **secret(name=name))]),
            pod(initContainers=[other, dict(other, **whole)]),
            pod(volumes=[{"name": "e", "emptyDir": {}},
                         {"name": "v", "secret": {"secretName": name}}]),
            pod(volumes=[projected]),
            pod(volumes=[{"name": "v", "csi": {"driver": "x",
                                               "nodePublishSecretRef": {"name": name}}}]))])


def test_changes():
    """A pod that is there already may lose its finalizer; its image may not change to a forbidden
    one."""
    policy = policies()["django-tenant-acme"]
    old = pod("registry.example.org/acme/shop:1")
    labelled = dict(copy.deepcopy(old), metadata={"labels": {"x": "y"}})
    expect(policy, [(request(labelled, old), None), (request(pod(), old), ""),
                    (request(pod("evil:1"), pod()), DIGESTS)])
    rule, = policy["spec"]["matchConstraints"]["resourceRules"]
    assert rule["operations"] == ["CREATE", "UPDATE"]
    assert rule["resources"] == ["pods", "pods/ephemeralcontainers"]


def test_exec():
    """With `access.exec` a customer enters its app's pods, and not the database's; the hoster's people
    do."""
    policy = policies()["django-tenant-acme-exec"]

    def asked(name, user="x", groups=("oidc:acme",)):
        return {"object": {}, "oldObject": None, "request": {
            "name": name, "userInfo": {"username": user, "groups": list(groups)}}}
    expect(policy, [
        (asked("shop-6d5f9c7b44-x2x7k"), ""), (asked("shop-db-1"), EXEC), (asked("shop-db-12"), EXEC),
        (asked("shop-db-1-initdb-abcde"), EXEC), (asked("shop-db-pooler-rw-6d5f9c7b44-x2x7k"), EXEC),
        (asked("shop-db-1", "someone@example.org", ()), EXEC),
        (asked("shop-db-1", "admin", ("ops",)), None),
        (asked("dbshop-6d5f9c7b44-x2x7k"), "")])
    rule, = policy["spec"]["matchConstraints"]["resourceRules"]
    assert rule["operations"] == ["CONNECT"] and rule["resources"] == ["pods/exec", "pods/attach"]


def test_the_apps_own_pods():
    """The pods of the examples are let through by the policy of the examples' customer."""
    world = gitops.World()
    applications = world.applications()
    policy = world.render(applications["acme--tenant"]).one("ValidatingAdmissionPolicy")
    pods = []
    for name in ("acme.shop", "acme.blog"):
        for document in world.render(applications[name]).docs:
            spec = document.get("spec", {})
            if document["kind"] == "CronJob":
                spec = spec["jobTemplate"]["spec"]
            if document["kind"] in ("Deployment", "Job", "CronJob"):
                pods.append({"spec": spec["template"]["spec"]})
    assert len(pods) > 2
    expect(policy, [(request(p), "") for p in pods])


if __name__ == "__main__":
    chart.main()
