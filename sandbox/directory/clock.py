"""Time as the sandbox's tenant sees it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic


@dataclass(slots=True)
class Clock:
    """Wall time for dates, and a second clock for quotas and replication.

    The second one may run faster than real time, so that a quota window of 150 s passes in a second.
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
        """Move quota and replication time forward by that many seconds."""
        self._reached += seconds

    def real_seconds(self, seconds: float) -> float:
        """Return the real seconds in which that many seconds pass here."""
        return seconds / self._speed if self._speed else seconds
