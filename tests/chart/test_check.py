"""`check` of the hoster's example repository: each thing that it refuses, with the sentence, and that
it refuses nothing else; and ci/deploy of the customer's."""
import os
import re
import subprocess

import chart
import files
import gitops
import harness
from harness import Failure

HOSTER, CUSTOMER = gitops.EXAMPLES + "/hoster", gitops.EXAMPLES + "/customer"
ACME = "tenants/acme.yaml"
SHOP, BLOG = "apps/acme/shop.yaml", "apps/acme/blog.yaml"


def git(place, *words):
    return subprocess.run(["git", "-C", place, "-c", "user.name=x", "-c", "user.email=x@example.org",
                           *words], check=True, stdout=subprocess.PIPE, text=True).stdout


class Hoster:
    """A copy of the example, with a first commit."""

    def __init__(self):
        self.place = harness.tmp + "/hoster"
        subprocess.run(["cp", "-r", HOSTER, self.place], check=True)
        subprocess.run(["chmod", "-R", "u+w", self.place], check=True)
        git(self.place, "init", "-q", "-b", "main")
        self.commit()

    def commit(self):
        git(self.place, "add", "--all")
        git(self.place, "commit", "-q", "--allow-empty", "-m", "x")

    def write(self, name, text):
        files.write(os.path.join(self.place, name), text)

    def edit(self, name, old, new):
        text = chart.read(os.path.join(self.place, name))
        if text.count(old) != 1:
            raise Failure("%s has %d times, and not once: %s" % (name, text.count(old), old))
        self.write(name, text.replace(old, new))

    def check(self, *words):
        """(exit code, what was said against it, what was said)"""
        done = subprocess.run([self.place + "/check", *words], stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.PIPE, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stderr, done.stdout

    def refuses(self, *sentences, words=("--no-render",)):
        """These sentences, and none beside them; then everything is put back."""
        code, said, _ = self.check(*words)
        lines = said.splitlines()
        if code != 1 or len(lines) != len(sentences) or not all(
                any(line.startswith(s) for line in lines) for s in sentences):
            raise Failure("wanted %s\nsaid (%d): %s" % ("\n       ".join(sentences), code, said))
        git(self.place, "reset", "-q", "--hard")
        git(self.place, "clean", "-qfd")


def rendered_with():
    """Options with which `check` renders."""
    customers = harness.tmp + "/customers"
    if not os.path.exists(customers):
        os.mkdir(customers)
        subprocess.run(["cp", "-r", CUSTOMER, customers + "/acme"], check=True)
    return ["--charts", chart.CHARTS, "--helm", chart.tool("helm4"), "--customers", customers]


def test_in_order():
    """The example is in order, with the customer's files and without, and its needs are told."""
    hoster = Hoster()
    code, said, out = hoster.check(*rendered_with(), "--needs")
    assert code == 0 and not said, said
    assert out.endswith("check: 2 apps of 1 customers: in order\n"), out
    assert re.search(r"^  requests\.memory +\d+Mi +12Gi$", out, re.M), out
    code, said, _ = hoster.check("--charts", chart.CHARTS, "--helm", chart.tool("helm4"))
    assert code == 0, said


def test_names():
    """Names that are too long, or none, or somebody else's."""
    hoster = Hoster()
    long = "portal-with-a-name-that-is-long"
    assert len(long) == 31
    hoster.write("apps/acme/%s.yaml" % long, "hoster: {domains: [long.example.org]}\n")
    hoster.refuses("apps/acme/%s.yaml: the app's name %s has 31 characters; at most 30" % (long, long))
    hoster.write("apps/acme/%s.yaml" % long[:-1], "hoster: {domains: [long.example.org]}\n")
    assert hoster.check("--no-render")[0] == 0
    git(hoster.place, "clean", "-qfd")
    hoster.write("apps/acme/Portal.yaml", "hoster: {domains: [portal.example.org]}\n")
    hoster.refuses("apps/acme/Portal.yaml: the app's name Portal is none: small letters")
    hoster.write("apps/acme/tenant.yaml", "hoster: {domains: [t.example.org]}\n")
    hoster.refuses("apps/acme/tenant.yaml: names of objects that begin with `tenant` are those of "
                   "django-tenant.")
    for name, said in (("hoster", "hoster is no customer's name here"),
                       ("a--b", "the customer's name a--b is none"),
                       ("kube-x", "kube-x is no customer's name here"),
                       ("a" * 41, "the customer's name %s has 41 characters" % ("a" * 41))):
        text = chart.read(HOSTER + "/" + ACME).replace("customer: acme", "customer: " + name)
        hoster.write("tenants/%s.yaml" % name, text)
        hoster.refuses("tenants/%s.yaml: %s" % (name, said))


def test_two_apps_of_one_name():
    """Two apps of one name in a namespace; a name that begins another's."""
    hoster = Hoster()
    hoster.write("apps/acme/shop.yml", "hoster: {domains: [x.example.org]}\n")
    hoster.refuses("apps/acme/shop.yaml and apps/acme/shop.yml: two apps of one name in one "
                   "namespace.", "apps/acme/shop.yml: nobody reads it, since the name does not end "
                   "in .yaml; rename it.")
    hoster.write("apps/acme/shop-eu.yaml", "hoster: {domains: [eu.example.org]}\n")
    hoster.refuses("apps/acme/shop-eu.yaml: the name begins with that of apps/acme/shop.yaml, whose "
                   "objects are called shop-db, shop-async and so on: the two would meet. Call it "
                   "eu-shop, for instance.")
    hoster.write("tenants/acme2.yaml", chart.read(HOSTER + "/" + ACME).replace(
        "customer: acme\n", "customer: acme2\nnamespace: {name: acme}\n"))
    hoster.refuses("tenants/acme2.yaml: namespace.name is acme, but argocd/apps.yaml deploys into "
                   "acme2. Two customers in one namespace could have two apps of one name.")


def test_two_owners_of_a_host():
    """A host of two apps, also through a wildcard or a cluster's file; no host at all."""
    hoster = Hoster()
    hoster.edit(BLOG, "[blog.example.org]", "[blog.example.org, WWW.shop.example.org]")
    hoster.refuses("apps/acme/shop.yaml: hoster.domains has www.shop.example.org, but "
                   "www.shop.example.org is already the app's of apps/acme/blog.yaml")
    hoster.edit(BLOG, "[blog.example.org]", "['*.example.org']")
    hoster.refuses(*["apps/acme/shop.yaml: hoster.domains has %s, but %s is already the app's of "
                     "apps/acme/blog.yaml (*.example.org)" % (h, h)
                     for h in ("shop.example.org", "www.shop.example.org")])
    # another customer, another cluster: still one DNS
    hoster.write("tenants/globex.yaml", chart.read(HOSTER + "/" + ACME).replace(
        "customer: acme", "customer: globex").replace("name: c1", "name: c2"))
    hoster.write("apps/globex/shop.yaml", "hoster: {domains: ['*.shop.example.org']}\n")
    hoster.refuses("apps/globex/shop.yaml: hoster.domains has *.shop.example.org, but "
                   "www.shop.example.org is already the app's of apps/acme/shop.yaml")
    hoster.edit(BLOG, "  domains: [blog.example.org]\n", "")
    hoster.refuses("apps/acme/blog.yaml: hoster.domains is empty, so the customer could take any "
                   "host, also another customer's.")
    hoster.edit(BLOG, "domains: [blog.example.org]", "routing: {type: none}")
    assert hoster.check("--no-render")[0] == 0


def test_volumes():
    """A volume that shrinks, is gone, or changes what cannot change; growing is fine."""
    hoster = Hoster()
    hoster.edit(SHOP, "size: 20Gi", "size: 19.5Gi")
    hoster.refuses("apps/acme/shop.yaml: hoster.files.size shrinks from 20Gi to 19.5Gi, which no "
                   "volume can (acme/shop). Put it back")
    hoster.edit(SHOP, "size: 10Gi", "size: 9000Mi")
    hoster.refuses("apps/acme/shop.yaml: hoster.postgres.cluster.size shrinks from 10Gi to 9000Mi")
    hoster.edit(SHOP, "    size: 20Gi\n", "    accessMode: ReadWriteOnce\n")
    hoster.refuses("apps/acme/shop.yaml: hoster.files.size was 20Gi and is no longer there")
    hoster.edit("clusters/c1.yaml", "  files:\n    storageClassName: ceph-rbd",
                "  files:\n    storageClassName: nfs")
    hoster.refuses(*["clusters/c1.yaml: hoster.files.storageClassName was ceph-rbd and is nfs now, "
                     "but an existing volume keeps it. For acme/%s make a new volume" % a
                     for a in ("shop", "blog")])
    hoster.edit(SHOP, "size: 20Gi", "size: 30Gi\n    existingClaim: shop-files-2")
    hoster.edit(SHOP, "size: 10Gi", "size: 1Ti\n      walSize: 4Gi")
    assert hoster.check("--no-render")[0] == 0
    hoster.commit()
    hoster.edit(SHOP, "walSize: 4Gi", 'walSize: ""')
    hoster.refuses("apps/acme/shop.yaml: hoster.postgres.cluster.walSize was 4Gi and is no longer")
    # back to what was before, but another claim: another volume
    hoster.edit(SHOP, "size: 30Gi\n    existingClaim: shop-files-2", "size: 20Gi")
    assert hoster.check("--no-render")[0] == 0
    assert hoster.check("--no-render", "--base", "HEAD~1")[0] == 0
    code, said, _ = hoster.check("--no-render", "--base", "nothing")
    assert code == 1 and "git knows no such commit here; fetch it first" in said, said


def test_files_that_belong_together():
    """An app without its customer, cluster, ring, or what the customer has to write."""
    hoster = Hoster()
    hoster.write("apps/globex/portal.yaml", "hoster: {domains: [portal.example.org]}\n")
    hoster.refuses("apps/globex/portal.yaml: there is no tenants/globex.yaml, so the app has no "
                   "namespace and no project.")
    os.remove(hoster.place + "/clusters/c1.tenants.yaml")
    hoster.refuses("tenants/acme.yaml: it is on the cluster c1, but there is no "
                   "clusters/c1.tenants.yaml.")
    hoster.edit(ACME, "name: c1", "name: c9")
    hoster.refuses(*["tenants/acme.yaml: it is on the cluster c9, but there is no clusters/c9%s. Add "
                     "that file" % s for s in (".yaml", ".tenants.yaml")])
    hoster.edit(ACME, "    customer: https://git.example.org/customers/acme.git\n", "")
    hoster.refuses("tenants/acme.yaml: project.repositories.customer is missing")
    hoster.edit(BLOG, "ring: canary", "ring: beta")
    hoster.refuses("apps/acme/blog.yaml: global.ring is beta, and there is no such ring; there are: "
                   "canary, stable.")
    hoster.edit(ACME, "ring: stable", "rang: stable")
    hoster.refuses("tenants/acme.yaml: global.ring is missing; there are: canary, stable.")
    hoster.edit(ACME, "customer: acme", "customer: acne")
    hoster.refuses("tenants/acme.yaml: customer is 'acne', but must be what the file is called: acme.")
    words = rendered_with() + ["--no-render"]
    os.rename(harness.tmp + "/customers/acme/apps/blog.yaml", harness.tmp + "/blog.yaml")
    hoster.refuses("apps/acme/blog.yaml: the customer's apps/blog.yaml is not there. The customer "
                   "adds it first", words=words)
    os.symlink(harness.tmp + "/blog.yaml", harness.tmp + "/customers/acme/apps/blog.yaml")
    hoster.refuses("apps/acme/blog.yaml: the customer's apps/blog.yaml is a symbolic link.",
                   words=words)
    os.remove(harness.tmp + "/customers/acme/apps/blog.yaml")
    files.write(harness.tmp + "/customers/acme/apps/blog.yaml", "hoster: {}\n")
    hoster.refuses("apps/acme/blog.yaml: the customer's apps/blog.yaml has no `app` in it.",
                   words=words)


def test_border():
    """A reset that is none, a ring that moves, a customer that writes where it must not, links, files
    where Argo CD's patterns would take them for an app."""
    hoster = Hoster()
    for text in ("hoster: {}\n", "{}\n", "hoster: null\napp: null\n"):
        hoster.write("_reset.yaml", text)
        hoster.refuses("_reset.yaml: it must be `hoster: null` and nothing else")
    os.remove(hoster.place + "/_reset.yaml")
    hoster.refuses("_reset.yaml: it must be `hoster: null` and nothing else")
    for revision in ("main", "HEAD", "v1", "''", "1.4"):
        hoster.write("rings/stable.yaml", "ring: {revision: %s}\n" % revision)
        hoster.refuses("rings/stable.yaml: ring.revision is ")
    for url in ("https://git.example.org/hoster/gitops", "git@git.example.org:hoster/gitops.git",
                "ssh://git@git.example.org/hoster/charts.git", "https://x:y@GIT.example.org/hoster/charts/"):
        hoster.edit(ACME, "https://git.example.org/customers/acme.git", url)
        hoster.refuses("tenants/acme.yaml: project.repositories.customer is the repository of the ")
    hoster.write("apps/acme/old/shop.yaml", "hoster: {}\n")
    hoster.refuses("apps/acme/old/shop.yaml: it must be apps/CUSTOMER/APP.yaml; move it there.")
    hoster.write("tenants/old/acme.yaml", "{}\n")
    hoster.refuses("tenants/old/acme.yaml: it must be tenants/NAME.yaml; move it there.")
    os.remove(hoster.place + "/" + BLOG)
    os.symlink("shop.yaml", hoster.place + "/" + BLOG)
    hoster.refuses("apps/acme/blog.yaml: a symbolic link.")
    hoster.edit(BLOG, "hoster:\n", "app: {port: 1}\nhoster:\n")
    hoster.refuses("apps/acme/blog.yaml: `app` does not belong here: only `hoster`, and "
                   "`global.ring`.")
    hoster.edit("clusters/c2.yaml", "hoster:\n", "app: {}\nhoster:\n")
    assert hoster.check("--no-render")[0] == 0   # nobody is on it
    hoster.edit(ACME, "name: c1", "name: c2")
    hoster.refuses("clusters/c2.yaml: `app` does not belong here, only `hoster`.")
    hoster.write(BLOG, "hoster:\n")
    hoster.refuses(*["apps/acme/blog.yaml: " + s for s in (
        "there is no `hoster` in it", "hoster.domains is empty",
        "hoster.postgres.cluster.size was 5Gi and is no longer there")])


def test_yaml():
    """What readers of YAML understand differently, or not at all."""
    hoster = Hoster()
    hoster.edit(BLOG, "  domains:", "  domains: [other.example.org]\n  domains:")
    hoster.refuses("apps/acme/blog.yaml: this is no YAML that all readers understand alike: the key "
                   "'domains' is there twice")
    hoster.write(BLOG, "hoster: [\n")
    assert "this is no YAML" in hoster.check("--no-render")[1]
    hoster.write("rings/canary.yaml", "ring: {a: 1, a: 2}\n")
    hoster.write("_reset.yaml", "- hoster\n")
    code, said, _ = hoster.check("--no-render")
    assert [line.split(":")[0] for line in said.splitlines()] == [
        "_reset.yaml", BLOG, "rings/canary.yaml"], said
    hoster.write(BLOG, "")
    assert "there is nothing in it" in hoster.check("--no-render")[1]


@harness.limit(60)
def test_quota():
    """A quota that does not fit at the worst moment is refused, with who needs how much; one that is
    just enough is not. What does not render is told with Helm's words."""
    hoster = Hoster()
    words = rendered_with()
    needs = dict(re.findall(r"^  (\S+) +(\S+)", hoster.check(*words, "--needs")[2], re.M))
    hard = {"requests.cpu": '"4"', "requests.memory": "12Gi", "limits.memory": "16Gi",
            "requests.storage": "120Gi", "persistentvolumeclaims": '"12"', "pods": '"40"'}
    for key, value in hard.items():
        hoster.edit(ACME, "    %s: %s\n" % (key, value), '    %s: "%s"\n' % (key, needs[key]))
    code, said, _ = hoster.check(*words)
    assert code == 0, said
    hoster.commit()
    for key in hard:
        number, unit = re.fullmatch(r"(\d+)(\D*)", needs[key]).groups()
        less = "%d%s" % (int(number) - 1, unit)
        hoster.edit(ACME, '    %s: "%s"\n' % (key, needs[key]), '    %s: "%s"\n' % (key, less))
        hoster.refuses("tenants/acme.yaml: quota: %s is %s, but its apps may need %s at a time (" % (
            key, less, needs[key]), words=words)
    hoster.edit(SHOP, "memory: 1Gi\n  files", "memory: 5Gi\n  files")
    code, said, _ = hoster.check(*words)
    assert code == 1 and re.search(r"apps/acme/shop\.yaml: Deployment shop, container run, asks for "
                                   r"5Gi memory, but limits in .* allow 4Gi at most", said), said
    hoster.edit(SHOP, "[shop.example.org, ", "[")
    code, said, _ = hoster.check(*words)
    assert code == 1 and re.search(r"^apps/acme/shop\.yaml: it does not render: .*shop\.example\.org",
                                   said, re.M), said


def test_tools():
    """Without Helm, or without being told where the charts are, it says what to do."""
    hoster = Hoster()
    code, said, _ = hoster.check("--charts", chart.CHARTS, "--helm", "/no/helm")
    assert code == 1 and "/no/helm: No such file or directory. Install Helm" in said, said
    code, said, _ = hoster.check()
    assert code == 1 and "say with --charts where the charts are, or --no-render" in said, said


# ---- the customer's ci/deploy ----

DIGEST = "sha256:" + "ab" * 32


class Customer:
    def __init__(self):
        self.origin, work = harness.tmp + "/acme.git", harness.tmp + "/work"
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", self.origin], check=True)
        subprocess.run(["cp", "-r", CUSTOMER, work], check=True)
        subprocess.run(["chmod", "-R", "u+w", work], check=True)
        git(work, "init", "-q", "-b", "main")
        git(work, "add", "--all")
        git(work, "commit", "-q", "-m", "x")
        git(work, "push", "-q", self.origin, "main")

    def deploy(self, file, image):
        done = subprocess.run([CUSTOMER + "/ci/deploy", "file://" + self.origin, file, image], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        return done.returncode, done.stderr

    def show(self, file):
        return git(self.origin, "show", "main:" + file)


def test_deploy():
    """CI writes the digest's line, nothing else, as one commit; once more it writes nothing."""
    customer = Customer()
    before = customer.show("apps/shop.yaml")
    image = "registry.example.org/acme/shop@" + DIGEST
    assert customer.deploy("apps/shop.yaml", image) == (0, "")
    after = customer.show("apps/shop.yaml")
    changed = [pair for pair in zip(before.splitlines(), after.splitlines()) if pair[0] != pair[1]]
    assert len(changed) == 1 and changed[0][1] == "    digest: " + DIGEST, changed
    assert len(before.splitlines()) == len(after.splitlines())
    assert git(customer.origin, "log", "-1", "--format=%s", "main").strip() == "shop.yaml: " + DIGEST
    assert customer.deploy("apps/shop.yaml", image) == (0, "")
    assert git(customer.origin, "rev-list", "--count", "main").strip() == "2"


def test_deploy_refuses():
    """A tag, another app's image, a file that is not there: nothing is pushed."""
    customer = Customer()
    for file, image, said in (
            ("apps/shop.yaml", "registry.example.org/acme/shop:1", "has no digest"),
            ("apps/shop.yaml", "registry.example.org/acme/blog@" + DIGEST, "is about another image"),
            ("apps/none.yaml", "registry.example.org/acme/shop@" + DIGEST, "there is no apps/none"),
            ("README.md", "registry.example.org/acme/shop@" + DIGEST, "has no single line 'digest:'")):
        code, text = customer.deploy(file, image)
        assert code == 1 and said in text, (code, text)
    assert git(customer.origin, "rev-list", "--count", "main").strip() == "1"


def test_deploy_meets_another():
    """A push that meets another one is made anew on top of it; one that is always refused ends with
    a sentence."""
    customer = Customer()
    hook = customer.origin + "/hooks/pre-receive"
    files.write(hook, "#!/bin/sh\n[ -e once ] || { touch once; exit 1; }\n", 0o755)
    code, said = customer.deploy("apps/shop.yaml", "registry.example.org/acme/shop@" + DIGEST)
    assert code == 0 and "once more with what is there now" in said, (code, said)
    assert DIGEST in customer.show("apps/shop.yaml")
    files.write(hook, "#!/bin/sh\nexit 1\n", 0o755)
    code, said = customer.deploy("apps/blog.yaml", "registry.example.org/acme/blog@" + DIGEST)
    assert code == 1 and "may this token write to the branch?" in said, (code, said)


if __name__ == "__main__":
    chart.main()
