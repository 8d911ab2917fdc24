"""The volumes of a pod, as folders on the node, and where its containers see them."""
import os
import stat

from .environment import field_of_pod
from .fields import NotYet, Unsupported, check, integer, one_of, quantity

READ_WRITE, READ_ONLY, ENTER = 0o660, 0o440, 0o110


class NotMounted(NotYet):
    """FailedMount: the pod waits, and it is tried again."""


# ---- fsGroup ----

def _give(path, group, mask):
    """The group gets the file: what it may do is added, a folder hands the group on."""
    os.chown(path, -1, group, follow_symlinks=False)
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        return
    if stat.S_ISDIR(mode):
        mask |= ENTER | stat.S_ISGID
    os.chmod(path, stat.S_IMODE(mode) | mask)


def give_to_group(top, group, read_only=False, on_mismatch=False):
    """fsGroup: all below top is the group's. on_mismatch: nothing is done where top itself looks
    as if it had been, which is what OnRootMismatch means. Tells whether it was done."""
    mask = READ_ONLY if read_only else READ_WRITE
    found = os.stat(top)
    wanted = mask | ENTER | stat.S_ISGID
    if on_mismatch and found.st_gid == group and found.st_mode & wanted == wanted:
        return False
    for folder, folders, files in os.walk(top, topdown=False):
        for name in files + folders:
            _give(folder + "/" + name, group, mask)
    _give(top, group, mask)
    return True


# ---- what volumes are made of ----

def _selected(where, data, items, default_mode):
    """path → (content, mode) of a Secret or ConfigMap: all keys, or those of items."""
    if items is None:
        return {key: (value, default_mode) for key, value in data.items()}
    found = {}
    for item in items:
        check(where, item, "key", "path", "mode")
        if item["key"] not in data:
            raise NotMounted("%s: references non-existent secret key: %s" % (where, item["key"]))
        path = item["path"]
        if path.startswith("/") or ".." in path.split("/"):
            raise Unsupported("%s: the path %r leaves the volume" % (where, path))
        found[path] = (data[item["key"]], item.get("mode", default_mode))
    return found


def _of_object(where, kind, source, name_field, objects, default_mode):
    check(where, source, name_field, "name", "items", "optional", "defaultMode")
    name = source.get(name_field) or source["name"]
    data = objects.data(kind, name)
    if data is None:
        if source.get("optional"):
            return {}
        raise NotMounted('MountVolume.SetUp failed for volume: %s "%s" not found' % (
            kind.lower(), name))
    return _selected(where, data, source.get("items"),
                     source.get("defaultMode", default_mode))


def _downward(where, source, pod):
    check(where, source, "items")
    found = {}
    for item in source["items"]:
        check(where, item, "path", "fieldRef", "mode")
        value = field_of_pod(where, item["fieldRef"]["fieldPath"], pod)
        found[item["path"]] = (value.encode(), item.get("mode", 0o644))
    return found


def _projected(where, source, pod, objects):
    check(where, source, "sources", "defaultMode")
    found = {}
    for part in source["sources"]:
        check(where, part, "secret", "configMap", "downwardAPI")
        mode = source.get("defaultMode", 0o644)
        if "secret" in part:
            files = _of_object(where, "Secret", part["secret"], "name", objects, mode)
        elif "configMap" in part:
            files = _of_object(where, "ConfigMap", part["configMap"], "name", objects, mode)
        else:
            files = _downward(where, part["downwardAPI"], pod)
        twice = set(found) & set(files)
        if twice:
            raise Unsupported("%s: two sources have %s" % (where, ", ".join(sorted(twice))))
        found.update(files)
    return found


