"""contrib/gitops as Argo CD would take it: which Applications there are, what each is made of, and
what the projects let through."""
import copy
import glob
import os
import re
import subprocess

import yaml

import chart
import files
import gitops
import harness
from gitops import Refused, World
from harness import Failure

EXPECTED = {   # Application → project, cluster, namespace, release of the charts, name in Helm
    "acme.shop": ("acme", "c1", "acme", "v1.4.0", "shop"),
    "acme.blog": ("acme", "c1", "acme", "v1.5.0", "blog"),
    "acme--tenant": ("hoster", "c1", "acme", "v1.4.0", "acme"),
    "acme--project": ("hoster", "in-cluster", "argocd", "v1.4.0", "acme"),
}
APPS = ["acme.shop", "acme.blog"]
# a kind of which nobody but the hoster has one
FOREIGN = [("v1", "Secret"), ("v1", "Pod"), ("v1", "ServiceAccount"), ("v1", "Namespace"),
           ("apps/v1", "DaemonSet"), ("rbac.authorization.k8s.io/v1", "RoleBinding"),
           ("argoproj.io/v1alpha1", "Application"), ("argoproj.io/v1alpha1", "AppProject"),
           ("barmancloud.cnpg.io/v1", "ObjectStore"), ("storage.k8s.io/v1", "StorageClass"),
           ("example.org/v1", "Deployment")]


def refused(function, *arguments):
    """What is said against it; a Failure when nothing is."""
    try:
        function(*arguments)
    except Refused as error:
        return str(error)
    raise Failure("%s%r was let through" % (function.__name__, arguments))


def project_of(world, applications):
    return world.render(applications["acme--project"]).one("AppProject")


def test_applications():
    """Each file of apps/ and tenants/ is an Application, in the right project, cluster and
    namespace, with the charts of its ring: its own or its customer's."""
    found = {}
    for name, application in World().applications().items():
        spec = application["spec"]
        source = gitops.main_source(application)
        found[name] = (spec["project"], spec["destination"]["name"],
                       spec["destination"]["namespace"], source["targetRevision"],
                       source["helm"]["releaseName"])
    assert found == EXPECTED, found


def test_sources():
    """What makes manifests is in the charts' repository; everything else is a source of values
    only; nothing comes after the hoster's file, and nothing may be missing."""
    world = World()
    for name, application in world.applications().items():
        source = gitops.main_source(application)
        assert source["repoURL"] == gitops.CHARTS_URL, name
        assert set(source) == {"repoURL", "targetRevision", "path", "helm"}, source
        assert set(source["helm"]) <= {"releaseName", "valueFiles", "valuesObject"}, source["helm"]
        for other in application["spec"]["sources"]:
            if other is not source:
                assert set(other) == {"repoURL", "targetRevision", "ref"}, other
        automated = application["spec"]["syncPolicy"]["automated"]
        assert automated == {"prune": True, "selfHeal": True}, automated
        assert not [text for text in gitops.strings(application) if "{{" in text]
        roots = [root for root, _ in (owner(world, path) for path in world.value_files(application))]
        if name in APPS:
            assert "valuesObject" not in source["helm"]
            assert roots == ["customer", "hoster", "hoster", "hoster"], roots
            assert world.value_files(application)[1].endswith("/hoster/_reset.yaml")
        else:
            assert set(roots) == {"hoster"}, roots


def owner(world, path):
    for name, url in (("customer", gitops.CUSTOMER_URL), ("hoster", gitops.HOSTER_URL)):
        if path.startswith(os.path.realpath(world.directories[url]) + "/"):
            return name, path
    raise Failure(path)


def generators(generator):
    (kind, body), = generator.items()
    if kind == "matrix":
        for child in body["generators"]:
            yield from generators(child)
    else:
        yield kind, body


def test_generators():
    """ApplicationSets read the hoster's repository only, by a literal address: a customer that could
    write what they read would choose its project. A file that is gone deletes no app."""
    for application_set in World().application_sets().values():
        spec = application_set["spec"]
        for kind, body in [g for generator in spec["generators"] for g in generators(generator)]:
            assert kind == "git" and body["repoURL"] == gitops.HOSTER_URL, body
            assert body["revision"] == "main" and "values" not in body, body
        assert spec["goTemplate"] is True and spec["goTemplateOptions"] == ["missingkey=error"]
        assert spec["syncPolicy"] == {"applicationsSync": "create-update",
                                      "preserveResourcesOnDeletion": True}
        assert "templatePatch" not in spec
        assert application_set["metadata"]["finalizers"] == ["resources-finalizer.argocd.argoproj.io"]


