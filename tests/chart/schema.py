"""A chart's values.schema.json and values.yaml: what they must be, and the tables for README.md.

The schemas use a part of draft-07 that every reader knows, and that is closed: each object lists
its keys, or is a map whose keys are the user's."""
import json
import os
import re

import chart
import strict_yaml

DIALECT = "http://json-schema.org/draft-07/schema#"
KEYWORDS = {"$ref", "additionalProperties", "allOf", "anyOf", "const", "description", "enum",
            "if", "then", "else", "items", "maxItems", "maxLength",
            "maxProperties", "maximum", "minItems", "minLength",
            "minProperties", "minimum", "not", "oneOf", "pattern", "properties",
            "propertyNames", "required", "type", "uniqueItems"}
ROOT_KEYWORDS = {"$schema", "title", "definitions"}
LOCAL = "#/definitions/"
# what ECMAScript's expressions, which the standard means, have and Go's have not
NOT_EVERYWHERE = re.compile(r"\\u|\\p|\\c|\\[1-9]|\\k|\(\?")
# Helm hands this to each chart; ours read nothing of it
FREE = ("global",)
BEGIN = "<!-- values: from values.schema.json and values.yaml, by tests/chart/readme --update -->"
END = "<!-- /values -->"


def load(name):
    """(schema, values) of a chart."""
    directory = chart.directory(name)
    with open(directory + "/values.schema.json", encoding="utf-8") as file:
        schema = json.load(file, object_pairs_hook=_unique)
    return schema, strict_yaml.load(chart.read(directory + "/values.yaml"), nulls=True)


def _unique(pairs):
    keys = [key for key, _ in pairs]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise chart.Failure("values.schema.json: twice in one object: %s" % ", ".join(twice))
    return dict(pairs)


def resolved(root, node):
    """A node, or the definition that it means, with the node's own description."""
    if "$ref" not in node:
        return node
    target = root["definitions"][node["$ref"][len(LOCAL):]]
    return dict(resolved(root, target), **{k: v for k, v in node.items() if k == "description"})


def text_of(path):
    return "".join(word if word == "[]" else "." + word for word in path).lstrip(".") or "(root)"


def children(node):
    """(further words of the path, node) of what may be in such a value."""
    for key, child in node.get("properties", {}).items():
        yield (key,), child
    if isinstance(node.get("additionalProperties"), dict):
        yield ("<name>",), node["additionalProperties"]
    if isinstance(node.get("items"), dict):
        yield ("[]",), node["items"]


def walk(root, node=None, path=(), into_definitions=True):
    """(path, node) of all values that there may be. A node is as it is written: see resolved()."""
    node = root if node is None else node
    yield path, node
    if "$ref" in node and not into_definitions:
        return
    for words, child in children(resolved(root, node)):
        yield from walk(root, child, path + words, into_definitions)


def types(node):
    given = node.get("type", [])
    return given if isinstance(given, list) else [given]


# ---- what a schema must be ----

def complaints(root):
    if root.get("$schema") != DIALECT:
        yield "$schema is not %s" % DIALECT
    nodes = [((), {k: v for k, v in root.items() if k not in ROOT_KEYWORDS}),
             *list(walk(root, into_definitions=False))[1:]]
    for name, node in root.get("definitions", {}).items():
        nodes += walk(root, node, (LOCAL + name,), False)
    for path, node in nodes:
        for text in _complaints_of(root, path, node):
            yield "%s: %s" % (text_of(path), text)


def _complaints_of(root, path, node):
    for keyword in sorted(set(node) - KEYWORDS):
        yield "the keyword %s is not among those that all readers know" % keyword
    if "$ref" in node:
        if not node["$ref"].startswith(LOCAL) or \
                node["$ref"][len(LOCAL):] not in root.get("definitions", {}):
            yield "$ref leads to %s, which is not in this file" % node["$ref"]
        if set(node) - {"$ref", "description"}:
            yield "draft-07 does not look at what stands beside $ref"
    elif not types(node):
        yield "no type"
    for holder in (node, node.get("propertyNames", {})):
        yield from _complaints_of_pattern(holder.get("pattern", "^$"))
    named = path and path[-1] not in ("[]", "<name>")
    if (named or "object" in types(node)) and not node.get("description"):
        yield "no description"
    if "object" in types(node) and path != FREE:
        more = node.get("additionalProperties")
        if more is not False and not isinstance(more, dict):
            yield "additionalProperties is neither false nor a schema: a typo would be accepted"
        if isinstance(more, dict) and "pattern" not in node.get("propertyNames", {}):
            yield "a map without a pattern for its names"
        for key in sorted(set(node.get("required", [])) - set(node.get("properties", {}))):
            yield "requires %s, which is not among its properties" % key
    if "array" in types(node) and not isinstance(node.get("items"), dict):
        yield "a list without a schema for its items"


def _complaints_of_pattern(pattern):
    if NOT_EVERYWHERE.search(pattern):
        yield "the pattern %s is not one to Helm's readers" % pattern
        return
    try:
        re.compile(pattern)
    except re.error as error:
        yield "the pattern %s: %s" % (pattern, error)
        return
    for branch in _branches(pattern):
        if not branch.startswith("^") or not branch.endswith("$"):
            yield "the pattern %s finds a part of a text, too: put it between ^ and $" % pattern
            return


