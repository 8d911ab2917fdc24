"""What a chart's values may be: values.schema.json, values.yaml and README.md."""
import copy
import re

import chart
import schema

# A small one without a fault, and one fault each: (path of the object, key, value or None)
SMALL = {
    "$schema": schema.DIALECT, "type": "object", "additionalProperties": False,
    "description": "All.", "required": ["app"],
    "properties": {
        "global": {"description": "Not read.", "type": "object"},
        "app": {
            "description": "The app.", "type": "object", "additionalProperties": False,
            "required": ["image"],
            "properties": {
                "image": {"description": "Its image.", "type": "string"},
                "port": {"description": "Its port.", "type": "integer"},
                "size": {"description": "Its size.", "$ref": "#/definitions/size"},
                "hosts": {"description": "Its hosts.", "type": "array",
                          "items": {"type": "string"}},
                "cron": {"description": "By the clock.", "type": "object",
                         "propertyNames": {"pattern": "^[a-z]+$"},
                         "additionalProperties": {
                             "description": "One.", "type": "object",
                             "additionalProperties": False, "properties": {
                                 "at": {"description": "When.", "type": "string"}}}}}}},
    "definitions": {"size": {"description": "A size.", "type": "object",
                             "additionalProperties": False, "properties": {
                                 "cpu": {"description": "CPUs.", "type": "string"}}}}}
VALUES = {"app": {"port": 8000, "size": {}, "hosts": [], "cron": {}}}
APP = "properties.app"
FAULTS = [
    ("", "$schema", "https://json-schema.org/draft/2020-12/schema"),
    ("", "additionalProperties", None),
    (APP, "additionalProperties", True),
    (APP + ".properties.port", "description", None),
    (APP + ".properties.port", "type", None),
    (APP + ".properties.port", "format", "port"),
    (APP + ".properties.port", "unevaluatedProperties", False),
    (APP + ".properties.image", "pattern", r"^[^\u0000]*$"),
    (APP + ".properties.image", "pattern", r"^(?!x).*$"),
    (APP + ".properties.image", "pattern", r"^\p{L}+$"),
    (APP + ".properties.image", "pattern", r"^[a-z]+"),
    (APP + ".properties.image", "pattern", r"^a$|b"),
    (APP + ".properties.image", "pattern", r"^[a-$"),
    (APP + ".properties.hosts", "items", None),
    (APP + ".properties.cron", "propertyNames", None),
    (APP + ".properties.cron.additionalProperties", "description", None),
    (APP + ".properties.cron.additionalProperties", "additionalProperties", None),
    (APP + ".properties.size", "$ref", "https://example.org/size.json"),
    (APP + ".properties.size", "$ref", "#/definitions/sizes"),
    (APP + ".properties.size", "minProperties", 1),
    (APP, "required", ["images"]),
    ("definitions.size", "additionalProperties", None),
    ("definitions.size.properties.cpu", "description", None),
]


def faulty(path, key, value):
    copied = place = copy.deepcopy(SMALL)
    for word in filter(None, path.split(".")):
        place = place[word]
    place.pop(key, None)
    if value is not None:
        place[key] = value
    return copied


def test_checker():
    """The checks of a schema find each fault in a small one, and none where there is none."""
    assert not list(schema.complaints(SMALL)), list(schema.complaints(SMALL))
    for fault in FAULTS:
        assert len(list(schema.complaints(faulty(*fault)))) == 1, \
            (fault, list(schema.complaints(faulty(*fault))))
    assert not list(schema.without_default(SMALL, VALUES))
    for key in VALUES["app"]:
        values = {"app": {k: v for k, v in VALUES["app"].items() if k != key}}
        assert list(schema.without_default(SMALL, values)) == ["app." + key]


def test_closed_and_described():
    """Each schema is draft-07 in one file; each object is closed, or a map with a pattern for its
    names; each value has a type and a description."""
    chart.complain("%s: %s" % (name, text) for name in chart.names()
                   for text in schema.complaints(schema.load(name)[0]))


def test_defaults():
    """values.yaml has each key of the schema that does not need to be given."""
    chart.complain("%s: no default in values.yaml: %s" % (name, path) for name in chart.names()
                   for path in schema.without_default(*schema.load(name)))