def test_settings():
    """Argo CD tracks by annotation, and asks for more than `sync` for another revision."""
    data = gitops.load(gitops.EXAMPLES + "/hoster/argocd/argocd-cm.yaml")["data"]
    assert data == {"application.resourceTrackingMethod": "annotation",
                    "application.sync.requireOverridePrivilegeForRevisionSync": "true"}, data


def test_missing():
    """Without its ring, tenant or a value file an Application is not made, or not rendered: nothing
    is guessed."""
    place = harness.tmp + "/hoster"
    subprocess.run(["cp", "-r", gitops.EXAMPLES + "/hoster", place], check=True)
    files.write(place + "/apps/acme/blog.yaml", "global: {ring: none}\nhoster: {}\n")
    assert "acme.blog" not in World(place).applications()
    files.write(place + "/apps/nobody/shop.yaml", "hoster: {}\n")
    assert "nobody.shop" not in World(place).applications()
    os.remove(place + "/clusters/c1.yaml")
    world = World(place)
    said = refused(world.value_files, world.applications()["acme.shop"])
    assert "clusters/c1.yaml: there is no such file" in said, said
    files.write(place + "/tenants/acme.yaml", "customer: acme\nproject: {destination: {name: c1}}\n")
    assert ".global.ring" in refused(World(place).applications)


def test_project():
    """A customer's project lets its own Applications through, and none that has another source,
    namespace, cluster or home."""
    world = World()
    applications = world.applications()
    project = project_of(world, applications)
    assert sorted(project["spec"]["sourceRepos"]) == sorted(
        [gitops.CHARTS_URL, gitops.HOSTER_URL, gitops.CUSTOMER_URL])
    assert project["spec"]["clusterResourceWhitelist"] == []
    assert project["spec"]["sourceNamespaces"] == []
    changes = [("project", "hoster"), ("destination.namespace", "argocd"),
               ("destination.namespace", "acme2"), ("destination.name", "in-cluster"),
               ("sources.1.repoURL", "https://git.example.org/customers/acme.git.evil"),
               ("sources.1.repoURL", "https://git.example.org/customers/globex.git"),
               ("sources.0.repoURL", "https://evil.example.org/charts.git")]
    for name in APPS:
        gitops.permits(project, applications[name])
        for path, value in changes:
            refused(gitops.permits, project, changed(applications[name], path, value))
    refused(gitops.permits, project, changed(dict(applications["acme.shop"]), "", "", "acme"))


def changed(application, path, value, namespace=None):
    application = copy.deepcopy(application)
    if namespace:
        application["metadata"]["namespace"] = namespace
        return application
    at = application["spec"]
    *folders, last = path.split(".")
    for word in folders:
        at = at[int(word)] if word.isdigit() else at[word]
    assert last in at, path
    at[last] = value
    return application


def test_project_role():
    """The customer's role in Argo CD sees, syncs and reads logs; nothing else, and only its own."""
    world = World()
    role, = project_of(world, world.applications())["spec"]["roles"]
    policies = sorted(tuple(re.split(r",\s*", p)) for p in role["policies"])
    assert policies == sorted(("p", "proj:acme:customer", resource, action, "acme/*", "allow")
                              for resource, action in (("applications", "get"),
                                                       ("applications", "sync"), ("logs", "get")))
    assert role["groups"] == ["customer-acme"]


@harness.limit(60)
def test_renders():
    """Each app renders on each cluster, alike with Helm 3 and Helm 4, into its customer's namespace,
    with kinds that the project lets through."""
    world = World()
    applications = world.applications()
    project = project_of(world, applications)
    clusters = sorted(os.path.basename(p)[:-len(".yaml")] for p in
                      glob.glob(gitops.EXAMPLES + "/hoster/clusters/c?.yaml"))
    assert clusters == ["c1", "c2"]

    def check(item):
        name, cluster = item
        values = [path.replace("/c1.yaml", "/%s.yaml" % cluster)
                  for path in world.value_files(applications[name])]
        documents = world.render(applications[name], values=values).docs
        assert documents == world.render(applications[name], 3, values).docs
        for document in documents:
            assert document["metadata"].get("namespace", "acme") == "acme", document["metadata"]
            try:
                gitops.permits_object(project, document)
            except Refused as error:
                raise Failure("%s on %s: %s" % (name, cluster, error)) from None
        return documents
    rendered = chart.each(check, [(n, c) for n in APPS for c in clusters])
    everything = [d["kind"] for documents in rendered for d in documents]
    for kind in ("Ingress", "HTTPRoute", "PersistentVolumeClaim", "Cluster", "SealedSecret"):
        assert kind in everything, "the examples show no " + kind


