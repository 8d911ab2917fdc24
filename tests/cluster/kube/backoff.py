"""How long a container that ended waits for its next start: the kubelet's rule."""


class BackOff:
    """The first end costs nothing; then the pause is base, and doubles with each end up to most.
    Twice most without an end, and it begins anew."""

    def __init__(self, base=10.0, most=300.0):
        self.base, self.most = base, most
        self._pause = None      # seconds that the next end will cost
        self._updated = None

    def until(self, ended):
        """When a container that ended then may start: the caller waits, and starts it."""
        if self._pause is None or ended - self._updated > 2 * self.most:
            self._pause, start = self.base, ended
        else:
            start = ended + self._pause
            self._pause = min(2 * self._pause, self.most)
        self._updated = start
        return start
