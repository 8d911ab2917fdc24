"""Texts that would break out of the place where the chart puts them: each is put in the place of each
word that a customer can say, and of each name. Either it is refused, and the place is named, or what
is rendered has exactly that text there, and nothing else is different."""
import copy
import json
import re

import chart
import harness
import schema
import strict_yaml
from harness import Failure

FOLDER = chart.HERE + "/hostile"
CUSTOMER, HOSTER = FOLDER + "/customer.yaml", FOLDER + "/hoster.yaml"
POD = "\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: evil}\nspec: {hostNetwork: true}\n"

TEXTS = [
    # another document, another key, the end of a quote
    "x" + POD, 'x"\n  evil: "x', "x'\n  evil: 'x", 'x", "evil": "x', "|\n x",
    # templates
    '{{ fail "evil" }}', '{{- include "django.labels" . }}',
    # YAML's own signs
    "&a x", "*a", "!!binary eA==", "<<", "x: y", "x #y", "- x", "%YAML 1.1", "{x: [y]}", "---", "x\\",
    " x\t", "",
    # what is no string to some reader
    "yes", "NULL", "1e3", "0x1F", "1_000", "1:20", "2001-01-01", "1.10",
    # bytes
    "x\0y", "x\r\ny", "x\x85y", "x\u2028y", "\ufeffx", "\x1b[2Jx", "Grüße 雪 👍", "x" * 30000,
    # variables, paths, and languages of what the chart writes
    "$(W_OTHER)", "$$(x)", "../../etc", "x; return 200 evil; }", "x\n[run]\ncommand = evil",
]
# those of them that make the names of things, too: what a name may be is narrow
NAMES = ["x" + POD, "x: y", "{{ .Release.Name }}", "<<", "", "yes", "NULL", "1e3", "x\0y", "x\u2028y",
         "../x", "x" * 300]
# values that are no text
OTHERS = [True, 1, 1.5, None, [], {}, ["x"], {"x": "y"}]


def base():
    return strict_yaml.load(chart.read(CUSTOMER))


class Place:
    """A word (or a number) of the customer's file, or a name in it."""

    def __init__(self, path, value, is_key):
        self.path, self.value, self.is_key = path, value, is_key

    def __repr__(self):
        return "app.%s%s" % (".".join(map(str, self.path)), " (name)" if self.is_key else "")

    def put(self, values, text):
        at = values["app"]
        for word in self.path[:-1]:
            at = at[word]
        last = self.path[-1]
        if self.is_key:
            at[text] = at.pop(last)
        else:
            at[last] = text


def places():
    root, _ = schema.load("django")
    app = schema.resolved(root, root["properties"]["app"])

    def walk(node, value, path):
        node = schema.resolved(root, node)
        if isinstance(value, dict):
            for key, child in value.items():
                named = node.get("properties", {}).get(key)
                if named is None:
                    yield Place(path + (key,), key, True)
                yield from walk(named or node["additionalProperties"], child, path + (key,))
        elif isinstance(value, list):
            for n, child in enumerate(value):
                yield from walk(node["items"], child, path + (n,))
        else:
            yield Place(path, value, False)
    # names last and the deepest first: a name that is another would change the paths below it
    found = list(walk(app, base()["app"], ()))
    return [p for p in found if not p.is_key] + \
        sorted((p for p in found if p.is_key), key=lambda p: -len(p.path))


def shape(place):
    """Its place in the schema."""
    root, _ = schema.load("django")
    node, words = root["properties"]["app"], []
    for word in place.path:
        node = schema.resolved(root, node)
        if isinstance(word, int):
            node, word = node["items"], "[]"
        elif word in node.get("properties", {}):
            node = node["properties"][word]
        else:
            node, word = node["additionalProperties"], "<name>"
        words.append(word)
    return tuple(words)


def test_complete():
    """The hostile customer says everything that can be said: a new value must be tried, too."""
    root, _ = schema.load("django")
    said = {("app",) + shape(p) for p in places()}
    leaves = {path for path, node in schema.walk(root) if path[:1] == ("app",)
              and not list(schema.children(schema.resolved(root, node)))}
    # a digest, then the tag means nothing: see test_tag
    missing = leaves - said - {("app", "image", "tag")}
    assert not missing, missing
    words = [json.dumps(p.value) for p in places() if isinstance(p.value, str)]
    assert len(set(words)) > 35, len(set(words))


def attempt(values, helm):
    path = "%s/hostile-%d.json" % (harness.tmp, id(values))
    with open(path, "w", encoding="utf-8") as file:
        json.dump(values, file)
    return chart.helm(helm, "template", chart.RELEASE, chart.directory("django"), "--namespace",
                      chart.NAMESPACE, "--values", path, "--values", HOSTER)


