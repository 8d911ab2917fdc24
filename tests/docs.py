"""The pages of the documentation: their boxes, links and headings."""
import glob
import os
import re
import textwrap

import harness

# a page's boxes may stand in a list, and are indented then
BOX = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.S | re.M)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def pages():
    """path below the source → text, of all pages in Markdown."""
    found = {}
    for pattern in ("*.md", "doc/*.md", "contrib/**/*.md"):
        for path in glob.glob(os.path.join(harness.SRCDIR, pattern), recursive=True):
            with open(path, encoding="utf-8") as file:
                found[os.path.relpath(path, harness.SRCDIR)] = file.read()
    return found


def page(path):
    with open(os.path.join(harness.SRCDIR, path), encoding="utf-8") as file:
        return file.read()


def boxes(text, language):
    """[(number of its first line, text without the indent)]"""
    return [(text.count("\n", 0, match.start(3)) + 1, textwrap.dedent(match.group(3)))
            for match in BOX.finditer(text) if match.group(2) == language]


def all_boxes(language):
    """[("path:line", text)] of all pages"""
    return [("%s:%d" % (path, line), text) for path, whole in sorted(pages().items())
            for line, text in boxes(whole, language)]


def prose(text):
    """Without what stands in boxes."""
    return BOX.sub("", text)


def anchors(text):
    """How a page's headings are called behind a #."""
    found = set()
    for heading in re.findall(r"^#+ +(.*)$", prose(text), re.M):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        same = sum(1 for other in found if re.fullmatch(re.escape(name) + r"(-\d+)?", other))
        found.add("%s-%d" % (name, same) if same else name)
    return found


def bad_links(path, text, there, exists):
    """Sentences. there: path → text of all pages; exists: whether there is such a file."""
    for target in LINK.findall(prose(text)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        whole = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
        if not exists(whole):
            yield "%s: the link to %s leads to no file" % (path, target)
        elif anchor and whole in there and anchor not in anchors(there[whole]):
            yield "%s: %s has no heading %s" % (path, whole, anchor)
