"""Statistics of the benchmark: medians, their ratios, and how sure these are.

Every measurement goes in turn over all inits, in blocks: a list of lists, block
k of one init measured at the time of block k of every other. What the machine
does meanwhile (another compiler run, a slower clock) so hits all alike, and the
bootstrap draws whole blocks, the same ones for both sides of a ratio: values of
one block resemble each other, and are not as many proofs as they are values.
"""
import random

RESAMPLES = 1000
FEW_BLOCKS = 3     # below, there is nothing to draw from: no interval


class BenchError(Exception):
    """What ends the benchmark, as a sentence for a person."""


def flat(blocks):
    return [value for block in blocks for value in block]


def quantile(values, share):
    """The value below which this share of the values lies, between neighbours
    in proportion."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def ratio(ours, theirs, share=0.5):
    """(ratio, low, high) of a quantile of two lists of blocks, the last two a 95 %
    confidence interval, or None each; None for all where theirs is nothing."""
    base = quantile(flat(theirs), share)
    if base == 0:
        return None
    whole = quantile(flat(ours), share) / base
    n = min(len(ours), len(theirs))
    if n < FEW_BLOCKS:
        return whole, None, None
    draw = random.Random(1)    # the same figures give the same interval
    found = []
    for _ in range(RESAMPLES):
        picked = [draw.randrange(n) for _ in range(n)]
        base = quantile([v for k in picked for v in theirs[k]], share)
        if base > 0:
            found.append(quantile([v for k in picked for v in ours[k]], share) / base)
    return whole, quantile(found, 0.025), quantile(found, 0.975)


def in_blocks(values, size):
    """Consecutive values, size of them in each block."""
    return [values[i:i + size] for i in range(0, len(values), size)]


def number(value):
    """Three digits that say something, and no more."""
    if value == 0 or float(value).is_integer() and value < 1000:
        return "%d" % value
    if value >= 100:
        return format(round(value), ",")
    return "%.1f" % value if value >= 10 else "%.2f" % value


class Figure:
    """One row of the table: what it is, and the blocks of each init measured."""

    def __init__(self, title, blocks, share=0.5, key=None, compared=True):
        self.title = title
        self.blocks = blocks    # {name of the init: [[value, …], …]}
        self.share = share
        self.key = key          # by which a target finds it
        self.compared = compared    # a ratio of it says something

    def value(self, name):
        return quantile(flat(self.blocks[name]), self.share)

    def runs(self):
        """How many values each init has; they all have as many."""
        return max(len(flat(blocks)) for blocks in self.blocks.values())

    def ratio(self, name, base="tini"):
        if not self.compared or base not in self.blocks:
            return None
        return ratio(self.blocks[name], self.blocks[base], self.share)
