"""Who is in a managed group, and whom a key of the register means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from enforcer.core.keys import ANYBODY, is_key, is_object_id, meanings, normalised
from enforcer.core.user_kind import UserKind


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryUser:
    """What is known about somebody in the directory.

    Attributes:
        enabled: Whether the account may sign in; None if Graph did not say.
        user_type: `Member` or `Guest`; empty if Graph did not say.
        other_addresses: Besides user principal name and mail; a guest may have nothing but these.
    """

    id: str
    user_principal_name: str = ""
    mail: str = ""
    user_kind: UserKind = UserKind.MEMBER
    user_type: str = ""
    other_addresses: tuple[str, ...] = ()
    enabled: bool | None = None

    @property
    def names(self) -> frozenset[str]:
        """The normalised keys of rows that mean this person."""
        return names_of(self.id, self.user_principal_name, self.mail, *self.other_addresses)

    @property
    def possible_names(self) -> frozenset[str]:
        """The normalised keys of rows that mean this person, or may."""
        return self.names | hidden_names(self.user_principal_name, self.mail, *self.other_addresses)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person(DirectoryUser):
    """A user of the directory, in a managed group or not."""

    display_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member(DirectoryUser):
    """What Graph lists in a managed group; `kind` is `user`, or the OData type of anything else."""

    kind: str = "user"

    @property
    def is_user(self) -> bool:
        return self.kind == "user"


def names_of(user_id: str, *addresses: str) -> frozenset[str]:
    """Return the normalised keys of rows that mean whoever has this object ID and these addresses."""
    return frozenset({user_id, *map(normalised, addresses)} - {""})


def hidden_names(*addresses: str) -> frozenset[str]:
    """Return the keys that addresses in Entra may mean if they are not readable keys themselves."""
    unreadable = (address for address in addresses if address and not is_key(address))
    return frozenset(key for address in unreadable for key in meanings(address)) - {ANYBODY}


@dataclass(frozen=True, slots=True)
class MemberIndex:
    """Finds members by object ID, user principal name or any other address, compared as in `keys`."""

    _by_id: dict[str, Member] = field(default_factory=dict)
    _by_address: dict[str, Member | tuple[Member, ...]] = field(default_factory=dict)
    _doubtful: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, members: Iterable[Member]) -> MemberIndex:
        index = cls()
        for member in members:
            index._add(member)
        return index

    def _add(self, member: Member) -> None:
        if member.id in self._by_id:  # page boundaries may shift: the same member comes twice
            return
        self._by_id[member.id] = member
        names = member.names
        doubtful = member.possible_names - names
        self._doubtful.update(doubtful)
        for address in (names | doubtful) - {member.id}:
            known = self._by_address.get(address)
            self._by_address[address] = member if known is None else (*_several(known), member)

    def matches(self, key: str) -> Sequence[Member]:
        """Return everybody whom a normalised key means, or may mean."""
        if is_object_id(key):
            member = self._by_id.get(key)
            return () if member is None else (member,)
        found = self._by_address.get(key)
        return () if found is None else _several(found)

    def is_doubtful(self, key: str) -> bool:
        """Whether a member's address in Entra equals this key only without its unreadable characters."""
        return key in self._doubtful

    def __contains__(self, user_id: str) -> bool:
        return user_id in self._by_id

    def __iter__(self) -> Iterator[Member]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)


def _several(found: Member | tuple[Member, ...]) -> tuple[Member, ...]:
    return (found,) if isinstance(found, Member) else found