def _branches(pattern):
    """The alternatives of a regular expression, without those within brackets."""
    found, depth, escaped = [""], 0, False
    in_set = False
    for letter in pattern:
        if not escaped and not in_set:
            depth += {"(": 1, ")": -1}.get(letter, 0)
        if not escaped:
            in_set = letter == "[" or in_set and letter != "]"
        if letter == "|" and not (depth or in_set or escaped):
            found.append("")
        else:
            found[-1] += letter
        escaped = letter == "\\" and not escaped
    return found


def without_default(root, values):
    """The keys that values.yaml has not: each must be there, or be required of the user, or be
    within a map, a list or a definition."""
    for path, node in walk(root, into_definitions=False):
        if not path or path == FREE or {"<name>", "[]"} & set(path):
            continue
        parent, place = root, values
        for word in path[:-1]:
            parent = resolved(root, parent)["properties"][word]
            place = place.get(word, {}) if isinstance(place, dict) else {}
        if path[-1] not in place and path[-1] not in resolved(root, parent).get("required", []):
            yield text_of(path)


def typos(root, node=None):
    """(values, [(path in JSON's way, key)]): every key of every object with an x behind it."""
    node = resolved(root, root if node is None else node)
    if isinstance(node.get("items"), dict):
        value, found = typos(root, node["items"])
        return [value], [("/0" + path, key) for path, key in found]
    if isinstance(node.get("additionalProperties"), dict):
        value, found = typos(root, node["additionalProperties"])
        return {"sample": value}, [("/sample" + path, key) for path, key in found]
    if "properties" not in node:
        return "x", []
    values, all_found = {}, []
    for key, child in node["properties"].items():
        value, found = typos(root, child)
        if found:
            values[key] = value
            all_found += [("/%s%s" % (key, path), word) for path, word in found]
        values[key + "x"] = 1
        all_found.append(("", key + "x"))
    return values, all_found


# ---- the tables ----

def _type(root, node):
    if "$ref" in node:
        name = node["$ref"][len(LOCAL):]
        return "[%s](#%s)" % (name, name.lower())
    if "enum" in node:
        words = " or ".join("`%s`" % word for word in node["enum"] if word is not None)
        return words + (" or null" if "null" in types(node) else "")
    if "array" in types(node):
        inner = _type(root, node["items"])
        return "list" if inner == "object" else "list of " + inner
    if isinstance(node.get("additionalProperties"), dict):
        inner = _type(root, node["additionalProperties"])
        return "map" if inner == "object" else "map to " + inner
    if "minimum" in node and "maximum" in node:
        return "%s, %d to %d%s" % (types(node)[0], node["minimum"], node["maximum"],
                                   " or null" if "null" in types(node) else "")
    return " or ".join(types(node))


def _default(values, path):
    """What values.yaml says, or None."""
    for word in path:
        if not isinstance(values, dict) or word not in values:
            return None
        values = values[word]
    return json.dumps(values, ensure_ascii=False)


def _cell(text):
    """As it is meant, in a table of Markdown; what stands in backquotes is so already."""
    parts = text.replace("|", "\\|").replace("\n", " ").split("`")
    return "`".join(part if n % 2 else re.sub(r"([*_<])", r"\\\1", part)
                    for n, part in enumerate(parts))


def _rows(root, values, start, path):
    required = set()
    for here, node in walk(root, start, path, into_definitions=False):
        whole = resolved(root, node)
        required |= {here + (key,) for key in whole.get("required", ())}
        if here == path or here[-1] in ("[]", "<name>"):
            continue
        default = _default(values, here)
        shown = "" if default is None else "`%s`" % default
        if here in required and default in (None, '""', "[]", "{}"):
            shown = "required"
        group = node.get("properties") is not None
        yield "| `%s` | %s | %s | %s |" % (
            text_of(here), "" if group else _type(root, node),
            "" if group and shown != "required" else _cell(shown), _cell(node["description"]))


def tables(root, values):
    """README.md's section: a table for each block, and one for each definition with keys."""
    head = ["| Value | Type | Default | Meaning |", "|---|---|---|---|"]
    blocks = {key: node for key, node in root["properties"].items()
              if "properties" in resolved(root, node)}
    single = [key for key in root["properties"] if key not in blocks and (key,) != FREE]
    lines = []
    if single:
        lines += [""] + head + [row for row in _rows(root, values, root, ())
                                if re.match(r"\| `(%s)\b" % "|".join(single), row)]
    for key, node in blocks.items():
        lines += ["", "### %s" % key, "", node["description"], ""] + head
        lines += list(_rows(root, values, node, (key,)))
    for name, node in root.get("definitions", {}).items():
        rows = list(_rows(root, {}, node, ()))
        lines += ["", "### %s" % name, "", node["description"]]
        lines += [""] + head + rows if rows else []
    return "\n".join([BEGIN] + lines + ["", END])


def readme(name):
    """(path, text as it is, text as it should be)"""
    path = os.path.join(chart.directory(name), "README.md")
    if not os.path.exists(path):
        raise chart.Failure("no %s: write one, with these two lines where the table of the values"
                            " shall be:\n%s\n%s" % (path, BEGIN, END))
    text = chart.read(path)
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise chart.Failure("%s has not these two lines, between which the table of the values"
                            " is:\n%s\n%s" % (path, BEGIN, END))
    return path, text, before + tables(*load(name)) + after
