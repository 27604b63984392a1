"""One group's members: as written, and as reads see them."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from enum import Enum

from msgspec import Struct


class Lag(Struct, frozen=True):
    """How long a write stays invisible to reads: for these seconds and this many listings of the group."""

    seconds: float = 0.0
    reads: int = 0

    def __bool__(self) -> bool:
        return self.seconds > 0 or self.reads > 0


AT_ONCE = Lag()


class Visible(Enum):
    """What a replica will show once it has caught up."""

    LISTED = "listed"
    GONE = "gone"


class Pending(Struct):
    outcome: Visible
    due: float
    reads: int


class MemberList:
    """Reads see the written members sorted by ID, late if a lag is set."""

    def __init__(self) -> None:
        self._written: set[str] = set()
        self._listed: list[str] = []
        self._pending: dict[str, Pending] = {}

    def __contains__(self, member_id: str) -> bool:
        return member_id in self._written

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._written))

    def __len__(self) -> int:
        return len(self._written)

    def fill(self, member_ids: Iterable[str]) -> None:
        """Set these members as if they had always been there."""
        self._written.update(member_ids)
        self._listed = sorted(self._written)

    def add(self, member_id: str, lag: Lag, now: float) -> None:
        self._written.add(member_id)
        if self._pending.pop(member_id, None) is None or not self.lists(member_id):
            self._change(member_id, Visible.LISTED, lag, now)

    def remove(self, member_id: str, lag: Lag, now: float) -> None:
        self._written.remove(member_id)
        self._pending.pop(member_id, None)
        if self.lists(member_id):
            self._change(member_id, Visible.GONE, lag, now)

    def lists(self, member_id: str) -> bool:
        """Whether reads show this member."""
        at = bisect_left(self._listed, member_id)
        return at < len(self._listed) and self._listed[at] == member_id

    def catch_up(self, now: float) -> None:
        """Show what has become visible by now."""
        for member_id in [key for key, pending in self._pending.items() if _ripe(pending, now)]:
            self._show(member_id, self._pending.pop(member_id).outcome)

    def count_listing(self) -> None:
        """Count one listing of the members."""
        for pending in self._pending.values():
            pending.reads -= 1

    def listed(self) -> list[str]:
        return self._listed

    def listed_after(self, member_id: str) -> Iterator[str]:
        """Return the members that reads show after this ID (or from the first)."""
        for at in range(bisect_right(self._listed, member_id), len(self._listed)):
            yield self._listed[at]

    def _change(self, member_id: str, outcome: Visible, lag: Lag, now: float) -> None:
        if lag:
            self._pending[member_id] = Pending(outcome, now + lag.seconds, lag.reads)
        else:
            self._show(member_id, outcome)

    def _show(self, member_id: str, outcome: Visible) -> None:
        if outcome is Visible.GONE:
            del self._listed[bisect_left(self._listed, member_id)]
        elif not self.lists(member_id):
            insort(self._listed, member_id)


def _ripe(pending: Pending, now: float) -> bool:
    return pending.due <= now and pending.reads <= 0
