"""The alerts: each is valid, fires when it should and not otherwise, is about series that exist;
and Prometheus finds each port of pidone once, in the phase in which somebody listens there."""
import json
import re
import subprocess

import chart
import harness
import pss
from harness import Failure, wait_until
from inits import Pidone, http_get
from samples import ALL_ROLES, APP, ONE_NODE

MONITORED = {"hoster": {"monitoring": {
    "enabled": True, "labels": {"release": "prometheus"},
    "alerts": {"labels": {"team": "web"}, "backupAge": "2d"}},
    "postgres": {"cluster": {"instances": 3, "backup": {"objectStore": "store"},
                             "pooler": {"enabled": True}}}}}
SITE, DB = 'namespace="acme",job="acme/shop"', 'namespace="acme",job="acme/shop-db"'
POD = 'namespace="acme",pod="shop-7d4b9cfd8-abcde"'
VOLUME = "kubelet_volume_stats_%s{namespace=\"acme\",persistentvolumeclaim=\"%s\"}"
BACKUP = "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp{%s}" % DB
FAILED = 'cnpg_pg_stat_archiver_last_failed_time{%s,pod="%s"}'
ARCHIVED = 'cnpg_pg_stat_archiver_last_archived_time{%s,pod="%s"}'
STANDBY = 'cnpg_pg_replication_in_recovery{%s,pod="%s"}'
HOUR = 60


def deployed(available, wanted):
    this = '{namespace="acme",deployment="shop"}'
    return {"kube_deployment_status_replicas_available" + this: available,
            "kube_deployment_spec_replicas" + this: wanted}


def volume(name, free, inodes="1x200"):
    return {VOLUME % ("available_bytes", name): free, VOLUME % ("capacity_bytes", name): "100x200",
            VOLUME % ("inodes_used", name): inodes, VOLUME % ("inodes", name): "100x200"}


def archive(pod, failed, archived, standby):
    return {FAILED % (DB, pod): failed, ARCHIVED % (DB, pod): archived,
            STANDBY % (DB, pod): standby}


def restarts(name, container, values, pod=POD):
    return {"%s{%s,container=\"%s\"}" % (name, pod, container): values}


def states(role, state, container):
    return {'pidone_state{%s,pod="p",container="%s",state="locking"}' % (SITE, container): state,
            'pidone_role_info{%s,pod="p",container="%s",role="%s"}' % (SITE, container, role):
            "1x200"}


