"""What a run found: counted by kind, and named as far as there was room for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, zip_longest

from enforcer.core.plan import Finding, FindingKind


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFindings:
    """What one run found, or several.

    Attributes:
        named: Those that could be kept, kind by kind.
        by_kind: How many there were of each kind, whether they could be kept or not.
        left_out: How many could not be kept.
    """

    named: tuple[Finding, ...] = ()
    by_kind: Mapping[FindingKind, int] = field(default_factory=dict)
    left_out: int = 0

    def without(self, is_mended: Callable[[Finding], bool]) -> RunFindings:
        """Leave out, of what is named and of the counts, what has been mended since."""
        mended = [finding for finding in self.named if is_mended(finding)]
        return replace(
            self,
            named=tuple(finding for finding in self.named if not is_mended(finding)),
            by_kind=Counter(self.by_kind) - Counter(count_by_kind(mended)),
        )


def together(parts: Sequence[RunFindings]) -> RunFindings:
    """Put together what the runs of several groups found."""
    return RunFindings(
        named=tuple(finding for part in parts for finding in part.named),
        by_kind=sum((Counter(part.by_kind) for part in parts), Counter()),
        left_out=sum(part.left_out for part in parts),
    )


def count_by_kind(findings: Iterable[Finding]) -> dict[FindingKind, int]:
    return dict(Counter(sorted(finding.kind for finding in findings)))


def fairly(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Return the first of each kind, then the second of each, and so on: cut anywhere, no kind is missing."""
    of_kind: dict[FindingKind, list[Finding]] = {}
    for finding in findings:
        of_kind.setdefault(finding.kind, []).append(finding)
    rounds = zip_longest(*of_kind.values())
    return (finding for finding in chain.from_iterable(rounds) if finding is not None)
