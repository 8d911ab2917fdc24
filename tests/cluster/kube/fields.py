"""What a manifest may have. A field that nothing here acts on is an error and not a shrug: a test
that passes must not owe that to something that was left out."""


class Unsupported(AssertionError):
    """The manifest asks for something that this Kubernetes cannot do, or that none can."""


class NotYet(Exception):
    """Something is missing that may come: it is tried again."""


def refused(function, *arguments):
    """For tests: the sentence with which function does not take this."""
    try:
        function(*arguments)
    except (Unsupported, NotYet) as error:
        return str(error)
    raise AssertionError("%r is taken" % (arguments,))


def check(where, mapping, *acted_on):
    """mapping, which has no other keys than these."""
    if mapping is None:
        return {}
    if not isinstance(mapping, dict):
        raise Unsupported("%s: a mapping is wanted, not %r" % (where, mapping))
    unknown = sorted(set(mapping) - set(acted_on))
    if unknown:
        raise Unsupported("%s: nothing here knows the field %s; add it to tests/cluster/kube, or "
                          "take it out of the chart" % (where, ", ".join(unknown)))
    return mapping


def one_of(where, value, *allowed):
    """value, which is one of these."""
    if value not in allowed:
        raise Unsupported("%s: %r is none of %s" % (where, value, ", ".join(map(repr, allowed))))
    return value


def integer(where, value, least=0):
    """value, which is a number as Kubernetes wants it: "5" is none."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise Unsupported("%s: %r is no whole number from %d on" % (where, value, least))
    return value


def text(where, value):
    """value, which is text: Kubernetes refuses numbers and booleans where it wants text."""
    if not isinstance(value, str):
        raise Unsupported("%s: %r is no text; quote it" % (where, value))
    return value


_BINARY = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}
_DECIMAL = {"m": 0.001, "": 1, "k": 10 ** 3, "M": 10 ** 6, "G": 10 ** 9, "T": 10 ** 12}


def quantity(where, value):
    """The number that a quantity means: "250m", "1Gi", 2."""
    word = str(value)
    suffix = word.lstrip("0123456789.")
    factor = _BINARY.get(suffix, _DECIMAL.get(suffix))
    number = word[:len(word) - len(suffix)]
    if factor is None or not number or number.count(".") > 1:
        raise Unsupported("%s: %r is no quantity" % (where, value))
    return float(number) * factor
