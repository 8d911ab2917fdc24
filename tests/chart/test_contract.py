"""What the chart and contrib/kubernetes say to pidone, pidone itself understands: each container of
each pod is started with its own words, variables and mounted files. Names, ports, paths and times
stand in templates, and here they meet the program that has to know them."""
import functools
import json
import re
import signal

import chart
import contract
import harness
import links
import plain
from contract import role_of
from inits import http_get

import cases_database
import cases_words

PUPPET = harness.BUILD + "/tests/ns/puppet"
# no settings: where the file is, and the name of a release
NO_SETTINGS = {"PIDONE_CONFIG", "PIDONE_RELEASE"}
MARGIN_S = 5
PERIOD_S = 30  # Kubernetes' own, and the least that the chart gives


@functools.lru_cache(None)
def releases():
    """(name, documents) of all that there is to be applied."""
    return [(case, rendered.docs) for case, rendered in chart.rendered()
            if rendered.chart == "django"] + \
        [(name, documents) for name, (documents, _) in plain.sets().items()]


def all_pods():
    return [pod for name, documents in releases() for pod in contract.pods(name, documents)]


def settings_of(env):
    return {name: env[name] for name in sorted(env)
            if name.startswith("PIDONE_") and name not in NO_SETTINGS}


def told(pod, container):
    """What makes a container another one to pidone."""
    return [container.get("command"), role_of(container), settings_of(pod.env(container)),
            "PIDONE_CONFIG" in pod.env(container)]


def once(items, key):
    """The first of those with the same key."""
    found = {}
    for item in items:
        found.setdefault(json.dumps(key(item)), item)
    return list(found.values())


def containers():
    """(pod, container) of each kind."""
    found = once([(pod, container) for pod in all_pods() for container in pod.containers],
                 lambda pair: told(*pair))
    for pod in {id(pod): pod for pod, _ in found}.values():
        pod.install()
    return found


# ---- variables ----

def misunderstood(pod, container, env=None):
    """What pidone has against the variables and the configuration of a container, with env's."""
    here = "%s, %s" % (pod.where, container["name"])
    settings, complaint = pod.explained(container, env)
    if complaint:
        yield "%s: %s" % (here, complaint.strip())
    env = {**pod.env(container), **(env or {})}
    for name, value in settings_of(env).items():
        section, key = name[len("PIDONE_"):].lower().replace("_", "-").split("-", 1)
        if settings.origins.get(name) != [(section, key)]:
            yield "%s: %s sets %s" % (here, name, settings.origins.get(name, "nothing"))
        elif settings.values[section, key] != value:
            yield "%s: %s is %r, and pidone reads %r" % (here, name, value,
                                                        settings.values[section, key])
    if "PIDONE_CONFIG" in env:
        check = pod.pidone(container, ["check"], env)
        if check.wait() != 0 or not check.stdout.startswith(env["PIDONE_CONFIG"] + " "):
            yield "%s: check: %s" % (here, check.output())


@harness.limit(90)
def test_variables():
    """Every variable PIDONE_… of every container sets what it names, to its value; pidone warns of
    none, and finds the mounted configuration. One that were called otherwise would be noticed."""
    every = containers()
    chart.complain(text for pair in every for text in misunderstood(*pair))
    pod, run = next(pair for pair in every if "PIDONE_RUN_DRAIN" in pair[0].env(pair[1]))
    for name, value in settings_of(pod.env(run)).items():
        assert list(misunderstood(pod, run, {name + "S": value})), name
    assert list(misunderstood(pod, run, {"PIDONE_WALK_DRAIN": "10s"})), "a role of no container"
    pod, run = next(pair for pair in every if "PIDONE_CONFIG" in pair[0].env(pair[1]))
    assert list(misunderstood(pod, run, {"PIDONE_CONFIG": "/etc/pidone.ini"})), "no such file"


# ---- times ----

def stops(pod, known):
    """(container's name, seconds from TERM until pidone has killed what is left) of roles. known:
    what has been asked already, of a container that is the same to pidone."""
    for container in pod.containers:
        role, this = role_of(container), json.dumps(told(pod, container))
        if role and this not in known:
            settings, _ = pod.explained(container)
            known[this] = sum(settings.seconds(role[1:], key) for key in ("drain", "stop-grace"))
        if role:
            yield container["name"], known[this]


