"""The hoster's repository as it is read here: a directory, or a commit of it."""
import os
import re
import stat
import subprocess

import yaml


class Directory:
    """Files of a directory, by their names in it."""

    def __init__(self, root):
        self.root = root

    def files(self):
        """name → whether it is a symbolic link"""
        found = {}
        for folder, folders, names in os.walk(self.root):
            folders[:] = sorted(f for f in folders if f != ".git")
            links = [f for f in folders if os.path.islink(os.path.join(folder, f))]
            for name in sorted(names) + links:
                path = os.path.join(folder, name)
                found[os.path.relpath(path, self.root)] = stat.S_ISLNK(os.lstat(path).st_mode)
        return found

    def read(self, name):
        with open(os.path.join(self.root, name), "rb") as file:
            return file.read()


class Commit:
    """Files of a commit, below the directory where the repository's files are."""

    def __init__(self, root, commit):
        self.root, self.commit = root, commit

    def _git(self, *words):
        return subprocess.run(["git", "-C", self.root] + list(words), stdout=subprocess.PIPE,
                              check=True).stdout

    def files(self):
        found = {}
        for line in self._git("ls-tree", "-r", "-z", self.commit).split(b"\0")[:-1]:
            facts, name = line.split(b"\t", 1)
            found[os.fsdecode(name)] = facts.startswith(b"120000")
        return found

    def read(self, name):
        return self._git("show", "%s:./%s" % (self.commit, name))


class Loader(yaml.SafeLoader):
    """YAML in which a key that is there twice is an error: readers disagree about which counts."""


def _mapping(loader, node):
    loader.flatten_mapping(node)
    found = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in found:
            raise yaml.constructor.ConstructorError(
                None, None, "the key %r is there twice" % (key,), key_node.start_mark)
        found[key] = loader.construct_object(value_node, deep=True)
    return found


Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load(text):
    return yaml.load(text, Loader)


def merge(*blocks):
    """As Helm merges values: maps key by key, everything else is replaced; the last one wins."""
    result = {}
    for block in blocks:
        for key, value in (block or {}).items():
            if isinstance(value, dict) and isinstance(result.get(key), dict):
                value = merge(result[key], value)
            result[key] = value
    return result


def get(block, path):
    """The value at a.b.c, or None."""
    for key in path.split("."):
        block = block.get(key) if isinstance(block, dict) else None
    return block


class App:
    """apps/CUSTOMER/NAME.yaml"""

    def __init__(self, repository, file):
        self.file = file
        self.customer, self.name = file.split("/")[1], file.split("/")[2][:-len(".yaml")]
        self.values = repository.values(file)
        self.tenant = repository.values("tenants/%s.yaml" % self.customer)
        self.cluster = get(self.tenant, "project.destination.name")
        self.cluster_file = "clusters/%s.yaml" % self.cluster
        self.ring = get(self.values, "global.ring") or get(self.tenant, "global.ring")
        self.hoster = merge(get(repository.values(self.cluster_file), "hoster"),
                            get(self.values, "hoster"))

    def file_of(self, path):
        """The file that says what hoster.PATH is."""
        return self.file if get(self.values, "hoster." + path) is not None else self.cluster_file


class Repository:
    """files: all names. tenants, apps: what they mean. complaints: what cannot be read."""

    def __init__(self, place):
        self.place, self.complaints, self._values = place, [], {}
        self.links = {name for name, is_link in place.files().items() if is_link}
        self.files = set(place.files()) - self.links
        for name in sorted(self.files):
            if re.fullmatch(r"_reset\.yaml|(apps|clusters|rings|tenants)/.*\.yaml", name):
                self.values(name)
        self.tenants = {name.split("/")[1][:-len(".yaml")]: self.values(name)
                        for name in sorted(self.files)
                        if name.startswith("tenants/") and name.count("/") == 1
                        and name.endswith(".yaml")}
        self.apps = [App(self, name) for name in sorted(self.files)
                     if name.startswith("apps/") and name.count("/") == 2
                     and name.endswith(".yaml")]

    def values(self, name):
        """A file's mapping; empty when there is none, with a complaint when it is no mapping."""
        if name not in self._values:
            self._values[name] = self._read(name) if name in self.files else {}
        return self._values[name]

    def _read(self, name):
        try:
            found = load(self.place.read(name).decode("utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            self.complaints.append("%s: this is no YAML that all readers understand alike: %s. "
                                   "Write it anew." % (name, " ".join(str(error).split())))
            return {}
        if not isinstance(found, dict):
            self.complaints.append("%s: there is nothing in it, or no `key: value`. Fill it, or "
                                   "remove it." % name)
            return {}
        return found
