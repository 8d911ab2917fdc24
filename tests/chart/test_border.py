"""Whatever a customer writes: the hoster's values stay the hoster's, other people's Secrets are not
read, and nothing is deployed but what the chart renders."""
import json
import os
import re

import border
import chart
import gitops
import harness
import schema
from border import App
from harness import Failure


def same_or_refused(app, clean, customer, helm=4):
    """Whether Helm refused it; a Failure when it rendered something else than for a clean file."""
    text, said = app.attempt(customer, helm)
    if said is not None:
        return said
    if text != clean[helm]:
        raise Failure("Helm %d renders something else for\n%s" % (
            helm, customer if isinstance(customer, str) else json.dumps(customer)))
    return None


def clean_of(app, customer=None):
    return {helm: app.render(customer or border.example(), helm).text for helm in chart.HELMS}


def with_hoster(hoster):
    return dict(border.example(), hoster=hoster)


@harness.limit(60)
def test_every_leaf():
    """Whatever value of the hoster's is in a customer's file, it changes nothing, not a byte, with
    both Helms: block by block, so that all there is to say has been said; all at once; and nulls,
    which Helm takes for the wish to have no default."""
    app = App()
    clean = clean_of(app)
    found = border.blocks()
    everything = [found, {name: None for name in found}]

    def check(item):
        hoster, helm = item
        said = same_or_refused(app, clean, with_hoster(hoster), helm)
        if said is not None:
            raise Failure("refused, and should be ignored: %s\n%s" % (json.dumps(hoster), said))
    chart.each(check, [(hoster, helm) for helm in chart.HELMS for hoster in
                       [{name: block} for name, block in found.items()] + everything])


@harness.limit(60)
def test_blocks_matter():
    """Without the reset each block does change what is rendered, or is refused: so the case above
    can fail."""
    app = App()
    del app.files[1]
    clean = clean_of(app)

    def silent(item):
        name, block = item
        text, said = app.attempt(with_hoster({name: block}))
        return None if said is not None or text != clean[4] else name
    without = list(filter(None, chart.each(silent, border.blocks().items())))
    # our own files say these, and what the last file says wins; or it is what is anyway
    assert set(without) <= {"domains", "secrets", "deployer", "pidone"}, without


def test_other_shapes():
    """`hoster` that is no map, or huge, or deep, changes nothing."""
    app = App()
    clean = clean_of(app)
    deep = {}
    for _ in range(200):
        deep = {"resources": deep}
    for hoster in (None, [], ["x"], "x", "{{ fail \"x\" }}", True, 1, {}, deep,
                   {"x": "y" * 1000000}, {"": ""}, {"unknown": 1}):
        for helm in chart.HELMS if hoster in (None, []) else [4]:
            assert same_or_refused(app, clean, with_hoster(hoster), helm) is None, hoster


EVIL = "hoster: {nodeSelector: {evil: evil}, resources: {default: {limits: {cpu: '64'}}}}\n"
# how a text could say `hoster`, or more than one thing
TEXTS = {
    "twice": "%s" + EVIL + EVIL,
    "quoted": '%s"hoster": {nodeSelector: {evil: evil}}\n',
    "escaped": '%s"\\x68oster": {nodeSelector: {evil: evil}}\n',
    "question": "%s? hoster\n: {nodeSelector: {evil: evil}}\n",
    "tagged": "%s!!str hoster: {nodeSelector: {evil: evil}}\n",
    "merged": "x: &x\n  " + EVIL + "<<: *x\n%s",
    "merged list": "%s<<: [{" + EVIL.strip() + "}]\n",
    "anchored": "%shoster: &h {nodeSelector: {evil: evil}}\nglobal: *h\n",
    "second document": "%s---\n" + EVIL,
    "first document": EVIL + "---\n%s",
    "ended": "%s...\n" + EVIL,
    "byte order mark": "\ufeff%s" + EVIL,
    "carriage returns": "%s" + EVIL.replace("\n", "\r\n"),
    "directive": "%%YAML 1.1\n---\n%s" + EVIL,
    "long comment": "%s# " + "x" * 200000 + "\n" + EVIL,
    "tab": "%shoster:\t{nodeSelector: {evil: evil}}\n",
    "dotted": "%s'hoster.nodeSelector': {evil: evil}\n",
    "bracketed": "%s'hoster[nodeSelector]': {evil: evil}\n",
    "case": "%sHoster: {nodeSelector: {evil: evil}}\n",
    "space": "%s'hoster ': {nodeSelector: {evil: evil}}\n",
    "within app": "%s  hoster: {nodeSelector: {evil: evil}}\n",
    "capitals": "%sValues: {hoster: {nodeSelector: {evil: evil}}}\n",
    "chart": "%sdjango: {hoster: {nodeSelector: {evil: evil}}}\n",
    "global": "%sglobal: {hoster: {nodeSelector: {evil: evil}}, evil: [1, null]}\n",
    "aliases": "%shoster:\n  a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        "  %s: &%s [%s]\n" % (name, name, ", ".join(["*" + chr(ord(name) - 1)] * 9))
        for name in "bcdefghi"),
}