LOOP = "kube_pod_container_status_restarts_total"
JOB = 'kube_job_failed{namespace="acme",job_name="%s",condition="%s"}'
# about days: their values are ten minutes apart, and not one
SLOW = {"DjangoBackupOld"}
# alert → (series and their values, a minute apart, the minute): fires; then the same: does not
CASES = {
    "DjangoSiteDown": (
        [(deployed("0x20", "2x20"), 6),
         ({'pidone_ready{%s,pod="a",container="run"}' % SITE: "0x20",
           'pidone_ready{%s,pod="b",container="run"}' % SITE: "0x20"}, 6),
         (dict(deployed("1x3 0x20", "1x30"),
               **{'pidone_ready{%s,pod="a",container="run"}' % SITE: "1x3 0x20"}), 12)],
        [(deployed("0x20", "2x20"), 4), (deployed("1x20", "3x20"), 9),
         (deployed("0x20", "0x20"), 9), (deployed("0x3 1x20", "1x20"), 9),
         ({'kube_deployment_status_replicas_available{namespace="other",deployment="shop"}': "0x20",
           'kube_deployment_spec_replicas{namespace="other",deployment="shop"}': "1x20"}, 9),
         ({'pidone_ready{%s,pod="a",container="run"}' % SITE: "0x20",
           'pidone_ready{%s,pod="b",container="run"}' % SITE: "1x20"}, 9),
         ({'pidone_ready{%s,pod="a",container="async"}' % SITE: "0x20"}, 9)]),
    "DjangoWorkerDown": (
        [({'pidone_ready{%s,pod="a",container="beat"}' % SITE: "0x20"}, 6),
         ({'pidone_ready{%s,pod="a",container="async"}' % SITE: "1x2 0x20"}, 9)],
        [({'pidone_ready{%s,pod="a",container="async"}' % SITE: "0x20",
           'pidone_ready{%s,pod="b",container="async"}' % SITE: "1x20"}, 9),
         ({'pidone_ready{%s,pod="a",container="run"}' % SITE: "0x20"}, 9)]),
    "DjangoCrashLoop": (
        [(restarts(LOOP, "run", "0+1x10"), 10),
         (restarts(LOOP, "async", "3x30 3+0.2x40"), 70),
         ({'pidone_restarts_total{%s,pod="p",container="beat"}' % SITE: "0+1x10"}, 10)],
        [(restarts(LOOP, "run", "0 1 2 2x40"), 30), (restarts(LOOP, "run", "9x60"), 40),
         (restarts(LOOP, "run", "0+1x10 10x60"), 60), (restarts(LOOP, "cron", "0+1x20"), 20),
         (restarts(LOOP, "run", "0+1x20", 'namespace="acme",pod="shop-eu-7d4b9cfd8-abcde"'), 20),
         (restarts(LOOP, "run", "0+1x20", 'namespace="other",pod="shop-7d4b9cfd8-abcde"'), 20)]),
    "DjangoInitFails": (
        [(restarts("kube_pod_init_container_status_restarts_total", "init", "0+1x6"), 6)],
        [(restarts("kube_pod_init_container_status_restarts_total", "init", "0 1 1x60"), 50),
         (restarts("kube_pod_init_container_status_restarts_total", "install", "0+1x6"), 6)]),
    "DjangoLockWait": (
        [(states("/init", "1x60", "init"), 16)],
        [(states("/init", "1x60", "init"), 14), (states("init", "1x10 0x1 1x60", "init"), 20),
         # the one beat in the whole cluster: the others wait for its lock, for ever
         (states("/beat", "1x60", "beat"), 50)]),
    "DjangoPreflightFailed": (
        [({JOB % ("shop-preflight", "true"): "0 1x9"}, 3),
         ({JOB % ("shop-preflight-0a1b2c3d", "true"): "0 1x9"}, 3)],
        [({JOB % ("shop-preflight", "true"): "0x9"}, 3),
         ({JOB % ("shop-preflight", "false"): "1x9"}, 3),
         ({JOB % ("shop-eu-preflight", "true"): "1x9"}, 3)]),
    "DjangoVolumeFull": (
        [(volume(name, "14x200"), 11) for name in ("shop-files", "shop-db-1", "shop-db-12-wal")] +
        [(volume("shop-files", "90x200", "86x200"), 11)],
        [(volume("shop-files", "15x200"), 30), (volume("shop-files", "14x8 20x200"), 30),
         (volume("shop-files", "14x200"), 9), (volume("blog-files", "1x200"), 30),
         (volume("shop-db-1x", "1x200"), 30),
         # a file system that does not count them
         (dict(volume("shop-files", "90x200", "0x200"),
               **{VOLUME % ("inodes", "shop-files"): "0x200"}), 30)]),
    "DjangoBackupOld": (
        [({BACKUP: "60x400"}, 50 * HOUR), ({BACKUP: "0x400"}, 50 * HOUR), ({}, 2 * HOUR)],
        [({BACKUP: "60x400"}, 47 * HOUR), ({BACKUP: "0x286 172000x400"}, 60 * HOUR)]),
    "DjangoWALArchiveFails": (
        [(archive("a", "600x200", "300x200", "0x200"), 16),
         (archive("a", "600x200", "-1x200", "0x200"), 16)],
        [(archive("a", "600x200", "300x200", "0x200"), 14),
         (archive("a", "300x200", "600x200", "0x200"), 30),
         (archive("a", "-1x200", "-1x200", "0x200"), 30),
         # what a standby remembers of its time as the primary
         (archive("a", "600x200", "300x200", "1x200"), 30)]),
    "DjangoStandbyMissing": (
        [({'cnpg_pg_replication_streaming_replicas{%s,pod="a"}' % DB: "1x99",
           'cnpg_pg_replication_streaming_replicas{%s,pod="b"}' % DB: "0x99"}, 16)],
        [({'cnpg_pg_replication_streaming_replicas{%s,pod="a"}' % DB: "2x99",
           'cnpg_pg_replication_streaming_replicas{%s,pod="b"}' % DB: "0x99"}, 16)]),
    "DjangoStandbyLate": (
        [({'cnpg_pg_replication_lag{%s,pod="b"}' % DB: "301x99"}, 11)],
        [({'cnpg_pg_replication_lag{%s,pod="b"}' % DB: "300x99"}, 30),
         ({'cnpg_pg_replication_lag{%s,pod="b"}' % DB: "400x8 0x99"}, 30)]),
}