def _write(top, files):
    """As Kubernetes does, so that all changes at once: the files in a folder, ..data is a link to
    it, and each name a link through that."""
    inside = "..2026_01_01"
    os.makedirs(top + "/" + inside)
    os.symlink(inside, top + "/..data")
    for path, (content, mode) in files.items():
        place = "%s/%s/%s" % (top, inside, path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(content)
        os.chmod(place, mode)
        first = path.split("/")[0]
        if not os.path.lexists(top + "/" + first):
            os.symlink("..data/" + first, top + "/" + first)


class Volume:
    """One volume of a pod: where it is on the node. limit: bytes that an emptyDir may have."""

    def __init__(self, place, read_only=False, limit=None):
        self.place, self.read_only, self.limit = place, read_only, limit

    def size(self):
        """What is in it, as `du` counts."""
        total = 0
        for folder, _, names in os.walk(self.place):
            for name in names:
                try:
                    total += os.lstat(folder + "/" + name).st_blocks * 512
                except OSError:
                    pass
        return total


def make(pod, directory, objects):
    """name → Volume. Everything that can be missing raises NotMounted."""
    security = pod.spec.get("securityContext") or {}
    group = security.get("fsGroup")
    policy = one_of("fsGroupChangePolicy", security.get("fsGroupChangePolicy", "Always"),
                    "Always", "OnRootMismatch")
    return {volume["name"]: _make_one(pod, volume, directory + "/" + volume["name"], objects,
                                      group, policy == "OnRootMismatch")
            for volume in pod.spec.get("volumes") or []}


def _make_one(pod, volume, place, objects, group, on_mismatch):
    where = "%s, volume %s" % (pod.name, volume["name"])
    check(where, volume, "name", "emptyDir", "persistentVolumeClaim", "secret", "configMap",
          "projected")
    if "persistentVolumeClaim" in volume:
        claim = check(where, volume["persistentVolumeClaim"], "claimName", "readOnly")
        place = objects.claim(claim["claimName"], pod)
        read_only = bool(claim.get("readOnly"))
        if group is not None and not read_only:
            give_to_group(place, integer(where, group), on_mismatch=on_mismatch)
        return Volume(place, read_only)
    if "emptyDir" in volume:
        source = check(where, volume["emptyDir"], "sizeLimit", "medium")
        one_of(where + ": medium", source.get("medium", ""), "")
        limit = source.get("sizeLimit") and quantity(where, source["sizeLimit"])
        os.makedirs(place, exist_ok=True)
        os.chmod(place, 0o777)
        if group is not None:
            give_to_group(place, group)
        return Volume(place, limit=limit)
    if "secret" in volume:
        files = _of_object(where, "Secret", volume["secret"], "secretName", objects, 0o644)
    elif "configMap" in volume:
        files = _of_object(where, "ConfigMap", volume["configMap"], "name", objects, 0o644)
    else:
        files = _projected(where, volume["projected"], pod, objects)
    _write(place, files)
    if group is not None:
        give_to_group(place, group, read_only=True)
    return Volume(place, read_only=True)


# ---- what a container sees ----

def mounts(pod, container, volumes):
    """The engine's list of mounts for volumeMounts."""
    found, paths = [], set()
    for mount in container.get("volumeMounts") or []:
        where = "%s, container %s, mount %s" % (pod.name, container["name"], mount.get("mountPath"))
        check(where, mount, "name", "mountPath", "readOnly", "subPath")
        if mount["name"] not in volumes:
            raise Unsupported("%s: the pod has no volume %s" % (where, mount["name"]))
        if mount["mountPath"] in paths or not mount["mountPath"].startswith("/"):
            raise Unsupported(where + ": twice, or not absolute")
        paths.add(mount["mountPath"])
        volume = volumes[mount["name"]]
        place = volume.place
        if mount.get("subPath"):
            place = _sub_path(where, volume, mount["subPath"])
        found.append({"Type": "bind", "Source": place, "Target": mount["mountPath"],
                      "ReadOnly": bool(mount.get("readOnly")) or volume.read_only})
    return found


def _sub_path(where, volume, path):
    """A folder that is missing is made, with the volume's own rights; it may not be a way out."""
    place = os.path.realpath(volume.place + "/" + path)
    if not (place + "/").startswith(os.path.realpath(volume.place) + "/"):
        raise Unsupported("%s: the subPath %r leaves the volume" % (where, path))
    if not os.path.exists(place):
        top = os.stat(volume.place)
        os.makedirs(place)
        os.chmod(place, stat.S_IMODE(top.st_mode))
        os.chown(place, top.st_uid, top.st_gid)
    return place
