"""Deployment, Job and CronJob: which pods there are to be."""
import json
import time
import zlib

from .fields import Unsupported, check, integer, one_of

def template_of(pod):
    return pod.labels.get("pod-template-hash")


def share(value, whole, up):
    """A number, or a percentage of the whole."""
    if isinstance(value, str) and value.endswith("%"):
        part = int(value[:-1]) * whole
        return -(-part // 100) if up else part // 100
    return integer("maxSurge, maxUnavailable", value)


class Deployments:
    """Recreate, and RollingUpdate. Called with the cluster's lock."""

    def __init__(self, cluster):
        self.cluster = cluster
        self._progress = {}     # name → (what could be seen, since when)

    def accept(self, manifest):
        where = "Deployment " + manifest["metadata"]["name"]
        check(where, manifest, "apiVersion", "kind", "metadata", "spec")
        spec = check(where, manifest["spec"], "replicas", "selector", "template", "strategy",
                     "minReadySeconds", "progressDeadlineSeconds", "revisionHistoryLimit")
        check(where, spec["selector"], "matchLabels")
        labels = spec["template"]["metadata"]["labels"]
        if not spec["selector"]["matchLabels"].items() <= labels.items():
            raise Unsupported(where + ": its selector does not fit its own template")
        old = self.cluster.objects.get(("Deployment", manifest["metadata"]["name"]))
        if old is not None and old["spec"]["selector"] != spec["selector"]:
            raise Unsupported(where + ": the selector is immutable")
        strategy = check(where, spec.get("strategy"), "type", "rollingUpdate")
        kind = one_of(where, strategy.get("type", "RollingUpdate"), "Recreate", "RollingUpdate")
        check(where, strategy.get("rollingUpdate"), *(
            ("maxSurge", "maxUnavailable") if kind == "RollingUpdate" else ()))

    @staticmethod
    def hash_of(manifest):
        """Names the template: the same pods, the same hash."""
        text = json.dumps(manifest["spec"]["template"], sort_keys=True)
        return "%08x" % zlib.crc32(text.encode())

    def _split(self, name, manifest):
        """(active pods of the template, other active ones, those that are on their way out)"""
        wanted = self.hash_of(manifest)
        pods = [p for p in self.cluster.pods if p.owner == ("Deployment", name)]
        return ([p for p in pods if p.active and template_of(p) == wanted],
                [p for p in pods if p.active and template_of(p) != wanted],
                [p for p in pods if not p.active and not p.gone.is_set()])

    def turn(self):
        for (kind, name), manifest in list(self.cluster.objects.items()):
            if kind == "Deployment":
                self._roll(name, manifest)

    def _roll(self, name, manifest):
        spec = manifest["spec"]
        replicas = integer(name + ": replicas", spec.get("replicas", 1))
        strategy = spec.get("strategy") or {}
        new, old, leaving = self._split(name, manifest)
        self._look_at_progress(name, new, old)
        if strategy.get("type") == "Recreate":
            for pod in old + new[replicas:]:
                pod.delete()
            if not old and not any(template_of(p) != self.hash_of(manifest) for p in leaving):
                self._start(name, manifest, replicas - len(new))
            return
        rolling = strategy.get("rollingUpdate") or {}
        surge = share(rolling.get("maxSurge", "25%"), replicas, True)
        unavailable = share(rolling.get("maxUnavailable", "25%"), replicas, False)
        total = len(new) + len(old)
        self._start(name, manifest, min(replicas - len(new), replicas + surge - total))
        for pod in new[replicas:]:
            pod.delete()
        least = replicas - unavailable
        ready = [p for p in new + old if self._available(p, spec)]
        # of the old ones first those that answer nobody
        spare = total - least - (len(new) - sum(p in ready for p in new))
        for pod in sorted(old, key=lambda p: p in ready)[:max(0, spare)]:
            if pod in ready:
                if len(ready) <= least:
                    break
                ready.remove(pod)
            pod.delete()

    def _start(self, name, manifest, count):
        template = json.loads(json.dumps(manifest["spec"]["template"]))
        wanted = self.hash_of(manifest)
        template["metadata"]["labels"]["pod-template-hash"] = wanted
        for _ in range(count):
            self.cluster.start_pod("%s-%s" % (name, wanted), template, ("Deployment", name))

    @staticmethod
    def _available(pod, spec):
        return pod.ready and time.time() - pod.ready_since >= spec.get("minReadySeconds", 0)

    # ---- how it is ----

    def _look_at_progress(self, name, new, old):
        seen = (len(new), len(old), sum(p.ready for p in new), template_of(new[0]) if new else "")
        if self._progress.get(name, (None,))[0] != seen:
            self._progress[name] = (seen, time.time())

    def health(self, name):
        """(Healthy, Progressing or Degraded, why): as Argo CD reads the status."""
        manifest = self.cluster.objects["Deployment", name]
        spec = manifest["spec"]
        new, old, _ = self._split(name, manifest)
        replicas = spec.get("replicas", 1)
        ready = sum(self._available(p, spec) for p in new)
        if len(new) >= replicas and not old and ready >= replicas:
            return "Healthy", ""
        _, since = self._progress.get(name, (None, time.time()))
        if time.time() - since > spec.get("progressDeadlineSeconds", 600):
            return "Degraded", "Deployment %s exceeded its progress deadline" % name
        return "Progressing", "%d of %d new pods are ready, %d old ones are there" % (
            ready, replicas, len(old))


class Jobs:
    """Jobs to their end, and CronJobs when a test says so. Called with the cluster's lock."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.states = {}        # name → JobState

    def accept(self, manifest, old):
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        where = "%s %s" % (kind, name)
        spec = manifest["spec"]
        if kind == "CronJob":
            check(where, spec, "schedule", "timeZone", "concurrencyPolicy", "suspend",
                  "startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit",
                  "jobTemplate")
            one_of(where, spec.get("concurrencyPolicy", "Allow"), "Forbid", "Allow")
            spec = check(where, spec["jobTemplate"], "metadata", "spec")["spec"]
        check(where, spec, "template", "backoffLimit", "activeDeadlineSeconds",
              "ttlSecondsAfterFinished", "completions", "parallelism", "podFailurePolicy")
        for rule in check(where, spec.get("podFailurePolicy"), "rules").get("rules") or []:
            # a node that is drained: there is none here
            one_of(where, rule, {"action": "Ignore", "onPodConditions": [
                {"type": "DisruptionTarget", "status": "True"}]})
        for count in ("completions", "parallelism"):
            one_of("%s: %s" % (where, count), spec.get(count, 1), 1)
        one_of(where + ": restartPolicy", spec["template"]["spec"].get("restartPolicy"),
               "Never", "OnFailure")
        if kind == "Job":
            if old is not None and old["spec"]["template"] != spec["template"]:
                raise Unsupported(where + ": the template of a Job is immutable")
            self.states.setdefault(name, JobState(self.cluster, name, manifest))

    def forget(self, kind, name):
        if kind == "Job":
            self.states.pop(name, None)

    def turn(self):
        for state in list(self.states.values()):
            state.turn()

    def run_now(self, name):
        """The Job that a CronJob makes when its time has come; None where it may not."""
        with self.cluster.changed:
            spec = self.cluster.objects["CronJob", name]["spec"]
            mine = [s for s in self.states.values() if s.manifest["metadata"].get(
                "annotations", {}).get("cronjob") == name]
            if spec.get("suspend") or (spec.get("concurrencyPolicy") == "Forbid" and
                                       any(not s.done for s in mine)):
                return None
            job = "%s-%d" % (name, len(mine) + 1)
            meta = dict(spec["jobTemplate"].get("metadata") or {})
            meta.update(name=job, annotations={**meta.get("annotations", {}), "cronjob": name})
            self.cluster.apply({"apiVersion": "batch/v1", "kind": "Job", "metadata": meta,
                                "spec": spec["jobTemplate"]["spec"]})
            return self.states[job]


class JobState:
    """done: None, "Complete" or "Failed", and why."""

    def __init__(self, cluster, name, manifest):
        self.cluster, self.name, self.manifest = cluster, name, manifest
        self.done, self.reason = None, ""
        self.began = time.time()
        self.failed = 0
        self.pods = []

    def turn(self):
        if self.done:
            return
        spec = self.manifest["spec"]
        restarts = sum(c.restarts for p in self.pods for c in p.containers.values())
        self.failed = sum(p.phase == "Failed" for p in self.pods) + restarts
        if any(p.phase == "Succeeded" for p in self.pods):
            self._end("Complete", "")
        elif time.time() - self.began > spec.get("activeDeadlineSeconds", float("inf")):
            self._end("Failed", "DeadlineExceeded")
        elif self.failed > spec.get("backoffLimit", 6):
            self._end("Failed", "BackoffLimitExceeded")
        elif not any(p.active for p in self.pods) and time.time() >= self._due():
            template = json.loads(json.dumps(spec["template"]))
            template.setdefault("metadata", {}).setdefault("labels", {})["job-name"] = self.name
            self.pods.append(self.cluster.start_pod(self.name, template, ("Job", self.name)))

    def _due(self):
        """When the next pod may be made: the pause doubles with each that failed."""
        ends = [end.ended for p in self.pods for c in p.containers.values() for end in c.ends]
        if not ends:
            return 0
        return max(ends) + min(self.cluster.times.backoff * 2 ** (self.failed - 1), 360)

    def _end(self, done, reason):
        self.done, self.reason = done, reason
        self.cluster.event("Job " + self.name, done, reason)
        for pod in self.pods:
            if pod.active:
                pod.delete()

    def log(self):
        """What `kubectl logs job/NAME --all-containers` prints of its last pod."""
        return "".join(c.log() for c in self.pods[-1].containers.values())
