"""What Argo CD does at a sync: hooks and objects in the order of their waves, each wave healthy
before the next one; what is not in the release any more is pruned at the end. A hook that fails, or
an object that is Degraded, ends the sync, and all that would have come later stays as it was."""
from dataclasses import dataclass, field

from .fields import Unsupported, one_of

PREFIX = "argocd.argoproj.io/"
PHASES = ("PreSync", "Sync", "PostSync")
# within a wave
ORDER = ("ServiceAccount", "Secret", "SealedSecret", "ConfigMap", "PersistentVolumeClaim",
         "Service", "Deployment", "Job", "CronJob", "Ingress")
KNOWN = {PREFIX + name for name in ("sync-wave", "hook", "hook-delete-policy", "sync-options",
                                    "compare-options")}


@dataclass
class Result:
    """ok: all is in place and healthy. message: why not. applied: (kind, name) in order."""
    ok: bool = True
    message: str = ""
    applied: list = field(default_factory=list)


def _annotations(manifest):
    found = manifest["metadata"].get("annotations") or {}
    unknown = {name for name in found if name.startswith(PREFIX)} - KNOWN
    if unknown:
        raise Unsupported("%s %s: nothing here knows the annotation %s" % (
            manifest["kind"], manifest["metadata"]["name"], ", ".join(unknown)))
    if any(name.startswith("helm.sh/hook") for name in found):
        raise Unsupported("%s %s: a hook of Helm's, which Argo CD takes for one of its own" % (
            manifest["kind"], manifest["metadata"]["name"]))
    return found


def _place(manifest):
    """The order of a manifest: phase, wave, kind, name."""
    found = _annotations(manifest)
    phase = one_of("hook", found.get(PREFIX + "hook", "Sync"), *PHASES)
    kind = manifest["kind"]
    return (PHASES.index(phase), int(found.get(PREFIX + "sync-wave", "0")),
            ORDER.index(kind) if kind in ORDER else len(ORDER), kind, manifest["metadata"]["name"])


def health(cluster, kind, name):
    """(Healthy, Progressing or Degraded, why) of an object."""
    if kind == "Deployment":
        return cluster.deployments.health(name)
    if kind == "Job":
        state = cluster.jobs.states[name]
        if state.done is None:
            return "Progressing", "it runs"
        return ("Healthy", "") if state.done == "Complete" else ("Degraded", state.reason)
    if kind == "PersistentVolumeClaim" or kind not in cluster.health_of:
        return "Healthy", ""
    return cluster.health_of[kind](name)


def _await(cluster, wave, seconds, enough):
    """"" once all of these are healthy; else who is not to become it, and why."""
    def settled():
        states = {key: health(cluster, *key) for key in wave}
        missing = ["%s %s is %s: %s" % (*key, *states[key]) for key in wave
                   if states[key][0] != "Healthy"]
        hopeless = [line for line in missing if " is Degraded: " in line]
        if hopeless or enough():
            return "; ".join(hopeless or missing) or True
        return not missing
    found = cluster.until(settled, seconds, "the health of %s" % (wave,))
    return "" if found is True else found


def sync(cluster, manifests, seconds=60, enough=lambda: False):
    """The release that these manifests are becomes the one that runs. enough(): the test has seen
    what it wanted, and the sync ends as if somebody had terminated it."""
    result = Result()
    tasks = sorted(manifests, key=_place)
    for manifest in tasks:
        is_hook = PREFIX + "hook" in _annotations(manifest)
        if is_hook:
            one_of("hook-delete-policy", manifest["metadata"]["annotations"].get(
                PREFIX + "hook-delete-policy", "BeforeHookCreation"), "BeforeHookCreation")
    waves = sorted({_place(manifest)[:2] for manifest in tasks})
    for wave in waves:
        keys = []
        for manifest in (m for m in tasks if _place(m)[:2] == wave):
            key = manifest["kind"], manifest["metadata"]["name"]
            if PREFIX + "hook" in _annotations(manifest):
                cluster.delete(*key)
            cluster.apply(manifest)
            keys.append(key)
            result.applied.append(key)
        result.message = _await(cluster, keys, seconds, enough)
        if result.message:
            result.ok = False
            return result
    _prune(cluster, manifests)
    return result


def _prune(cluster, manifests):
    """What an earlier sync made and this release has not; hooks and what is protected stay."""
    wanted = {(m["kind"], m["metadata"]["name"]) for m in manifests}
    for key, manifest in list(cluster.objects.items()):
        found = _annotations(manifest)
        options = found.get(PREFIX + "sync-options", "").replace(" ", "").split(",")
        if key not in wanted and key not in cluster.given and PREFIX + "hook" not in found and \
                "Prune=false" not in options:
            cluster.delete(*key)
