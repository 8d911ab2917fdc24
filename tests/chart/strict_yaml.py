"""YAML as every reader understands it: no key twice in a mapping, no null, no anchor, alias or
tag, and no bare word that one reader takes for a string and another for a number, a truth value or
a date. Whoever renders manifests must not depend on which YAML their reader speaks."""
import re

import yaml

# Bare words with more than one meaning among YAML 1.1, YAML 1.2 and the readers written in Go.
AMBIGUOUS = re.compile(r"""
      ~ | null | y | n | yes | no | on | off | true | false | = | <<
    | [-+]? (0[xob][0-9a-f_]+ | [\d_]+ (\.[\d_]*)? (e[-+]?\d+)? | \.\d[\d_]* (e[-+]?\d+)?
             | \d[\d_]* (:[0-5]?\d)+ (\.\d*)? | \.inf)
    | \.nan
    | \d{4}-\d\d?-\d\d? ([t\s].*)?""", re.X | re.I)
INTEGER = re.compile(r"-?(0|[1-9]\d*)")
DECIMAL = re.compile(r"-?(0|[1-9]\d*)\.\d+")
WORDS = {"true": True, "false": False}


class Ambiguous(Exception):
    pass


def _refuse(event, why):
    raise Ambiguous("line %d: %s" % (event.start_mark.line + 1, why))


def _scalar(event, nulls):
    text = event.value
    if event.style:
        return text
    if text in WORDS:
        return WORDS[text]
    if INTEGER.fullmatch(text):
        return int(text)
    if DECIMAL.fullmatch(text):
        return float(text)
    if text in ("", "~", "null"):
        if nulls:
            return None
        _refuse(event, "null, or nothing after the colon")
    if AMBIGUOUS.fullmatch(text):
        _refuse(event, "%s without quotes is not a string to every reader" % text)
    return text


def _mapping(events, nulls):
    found = {}
    for event in events:
        if isinstance(event, yaml.MappingEndEvent):
            return found
        key = _node(event, events, nulls)
        if not isinstance(key, str):
            _refuse(event, "the key %r is not a string" % (key,))
        if key in found:
            _refuse(event, "the key %s is there twice" % key)
        found[key] = _node(next(events), events, nulls)
    raise AssertionError("the parser ends each mapping")


def _node(event, events, nulls):
    if isinstance(event, yaml.AliasEvent) or event.anchor or \
            getattr(event, "tag", None) not in (None, "!"):
        _refuse(event, "an anchor, alias or tag")
    if isinstance(event, yaml.MappingStartEvent):
        return _mapping(events, nulls)
    if isinstance(event, yaml.SequenceStartEvent):
        found = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            found.append(_node(event, events, nulls))
        return found
    return _scalar(event, nulls)


def load_all(text, nulls=False):
    """The documents of a text, without empty ones. nulls: null is a value, too, as in a chart's
    values. Raises Ambiguous, with the line."""
    documents = []
    try:
        events = yaml.parse(text, Loader=yaml.CSafeLoader)
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                event = next(events)
                # only a comment between two lines ---
                if not (isinstance(event, yaml.ScalarEvent) and not event.value
                        and not event.style):
                    documents.append(_node(event, events, nulls))
    except yaml.YAMLError as error:
        raise Ambiguous(str(error)) from None
    return documents


def load(text, nulls=False):
    """The one document of a text."""
    documents = load_all(text, nulls)
    if len(documents) != 1:
        raise Ambiguous("%d documents, and not one" % len(documents))
    return documents[0]