def changed(some, text):
    values = base()
    for place in some:
        place.put(values, text)
    return values


def is_named(place, text, said, above=0):
    """Whether Helm 3, or a sentence of the chart, names this place, which has this text; above: or
    what it is in."""
    path = place.path
    if place.is_key:
        holder = "app." + ".".join(map(str, path[:-1]))
        if re.search(r"- %s: Property name of \"%s\" does not match" % (
                re.escape(holder), re.escape(text)), said):
            return True
        path = path[:-1] + (text,)
    words = [re.escape(w) if isinstance(w, str) else r"\[?%d\]?" % w
             for w in path[:len(path) - above]]
    return re.search(r"app\.?" + r"\.?".join(words) + r"(?![\w-])", said) is not None


def refused_by(text, some, said):
    """Those of some that this is about."""
    if "yaml: " in said:   # the reader of the file refuses it as a whole
        return some
    for above in (0, 1, 2):
        found = [p for p in some if is_named(p, text, said, above)]
        if found:
            return found
    raise Failure("%r is refused in none of %s by name: %s" % (text[:60], some, said[:3000]))


def sorted_out(text, some):
    """(the places where the text is accepted, what is rendered with it there)"""
    left, helm = some, 3
    for _ in range(8):
        done = attempt(changed(left, text), helm)
        if done.returncode != 0:
            # Helm 3 names each place with its path; Helm 4 does not for names
            said = done.stderr if helm == 3 else attempt(changed(left, text), 3).stderr
            left = [p for p in left if p not in refused_by(text, left, said)]
        elif helm == 4:
            return left, read(done.stdout)
        helm = 4
    raise Failure("%r: refused again and again: %s" % (text[:60], done.stderr[:3000]))


def replaced(value, pairs):
    """value with each word of the pairs replaced by its text, in strings and names."""
    if isinstance(value, dict):
        return {replaced(k, pairs): replaced(v, pairs) for k, v in value.items()}
    if isinstance(value, list):
        return [replaced(v, pairs) for v in value]
    if isinstance(value, str):
        for word, text in pairs:
            value = value.replace(word, text)
            # a role's own variables have its name in capitals
            value = value.replace("PIDONE_%s_" % word.upper(), "PIDONE_%s_" % text.upper())
    return value


def blurred(value):
    """Without what follows from the texts: hashes, the order of variables, and how many dollars
    there are: see escaped_everywhere()."""
    if isinstance(value, dict):
        return {blurred(k): blurred(v) for k, v in value.items()}
    if isinstance(value, list):
        found = [blurred(v) for v in value]
        named = found and all(isinstance(v, dict) and "name" in v for v in found)
        return sorted(found, key=json.dumps) if named else found
    if isinstance(value, str):
        value = re.sub(r"(?<![0-9a-f])[0-9a-f]{8,64}(?![0-9a-f])", "#", value)
        return re.sub(r"\$+", "$", value)
    return value


def read(text):
    try:
        return strict_yaml.load_all(text)
    except strict_yaml.Ambiguous as error:
        raise Failure("%s\n%s" % (error, chart.excerpt(text, str(error)))) from None


def rendered(values, helm=4):
    done = attempt(values, helm)
    if done.returncode:
        raise Failure("Helm %d refuses it: %s" % (helm, done.stderr[:3000]))
    return read(done.stdout)


def check(text, some, original):
    """(how often it is refused, the places where it is accepted)"""
    accepted, documents = sorted_out(text, some)
    wanted = replaced(original, [(p.value, text) for p in accepted if isinstance(p.value, str)])
    if blurred(documents) != blurred(wanted):
        raise Failure("%r in %s: %s" % (text[:60], accepted, difference(blurred(wanted),
                                                                       blurred(documents))))
    if "$(" in text:
        escaped_everywhere(documents, text)
    return len(some) - len(accepted), accepted


def difference(wanted, documents, path=""):
    """The first place that is not as it was meant."""
    if isinstance(wanted, dict) and isinstance(documents, dict):
        for key in sorted(set(wanted) | set(documents), key=str):
            if wanted.get(key) != documents.get(key):
                return difference(wanted.get(key), documents.get(key), path + "." + str(key))
    if isinstance(wanted, list) and isinstance(documents, list) and len(wanted) == len(documents):
        for n, pair in enumerate(zip(wanted, documents)):
            if pair[0] != pair[1]:
                return difference(*pair, "%s[%d]" % (path, n))
    return "%s is %s and not %s" % (path, json.dumps(documents)[:600], json.dumps(wanted)[:600])