def wrong_period(pod, known):
    """terminationGracePeriodSeconds against what pidone itself says of each container."""
    found, period = dict(stops(pod, known)), pod.spec["terminationGracePeriodSeconds"]
    for name, seconds in found.items():
        if seconds + MARGIN_S > period:
            yield "%s, %s: pidone stops for up to %d s, and Kubernetes kills after %d" % (
                pod.where, name, seconds, period)
    needed = max([PERIOD_S] + [seconds + MARGIN_S for seconds in found.values()])
    if period > needed:
        yield "%s: Kubernetes waits for %d s, of which %d are for nothing" % (
            pod.where, period, period - needed)


@harness.limit(90)
def test_grace_periods():
    """Kubernetes waits for the longest drain and stop-grace of a pod, as pidone says them, and 5 s
    more (at least 30), and no longer: it never kills what pidone still lets end."""
    pods = once(all_pods(), lambda pod: [pod.spec["terminationGracePeriodSeconds"]] + [
        told(pod, container) for container in pod.containers])
    for pod in pods:
        pod.install()
    known = {}
    chart.complain(text for pod in pods for text in wrong_period(pod, known))
    pod = next(p for p in pods if p.document["kind"] == "Deployment")
    for seconds in (-1, 1):
        pod.spec["terminationGracePeriodSeconds"] += seconds
        assert list(wrong_period(pod, known)), seconds
        pod.spec["terminationGracePeriodSeconds"] -= seconds


# ---- ports, probes, metrics ----

def port_number(container, port):
    named = {each["name"]: each["containerPort"] for each in container["ports"]}
    return named.get(port, port)


def probes(container):
    """(path, port) of each."""
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        if name in container:
            get = container[name]["httpGet"]
            yield get["path"], port_number(container, get["port"])


def own_ports(container):
    """Those of pidone: all but the site's."""
    return [each["containerPort"] for each in container["ports"] if each["name"] != "http"]


def listen(pod, container):
    return {name: value for name, value in settings_of(pod.env(container)).items()
            if name.endswith("_LISTEN")}


def world(pod, container):
    """What makes a container another one to who asks it."""
    return [role_of(container), container.get("command"), container.get("ports"),
            listen(pod, container), sorted(probes(container)),
            [mount["name"] for mount in container["volumeMounts"] if mount["name"] == "pooler"]]


def start(pod, container, command):
    """The role with another command than the image's or the values'."""
    return pod.pidone(container, [role_of(container), "--"] + command)


def answers(process, container):
    """Waits until each probe succeeds, and asks for the metrics at each port, which it returns."""
    metrics = ""
    for path, port in probes(container):
        process.until(path, 200, port=port)
    for port in own_ports(container):
        metrics = process.until("/metrics", 200, port=port)
        wanted = 'pidone_role_info{role="%s"} 1' % role_of(container)
        assert wanted in metrics, (process.name, port, metrics)
    return metrics


def ended(process):
    process.signal(signal.SIGKILL)
    process.wait()
    harness.started.remove(process)


def lives(pod, done):
    """The pod's containers, as they come after each other: all that is asked of them answers. Their
    metrics. done: the init containers that have been tried; the same one is not tried again."""
    pod.install()
    services, metrics = [], ""
    for container in pod.containers:
        this = json.dumps(world(pod, container))
        if container["name"] == "init" and this not in done:
            done.add(this)
            process = start(pod, container, [PUPPET])
            metrics += answers(process, container)
            ended(process)
        elif role_of(container) and container["name"] != "init":
            services.append((start(pod, container, [PUPPET]), container))
    for process, container in services:
        metrics += answers(process, container)
        assert {port for _, port in probes(container)} <= set(own_ports(container)), pod.where
        ended(process)
    return metrics


# ---- what alerts ask for ----

# added by Prometheus or by a PodMonitor
ADDED = {"job", "namespace", "pod", "container", "endpoint", "instance", "component"}


