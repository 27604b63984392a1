"""What runs found: counted by kind, and listed as far as there is room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, zip_longest

from enforcer.core.plan import Finding, FindingKind


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFindings:
    """The findings of one or several runs.

    Attributes:
        named: Those that could be kept, kind by kind.
        by_kind: How many there were of each kind, kept or not.
        left_out: How many could not be kept.
    """

    named: tuple[Finding, ...] = ()
    by_kind: Mapping[FindingKind, int] = field(default_factory=dict)
    left_out: int = 0

    def without(self, is_fixed: Callable[[Finding], bool]) -> RunFindings:
        """Return the findings and counts without what has been fixed since."""
        fixed = [finding for finding in self.named if is_fixed(finding)]
        return replace(
            self,
            named=tuple(finding for finding in self.named if not is_fixed(finding)),
            by_kind=Counter(self.by_kind) - Counter(count_by_kind(fixed)),
        )


def together(parts: Sequence[RunFindings]) -> RunFindings:
    """Combine the findings of several groups' runs."""
    return RunFindings(
        named=tuple(finding for part in parts for finding in part.named),
        by_kind=sum((Counter(part.by_kind) for part in parts), Counter()),
        left_out=sum(part.left_out for part in parts),
    )


def count_by_kind(findings: Iterable[Finding]) -> dict[FindingKind, int]:
    return dict(Counter(sorted(finding.kind for finding in findings)))


def fairly(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Return the first of each kind, then the second of each, and so on, so that cutting loses no kind."""
    of_kind: dict[FindingKind, list[Finding]] = {}
    for finding in findings:
        of_kind.setdefault(finding.kind, []).append(finding)
    rounds = zip_longest(*of_kind.values())
    return (finding for finding in chain.from_iterable(rounds) if finding is not None)