def expanded(text):
    """What a container gets: Kubernetes puts the values of variables in the place of $(NAME), and
    takes $$ for $."""
    return re.sub(r"\$\$|\$\((\w+)\)", lambda m: "EXPANDED" if m.group(1) else "$", text)


def escaped_everywhere(documents, text):
    """Where Kubernetes would put other variables' values, it is told not to."""
    def walk(value, key=""):
        if isinstance(value, dict):
            for name, child in value.items():
                yield from walk(child, name)
        elif isinstance(value, list):
            for child in value:
                yield from walk(child, key)
        elif isinstance(value, str) and key in ("value", "args", "command"):
            yield value
    word = re.search(r"\(\w+\)", text).group()
    found = [value for value in walk(documents) if word in value]
    assert len(found) > 5, found
    for value in found:
        if text not in expanded(value):
            raise Failure("Kubernetes makes %r of %r" % (expanded(value), value))


@harness.limit(120)
def test_texts():
    """Each text, in each place: refused by the place's name, or there as it is."""
    some = [p for p in places() if not p.is_key]
    original = rendered(base())
    done = chart.each(lambda text: check(text, some, original), TEXTS)
    # both do happen
    assert sum(count for count, _ in done) > 700
    assert sum(len(found) for _, found in done) > 250
    free = {repr(p) for (_, found), text in zip(done, TEXTS) for p in found
            if text == '{{ fail "evil" }}'}
    assert {"app.env.WE_VARIABLE", "app.config", "app.run.command.1"} <= free, free


@harness.limit(60)
def test_names():
    """Each text as each name: likewise."""
    some = [p for p in places() if p.is_key]
    # one of each map, so that two names are not the same
    some = list({p.path[:-1]: p for p in some}.values())
    original = rendered(base())
    done = chart.each(lambda text: check(text, some, original), NAMES)
    assert sum(count for count, _ in done) > 60


def test_both_helms():
    """Helm 4 refuses what Helm 3 refuses, and renders the same where both accept."""
    some = [p for p in places() if not p.is_key]
    for text in ("x" + POD, "yes", "x\u2028y"):
        three, four = (attempt(changed(some, text), helm).stderr for helm in chart.HELMS)
        for place in some:
            path = "at '/app/%s'" % "/".join(str(w).replace("/", "~1") for w in place.path)
            assert is_named(place, text, three) == (path in four), (place, text, four)
        accepted, documents = sorted_out(text, some)
        assert rendered(changed(accepted, text), 3) == documents


@harness.limit(60)
def test_no_texts():
    """A number, a truth value, a list or a map where a text is meant, and the other way round, is
    refused by the place's name."""
    values_ = [p for p in places() if not p.is_key]

    def kind(value):
        return "number" if isinstance(value, int) and not isinstance(value, bool) \
            else type(value).__name__

    def one(other):
        some = [p for p in values_ if kind(p.value) != kind(other)]
        done = attempt(changed(some, other), 3)
        if done.returncode == 0:
            raise Failure("%r is accepted" % (other,))
        missed = [p for p in some if not is_named(p, "", done.stderr)]
        # null is Helm's way to say that there shall be no value: then the chart has its own
        if missed and other is not None:
            raise Failure("%r is accepted in %s" % (other, missed))
    chart.each(one, OTHERS)


@harness.limit(60)
def test_tag():
    """A tag that looks like a number or a truth value stays what it is."""
    for text in ("yes", "NULL", "1e3", "0x1F", "1_000", "20250811", "007", "1.10", "2001-01-01"):
        values = base()
        values["app"]["image"] = {"repository": "registry.example.org/acme/shop", "tag": text}
        images = {c["image"] for d in rendered(values) if d["kind"] == "Deployment"
                  for c in d["spec"]["template"]["spec"]["containers"]}
        assert "registry.example.org/acme/shop:" + text in images, images


def test_checker():
    """What these cases compare with does see another document, another text, and another order."""
    original = rendered(base())
    assert blurred(original) == blurred(copy.deepcopy(original))
    for change in (lambda d: d.append({"kind": "Pod"}), lambda d: d.pop(),
                   lambda d: d[0]["metadata"].update(name="evil"),
                   lambda d: d[0]["metadata"].setdefault("annotations", {}).update(evil="x")):
        other = copy.deepcopy(original)
        change(other)
        assert blurred(other) != blurred(original)
    deployment = next(d for d in original if d["kind"] == "Deployment")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["env"] += [{"name": "EVIL", "value": text} for text in ["$$(X)"] * 6 + ["$(X)"]]
    try:
        escaped_everywhere(original, "$(X)")
    except Failure:
        container["env"].pop()
        escaped_everywhere(original, "$(X)")
        return
    raise Failure("an unescaped variable is not found")


if __name__ == "__main__":
    chart.main()
