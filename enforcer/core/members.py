"""Who is in a managed group, and whom a key of the register means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from enforcer.core.contractors import is_object_id
from enforcer.core.user_kind import UserKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What Graph lists in a managed group.

    Attributes:
        kind: `user`, or the OData type of what else is in the group.
        enabled: Whether the account may sign in; None where Graph did not tell.
    """

    id: str
    user_principal_name: str = ""
    mail: str = ""
    user_kind: UserKind = UserKind.MEMBER
    kind: str = "user"
    enabled: bool | None = None

    @property
    def is_user(self) -> bool:
        return self.kind == "user"

    @property
    def names(self) -> frozenset[str]:
        """Give the keys, normalised, of rows that mean him."""
        return names_of(self.id, self.user_principal_name, self.mail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user of the directory, in a managed group or not."""

    id: str
    display_name: str
    user_principal_name: str
    mail: str
    user_kind: UserKind
    enabled: bool | None

    @property
    def names(self) -> frozenset[str]:
        """Give the keys, normalised, of rows that mean him."""
        return names_of(self.id, self.user_principal_name, self.mail)


def names_of(user_id: str, user_principal_name: str, mail: str) -> frozenset[str]:
    """Give the keys, normalised, of rows that mean whoever has this object ID and these addresses."""
    return frozenset({user_id, user_principal_name.lower(), mail.lower()} - {""})


@dataclass(frozen=True, slots=True)
class MemberIndex:
    """Finds members by object ID, user principal name or e-mail address, without regard to case."""

    _by_id: dict[str, Member] = field(default_factory=dict)
    _by_address: dict[str, Member | tuple[Member, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, members: Iterable[Member]) -> MemberIndex:
        index = cls()
        for member in members:
            index._add(member)
        return index

    def _add(self, member: Member) -> None:
        if member.id in self._by_id:  # a page boundary may move under us: the same member comes twice
            return
        self._by_id[member.id] = member
        for address in member.names - {member.id}:
            known = self._by_address.get(address)
            self._by_address[address] = member if known is None else (*_several(known), member)

    def matches(self, key: str) -> Sequence[Member]:
        """Give everybody whom a normalised key means; more than one is for people to sort out."""
        if is_object_id(key):
            member = self._by_id.get(key)
            return () if member is None else (member,)
        found = self._by_address.get(key)
        return () if found is None else _several(found)

    def __contains__(self, user_id: str) -> bool:
        return user_id in self._by_id

    def __iter__(self) -> Iterator[Member]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)


def _several(found: Member | tuple[Member, ...]) -> tuple[Member, ...]:
    return (found,) if isinstance(found, Member) else found
