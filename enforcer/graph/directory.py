"""Reads the directory: groups, their members and owners, and people by any of their names."""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from functools import partial

import msgspec

from enforcer.core import keys
from enforcer.core.exceptions import (
    AccessDeniedError,
    AmbiguousError,
    GroupError,
    NotFoundError,
    ReadError,
)
from enforcer.core.members import Member, Person
from enforcer.core.user_kind import UserKind
from enforcer.graph.batch import read_together
from enforcer.graph.client import GraphClient
from enforcer.graph.decoding import Page, all_of, decode
from enforcer.graph.groups import GROUP_COLUMNS, Group, ManagedGroup, refusal
from enforcer.graph.reply import Reply, Request

_PAGE = "999"  # group: list members; the most that Graph gives at once
_MEMBER_COLUMNS = (
    "id,userPrincipalName,mail,otherMails,proxyAddresses,userType,externalUserState,accountEnabled"
)
_USER_COLUMNS = f"{_MEMBER_COLUMNS},displayName"
# Every property that may hold somebody's address, as Microsoft checks whether an invited person already
# exists (Entra External ID, "B2B collaboration API"). None needs advanced queries. The prefix may be in
# either case.
_HAS_ADDRESS = (
    "userPrincipalName eq '{0}' or mail eq '{0}' or otherMails/any(x:x eq '{0}')"
    " or proxyAddresses/any(x:x eq 'smtp:{0}') or proxyAddresses/any(x:x eq 'SMTP:{0}')"
)
_SMTP = "smtp:"


class _Object(msgspec.Struct, rename="camel"):
    id: str
    odata_type: str | None = msgspec.field(default=None, name="@odata.type")
    display_name: str | None = None
    user_principal_name: str | None = None
    mail: str | None = None
    other_mails: list[str] | None = None
    proxy_addresses: list[str] | None = None
    user_type: str | None = None
    external_user_state: str | None = None
    account_enabled: bool | None = None


class Directory:
    """Answers who is in a group, and whom a name means; `DirectorySteps` changes it."""

    def __init__(self, client: GraphClient) -> None:
        self._client = client

    async def require_group(self, group_id: str) -> ManagedGroup:
        """Make sure that the group exists and that its members can be managed.

        Raises:
            GroupError: It is missing, or its members cannot be managed; the message says why and what to do.
            AccessDeniedError: This identity may not read groups.
        """
        reply = await self._client.read(
            "/groups/{group}?$select={+select}", group=group_id, select=GROUP_COLUMNS
        )
        if reply.not_found:
            raise GroupError(f"group {group_id} does not exist in this tenant; correct ENFORCER_GROUP_IDS")
        group = _read(reply, Group, f"group {group_id}", "GroupMember.Read.All")
        if why := refusal(group):
            raise GroupError(f"group {group_id} ({group.display_name or 'no name'}) {why}")
        return ManagedGroup(group.id, group.display_name or "")

    async def members(self, group_id: str) -> AsyncIterator[Member]:
        """Yield every direct member, once all pages have been read.

        Raises:
            ReadError, AccessDeniedError, UnavailableError: A page could not be read; the others are useless
                without it.
        """

        def begin() -> Awaitable[Reply]:
            return self._client.read(
                "/groups/{group}/members?$select={+select}&$top={top}",
                group=group_id,
                select=_MEMBER_COLUMNS,
                top=_PAGE,
            )

        for found in await self._all(begin, f"members of group {group_id}", "GroupMember.Read.All", _member):
            yield found

    async def owners(self, group_id: str) -> frozenset[str]:
        """Return the object IDs of the service principals that own the group; they may change its members.

        Without the cast, Graph omits service principals (group: list owners).

        Raises: as `members`.
        """

        def begin() -> Awaitable[Reply]:
            return self._client.read(
                "/groups/{group}/owners/microsoft.graph.servicePrincipal?$select=id", group=group_id
            )

        what = f"owners of group {group_id}"
        return frozenset(await self._all(begin, what, "GroupMember.Read.All", lambda owner: owner.id.lower()))

    async def people_who_own(self, group_id: str) -> list[str]:
        """Return the names of the people who own the group: they change its members past the register.

        Raises: as `members`.
        """

        def begin() -> Awaitable[Reply]:
            return self._client.read(
                "/groups/{group}/owners?$select={+select}",
                group=group_id,
                select="id,displayName,userPrincipalName",
            )

        def name(owner: _Object) -> str:
            return owner.user_principal_name or owner.display_name or owner.id

        found = await self._all(begin, f"owners of group {group_id}", "GroupMember.Read.All", lambda one: one)
        services = await self.owners(group_id)  # some tenants list service principals here as well
        return sorted(name(owner) for owner in found if owner.id.lower() not in services)

    async def find(self, name: str) -> Person:
        """Find a user by object ID, user principal name or e-mail address.

        Raises:
            NotFoundError: Nobody has that name.
            AmbiguousError: Several people have that name.
        """
        if problem := keys.problem(name):
            raise NotFoundError(f"the name {problem}", field="user")
        if keys.is_object_id(name):
            person = await self.account(name)
            if person is None:
                raise NotFoundError(f"nobody in this tenant has the object ID {name}", field="user")
            return person
        # Graph matches more loosely: only an address that is the same to us counts.
        key = keys.normalised(name)
        people = await self._people(lambda: self._client.call(_users_having(key)))
        found = {person.id: person for person in people if key in person.names}
        if not found:
            raise NotFoundError(f"nobody in this tenant has the name or address {name}", field="user")
        if len(found) > 1:
            ids = ", ".join(sorted(found))
            raise AmbiguousError(f"{name} is the name or address of several people: {ids}", field="user")
        return next(iter(found.values()))

    async def having(self, addresses: Collection[str]) -> dict[str, frozenset[str]]:
        """Return the object IDs of everyone who has, or may have, each of these addresses.

        Raises:
            ReadError, AccessDeniedError, UnavailableError: Graph did not answer for all addresses.
        """
        ordered = list(addresses)
        replies = await read_together(self._client, [_users_having(address) for address in ordered])
        return {
            address: frozenset({person.id for person in await self._people(partial(_at_once, reply))})
            for address, reply in zip(ordered, replies, strict=True)
        }

    async def named(self, names: Collection[str]) -> dict[str, tuple[Person, ...]]:
        """Return everybody whom each of these normalised object IDs and addresses means, 20 to a `$batch`.

        Raises: as `having`.
        """
        ordered = list(names)
        requests = [_user(name) if keys.is_object_id(name) else _users_having(name) for name in ordered]
        replies = await read_together(self._client, requests)
        found = [await self._named(name, reply) for name, reply in zip(ordered, replies, strict=True)]
        return dict(zip(ordered, found, strict=True))

    async def _named(self, name: str, reply: Reply) -> tuple[Person, ...]:
        if keys.is_object_id(name):
            return () if reply.not_found else (_person(_read(reply, _Object, "the user", "User.Read.All")),)
        # Graph matches more loosely: only an address that is the same to us counts.
        people = await self._people(partial(_at_once, reply))
        return tuple({person.id: person for person in people if name in person.names}.values())

    async def account(self, user_id: str) -> Person | None:
        """Return the user who has this object ID, or None if there is none.

        Raises:
            ReadError, AccessDeniedError, UnavailableError: Graph did not say.
        """
        reply = await self._client.call(_user(user_id))
        if reply.not_found:
            return None
        return _person(_read(reply, _Object, "the user", "User.Read.All"))

    async def _people(self, begin: Callable[[], Awaitable[Reply]]) -> list[Person]:
        return await self._all(begin, "users", "User.Read.All", _person)

    async def _all[T](
        self,
        begin: Callable[[], Awaitable[Reply]],
        what: str,
        permission: str,
        make: Callable[[_Object], T],
    ) -> list[T]:
        """Read a whole list, converting each page as it arrives."""

        def read(reply: Reply) -> Page[T]:
            page = _read(reply, Page[_Object], what, permission)
            return Page([make(found) for found in page.value], page.next_link)

        return await all_of(begin, read, self._client.read)


