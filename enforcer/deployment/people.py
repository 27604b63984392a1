"""People and groups by name, looked up in Entra ID; without a sign-in only object IDs will do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from enforcer.core.exceptions import AmbiguousError, EnforcerError, InputError, NotFoundError
from enforcer.core.keys import is_object_id
from enforcer.deployment.answers import Cloud
from enforcer.deployment.azure_cli import AzureCli
from enforcer.deployment.entra import Entra, signed_in_entra
from enforcer.deployment.tenant_file import Principal


class _Object(msgspec.Struct):
    id: str


class People:
    """Looks names up as whoever is signed in with `az login`, if anybody is."""

    def __init__(self) -> None:
        self._azure = AzureCli()
        self._account: dict[str, Any] | None = None
        self._entra: Entra | None = None

    async def tenant_id(self) -> str:
        """Return the tenant that `az` is signed in to; empty if it is not."""
        return str((await self._signed_in()).get("tenantId", ""))

    async def subscription_id(self) -> str:
        """Return the subscription that `az` is set to; empty if it is not signed in."""
        return str((await self._signed_in()).get("id", ""))

    @asynccontextmanager
    async def of(self, tenant_id: str) -> AsyncIterator[None]:
        """Look up names in this tenant while the block runs."""
        async with signed_in_entra((await self.cloud()).graph_url, tenant_id) as entra:
            self._entra = entra
            yield

    async def group(self, text: str) -> str:
        """Return the object ID of a group. Raises NotFoundError, AmbiguousError."""
        return text.lower() if is_object_id(text) else (await self._named_groups(text, "group")).id

    async def principal(self, text: str) -> Principal:
        """Return the group or person that a name or object ID means. Raises NotFoundError, AmbiguousError."""
        if is_object_id(text):
            return await self._of_id(text.lower())
        if "@" in text:
            found = await self._read("/users/{user}?$select=id", user=text)
            if found is None:
                raise NotFoundError(f"nobody in this tenant has the user principal name {text}")
            return Principal(id=found.id, type="User")
        return Principal(id=(await self._named_groups(text, "group")).id, type="Group")

    async def _of_id(self, object_id: str) -> Principal:
        """Return what kind of object an ID is; a group where nobody is signed in."""
        if not await self._signed_in():
            return Principal(id=object_id, type="Group")
        for path, kind in (
            ("/groups/{id}?$select=id", "Group"),
            ("/users/{id}?$select=id", "User"),
        ):
            if await self._read(path, id=object_id) is not None:
                return Principal(id=object_id, type=kind)
        return Principal(id=object_id, type="ServicePrincipal")

    async def _named_groups(self, name: str, what: str) -> _Object:
        entra = await self._directory(name)
        quoted = "'" + name.replace("'", "''") + "'"
        found = await entra.every(
            _Object, "/groups?$filter={+filter}&$select=id", filter=f"displayName eq {quoted}"
        )
        if not found:
            raise NotFoundError(f"no {what} in this tenant has the name {name!r}")
        if len(found) > 1:
            raise AmbiguousError(f"{len(found)} groups have the name {name!r}: give the object ID")
        return found[0]

    async def _read(self, path: str, **parameters: str) -> _Object | None:
        entra = await self._directory(next(iter(parameters.values())))
        return await entra.read(_Object, path, **parameters)

    async def _directory(self, name: str) -> Entra:
        if self._entra is None or not await self._signed_in():
            raise InputError(f"{name!r} is not an object ID: sign in with `az login` to give names")
        return self._entra

    async def _signed_in(self) -> dict[str, Any]:
        if self._account is None:
            try:
                self._account = await self._azure.ask("account", "show")
            except EnforcerError:
                self._account = {}
        return self._account or {}

    async def cloud(self) -> Cloud:
        """Return the addresses of `az`'s cloud; of the worldwide one where nobody is signed in."""
        if not await self._signed_in():
            return Cloud()
        endpoints = (await self._azure.ask("cloud", "show"))["endpoints"]
        return Cloud(
            graph_url=str(endpoints["microsoftGraphResourceId"]).rstrip("/"),
            authority_url=str(endpoints["activeDirectory"]).rstrip("/"),
        )