def unknown_in(expression, metrics):
    """Series and labels of pidone in PromQL that no metrics have. A pattern is not looked into."""
    series = re.findall(r"^((?:pidone|process)_\w+)(?:\{(.*)\})? ", metrics, re.M)
    there = {}
    for name, labels in series:
        for label, value in re.findall(r'(\w+)="([^"]*)"', labels):
            there.setdefault((name, label), set()).add(value)
    for name, labels in re.findall(r"\b(pidone_\w+)(?:\{([^}]*)\})?", expression):
        if name not in {each for each, _ in series}:
            yield "pidone has no series %s: %s" % (name, expression)
            continue
        for label, operator, value in re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', labels):
            values = there.get((name, label), set())
            if label not in ADDED and (not values or operator == "=" and value not in values):
                yield "%s has no %s=\"%s\" (%s): %s" % (
                    name, label, value, ", ".join(sorted(values)), expression)


def unknown_series(metrics):
    for case, documents in releases():
        for rule in [r for d in documents if d["kind"] == "PrometheusRule"
                     for group in d["spec"]["groups"] for r in group["rules"]]:
            for text in unknown_in(rule["expr"], metrics):
                yield "%s: %s: %s" % (case, rule["alert"], text)


# ---- who is let in ----

def let_in(policies, pod):
    """The ports of a pod that some NetworkPolicy opens, by number."""
    labels = pod.labels
    numbers = {p.get("name"): p["containerPort"] for c in pod.spec["containers"]
               for p in c.get("ports", [])}
    for policy in policies:
        for rule in policy["spec"].get("ingress", []):
            if links.selects(policy["spec"]["podSelector"], labels) and rule.get("from"):
                for port in rule.get("ports", []):
                    first = numbers.get(port["port"], port["port"])
                    if isinstance(first, int):
                        yield from range(first, port.get("endPort", first) + 1)


def test_tenant():
    """A tenant's network policies open every port of an app's pods: the site's, the file server's
    and pidone's, also where a pod has as many roles as it may."""
    if "django-tenant" not in chart.names():
        harness.skip("there is no chart django-tenant")
    roles = {"role%d" % n: {} for n in range(8)}
    app = chart.render({"app": {
        "image": {"repository": "registry.example.org/shop", "tag": "1"}, "roles": roles,
        "routes": [{"host": "shop.example.org"}], "async": {"enabled": True},
        "files": {"mountPath": "/app/media", "urls": {"/media/": "."}}},
        "hoster": {"fileServer": {"image": "registry.example.org/nginx:1"}}}).docs
    pod = next(p for p in contract.pods("all roles", app) if p.document["kind"] == "Deployment")
    wanted = {port["containerPort"] for c in pod.spec["containers"] for port in c["ports"]}
    assert len(wanted) == 12, wanted
    policies = [d for d in chart.render(chart.cases("django-tenant")["all"], chart="django-tenant",
                                        release="acme").docs if d["kind"] == "NetworkPolicy"]
    assert wanted <= set(let_in(policies, pod)), (wanted, set(let_in(policies, pod)))
    assert not set(let_in([], pod))


@harness.limit(120)
def test_ports_and_paths():
    """Each pod's containers, really started beside each other, answer every probe and the metrics
    at the port that the manifest says, with the database's secret as it is mounted; and what the
    alerts ask for is there."""
    contract.database(contract.SERVER["password"])
    every = [pod for pod in all_pods() if pod.document["kind"] == "Deployment"]
    pods = once(every, lambda pod: [world(pod, container) for container in pod.containers])
    done = set()
    assert len(pods) > 5
    metrics = "".join([lives(pod, done) for pod in pods])
    chart.complain(unknown_series(metrics))
    for wrong in ('pidone_redy == 0', 'pidone_state{state="lockin"}', 'x{job="a"} and pidone_ready{'
                  'job="a",roll="/run"}', 'pidone_role_info{role="run"}'):
        assert list(unknown_in(wrong, metrics)), wrong
    assert not list(unknown_in('pidone_role_info{pod=~"a|b",role="/run"}[5m] > 0', metrics))
    # a probe that asks for something else, or elsewhere, has no answer
    pod = next(p for p in pods if p.containers[-1]["name"] == "run")
    run = start(pod, pod.containers[-1], [PUPPET])
    answers(run, pod.containers[-1])
    port = own_ports(pod.containers[-1])[0]
    assert http_get("/ready", port=port)[0] == 404
    try:
        http_get("/readyz", port=port + 1)
    except OSError:
        return
    raise AssertionError("something answers at another port")


if __name__ == "__main__":
    chart.main(modules=[cases_database, cases_words])
