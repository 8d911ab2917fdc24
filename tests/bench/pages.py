"""What both pages and their makers share: tables, verdicts, and how a page is kept."""
import os
import sys
import tempfile


def say(text):
    print("bench: " + text, file=sys.stderr, flush=True)


def table(rows):
    """Markdown whose columns also line up where it is read as it is."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    rule = ["-" * width for width in widths]
    return "\n".join("| " + " | ".join(word.ljust(width) for word, width in zip(row, widths))
                     + " |" for row in [rows[0], rule] + rows[1:])


def verdict(value, low, high, limit):
    """In words; where the interval contains the limit, the noise could turn it."""
    met = "met" if value <= limit else "not met"
    if low is not None and low <= limit < high:
        return met + ", within the noise"
    return met


def replace(path, text):
    """All of the new page or all of the old one."""
    directory = os.path.dirname(os.path.abspath(path))
    with tempfile.NamedTemporaryFile("w", dir=directory, delete=False) as file:
        file.write(text)
        os.fchmod(file.fileno(), 0o644)
    os.replace(file.name, path)
