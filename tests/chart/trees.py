"""Documents as Python has them: dictionaries, lists and what is in them. A path is the keys and
numbers with dots between, as in spec.ports.0.name."""
import copy


def at(document, path):
    for word in filter(None, path.split(".")):
        document = document[int(word) if isinstance(document, list) else word]
    return document


def broken(document, path, change):
    """A copy of it, with the change at this path."""
    copied = copy.deepcopy(document)
    place = at(copied, path)
    for key, value in change.items():
        place[int(key) if isinstance(place, list) else key] = value
    return copied


def objects(value, path=""):
    """(path, object) of each in the document, itself first."""
    if isinstance(value, dict):
        yield path, value
    pairs = value.items() if isinstance(value, dict) else \
        enumerate(value) if isinstance(value, list) else ()
    for key, child in pairs:
        yield from objects(child, "%s.%s" % (path, key) if path else str(key))


def maps_of(value, keys):
    """(key, map) of each map that is called so, at any depth."""
    if isinstance(value, dict):
        for key, child in value.items():
            if key in keys and isinstance(child, dict):
                yield key, child
            yield from maps_of(child, keys)
    elif isinstance(value, list):
        for child in value:
            yield from maps_of(child, keys)


def scalars(value):
    if isinstance(value, dict):
        for key, child in value.items():
            yield key
            yield from scalars(child)
    elif isinstance(value, list):
        for child in value:
            yield from scalars(child)
    elif isinstance(value, str):
        yield value
