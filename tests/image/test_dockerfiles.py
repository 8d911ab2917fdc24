"""contrib/dockerfiles: what makes them good examples, as far as it can be read. Every rule is
shown a bad sample first: a lint that cannot fail proves nothing. test_docker.py builds them."""
import glob
import os
import re

import harness
import dockerfile

DIRECTORY = harness.SRCDIR + "/contrib/dockerfiles"
SITES = ["django-debian", "django-alpine", "django-distroless", "django-uwsgi", "celery"]


def read(name):
    with open("%s/%s.Dockerfile" % (DIRECTORY, name), encoding="utf-8") as file:
        return file.read()


def complaints(rule, names, bad):
    """The rule complains of each bad sample, and of none of the files."""
    for sample in bad:
        assert list(rule(dockerfile.parse(sample)[1])), "not found: " + sample
    found = ["%s.Dockerfile: %s" % (name, line) for name in names
             for line in rule(dockerfile.parse(read(name))[1])]
    if found:
        raise harness.Failure("\n".join(found))


def test_parser():
    """Comments and continued lines, flags, both forms of a command, FROM's ARG"""
    text = ("ARG A=x:1\n# c\nFROM ${A} AS a\nRUN --mount=type=cache,target=/c \\\n  # c\n"
            "  one && \\\n  two\nHEALTHCHECK --timeout=3s CMD [\"a\", \"b\"]\n"
            "LABEL a=\"b c\" \\\n  d=e\nfrom scratch\nCOPY --from=a /x /y\nCMD [a]\n")
    defaults, stages = dockerfile.parse(text)
    assert defaults == {"A": "x:1"}
    assert [(s.image, s.name) for s in stages] == [("x:1", "a"), ("scratch", None)]
    run, health, label = stages[0].instructions
    assert (run.number, run.text) == (4, "one && two"), run.text
    assert run.flags == {"--mount": ["type=cache,target=/c"]}
    assert health.exec_form == ["a", "b"] and health.flags == {"--timeout": "3s"}
    assert label.pairs() == {"a": "b c", "d": "e"}
    copy, command = stages[1].instructions
    assert copy.flags == {"--from": "a"} and copy.text == "/x /y"
    assert command.exec_form is None


def test_all_are_here():
    """Every Dockerfile is looked at, and pidone's version is the one that they take."""
    found = {os.path.basename(path)[:-len(".Dockerfile")]
             for path in glob.glob(DIRECTORY + "/*.Dockerfile")}
    assert found == set(SITES + ["pidone"]), found
    with open(harness.SRCDIR + "/configure.ac", encoding="utf-8") as file:
        version = re.search(r"AC_INIT\(\[pidone\], \[(.*?)\]", file.read()).group(1)
    for name in SITES:
        assert dockerfile.parse(read(name))[0] == {"PIDONE": "pidone:" + version}, name
    assert dockerfile.parse(read("pidone"))[1][-1].pairs("ARG")["VERSION"] == version


def lint_stages(stages):
    if len(stages) < 2:
        yield "one stage: what builds is shipped"
    for stage in stages:
        if stage.image in [s.name for s in stages] + ["scratch"]:
            continue
        tag = stage.image.rpartition("/")[2].partition(":")[2]
        if tag in ("", "latest"):
            yield "line %d: %s may be another image tomorrow" % (stage.number, stage.image)


def test_stages_and_tags():
    """Several stages, and each base by a tag that is not latest"""
    complaints(lint_stages, SITES + ["pidone"], [
        "FROM a:1\n", "FROM a AS b\nFROM c:1\n", "FROM a:latest AS b\nFROM b\n",
        "FROM x:5000/a AS b\nFROM b\n"])


def lint_user(stages):
    user = stages[-1].last("USER")
    if user is None or not re.match(r"[1-9]\d*:[1-9]\d*$", user.text):
        yield "no numbers of an ordinary user and group: runAsNonRoot cannot be sure"
    for copy in stages[-1].all("COPY"):
        if "--chown" in copy.flags:
            yield "line %d: the site could change itself" % copy.number


def test_user():
    """An ordinary user, by number, and the files are not that user's"""
    complaints(lint_user, SITES + ["pidone"], [
        "FROM a:1\n", "FROM a:1\nUSER app\n", "FROM a:1\nUSER 0:0\n", "FROM a:1\nUSER 5\n",
        "FROM a:1\nUSER 5:5\nCOPY --chown=5 a /a\n", "FROM a:1\nUSER 5:5\nFROM b:1\n"])


def lint_commands(stages):
    last = stages[-1]
    for name, wanted in (("ENTRYPOINT", ["/pidone"]), ("CMD", None)):
        found = last.last(name)
        if found is None or not found.exec_form or wanted not in (None, found.exec_form):
            yield "%s is no list%s" % (name, " of /pidone" if wanted else "")
    for run in last.all("RUN"):
        if run.exec_form is None:
            yield "line %d: needs a shell in the image that is shipped" % run.number


def test_commands():
    """No shell in what is shipped: not before PID 1, and not to finish the image"""
    good = "FROM a:1\nENTRYPOINT [\"/pidone\"]\nCMD [\"/run\"]\n"
    assert not list(lint_commands(dockerfile.parse(good)[1]))
    complaints(lint_commands, SITES + ["pidone"], [
        good.replace('["/pidone"]', "/pidone"), good.replace('["/run"]', "/run"),
        good.replace("/pidone", "/sbin/tini"), good + "RUN x\n", "FROM a:1\n"])