@harness.limit(60)
def test_texts():
    """Whatever way YAML has to say it: the same is rendered, or the file is refused."""
    app = App()
    source = chart.read(gitops.EXAMPLES + "/customer/apps/shop.yaml")
    clean = clean_of(app, source)
    ignored = set()

    def check(item):
        (name, text), helm = item
        said = same_or_refused(app, clean, text.replace("%%", "%") if "%s" not in text
                               else text.replace("%s", source).replace("%%", "%"), helm)
        if said is None:
            ignored.add(name)
        elif "hoster" not in said and "YAML" not in said and "yaml" not in said and \
                "additional" not in said.lower():
            raise Failure("%s: refused for another reason: %s" % (name, said))
    chart.each(check, [(item, helm) for item in TEXTS.items() for helm in chart.HELMS])
    for name in ("quoted", "escaped", "anchored", "second document", "global", "case"):
        assert (name in ignored) == (name != "case"), (name, ignored)


def test_without_the_hosters_file():
    """Where the hoster's files are missing nothing is rendered."""
    app = App()
    customer, reset, cluster, own = app.files
    for values in ([customer], [customer, reset]):
        text, said = app.attempt(None, values=values)
        assert text is None, "rendered with %s" % values
        assert "hoster" in said, said
    text, said = app.attempt(None, values=[customer, reset, cluster, own + ".gone"])
    assert text is None and "no such file" in said, said
    text, said = app.attempt(None, values=[customer, reset, reset])
    assert text is None and "hoster" in said, said


def test_without_the_customers_part():
    """A customer's file without an app is refused, with what is missing."""
    app = App()
    for text in ("", "# nothing\n", "{}\n", "app:\n", "app: {}\n", "app: []\n", "null\n",
                 "app: {image: {}}\n"):
        for helm in chart.HELMS if not text else [4]:
            rendered, said = app.attempt(text, helm)
            assert rendered is None and ("app" in said or "image" in said), (text, said)


# ---- Secrets ----

FOREIGN_SECRETS = ["tenant-backup-credentials", "backup-credentials", "shop-db-superuser", "shop-db-app",
                   "shop-db-ca", "shop-tls", "blog-env", "shopx-env", "../shop-env", "SHOP-ENV",
                   "postgres.shop.credentials.postgresql.acid.zalan.do"]


def secret_names(value):
    """Every Secret that something of this document wants: pods, and CloudNativePG's objects."""
    if isinstance(value, dict):
        for key, child in value.items():
            if key in ("secretName",) and isinstance(child, str):
                yield child
            elif key in ("secretRef", "secretKeyRef", "secret", "passwordSecret", "password",
                         "superuserSecret") and isinstance(child, dict) and "name" in child:
                yield child["name"]
            elif key == "imagePullSecrets":
                yield from (item["name"] for item in child)
            else:
                yield from secret_names(child)
    elif isinstance(value, list):
        for child in value:
            yield from secret_names(child)


def test_secrets_found():
    """The search for names of Secrets finds each place where a pod can have one."""
    pod = {"containers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": "a", "key": "k"}}}],
                           "envFrom": [{"secretRef": {"name": "b"}}]}],
           "volumes": [{"secret": {"secretName": "c"}},
                       {"projected": {"sources": [{"secret": {"name": "d"}}]}}],
           "imagePullSecrets": [{"name": "e"}]}
    cluster = {"externalClusters": [{"password": {"name": "f", "key": "password"}}]}
    assert sorted(secret_names([pod, cluster])) == list("abcdef")


