"""A container of a pod as the engine is told: image, words, user, what it may do, limits,
mounts."""
from . import environment, volumes
from .fields import NotYet, Unsupported, check, integer, one_of, quantity

CONTAINER = ("name", "image", "imagePullPolicy", "command", "args", "workingDir", "env", "envFrom",
             "ports", "resources", "volumeMounts", "securityContext", "livenessProbe",
             "readinessProbe", "startupProbe", "terminationMessagePath", "terminationMessagePolicy",
           "lifecycle")
LOG = "/dev/termination-log"


def ports(container):
    """name → number of a container's ports."""
    found = {}
    for port in container.get("ports") or []:
        check("port of " + container["name"], port, "name", "containerPort", "protocol")
        one_of("protocol", port.get("protocol", "TCP"), "TCP")
        number = integer("containerPort of " + container["name"], port["containerPort"], 1)
        if len(port.get("name", "")) > 15:
            raise Unsupported("port name %s: at most 15 characters" % port["name"])
        found[port.get("name", str(number))] = number
    return found


def pause_before_stop(container):
    """Seconds of a preStop hook that sleeps, which is the only one that is known here."""
    where = container["name"] + ": lifecycle"
    hooks = check(where, container.get("lifecycle"), "preStop")
    sleep = check(where, hooks.get("preStop"), "sleep").get("sleep")
    return 0 if sleep is None else integer(where, check(where, sleep, "seconds")["seconds"])


def _profile(where, context):
    profile = check(where, context.get("seccompProfile"), "type")
    return profile and one_of(where + ": seccompProfile", profile["type"], "RuntimeDefault",
                              "Unconfined")


def security(pod, container, image):
    """The engine's "User", and the part of "HostConfig" that is about privileges."""
    where = "%s, container %s: securityContext" % (pod.name, container["name"])
    of_pod = check(where, pod.spec.get("securityContext"), "runAsUser", "runAsGroup",
                   "runAsNonRoot", "fsGroup", "fsGroupChangePolicy", "supplementalGroups",
                   "seccompProfile")
    own = check(where, container.get("securityContext"), "runAsUser", "runAsGroup", "runAsNonRoot",
                "allowPrivilegeEscalation", "capabilities", "readOnlyRootFilesystem", "privileged",
                "seccompProfile")
    both = {**of_pod, **own}
    one_of(where + ": privileged", both.get("privileged", False), False)
    user, group = both.get("runAsUser"), both.get("runAsGroup")
    name = str(user) if user is not None else (image.get("User") or "")
    if both.get("runAsNonRoot"):
        number = name.split(":")[0] or "0"
        if not number.isdigit():
            raise NotYet("container has runAsNonRoot and image has non-numeric user (%s), cannot "
                         "verify user is non-root" % number)
        if int(number) == 0:
            raise NotYet("container has runAsNonRoot and image will run as root")
    if group is not None:
        name = "%s:%d" % (name.split(":")[0] or "0", group)
    groups = ([of_pod["fsGroup"]] if "fsGroup" in of_pod else []) + \
        list(of_pod.get("supplementalGroups") or [])
    capabilities = check(where, own.get("capabilities"), "drop", "add")
    options = [] if both.get("allowPrivilegeEscalation", True) else ["no-new-privileges"]
    if (_profile(where, own) or _profile(where, of_pod)) != "RuntimeDefault":
        options.append("seccomp=unconfined")
    return name, {"CapDrop": capabilities.get("drop") or [],
                  "CapAdd": capabilities.get("add") or [], "SecurityOpt": options, "GroupAdd": [str(number) for number in groups],
                  "ReadonlyRootfs": bool(own.get("readOnlyRootFilesystem"))}


def limits(pod, container):
    """The part of "HostConfig" that is about resources."""
    where = "%s, container %s: resources" % (pod.name, container["name"])
    resources = check(where, container.get("resources"), "limits", "requests")
    found = {}
    for kind in ("requests", "limits"):
        check(where, resources.get(kind), "cpu", "memory", "ephemeral-storage")
    asked, most = resources.get("requests") or {}, resources.get("limits") or {}
    if "memory" in most:
        found["Memory"] = found["MemorySwap"] = int(quantity(where, most["memory"]))
    if "cpu" in most:
        found["CpuPeriod"] = 100000
        found["CpuQuota"] = max(1000, int(quantity(where, most["cpu"]) * 100000))
    if "cpu" in asked or "cpu" in most:
        share = quantity(where, asked.get("cpu", most.get("cpu")))
        found["CpuShares"] = max(2, int(share * 1024))
    for name in set(asked) & set(most):
        if quantity(where, asked[name]) > quantity(where, most[name]):
            raise Unsupported("%s: more %s is asked for than is allowed" % (where, name))
    return found


def config(pod, container, image, log, volumes_of_pod, objects):
    """The body of the engine's "create". image: the engine's (id, configuration); log: the file
    that is the container's termination log."""
    check("%s, container %s" % (pod.name, container["name"]), container, *CONTAINER)
    one_of("imagePullPolicy", container.get("imagePullPolicy", "IfNotPresent"), "Always",
           "IfNotPresent")
    ports(container)
    pause_before_stop(container)
    variables = environment.variables(pod, container, objects)
    entrypoint, arguments = environment.words(container, variables)
    user, privileges = security(pod, container, image[1])
    mounts = volumes.mounts(pod, container, volumes_of_pod)
    mounts.append({"Type": "bind", "Source": log,
                   "Target": container.get("terminationMessagePath", LOG)})
    found = {
        "Image": image[0], "User": user, "Healthcheck": {"Test": ["NONE"]},
        "Env": ["%s=%s" % pair for pair in variables.items()],
        "HostConfig": {"NetworkMode": "container:" + pod.sandbox, "Mounts": mounts,
                       "IpcMode": "container:" + pod.sandbox, **privileges,
                       **limits(pod, container)}}
    if entrypoint is not None:
        found["Entrypoint"] = entrypoint
    if arguments is not None:
        found["Cmd"] = arguments
    if container.get("workingDir"):
        found["WorkingDir"] = container["workingDir"]
    return found