def _read[T](reply: Reply, kind: type[T], what: str, permission: str) -> T:
    if reply.forbidden:
        raise AccessDeniedError(
            f"this identity may not read {what}; grant it {permission}: {reply.explanation}"
        )
    if not reply.ok:
        raise ReadError(f"{what} could not be read: {reply.explanation}")
    return decode(reply, kind, what)


async def _at_once(reply: Reply) -> Reply:
    return reply


def _user(user_id: str) -> Request:
    return Request(
        method="GET",
        path="/users/{user}?$select={select}",
        parameters={"user": user_id, "select": _USER_COLUMNS},
    )


def _users_having(address: str) -> Request:
    """Return the request for the users who have an address, in either of Unicode's two forms."""
    forms = dict.fromkeys(unicodedata.normalize(form, address) for form in ("NFC", "NFD"))
    quoted = [form.replace("'", "''") for form in forms]  # OData's escape; the URL's is applied later
    return Request(
        method="GET",
        path="/users?$filter={filter}&$select={select}",
        parameters={
            "filter": " or ".join(_HAS_ADDRESS.format(form) for form in quoted),
            "select": _USER_COLUMNS,
        },
    )


def _member(found: _Object) -> Member:
    kind = (found.odata_type or "").rpartition(".")[2]
    if not kind:
        kind = "user" if found.user_principal_name else "object of unknown type"
    return Member(
        id=found.id.lower(),
        user_principal_name=found.user_principal_name or "",
        mail=found.mail or "",
        other_addresses=_other_addresses(found),
        user_kind=_user_kind(found),
        user_type=found.user_type or "",
        kind=kind,
        enabled=found.account_enabled,
    )


def _person(found: _Object) -> Person:
    return Person(
        id=found.id.lower(),
        display_name=found.display_name or "",
        user_principal_name=found.user_principal_name or "",
        mail=found.mail or "",
        other_addresses=_other_addresses(found),
        user_kind=_user_kind(found),
        user_type=found.user_type or "",
        enabled=found.account_enabled,
    )


def _user_kind(found: _Object) -> UserKind:
    return UserKind.of(
        user_type=found.user_type,
        user_principal_name=found.user_principal_name,
        invited=found.external_user_state is not None,
    )


def _other_addresses(found: _Object) -> tuple[str, ...]:
    """Return the addresses besides user principal name and mail; of proxy addresses, only SMTP ones."""
    mails = [one for one in found.proxy_addresses or () if one[: len(_SMTP)].lower() == _SMTP]
    addresses = [*(found.other_mails or ()), *(one[len(_SMTP) :] for one in mails)]
    known = {(found.user_principal_name or "").lower(), (found.mail or "").lower(), ""}
    return tuple(dict.fromkeys(one for one in addresses if one.lower() not in known))
