"""Calls to Microsoft Graph as the person who deploys."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from enforcer.core.exceptions import AccessDeniedError, EnforcerError
from enforcer.core.settings import Mode, Settings
from enforcer.deployment.patience import NotReadyError
from enforcer.graph.client import GraphClient
from enforcer.graph.decoding import Page, decode
from enforcer.graph.identity import own_identity
from enforcer.graph.reply import Reply, Request
from enforcer.policies.as_code.sign_in import RememberingCredential

# What Graph says of an object that it has not heard of yet (msgraph-bicep-types issue 193), and of a change
# that an earlier attempt has made already (issue 161).
_NOT_READY = re.compile(r"[Nn]ot a valid reference update|does not reference a valid object")
_MADE_ALREADY = re.compile(r"already exist|removed object references do not exist", re.IGNORECASE)


class DirectoryDeniedError(AccessDeniedError):
    """The person who deploys may not do this in Entra ID."""


class EntraError(EnforcerError):
    """Graph refuses a call, for good."""


class Entra:
    """Entra ID, for one event loop. Paths are below `/v1.0`."""

    def __init__(self, graph: GraphClient) -> None:
        self._graph = graph

    async def me(self) -> str:
        """Return the object ID of whoever is signed in."""
        return (await own_identity(self._graph)).object_id

    async def read[T](self, kind: type[T], path: str, **parameters: str) -> T | None:
        """Return an object; None if there is none. Raises EntraError, DirectoryDeniedError."""
        reply = await self._graph.read(path, **parameters)
        if reply.not_found:
            return None
        return decode(_accepted(reply), kind, path)

    async def every[T](self, kind: type[T], path: str, **parameters: str) -> list[T]:
        """Return a whole list; empty if the object that it belongs to does not exist yet."""
        found: list[T] = []
        reply = await self._graph.read(path, **parameters)
        while not reply.not_found:
            page = decode(_accepted(reply), Page[kind], path)  # type: ignore[valid-type]
            found += page.value
            if page.next_link is None:
                break
            reply = await self._graph.read(page.next_link)
        return found

    async def send(self, method: str, path: str, body: Mapping[str, Any], **parameters: str) -> None:
        """Change something; that it is so already is as good.

        Raises:
            NotReadyError: Graph has not heard of an object yet.
            DirectoryDeniedError: This person may not do that.
            EntraError: Graph refuses it.
        """
        encoded = msgspec.json.encode(body) if body else b""
        await self._call(Request(method=method, path=path, parameters=parameters, body=encoded))

    async def upsert(self, path: str, body: Mapping[str, Any], **parameters: str) -> None:
        """Change the object that an alternate key names; create it if there is none. Raises as `send`."""
        encoded = msgspec.json.encode(body)
        await self._call(
            Request(method="PATCH", path=path, parameters=parameters, body=encoded, creates=True)
        )

    async def _call(self, request: Request) -> None:
        reply = await self._graph.call(request)
        gone = request.method == "DELETE" and reply.not_found
        if not reply.ok and not gone and not _MADE_ALREADY.search(reply.message):
            _accepted(reply)


def _accepted(reply: Reply) -> Reply:
    if reply.ok:
        return reply
    if reply.forbidden:
        raise DirectoryDeniedError(f"Entra ID refuses it: {reply.explanation}")
    if _NOT_READY.search(reply.message) or reply.not_found:
        raise NotReadyError(f"Entra ID has not heard of it everywhere yet ({reply.explanation})")
    raise EntraError(f"Entra ID refuses it: {reply.explanation}")


@asynccontextmanager
async def signed_in_entra(graph_url: str, tenant_id: str) -> AsyncIterator[Entra]:
    """Open Entra ID as whoever is signed in with `az login`."""
    from azure.identity.aio import AzureCliCredential

    settings = Settings(group_ids=(), mode=Mode.REPORT, graph_url=graph_url)
    async with (
        RememberingCredential(AzureCliCredential(tenant_id=tenant_id, process_timeout=60)) as credential,
        GraphClient(settings, credential=credential) as client,
    ):
        yield Entra(client)
