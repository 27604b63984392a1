"""Whose row is whose: the register's rows and the group's members, put side by side."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from enforcer.core.contractors import InvalidRow, ReadRow, normalised
from enforcer.core.enforcement import Enforcement
from enforcer.core.members import Member, MemberIndex
from enforcer.core.plan import Finding, FindingKind

_NAMED = 3


@dataclass(frozen=True, slots=True)
class Claims:
    """Whom the register's rows mean, and what is wrong with them.

    Attributes:
        of_nobody: The rows that mean no member, by their normalised key.
        findings: One for every row that cannot be read, that means several members, or that means the same
            member as another row.
    """

    _of_member: dict[str, list[ReadRow]] = field(default_factory=dict)
    of_nobody: dict[str, list[ReadRow]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @classmethod
    def of(cls, rows: Iterable[ReadRow], people: MemberIndex) -> Claims:
        claims = cls()
        for row in rows:
            claims._add(row, people.matches(row.key) if row.key else ())
        for user_id, claimed in claims._of_member.items():
            claims._find_several_rows(user_id, claimed)
        return claims

    def about(self, member: Member) -> Sequence[ReadRow]:
        """Give every row that means this member; more than one is for people to sort out."""
        return self._of_member.get(member.id, ())

    def about_the_gone(self, enforcement: Enforcement) -> Sequence[ReadRow]:
        """Give every row that means no member and may mean the person whose offboarding was begun."""
        keys = {normalised(enforcement.row_key), enforcement.user_id}
        return [row for key in sorted(keys) for row in self.of_nobody.get(key, ())]

    @property
    def nameless(self) -> int:
        """Count the rows that may mean anybody: with them, "has no row" proves nothing."""
        return len(self.of_nobody.get("", ()))

    def _add(self, row: ReadRow, matches: Sequence[Member]) -> None:
        detail = row.detail if isinstance(row, InvalidRow) else row.problem
        if detail:
            self.findings.append(Finding(kind=FindingKind.INVALID_ROW, row_key=row.row_key, detail=detail))
        if len(matches) > 1:
            self._add_to_several(row, matches)
        elif matches:
            self._of_member.setdefault(matches[0].id, []).append(row)
        else:
            self.of_nobody.setdefault(row.key, []).append(row)

    def _add_to_several(self, row: ReadRow, matches: Sequence[Member]) -> None:
        ids = ", ".join(sorted(member.id for member in matches)[:_NAMED])
        detail = f"matches {len(matches)} members: {ids}{', …' if len(matches) > _NAMED else ''}"
        self.findings.append(Finding(kind=FindingKind.AMBIGUOUS_ROW, row_key=row.row_key, detail=detail))
        for member in matches:
            # Whatever else is known of them, this row may mean any of them.
            unusable = InvalidRow(row_key=row.row_key, key=row.key, detail=detail)
            self._of_member.setdefault(member.id, []).append(unusable)

    def _find_several_rows(self, user_id: str, rows: Sequence[ReadRow]) -> None:
        keys = sorted({row.row_key for row in rows})
        if len(keys) == 1:
            return
        for key in keys:
            detail = same_person([other for other in keys if other != key])
            self.findings.append(
                Finding(kind=FindingKind.AMBIGUOUS_ROW, row_key=key, user_id=user_id, detail=detail)
            )


def same_person(others: Collection[str]) -> str:
    """Say that a row means the same person as others do; the first few of them are named."""
    named = ", ".join(sorted(others)[:_NAMED])
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    return f"means the same person as {named}{more}; keep one row for each person"