def refused(said):
    """{(path, key)} of the unknown keys that Helm names, each in its own words."""
    three = re.findall(r"^- (\S+): Additional property (\S+) is not allowed$", said, re.M)
    four = re.findall(r"^ *- at '([^']*)': additional properties ('.*') not allowed$", said, re.M)
    return {(("/" + path.replace(".", "/")).replace("/(root)", ""), key) for path, key in three} | \
        {(path, key) for path, keys in four for key in re.findall(r"'([^']+)'", keys)}


def test_typos():
    """A typo of any key, wherever it stands, is refused by both Helms, which name the key."""
    def complaints():
        for name in chart.names():
            values, wanted = schema.typos(schema.load(name)[0])
            assert len(wanted) >= 10, (name, wanted)
            for helm, said in zip(chart.HELMS, chart.each(
                    lambda h: chart.fails(values, helm=h, chart=name), chart.HELMS)):
                for path, key in sorted(set(wanted) - refused(said)):
                    yield "%s: Helm %d does not name %s in %s" % (name, helm, key, path or "/")
    chart.complain(complaints())


def test_typo_alone():
    """So is one that is the only fault of a values file."""
    def one(job):
        name, path, (where, key), helm = job
        values = place = {}
        for word in where.split("/")[1:]:
            place[word] = place = {}
        place[key] = 1
        said = chart.fails(path, values, helm=helm, chart=name)
        if (where, key) not in refused(said):
            raise chart.Failure("%s: Helm %d does not name %s in %s: %s" % (
                name, helm, key, where or "/", said))

    jobs = []
    for name in chart.names():
        _, found = schema.typos(schema.load(name)[0])
        # in a list, or as a new entry of a map, it cannot be the only fault
        found = [f for f in found if not {"0", "sample"} & set(f[0].split("/"))]
        path = list(chart.cases(name).values())[0]
        jobs += [(name, path, typo, chart.HELMS[n % 2])
                 for n, typo in enumerate(found[::max(1, len(found) // 12)])]
    chart.each(one, jobs)


def test_readme():
    """README.md has the tables that tests/chart/readme makes of the schema and the defaults."""
    def complaints():
        for name in chart.names():
            try:
                _, there, wanted = schema.readme(name)
            except chart.Failure as failure:
                yield str(failure)
                continue
            if there != wanted:
                yield "%s: the tables in README.md are not those of the schema: " \
                    "tests/chart/readme --update %s" % (name, name)
    chart.complain(complaints())


def test_tables():
    """The tables have a row for each value, with its type, default and description; what is
    required is said to be."""
    rows = schema.tables(SMALL, VALUES).split("\n")
    for row in ("| `app.image` | string | required | Its image. |",
                "| `app.port` | integer | `8000` | Its port. |",
                "| `app.size` | [size](#size) | `{}` | Its size. |",
                "| `app.hosts` | list of string | `[]` | Its hosts. |",
                "| `app.cron` | map | `{}` | By the clock. |",
                "| `app.cron.<name>.at` | string |  | When. |",
                "| `cpu` | string |  | CPUs. |"):
        assert row in rows, (row, rows)
    assert len([row for row in rows if row.startswith("| `")]) == 7, rows
    flat = {"type": "object", "required": ["name"], "properties": {
        "name": {"description": "Who.", "type": "string"},
        "names": {"description": "More.", "type": "array", "items": {"type": "string"}},
        "app": SMALL["properties"]["app"]}, "definitions": SMALL["definitions"]}
    text = schema.tables(flat, dict(VALUES, name="", names=[]))
    assert text.count("| `name` | string | required | Who. |") == 1, text
    assert text.count("| `names` | list of string | `[]` | More. |") == 1, text
    assert text.count("| `app.port` |") == 1, text
    tricky = faulty(APP + ".properties.port", "description", "*.a or `*.b`, a|b, a_b, <x>")
    assert "| \\*.a or `*.b`, a\\|b, a\\_b, \\<x> |" in schema.tables(tricky, VALUES)


if __name__ == "__main__":
    chart.main()