def lint_health(stages):
    health = stages[-1].last("HEALTHCHECK")
    if health is None or (health.exec_form or [])[:2] != ["/pidone", "probe"]:
        yield "no HEALTHCHECK that asks pidone"
    elif not {"--interval", "--timeout", "--start-period"} <= set(health.flags):
        yield "line %d: Docker's default times are too long" % health.number


def test_health():
    """HEALTHCHECK asks pidone, with times of its own"""
    complaints(lint_health, SITES, [
        "FROM a:1\n", "FROM a:1\nHEALTHCHECK CMD curl -f localhost\n",
        "FROM a:1\nHEALTHCHECK --interval=3s --timeout=3s --start-period=3s CMD /pidone probe ready"
        "\n", "FROM a:1\nHEALTHCHECK CMD [\"/pidone\", \"probe\", \"ready\"]\n"])


SECRET = re.compile(r"PASSW|TOKEN|SECRET|CREDENTIAL|_KEY$", re.I)


def lint_secrets(stages):
    for stage in stages:
        for name in list(stage.pairs("ARG")) + list(stage.pairs("ENV")):
            if SECRET.search(name):
                yield "%s is in the image's history: use a secret mount" % name
        for run in stage.all("RUN"):
            mounts = " ".join(run.flags.get("--mount", ()))
            if "pip install" in run.text and "type=secret" not in mounts:
                yield "line %d: no way to give pip a password" % run.number


def test_secrets():
    """No secret has a place in a layer or the history; pip's has one outside"""
    complaints(lint_secrets, SITES + ["pidone"], [
        "FROM a:1\nARG PIP_PASSWORD\n", "FROM a:1\nENV SECRET_KEY=x\n",
        "FROM a:1\nRUN pip install x\n", "FROM a:1\nENV A=b DB_TOKEN=x\n"])


def lint_order(stages):
    build = [i.text for i in stages[-2].instructions]
    places = [next((n for n, text in enumerate(build) if re.search(regex, text)), None)
              for regex in (r"^requirements\.txt", "pip install", r"^\. \.$", "collectstatic")]
    if None in places or places != sorted(places):
        yield "the source is there before the requirements are installed: no build is cached"
    for stage in stages:
        for number, instruction in enumerate(stage.instructions):
            if instruction.text.startswith("REVISION") and any(
                    i.name in ("COPY", "RUN") for i in stage.instructions[number:]):
                yield "line %d: each build has another, and all below is built anew" % (
                    instruction.number)


def test_order():
    """What changes seldom stands first"""
    good = "FROM a:1 AS b\nCOPY requirements.txt .\nRUN pip install x\nCOPY . .\n" \
           "RUN collectstatic\nFROM c:1\nARG REVISION\n"
    assert not list(lint_order(dockerfile.parse(good)[1]))
    complaints(lint_order, SITES, [
        good.replace("COPY . .\n", "").replace("COPY req", "COPY . .\nCOPY req"),
        good.replace("RUN collectstatic\n", ""), good + "COPY a /a\n"])


def lint_packages(stages):
    for stage in stages:
        for run in stage.all("RUN"):
            if "apt-get install" in run.text and not all(
                    word in run.text for word in ("apt-get update", "--no-install-recommends",
                                                  "rm -rf /var/lib/apt/lists")):
                yield "line %d: an old list, more than is needed, or the list left" % run.number
        for add in stage.all("ADD"):
            yield "line %d: ADD unpacks and downloads by surprise: COPY" % add.number


def test_packages():
    """Packages with their list and without what only is recommended; no ADD"""
    complaints(lint_packages, SITES + ["pidone"], [
        "FROM a:1\nRUN apt-get install x\n", "FROM a:1\nADD a /a\n",
        "FROM a:1\nRUN apt-get update && apt-get install --no-install-recommends x\n"])


LABELS = ["title", "revision", "base.name"]


def lint_shipped(stages):
    environment, labels = stages[-1].pairs("ENV"), stages[-1].pairs("LABEL")
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"):
        if environment.get(name) != "1":
            yield name + " is not set in the image that is shipped"
    for name in LABELS:
        if not labels.get("org.opencontainers.image." + name):
            yield "no label org.opencontainers.image." + name
    if stages[-1].image not in labels.get("org.opencontainers.image.base.name", ""):
        yield "the label base.name is another image than FROM"


def test_shipped():
    """Python's switches and the labels of the image that is shipped"""
    good = "FROM a:1\nENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1\nLABEL " + \
           " ".join("org.opencontainers.image.%s=x/a:1" % name for name in LABELS) + "\n"
    assert not list(lint_shipped(dockerfile.parse(good)[1]))
    complaints(lint_shipped, SITES, [
        good.replace("BYTECODE=1", "BYTECODE="), good.replace("UNBUFFERED=1", "UNBUFFERED=0"),
        good.replace("title=", "other="), good.replace("FROM a:1", "FROM a:2")])


def test_same_lines():
    """Where two of them do the same, they do it with the same lines: a mended one is not
    forgotten in the others."""
    def lines(name, part):
        stage = dockerfile.parse(read(name))[1][part]
        return ["%s %s %s" % (i.name, i.flags, i.text) for i in stage.instructions]
    for name in ("django-uwsgi", "celery"):
        assert lines(name, 1) == lines("django-debian", 1), name
    for name in SITES:
        ours = {line for part in (1, 2) for line in lines("django-debian", part)}
        theirs = lines(name, 1) + lines(name, 2)
        own = [line for line in theirs if line not in ours]
        assert len(own) <= 8, (name, own)


harness.main(under_valgrind=False, sanitized=False)
