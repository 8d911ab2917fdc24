"""Kubernetes' amounts of CPU, memory and storage."""
import re
from fractions import Fraction

UNITS = {"": 1, "m": Fraction(1, 1000), "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
         "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def number(text):
    """"1.5Gi" → bytes, "250m" → CPUs; None when it is no amount."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(m|[kMGT]|[KMGT]i)?", str(text))
    return Fraction(match.group(1)) * UNITS[match.group(2) or ""] if match else None


def text(key, value):
    """A number as a person writes it for this key of a quota."""
    if key.endswith("cpu"):
        return "%dm" % -(-value * 1000 // 1)
    if key.endswith(("memory", "storage")):
        for unit in ("Gi", "Mi", "Ki"):
            if value % UNITS[unit] == 0 or unit == "Mi":
                return "%d%s" % (-(-value // UNITS[unit]), unit)
    return "%d" % value
