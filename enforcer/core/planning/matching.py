"""Matches the register's rows with the group's members."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from enforcer.core.contractors import InvalidRow, ReadRow
from enforcer.core.keys import ANYBODY, normalised
from enforcer.core.members import Member, MemberIndex
from enforcer.core.offboarding_record import OffboardingRecord
from enforcer.core.plan import Finding, FindingKind

_NAMED = 3
_NO_NAMESAKES: Mapping[str, Collection[str]] = {}


@dataclass(frozen=True, slots=True)
class RowMatches:
    """Whom the register's rows mean, and what is wrong with them.

    Attributes:
        of_nobody: Rows that mean no member, by normalised key.
        findings: One for each row that cannot be read, means several members, or means the same member as
            another row.
    """

    _of_member: dict[str, list[ReadRow]] = field(default_factory=dict)
    of_nobody: dict[str, list[ReadRow]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        rows: Iterable[ReadRow],
        people: MemberIndex,
        namesakes: Mapping[str, Collection[str]] = _NO_NAMESAKES,
    ) -> RowMatches:
        """Match the rows with the members.

        Args:
            rows: The group's rows.
            people: The group's members.
            namesakes: Who else has an address, as far as Entra was asked: object IDs, by normalised key.
        """
        matches = cls()
        for row in rows:
            matches._add(row, people, namesakes)
        for user_id, matched in matches._of_member.items():
            matches._find_several_rows(user_id, matched)
        return matches

    def about(self, member: Member) -> Sequence[ReadRow]:
        """Return every row that means this member; people have to sort out more than one."""
        return self._of_member.get(member.id, ())

    def about_the_gone(self, record: OffboardingRecord) -> Sequence[ReadRow]:
        """Return every row that means no member and may mean the person on record."""
        keys = {normalised(record.row_key), record.user_id}
        return [row for key in sorted(keys) for row in self.of_nobody.get(key, ())]

    @property
    def nameless(self) -> int:
        """The number of rows that may mean anybody: with them, "has no row" proves nothing."""
        return len(self.of_nobody.get(ANYBODY, ()))

    def _add(self, row: ReadRow, people: MemberIndex, namesakes: Mapping[str, Collection[str]]) -> None:
        if row.problem:
            problem = Finding(kind=FindingKind.INVALID_ROW, row_key=row.row_key, detail=row.problem)
            self.findings.append(problem)
        found = {member.id for key in row.keys for member in people.matches(key)}
        others = {user_id for key in row.keys for user_id in namesakes.get(key, ())} - found
        if len(found) > 1 or (found and others) or any(map(people.is_doubtful, row.keys)):
            self._add_to_several(row, found, others)
        elif found:
            self._of_member.setdefault(found.pop(), []).append(row)
        for key in row.keys:
            if not people.matches(key):
                self.of_nobody.setdefault(key, []).append(row)

    def _add_to_several(self, row: ReadRow, found: Collection[str], others: Collection[str]) -> None:
        detail = _several_people(found, others)
        self.findings.append(Finding(kind=FindingKind.AMBIGUOUS_ROW, row_key=row.row_key, detail=detail))
        for user_id in found:
            # Whatever else is known about them, this row may mean any of them.
            unusable = InvalidRow(written=row.written, keys=row.keys, problem=detail)
            self._of_member.setdefault(user_id, []).append(unusable)

    def _find_several_rows(self, user_id: str, rows: Sequence[ReadRow]) -> None:
        keys = sorted({row.row_key for row in rows})
        if len(keys) == 1:
            return
        for key in keys:
            detail = same_person([other for other in keys if other != key])
            self.findings.append(
                Finding(kind=FindingKind.AMBIGUOUS_ROW, row_key=key, user_id=user_id, detail=detail)
            )


def _several_people(found: Collection[str], others: Collection[str]) -> str:
    if others:
        return f"means {_some(found)}, who is a member, and {_some(others)}, who is not; write the object ID"
    if len(found) == 1:
        return f"may mean {_some(found)}, whose address in Entra has characters that cannot be read in a key"
    return f"matches {len(found)} members: {_some(found)}"


def _some(user_ids: Collection[str]) -> str:
    return ", ".join(sorted(user_ids)[:_NAMED]) + (", …" if len(user_ids) > _NAMED else "")


def same_person(others: Collection[str]) -> str:
    """Say that a row means the same person as others, naming the first few."""
    named = ", ".join(sorted(others)[:_NAMED])
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    return f"means the same person as {named}{more}; keep one row for each person"
