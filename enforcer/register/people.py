"""Whom the lines of a file mean: the group's members answer for most; Entra is asked for the rest at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from enforcer.core.exceptions import AmbiguousError, NotFoundError
from enforcer.core.keys import is_object_id, normalised
from enforcer.core.members import DirectoryUser, MemberIndex
from enforcer.register.feed.reading import Line
from enforcer.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """Whom a line means.

    Attributes:
        key: The key of the line that counts, normalised.
        user: Who it is in Entra; None if Entra does not know them, or was not asked.
        member: Whether they are a member of the group.
    """

    key: str
    user: DirectoryUser | None
    member: bool

    @property
    def names(self) -> frozenset[str]:
        """The normalised keys of rows that mean the person."""
        return frozenset({self.key}) | (self.user.names if self.user else frozenset())


@dataclass(slots=True, kw_only=True)
class People:
    """Answers whom keys mean: from the members of one group, or from what was looked up.

    Attributes:
        found: The people of each key that Entra was asked about.
    """

    members: MemberIndex
    found: dict[str, tuple[DirectoryUser, ...]] = field(default_factory=dict)

    def knows(self, key: str) -> bool:
        """Whether this key needs no question to Entra."""
        return key in self.found or bool(self.members.matches(key))

    async def look_up(self, services: Services, keys: Iterable[str]) -> None:
        """Ask Entra about those of these keys that no member answers for."""
        asked = [key for key in dict.fromkeys(keys) if not self.knows(key)]
        if asked:
            self.found.update(await services.directory.named(asked))

    def meant_by(self, line: Line) -> Meant:
        """Return whom a line means, by object ID, then user principal name, then mail.

        Raises:
            AmbiguousError: A key of the line means several people, or its keys mean different ones.
            NotFoundError: Entra does not know a guest's user principal name, which no key can be.
        """
        keys = (normalised(line.row.row_key), *line.others)
        users = {key: self._one(key) for key in keys}
        known = {key: user for key, user in users.items() if user is not None}
        if len({user.id for user in known.values()}) > 1:
            told = ", ".join(f"{key} is {user.id}" for key, user in known.items())
            raise AmbiguousError(
                f"its identifiers mean different people: {told}; correct the line", field="user"
            )
        first = keys[0]
        if known and first not in known and is_object_id(first):
            key, user = next(iter(known.items()))
            raise AmbiguousError(
                f"nobody in this tenant has the object ID {first}, but {key} is {user.id}; correct the line,"
                " or name the column that counts with --map user=COLUMN",
                field="user",
            )
        if not known and "#" in first:
            raise NotFoundError(f"nobody in this tenant has the name or address {first}", field="user")
        if not known:
            return Meant(key=first, user=None, member=False)
        key, user = next(iter(known.items()))
        return Meant(key=key, user=user, member=user.id in self.members)

    def _one(self, key: str) -> DirectoryUser | None:
        users: Sequence[DirectoryUser] = self.members.matches(key) or self.found.get(key, ())
        if len(users) > 1:
            ids = ", ".join(sorted(user.id for user in users))
            raise AmbiguousError(f"{key} is the name or address of several people: {ids}", field="user")
        return users[0] if users else None


async def people_of(
    services: Services, group_id: str, lines: Sequence[Line], settled: Mapping[str, object]
) -> People:
    """Read the group's members, and ask Entra about the keys that none of them answers for.

    Args:
        services: All adapters.
        group_id: The managed group.
        lines: Those of this group.
        settled: Keys that need no answer, because nothing would be written under them.

    Raises:
        RunError, UnavailableError: Graph refuses, or does not answer.
    """
    people = People(members=MemberIndex.of([member async for member in services.directory.members(group_id)]))
    asking = [line for line in lines if normalised(line.row.row_key) not in settled]
    await people.look_up(services, (normalised(line.row.row_key) for line in asking))
    await people.look_up(services, (key for line in asking for key in _unanswered(people, line)))
    return people


def _unanswered(people: People, line: Line) -> list[str]:
    """Return the further keys of a line that the person of its first one does not have."""
    first = normalised(line.row.row_key)
    users = people.members.matches(first) or people.found.get(first, ())
    names = frozenset[str]().union(*(user.names for user in users))
    return [key for key in line.others if key not in names]