def rule():
    """Where a volume is one node's: the trial of a new image is watched, too. The workers are in
    pods of their own in the other rendering."""
    return chart.render(APP, ALL_ROLES, ONE_NODE, MONITORED).one("PrometheusRule")


def alerts():
    return {r["alert"]: r for group in rule()["spec"]["groups"] for r in group["rules"]}


def promtool(*words):
    harness.need_command("promtool")
    done = subprocess.run(["promtool"] + list(words), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise Failure("promtool %s: %s" % (" ".join(words), done.stdout[-4000:]))
    return done.stdout


def write(name, content):
    path = "%s/%s" % (harness.tmp, name)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(content, file)   # JSON is YAML
    return path


def test_valid():
    """Prometheus takes the rules of every case, and of the longest names."""
    rules = [document["spec"] for _, rendered in chart.rendered()
             for document in rendered.all("PrometheusRule")] + [rule()["spec"]]
    assert len(rules) > 2
    promtool("check", "rules", *[write("rules%d.json" % n, spec) for n, spec in enumerate(rules)])


def test_names_of_pods():
    """The alerts are about the pods of this app's Deployments, as Kubernetes names them: after 58
    characters it cuts; and about no other app's."""
    expr = {r["alert"]: r["expr"] for r in chart.render(APP, ALL_ROLES, MONITORED).one(
        "PrometheusRule")["spec"]["groups"][0]["rules"]}["DjangoCrashLoop"]
    pattern = re.search(r'pod=~"([^"]*)"', expr).group(1)
    for name in ("shop-7d4b9cfd8-abcde", "shop-async-5c9f6b7d4b-x2x4z",
                 "shop-beat-5c9f6b7d4babcde"):
        assert re.fullmatch(pattern, name), (pattern, name)
    for name in ("shop-eu-7d4b9cfd8-abcde", "shopping-7d4b9cfd8-abcde", "shop-db-1",
                 "my-shop-7d4b9cfd8-abcde", "shop-other-5c9f6b7d4b-x2x4z"):
        assert not re.fullmatch(pattern, name), (pattern, name)


def test_written_for_people():
    """Each alert says what is broken and what to look at, with a severity and the hoster's labels;
    each has cases here that fire, and cases that do not."""
    found = alerts()
    assert set(found) == set(CASES), set(found) ^ set(CASES)
    for name, alert in found.items():
        assert alert["labels"]["severity"] in ("critical", "warning"), name
        assert alert["labels"]["team"] == "web" and alert["labels"]["app"] == "shop", alert
        notes = alert["annotations"]
        assert "shop" in notes["summary"] and "acme" in notes["summary"], notes
        assert set(notes) == {"summary", "description"} and len(notes["description"]) > 80, notes
        assert CASES[name][0] and CASES[name][1]
        # every label that a text names is one of the alert's
        for label in re.findall(r"\$labels\.([a-z_]+)", "".join(notes.values())):
            assert re.search(r"by \([^)]*\b%s\b" % label, alert["expr"]) or \
                alert["expr"].startswith("pidone_state{"), (name, label)
    rendered = chart.render(APP, ALL_ROLES, ONE_NODE, MONITORED)
    for document in rendered.all("PodMonitor") + rendered.all("PrometheusRule"):
        assert document["metadata"]["labels"]["release"] == "prometheus", document


def fires(alert, series, minute, wanted, step):
    """A test of promtool's."""
    return {"interval": "%dm" % step, "name": "%s after %d minutes of %s" % (alert, minute, series),
            "input_series": [{"series": name, "values": " ".join(
                word if "x" in word or "+" in word else word + "x0" for word in values.split())}
                for name, values in series.items()],
            "promql_expr_test": [{
                "expr": 'count(ALERTS{alertname="%s",alertstate="firing"}) or vector(0)' % alert,
                "eval_time": "%dm" % minute,
                "exp_samples": [{"labels": "{}", "value": int(wanted)}]}]}


@harness.limit(60)
def test_fires():
    """Each alert fires in each case that is meant, and in no other."""
    path = write("rules.json", rule()["spec"])
    by_step = {}
    for name, (good, bad) in CASES.items():
        step = 10 if name in SLOW else 1
        by_step.setdefault(step, []).extend(
            fires(name, series, minute, wanted, step)
            for wanted, cases in ((True, good), (False, bad)) for series, minute in cases)
    for step, tests in by_step.items():
        promtool("test", "rules", write("tests%d.json" % step, {
            "rule_files": [path], "evaluation_interval": "%dm" % step, "tests": tests}))


def test_text():
    """What is sent names the pod, the container and the value, and nothing is left to fill in."""
    expected = {name: {"summary": alert["annotations"]["summary"],
                       "description": alert["annotations"]["description"]}
                for name, alert in alerts().items()}
    filled = {"DjangoVolumeFull": {"persistentvolumeclaim": "shop-db-1", "value": "86"},
              "DjangoCrashLoop": {"pod": "shop-7d4b9cfd8-abcde", "container": "run"}}
    series = {"DjangoVolumeFull": volume("shop-db-1", "14.4x200"),
              "DjangoCrashLoop": restarts(LOOP, "run", "0+1x60")}
    tests = []
    for name, values in filled.items():
        texts = {}
        for key, text in expected[name].items():
            for label, value in values.items():
                text = re.sub(r"\{\{ \$(labels\.)?%s( \| printf \"%%\.0f\")? \}\}" % label,
                              value, text)
            assert "{{" not in text, text
            texts[key] = text
        labels = {k: v for k, v in values.items() if k != "value"}
        tests.append({"interval": "1m", "input_series": [
            {"series": s, "values": v} for s, v in series[name].items()],
            "alert_rule_test": [{"alertname": name, "eval_time": "30m", "exp_alerts": [{
                "exp_labels": dict(labels, **alerts()[name]["labels"]),
                "exp_annotations": texts}]}]})
    path = write("rules.json", rule()["spec"])
    promtool("test", "rules", write("tests.json", {
        "rule_files": [path], "evaluation_interval": "1m", "tests": tests}))


@harness.limit(60)
def test_series_exist():
    """Each series of pidone's that an alert asks for is on the real /metrics, with these labels."""
    wanted = {}
    for alert in alerts().values():
        for name, matchers in re.findall(r"\b(pidone_[a-z_]+)\{([^}]*)\}", alert["expr"]):
            own = {k: v for k, v in re.findall(r'([a-z_]+)=~?"([^"]*)"', matchers)
                   if k not in ("namespace", "job", "container", "pod")}
            wanted.setdefault(name, []).append(own)
    assert {"pidone_ready", "pidone_state", "pidone_role_info", "pidone_restarts_total"} <= \
        set(wanted)
    Pidone(["/init"], config="[init]\nstep = sleep 1000\n",
           env={"PIDONE_INIT_LISTEN": "[::]:9480"}, pid1=False)
    text = wait_until(lambda: http_get("/metrics", port=9480)[1])
    there = re.findall(r"^([a-z_]+)(?:\{(.*)\})? \S+$", text, re.M)
    for name, ways in wanted.items():
        for own in ways:
            assert any(name == n and all('%s="%s"' % pair in (labels or "")
                                         for pair in own.items())
                       for n, labels in there), (name, own, text)


# ---- discovery ----

def meta_label(key):
    return "__meta_kubernetes_pod_label_" + re.sub("[^a-zA-Z0-9]", "_", key)


def discovered(template, name, phase, address):
    """Prometheus' discovery of pods: a target for each port of each container, also of those that
    come before the others, with what it knows of pod and container."""
    labels = {"__meta_kubernetes_namespace": "acme", "__meta_kubernetes_pod_name": name,
              "__meta_kubernetes_pod_phase": phase}
    for key, value in template["metadata"]["labels"].items():
        labels[meta_label(key)] = value
    for _, container in pss.containers(template["spec"]):
        for port in container.get("ports", []):
            yield {"targets": ["%s:%d" % (address, port["containerPort"])], "labels": dict(
                labels, __meta_kubernetes_pod_container_name=container["name"],
                __meta_kubernetes_pod_container_port_name=port["name"])}


def scrape_configs(monitor, targets):
    """What Prometheus' operator makes of a PodMonitor, as its documentation has it."""
    for n, endpoint in enumerate(monitor["spec"]["podMetricsEndpoints"]):
        labels = monitor["spec"]["selector"]["matchLabels"]
        rules = [{"source_labels": ["__meta_kubernetes_pod_phase"], "regex": "(Failed|Succeeded)",
                  "action": "drop"}]
        rules += [{"source_labels": [meta_label(k)], "regex": v, "action": "keep"}
                  for k, v in labels.items()]
        rules += [{"source_labels": ["__meta_kubernetes_pod_container_port_name"],
                   "regex": endpoint["port"], "action": "keep"}]
        rules += [{"source_labels": ["__meta_kubernetes_" + source], "target_label": target}
                  for source, target in (("namespace", "namespace"), ("pod_name", "pod"),
                                         ("pod_container_name", "container"))]
        rules += [{re.sub("[A-Z]", lambda m: "_" + m.group().lower(), k): v for k, v in r.items()}
                  for r in endpoint.get("relabelings", [])]
        yield {"job_name": "podMonitor/%s/%d" % (monitor["metadata"]["name"], n),
               "scrape_interval": endpoint["interval"], "relabel_configs": rules,
               "static_configs": targets}


def targets_of(monitor, targets):
    """(pod, container, address, component) that Prometheus itself keeps of these, in order."""
    configs = list(scrape_configs(monitor, targets))
    path = write("prometheus.json", {"scrape_configs": configs})

    def one(config):
        return json.loads(promtool("check", "service-discovery", "--timeout=1s", path,
                                   config["job_name"]))
    found = [t for result in chart.each(one, configs) for t in result if t.get("labels")]
    return sorted((t["labels"]["pod"], t["labels"]["container"], t["labels"]["instance"],
                   t["labels"]["component"]) for t in found)


@harness.limit(60)
def test_targets():
    """Prometheus asks init containers while they run and the others afterwards: no port twice, none
    that nobody listens at. Cron and tasks are not asked."""
    rendered = chart.render(APP, ALL_ROLES, MONITORED)
    templates = {t["metadata"]["labels"]["app.kubernetes.io/component"]: t
                 for d in rendered.docs for t in pss.templates(d)}
    one_node = chart.render(APP, ALL_ROLES, ONE_NODE, MONITORED)
    templates["preflight"] = pss.templates(one_node.one(
        "Job", next(d["metadata"]["name"] for d in one_node.all("Job")
                    if "preflight" in d["metadata"]["name"])))[0]
    pods = [target for n, (component, phase) in enumerate((
                ("site", "Pending"), ("site", "Running"), ("async", "Pending"),
                ("async", "Running"), ("beat", "Running"), ("preflight", "Running"),
                ("site", "Succeeded"), ("cron", "Running"), ("task", "Running")), 1)
            for target in discovered(templates[component], component + "-" + phase.lower(), phase,
                                     "127.0.0.%d" % n)]
    assert targets_of(rendered.one("PodMonitor", "shop"), pods) == [
        ("async-pending", "init", "127.0.0.3:9480", "async"),
        ("async-running", "async", "127.0.0.4:9481", "async"),
        ("beat-running", "beat", "127.0.0.5:9482", "beat"),
        ("preflight-running", "init", "127.0.0.6:9480", "preflight"),
        ("site-pending", "init", "127.0.0.1:9480", "site"),
        ("site-running", "run", "127.0.0.2:9480", "site")]


def test_off():
    """Nothing of it unless it is asked for; alerts can be left out; without a database of this
    chart nothing is about one; without a volume nothing about that."""
    assert not set(chart.render(APP).kinds()) & {"PodMonitor", "PrometheusRule"}
    rendered = chart.render(APP, MONITORED, {"hoster": {"monitoring": {"alerts": {
        "enabled": False}}}})
    assert [m["metadata"]["name"] for m in rendered.all("PodMonitor")] == \
        ["shop", "shop-db", "shop-db-pooler"] and not rendered.all("PrometheusRule")
    rendered = chart.render(APP, {"hoster": {"monitoring": {"enabled": True},
                                             "postgres": {"source": "none"}},
                                  "app": {"init": {"enabled": False}}})
    assert [m["metadata"]["name"] for m in rendered.all("PodMonitor")] == ["shop"]
    assert [r["alert"] for r in rendered.one("PrometheusRule")["spec"]["groups"][0]["rules"]] == \
        ["DjangoSiteDown", "DjangoCrashLoop"]
    one = chart.render(APP, {"hoster": {"monitoring": {"enabled": True}}})
    names = [r["alert"] for r in one.one("PrometheusRule")["spec"]["groups"][0]["rules"]]
    assert "DjangoVolumeFull" in names and not [
        n for n in names if "Standby" in n or "Backup" in n or "WAL" in n], names


if __name__ == "__main__":
    chart.main()
