"""django-tenant: what a customer gets, how much of it, and what is refused."""
import chart

LEAST = chart.cases("django-tenant")["least"]
ALL = chart.cases("django-tenant")["all"]
# between two files: what the first one says of apps is gone
NO_APPS = {"quota": {"apps": None}}
# verbs that only look
LOOK = {"get", "list", "watch"}


def tenant(*values, **options):
    return chart.render(LEAST, *values, chart="django-tenant", **options)


def refusal(*values):
    """What both Helms say, in one line."""
    said = {" ".join(chart.fails(LEAST, *values, chart="django-tenant", helm=helm).split())
            for helm in chart.HELMS}
    return sorted(said)[0]


def hard(*values):
    return tenant(*values).one("ResourceQuota")["spec"]["hard"]


def only(group):
    """A quota for one app, and no room beside it."""
    return {"quota": {"apps": {"x": {"y": group}},
                      "room": {"pods": 0, "cpu": "0", "memory": "0"}}}


def test_namespace():
    """The namespace enforces "restricted" of a pinned version, warns of it and records it; neither
    Argo CD nor Helm deletes it; no label of the hoster's can undo that."""
    for version in ("v1.30", "v1.33"):
        metadata = tenant({"namespace": {"podSecurityVersion": version}}).one("Namespace")["metadata"]
        for mode in ("enforce", "audit", "warn"):
            assert metadata["labels"]["pod-security.kubernetes.io/" + mode] == "restricted"
            assert metadata["labels"]["pod-security.kubernetes.io/%s-version" % mode] == version
        assert metadata["annotations"]["argocd.argoproj.io/sync-options"] == \
            "Prune=false,Delete=false"
        assert metadata["annotations"]["helm.sh/resource-policy"] == "keep"
    for label in ("pod-security.kubernetes.io/enforce", "kubernetes.io/metadata.name"):
        assert label in refusal({"namespace": {"labels": {label: "privileged"}}})
    assert "podSecurityVersion" in refusal({"namespace": {"podSecurityVersion": "latest"}})


def test_one_namespace():
    """Everything is in the customer's namespace, but the project, which is beside Argo CD."""
    for document in chart.render(ALL, chart="django-tenant").docs:
        place = document["metadata"].get("namespace")
        if document["kind"] in ("Namespace", "ValidatingAdmissionPolicy",
                                "ValidatingAdmissionPolicyBinding"):
            assert place is None and "acme" in document["metadata"]["name"], document["metadata"]
        else:
            assert place == ("argo" if document["kind"] == "AppProject" else "acme"), document


