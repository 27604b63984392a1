"""People as the page shows them: under the register's name or Entra's, with a link to their page."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from enforcer.core.contractors import ReadRow
from enforcer.core.exceptions import EnforcerError
from enforcer.core.keys import normalised
from enforcer.services import Services

HOME = "/api/"
# Names are a courtesy: the page does not wait long for them.
_NAMING_SECONDS = 2.0
# A browser would resolve these to another path.
_NO_PATH = frozenset({"", ".", ".."})


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLink:
    """A person by name; `href` is empty where there can be no page about them."""

    name: str
    key: str
    href: str


def person_path(name: str) -> str:
    """Return the path of a person's page; empty where there can be none."""
    return "" if name in _NO_PATH else f"{HOME}people/{quote(name, safe='@')}"


@dataclass(frozen=True, slots=True)
class People:
    """The names of people, by the keys of their rows and by object ID.

    Attributes:
        in_entra: Entra's names for people without a row, by object ID.
    """

    _names: Mapping[str, str]
    in_entra: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[ReadRow], in_entra: Mapping[str, str] | None = None) -> People:
        return cls({normalised(row.row_key): row.written.name for row in rows}, in_entra or {})

    def __contains__(self, key: str) -> bool:
        return normalised(key) in self._names

    def link(self, row_key: str | None, user_id: str | None = None) -> PersonLink:
        """Return the person whom a row's key means or, without a row, an object ID."""
        key = row_key or user_id or ""
        name = self._names.get(normalised(key)) or self.in_entra.get(user_id or "") or key
        return PersonLink(name=name, key=key, href=person_path(key))


def row_link(row: ReadRow) -> PersonLink:
    return PersonLink(name=row.written.name, key=row.row_key, href=person_path(row.row_key))


async def names_in_entra(services: Services, user_ids: Iterable[str]) -> dict[str, str]:
    """Return Entra's names by object ID, as far as it answers in time."""
    ids = list(user_ids)
    names = await asyncio.gather(*(_name(services, user_id) for user_id in ids))
    return {user_id: name for user_id, name in zip(ids, names, strict=True) if name}


async def _name(services: Services, user_id: str) -> str:
    try:
        async with asyncio.timeout(_NAMING_SECONDS):
            person = await services.directory.find(user_id)
    except (EnforcerError, TimeoutError):
        return ""
    return person.display_name or person.user_principal_name
