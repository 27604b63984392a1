"""Time as the sandbox's tenant sees it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic


@dataclass(slots=True)
class Clock:
    """Wall time for dates, and a second clock that quotas and replication run on.

    The second one may run faster than real time, so that a quota window of 150 s passes in a test's second.
    """

    offset: timedelta = timedelta()
    _speed: float = 1.0
    _reached: float = 0.0
    _since: float = field(default_factory=monotonic)

    @property
    def speed(self) -> float:
        return self._speed

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def seconds(self) -> float:
        """Seconds of quota and replication time since the start."""
        return self._reached + (monotonic() - self._since) * self._speed

    def run_at(self, speed: float) -> None:
        """Let quota and replication time pass `speed` times as fast as real time from now on."""
        self._reached = self.seconds()
        self._since = monotonic()
        self._speed = speed

    def advance(self, seconds: float) -> None:
        """Let that many seconds of quota and replication time pass at once."""
        self._reached += seconds

    def real_seconds(self, seconds: float) -> float:
        """How long somebody who lives in real time waits until that many seconds have passed here."""
        return seconds / self._speed if self._speed else seconds