def test_quota_sum():
    """The quota is what the apps may use at the worst moment, and the room beside it."""
    found = hard({"quota": {"apps": {
        "shop": {"site": {"pods": 2, "surge": 1, "cpu": "250m", "memory": "1Gi", "memoryLimit": "1536Mi"},
                 "database": {"pods": 3, "cpu": "1.5", "memory": "2G", "claims": 3, "storage": "10Gi"},
                 "wal": {"claims": 3, "storage": "2Gi"}}},
        "room": {"pods": 4, "cpu": "400m", "memory": "512Mi"}}})
    assert found["pods"] == "10" and found["persistentvolumeclaims"] == "6", found
    assert found["requests.cpu"] == "%dm" % (3 * 250 + 3 * 1500 + 400), found
    mib = 2**20
    assert found["requests.memory"] == "%dMi" % -(-(3 * 1024 * mib + 3 * 2 * 10**9 + 512 * mib) // mib)
    assert found["limits.memory"] == "%dMi" % -(-(3 * 1536 * mib + 3 * 2 * 10**9 + 512 * mib) // mib)
    assert found["requests.storage"] == "%dMi" % (36 * 1024), found
    assert "limits.cpu" not in found, "one pod without a CPU limit would be refused"
    assert found["services.nodeports"] == found["services.loadbalancers"] == "0"


def test_amounts():
    """Amounts are read as Kubernetes reads them, and rounded up."""
    for memory, mib in (("1", 1), ("1k", 1), ("1000Ki", 1), ("1M", 1), ("1.5Gi", 1536), ("1Gi", 1024),
                        ("0.5Gi", 512), ("1G", 954), ("1T", 953675), ("2Ti", 2097152)):
        found = hard(NO_APPS, only({"pods": 1, "memory": memory}))["requests.memory"]
        assert found == "%dMi" % mib, (memory, found)
    for cpu, milli in (("1", 1000), ("0.1", 100), ("1.0005", 1001), ("7m", 7), ("12", 12000)):
        found = hard(NO_APPS, only({"pods": 1, "cpu": cpu}))["requests.cpu"]
        assert found == "%dm" % milli, (cpu, found)
    for wrong in ("1e3", "-1", "1Pi", "1 Gi", "Gi", "", "1m"):
        assert "memory" in refusal(NO_APPS, only({"pods": 1, "memory": wrong})), wrong


def test_cpu_limits():
    """Where every pod has a CPU limit, the quota has their sum."""
    group = {"pods": 2, "cpu": "1", "cpuLimit": "2"}
    assert hard(NO_APPS, only(group))["limits.cpu"] == "4000m"
    values = only(group)
    values["quota"]["apps"]["x"]["z"] = {"pods": 1, "cpu": "1"}
    assert "limits.cpu" not in hard(NO_APPS, values)


def test_quota_stated():
    """What is stated counts, if it is enough for what the apps may use; else both are told."""
    needs = hard()
    assert hard({"quota": {"hard": needs_without_counts(needs)}}) == needs
    for key, value in needs_without_counts(needs).items():
        if value == "0Mi" or value == "0":
            continue
        number, unit = int(value.rstrip("mMi")), value.lstrip("0123456789")
        less = "%d%s" % (number - 1, unit)
        said = refusal({"quota": {"hard": {key: less}}})
        assert "quota.hard.%s: it is %s, but what quota.apps and quota.room may use adds up to %s." % (
            key, less, value) in said, said
        assert "Change it in tenants/acme.yaml of the hoster's repository." in said, said
        more = "%d%s" % (number + 1, unit)
        assert hard({"quota": {"hard": {key: more}}})[key] == more
    assert hard({"quota": {"hard": {"requests.cpu": "2"}}})["requests.cpu"] == "2"
    assert hard({"quota": {"hard": {"requests.memory": "3G"}}})["requests.memory"] == "3G"


def needs_without_counts(needs):
    return {k: v for k, v in needs.items() if not k.startswith(("count/", "services."))}


STATED = {"pods": "9", "requests.cpu": "9", "requests.memory": "9Gi", "limits.memory": "9Gi",
          "requests.storage": "9Gi"}


def test_refused():
    """What cannot be meant is refused with a sentence that names the key, and the file to change."""
    key = "A" + 300 * "b"
    for values, sentence in [
            ({"customer": ""}, "customer: it is empty. Name the customer"),
            ({"parts": {"namespace": False, "project": False}}, "parts: neither the namespace nor"),
            ({"namespace": {"name": "kube-system"}}, "namespace.name: kube-system is no customer's"),
            ({"namespace": {"name": "argocd"}}, "namespace.name: argocd is no customer's namespace"),
            ({"quota": {"apps": None}}, "quota: neither `hard` nor `apps` says how much"),
            ({"quota": {"apps": None, "hard": {k: v for k, v in STATED.items()
                                               if k != "limits.memory"}}},
             "quota.hard: it says nothing about limits.memory"),
            ({"limits": {"container": {"max": {"memory": "100Mi"}}}},
             "limits.container.max.memory: it is 100Mi, less than"),
            ({"limits": {"container": {"request": {"memory": "300Mi"}}}},
             "limits.container.request.memory: it is 300Mi, more than"),
            ({"quota": {"apps": {"shop": {"site": {"memoryLimit": "100Mi"}}}}},
             "quota.apps.shop.site.memoryLimit: it is 100Mi, less than the memory that a pod requests"),
            ({"quota": {"apps": {"shop": {"site": {"storage": "200Gi"}}}}},
             "quota.apps.shop.site.storage: it is 200Gi, but limits.volume.max allows"),
            ({"backup": {"name": "backup"}}, "backup.destinationPath: it is empty."),
            ({"backup": {"name": "backup", "destinationPath": "s3://backups/acme"}},
             "--name tenant-backup-credentials --namespace acme"),
            ({"backup": {"name": "backup", "destinationPath": "s3://backups/acme",
                         "credentials": {"accessKeyId": key, "secretAccessKey": key}},
              "access": {"exec": True}}, "access.exec: with it the customer reaches the database's"),
            ({"project": {"repositories": {"hoster": ""}}}, "project.repositories.hoster: it is empty"),
            ({"project": {"repositories": {"customer": "https://git.example.org/*"}}},
             "project.repositories.customer: https://git.example.org/* is a pattern"),
            ({"project": {"repositories": {"customer": "https://git.example.org/hoster/gitops.git"}}},
             "project.repositories: two of them are the same."),
            ({"project": {"destination": {"name": ""}}}, "project.destination: give either `name` or"),
            ({"project": {"destination": {"server": "https://c1.example.org"}}},
             "project.destination: give either `name` or `server`"),
            ({"project": {"destination": {"name": "*"}}}, "and it must mean one cluster")]:
        said = refusal(values)
        assert sentence in said and "of the hoster's repository." in said, (values, said)


def test_refused_by_schema():
    """And what is no value at all names its key."""
    for values, word in [({"customer": "Acme"}, "customer"), ({"customer": "a--b"}, "customer"),
                         ({"customer": "a" * 41}, "customer"),
                         ({"quota": {"hard": {"services.loadbalancers": "1"}}}, "services.loadb"),
                         ({"quota": {"hard": {"pods": 1}}}, "pods"),
                         ({"network": {"web": [{}]}}, "web"),
                         ({"network": {"web": [{"podSelektor": {}}]}}, "podSelektor"),
                         ({"network": {"egress": [{"to": [{"ipBlock": {}}]}]}}, "cidr"),
                         ({"access": {"groups": ["a\nb"]}}, "groups"),
                         ({"project": {"groups": ["a\u2028b"]}}, "groups"),
                         ({"backup": {"credentials": {"accessKeyId": "AKIA123"}}}, "accessKeyId"),
                         ({"admission": {"registries": ["registry.example.org"]}}, "registries"),
                         ({"custmer": "x"}, "custmer")]:
        assert word in refusal(values), values


def test_role():
    """The customer looks, and changes nothing; of Secrets it sees nothing; commands only if the
    hoster says so."""
    for document in (tenant({"access": {"groups": ["acme"]}}), chart.render(ALL, chart="django-tenant")):
        resources = {}
        for rule in document.one("Role")["rules"]:
            assert "*" not in rule["resources"] + rule["verbs"] + rule["apiGroups"]
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    resources[(group, resource)] = set(rule["verbs"])
        exec_ = resources.pop(("", "pods/exec"), None)
        assert exec_ == (None if document.one("RoleBinding")["subjects"][0]["name"] == "acme"
                         else {"get", "create"})
        assert all(verbs <= LOOK for verbs in resources.values()), resources
        names = {resource for _, resource in resources}
        assert not [n for n in names if "secret" in n and n != "sealedsecrets"], names
        assert not names & {"configmaps", "serviceaccounts", "pods/attach", "pods/portforward",
                            "pods/ephemeralcontainers", "objectstores"}, names
        for needed in ("pods", "pods/log", "events", "deployments", "jobs"):
            assert LOOK == next(v for (_, r), v in resources.items() if r == needed), needed
    assert not tenant().all("Role") and not tenant().all("RoleBinding")


def test_backup():
    """The ObjectStore has its credentials from a SealedSecret whose name no app can have."""
    found = chart.render(ALL, chart="django-tenant")
    store, sealed = found.one("ObjectStore"), found.one("SealedSecret")
    name = sealed["metadata"]["name"]
    assert name.startswith("tenant-") and sealed["metadata"]["namespace"] == "acme"
    for place, key in store["spec"]["configuration"]["s3Credentials"].items():
        assert key["name"] == name and key["key"] in sealed["spec"]["encryptedData"], place
    # strict scope: the ciphertext is bound to this name and namespace
    assert "annotations" not in sealed["metadata"]
    assert not tenant().all("ObjectStore")


def test_names_apart():
    """No object has a name that an app's object could have: all begin with `tenant`, or are of kinds
    that the app's project cannot make."""
    apps = {"NetworkPolicy", "SealedSecret", "ConfigMap", "Service", "Deployment"}
    for document in chart.render(ALL, chart="django-tenant").docs:
        if document["kind"] in apps:
            assert document["metadata"]["name"].startswith("tenant-"), document["metadata"]


def test_values_do_not_break_out():
    """What the hoster writes is printed as it is, too."""
    values = {"access": {"groups": ['x": "y', "{{ .Values }}", "yes", "*"]},
              "namespace": {"annotations": {"a": "x: y #z", "b": "- 1", "c": "'\""}}}
    found = tenant(values)
    assert [s["name"] for s in found.one("RoleBinding")["subjects"]] == values["access"]["groups"]
    annotations = found.one("Namespace")["metadata"]["annotations"]
    assert {k: annotations[k] for k in "abc"} == values["namespace"]["annotations"]


if __name__ == "__main__":
    chart.main()
