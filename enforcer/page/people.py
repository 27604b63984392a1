"""People as the page names them: by the register's name for them, or by Entra's, and where their page is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from enforcer.core.exceptions import EnforcerError
from enforcer.core.keys import normalised
from enforcer.register.reading import Row
from enforcer.services import Services

HOME = "/api/"
# Names are a courtesy: the page does not wait for them longer than a person would.
_NAMING_SECONDS = 2.0
# A browser takes these for steps up the path, or for nothing.
_NO_PATH = frozenset({"", ".", ".."})


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLink:
    """A person by name; `href` is empty where there can be no page about him."""

    name: str
    key: str
    href: str


def person_path(name: str) -> str:
    """Return the path of a person's page; empty where there can be none."""
    return "" if name in _NO_PATH else f"{HOME}people/{quote(name, safe='@')}"


@dataclass(frozen=True, slots=True)
class People:
    """Whom keys and object IDs mean.

    Attributes:
        in_entra: What Entra calls those who have no row, by object ID.
    """

    _names: Mapping[str, str]
    in_entra: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[Row], in_entra: Mapping[str, str] | None = None) -> People:
        return cls({normalised(row.key): row.name for row in rows}, in_entra or {})

    def __contains__(self, key: str) -> bool:
        return normalised(key) in self._names

    def link(self, row_key: str | None, user_id: str | None = None) -> PersonLink:
        """Name whom a row's key means, or an object ID, where there is no row."""
        key = row_key or user_id or ""
        name = self._names.get(normalised(key)) or self.in_entra.get(user_id or "") or key
        return PersonLink(name=name, key=key, href=person_path(key))


def row_link(row: Row) -> PersonLink:
    return PersonLink(name=row.name, key=row.key, href=person_path(row.key))


async def names_in_entra(services: Services, user_ids: Iterable[str]) -> dict[str, str]:
    """Ask Entra for names; whom it does not name in time is left out."""
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