@harness.limit(60)
def test_foreign_secrets():
    """No Secret that is not this app's own can be named by a customer: not to be read, not to be
    made, whatever it is called."""
    app = App()
    ciphertext = border.example()["app"]["sealedSecrets"]["shop-env"]["encryptedData"]["SECRET_KEY"]

    def check(name):
        # each other type and place of a secret has its turn
        more = [{"encryptedData": {"A": ciphertext}},
                {"encryptedData": {"a": ciphertext}, "mountPath": "/run/secrets/x"},
                {"encryptedData": {".dockerconfigjson": ciphertext},
                 "type": "kubernetes.io/dockerconfigjson"}][len(name) % 3]
        for key, value in (("envFrom", [name]), ("sealedSecrets", {name: more})):
            customer = border.example()
            customer["app"][key] = value
            text, said = app.attempt(customer)
            if text is not None:
                raise Failure("app.%s: %r is accepted" % (key, value))
            if key not in said and name not in said:
                raise Failure("neither app.%s nor %s is named: %s" % (key, name, said))
    chart.each(check, FOREIGN_SECRETS)


def test_only_own_secrets():
    """What pods have of Secrets is the app's own and its database's."""
    app = App()
    documents = app.render(border.example()).docs
    own = {d["metadata"]["name"] for d in documents if d["kind"] == "SealedSecret"}
    assert own == set(border.example()["app"]["sealedSecrets"]), own
    pods = [d for d in documents if d["kind"] in ("Deployment", "Job", "CronJob")]
    assert {"Deployment", "CronJob"} <= {d["kind"] for d in pods}
    wanted = set(secret_names(pods))
    assert wanted == own | {"shop-db-app"}, wanted


# ---- kinds ----

def test_whitelist():
    """The customer's project allows exactly the kinds that the chart renders, over all its cases."""
    rendered = gitops.kinds_of_charts("django")
    for case in chart.cases("django-tenant"):
        for project in chart.render(chart.cases("django-tenant")[case], chart="django-tenant") \
                .all("AppProject"):
            allowed = gitops.kinds(project)
            if case == "all":   # project.showPods
                assert {("", "Pod"), ("apps", "ReplicaSet")} <= allowed
                allowed -= {("", "Pod"), ("apps", "ReplicaSet")}
            assert allowed == rendered, "only in one of both: %s" % (allowed ^ rendered)
            assert project["spec"]["clusterResourceWhitelist"] == []
    assert not {kind for _, kind in rendered} & gitops.CLUSTER_KINDS


def test_templates_all_rendered():
    """Each template of the chart renders something in some case: no kind hides in one."""
    folder = chart.directory("django") + "/templates"
    names = {n for n in os.listdir(folder) if n.endswith(".yaml")}
    found = {line.rsplit("/", 1)[1] for _, r in chart.rendered() if r.chart == "django"
             for line in r.text.splitlines() if line.startswith("# Source: ")}
    assert names <= found, "never rendered: %s" % (names - found)


def test_schema_has_no_pods():
    """The customer's part of the schema is closed, and nothing in it is called like a part of a pod
    that the hoster decides about."""
    root, _ = schema.load("django")
    words = {word for path, _ in schema.walk(root) if path[:1] == ("app",) for word in path}
    assert not words & {"resources", "securityContext", "volumes", "volumeMounts", "nodeSelector",
                        "tolerations", "affinity", "serviceAccountName", "hostNetwork", "podSpec",
                        "initContainers", "sidecars", "annotations", "labels", "replicas"}, words


def test_threat_model():
    """Every test that doc/threat-model.md names is there."""
    text = chart.read(harness.SRCDIR + "/doc/threat-model.md")
    named = []
    # `test_script: test_case`, `test_case`
    for match in re.finditer(r"`(test_\w+)(?:: (test_\w+))?`((?:, `test_\w+`)*)", text):
        script, words = match.group(1), [match.group(2)] + re.findall(r"test_\w+", match.group(3))
        source = chart.read("%s/%s.py" % (chart.HERE, script))
        for word in filter(None, words):
            named.append(word)
            if "\ndef %s(" % word not in source:
                raise Failure("%s.py has no %s" % (script, word))
    assert len(named) > 40, named


if __name__ == "__main__":
    chart.main()
