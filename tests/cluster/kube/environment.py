"""The environment of a container and its words, from a pod's spec: env, envFrom, $(VAR)."""
import re

from .fields import NotYet, Unsupported, check, quantity, text

# $$ is a dollar, $(NAME) a variable; all else is what it is, an unclosed $( too
_REFERENCE = re.compile(r"\$(?:(\$)|\(([^)]*)\))")
_NAME = re.compile(r"[A-Za-z_.-][A-Za-z0-9_.-]*\Z")


def expand(value, variables):
    """value with $(NAME) replaced. What is not known stays as it is written, and a value that was
    put in is not looked at again."""
    def replaced(match):
        if match.group(1):
            return "$"
        return variables.get(match.group(2), match.group())
    return _REFERENCE.sub(replaced, value)


def words(container, variables):
    """(entrypoint, arguments) for the engine, None for what the image says. A command of its own
    leaves nothing of the image's words."""
    command, arguments = ([expand(text("command", word), variables) for word in part]
                          for part in (container.get("command") or [],
                                       container.get("args") or []))
    return command or None, arguments or ([] if command else None)


def _from_source(where, entry, objects):
    """The data of one entry of envFrom, or {} where it may be missing."""
    check(where, entry, "secretRef", "configMapRef", "prefix")
    for kind, field in (("Secret", "secretRef"), ("ConfigMap", "configMapRef")):
        if field in entry:
            ref = check(where + "." + field, entry[field], "name", "optional")
            found = objects.data(kind, ref["name"])
            if found is None and not ref.get("optional"):
                raise NotYet('%s "%s" not found' % (kind.lower(), ref["name"]))
            # a name that cannot be a variable is left out, and an event tells of it
            return {entry.get("prefix", "") + key: value.decode()
                    for key, value in (found or {}).items() if _NAME.match(key)}
    raise Unsupported(where + ": neither a secretRef nor a configMapRef")


def _from_key(where, kind, ref, objects):
    """The value of one key, or None where it may be missing."""
    check(where, ref, "name", "key", "optional")
    data = objects.data(kind, ref["name"])
    if data is not None and ref["key"] in data:
        return data[ref["key"]].decode()
    if ref.get("optional"):
        return None
    if data is None:
        raise NotYet('%s "%s" not found' % (kind.lower(), ref["name"]))
    raise NotYet("couldn't find key %s in %s %s" % (ref["key"], kind, ref["name"]))


def field_of_pod(where, path, pod):
    """What a fieldRef means."""
    fixed = {"metadata.name": pod.name, "metadata.namespace": pod.namespace,
             "metadata.uid": pod.uid, "status.podIP": pod.address or "",
             "status.podIPs": pod.address or "", "spec.nodeName": "node", "status.hostIP":
             "172.31.255.1", "spec.serviceAccountName": "default"}
    if path in fixed:
        return fixed[path]
    match = re.match(r"metadata\.(labels|annotations)\['([^']+)'\]\Z", path)
    if not match:
        raise Unsupported("%s: no such field: %s" % (where, path))
    return getattr(pod, match.group(1)).get(match.group(2), "")


def _resource(where, ref, container):
    """What a resourceFieldRef means: units, rounded up."""
    check(where, ref, "resource", "divisor", "containerName")
    kind, _, name = ref["resource"].partition(".")
    amount = (container.get("resources") or {}).get(kind, {}).get(name)
    if amount is None:
        raise Unsupported("%s: %s is not set, the node's would be taken" % (where, ref["resource"]))
    divisor = quantity(where, ref.get("divisor", "1")) or 1
    return str(-int(-quantity(where, amount) // divisor))


def _value_from(where, source, pod, container, objects):
    check(where, source, "secretKeyRef", "configMapKeyRef", "fieldRef", "resourceFieldRef")
    if "secretKeyRef" in source:
        return _from_key(where, "Secret", source["secretKeyRef"], objects)
    if "configMapKeyRef" in source:
        return _from_key(where, "ConfigMap", source["configMapKeyRef"], objects)
    if "fieldRef" in source:
        ref = check(where, source["fieldRef"], "fieldPath", "apiVersion")
        return field_of_pod(where, ref["fieldPath"], pod)
    return _resource(where, source["resourceFieldRef"], container)


# what every container has, also with enableServiceLinks: false
_KUBERNETES = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443",
               "KUBERNETES_SERVICE_PORT_HTTPS": "443", "KUBERNETES_PORT": "tcp://10.96.0.1:443"}


def variables(pod, container, objects):
    """name → value, without what the image has. objects: .data(kind, name) gives the bytes of a
    Secret or ConfigMap by key, None if there is none. Raises NotYet."""
    found = dict(_KUBERNETES)
    where = "%s, container %s" % (pod.name, container["name"])
    for entry in container.get("envFrom") or []:
        found.update(_from_source(where + ": envFrom", entry, objects))
    names = set()
    for entry in container.get("env") or []:
        check(where + ": env", entry, "name", "value", "valueFrom")
        name = text(where + ": env", entry["name"])
        if name in names:
            raise Unsupported("%s: %s stands twice in env: the last one counts" % (where, name))
        names.add(name)
        if "valueFrom" in entry:
            value = _value_from("%s: env %s" % (where, name), entry["valueFrom"], pod, container,
                                objects)
            if value is None:
                continue
        else:
            # one that is above it is known, one below is not
            value = expand(text("%s: env %s" % (where, name), entry.get("value", "")), found)
        found[name] = value
    return found
