"""Calls the API in this process, as the function does; everything behind it is real."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from azure.storage.queue.aio import QueueClient

from enforcer.api.routes import ROUTES
from enforcer.graph.retries import RetryBudget
from enforcer.offboarding.or_queue import Budget
from enforcer.web.app import Api
from enforcer.web.messages import Request, Response
from enforcer.web.routes import Route
from sandbox.azurite import StorageEndpoints
from sandbox.directory.objects import User
from sandbox.directory.tokens import TokenRequest
from tests.support.world import World

AUDIENCE = "api://5f1c7c52-7b2e-4c57-9a4b-0f0e6b0a7d11"
CHANGE, READ = "Contractors.Offboard", "Contractors.Read"
EXTEND, APPROVE = "Contractors.Extend", "Contractors.Approve"
# Tests wait for less time than people do.
BUDGET = Budget(now=2.0, queue=1.0, note=1.0)
RETRY_BUDGET = RetryBudget(failures=0.2, throttling=0.2)
JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Reply:
    response: Response

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self.response.headers

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.response.body)

    @property
    def fields(self) -> list[str]:
        """Return the fields that the problem document rejects."""
        return [error["field"] for error in self.json["errors"]]


async def waiting(storage: StorageEndpoints, queue: str) -> list[bytes]:
    """Return the messages in a queue, without taking them."""
    async with QueueClient.from_connection_string(storage.connection_string, queue) as client:
        found = await client.peek_messages(max_messages=32)
    return [message.content.encode() for message in found]


def route(name: str) -> Route:
    return next(route for route in ROUTES if route.name == name)


@dataclass(slots=True)
class Somebody:
    """Somebody in the tenant, and the API that concerns them."""

    world: World
    api: Api
    person: User

    @property
    def actor(self) -> str:
        return f"user:{self.person.id}"

    def configure(self, **settings: Any) -> None:
        """Let the API continue with these settings."""
        self.world.configure(**settings)
        self.api = Api(self.world.services, budget=BUDGET)


@dataclass(slots=True)
class Caller(Somebody):
    """Somebody who calls the API; by default they may do everything."""

    roles: list[str] = field(default_factory=lambda: [CHANGE, APPROVE])

    def token(self, **more: Any) -> str:
        request = {"audience": AUDIENCE, "user": self.person.id, "roles": self.roles} | more
        return self.world.directory.token(TokenRequest(**request))

    async def call(
        self,
        name: str,
        body: object = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **parameters: str,
    ) -> Reply:
        """Call a route by name, with a body as JSON or unchanged, and the path's parameters."""
        content = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        given = JSON | {"authorization": f"Bearer {self.token()}"} if headers is None else headers
        request = Request(
            id="request-1",
            method=route(name).method,
            headers=given,
            query=query or {},
            parameters=parameters,
            body=content,
        )
        return Reply(await self.api.answer(route(name), request))