def test_project_kinds():
    """What an app does not consist of, the project lets nobody make."""
    world = World()
    project = project_of(world, world.applications())
    pods = {("v1", "Pod")}   # project.showPods of the example
    for version, kind in FOREIGN:
        document = {"apiVersion": version, "kind": kind}
        if (version, kind) in pods:
            gitops.permits_object(project, document)
        else:
            refused(gitops.permits_object, project, document)
    project["spec"]["namespaceResourceWhitelist"] = [
        item for item in project["spec"]["namespaceResourceWhitelist"] if item["kind"] != "Pod"]
    refused(gitops.permits_object, project, {"apiVersion": "v1", "kind": "Pod"})


def test_hoster_project():
    """The hoster's own project lets through what its charts render, and its lists have nothing
    else."""
    world = World()
    applications = world.applications()
    project = gitops.load(gitops.EXAMPLES + "/hoster/argocd/project.yaml")
    nfs = gitops.load(gitops.EXAMPLES + "/hoster/argocd/nfs.yaml")
    for application in [applications["acme--tenant"], applications["acme--project"], nfs]:
        gitops.permits(project, application)
        for document in world.render(application).docs:
            gitops.permits_object(project, document)
    rendered = gitops.kinds_of_charts("django-tenant", "nfs")
    wanted = {pair for pair in rendered if pair[1] not in gitops.CLUSTER_KINDS}
    assert gitops.kinds(project) == wanted, gitops.kinds(project) ^ wanted
    assert gitops.kinds(project, "clusterResourceWhitelist") == rendered - wanted


def test_parts():
    """The namespace goes into the customer's cluster, the project beside Argo CD."""
    world = World()
    applications = world.applications()
    tenant = world.render(applications["acme--tenant"]).kinds()
    assert "Namespace" in tenant and "AppProject" not in tenant, tenant
    assert world.render(applications["acme--project"]).kinds() == ["AppProject"]


def test_rules():
    """The rules that stand in for Argo CD's are those of its documentation."""
    assert gitops.matches("https://git.example.org/*", "https://git.example.org/a", "/")
    assert not gitops.matches("https://git.example.org/*", "https://git.example.org/a/b", "/")
    assert gitops.matches("https://git.example.org/**", "https://git.example.org/a/b", "/")
    assert gitops.matches("*", "a/b") and not gitops.matches("a", "ab")
    assert gitops.allows(["*", "!x"], "y") and not gitops.allows(["*", "!x"], "x")
    all_kinds = {"spec": {"clusterResourceWhitelist": [], "namespaceResourceWhitelist": []}}
    # an empty list is left out when Argo CD stores it, and then everything is allowed
    gitops.permits_object(all_kinds, {"apiVersion": "v1", "kind": "Secret"})
    refused(gitops.permits_object, all_kinds, {"apiVersion": "v1", "kind": "Namespace"})


def test_links_and_dots():
    """A value file that is a link out of its repository, or whose name leads out, is not read."""
    place = harness.tmp + "/customer"
    subprocess.run(["cp", "-r", gitops.EXAMPLES + "/customer", place], check=True)
    os.remove(place + "/apps/shop.yaml")
    os.symlink(gitops.EXAMPLES + "/hoster/apps/acme/shop.yaml", place + "/apps/shop.yaml")
    world = World(customer=place)
    application = world.applications()["acme.shop"]
    assert "leads out" in refused(world.value_files, application)
    names = gitops.main_source(application)["helm"]["valueFiles"]
    names[0] = "$customer/../hoster/_reset.yaml"
    assert "leads out" in refused(world.value_files, application)
    assert not [n for n in names[1:] if ".." in n or not re.fullmatch(r"\$hoster/[\w./-]+", n)]


def test_ci():
    """The CI examples are YAML, and call programs that are there with options that they have."""
    for path, calls in (("customer/ci/github-actions.yaml", "customer"),
                        ("customer/ci/gitlab-ci.yaml", "customer"),
                        ("hoster/.github/workflows/check.yaml", "hoster"),
                        ("hoster/.gitlab-ci.yml", "hoster")):
        text = chart.read(os.path.join(gitops.EXAMPLES, path))
        assert isinstance(yaml.safe_load(text), dict), path
        program = "ci/deploy" if calls == "customer" else "./check"
        assert program in text, path
        if calls == "hoster":
            said = subprocess.run([gitops.EXAMPLES + "/hoster/check", "--help"], text=True,
                                  stdout=subprocess.PIPE, check=True).stdout
            options = set(re.findall(r"(?<=\s)--[a-z]+", text[text.rindex(program):]))
            assert options == {"--base", "--charts", "--customers"}, options
            assert not [o for o in options if o not in said]


if __name__ == "__main__":
    chart.main()
