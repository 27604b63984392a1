from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from sandbox.directory import DirectoryServer, Group, Sandbox, Tenant, TokenRequest, User, running_directory

GRAPH = "https://graph.microsoft.com"


@dataclass(frozen=True)
class Scene:
    """A small tenant, served, and a client that holds a token of its managed identity."""

    server: DirectoryServer
    http: httpx.AsyncClient
    group: Group
    ada: User
    gus: User

    @property
    def tenant(self) -> Tenant:
        return self.server.tenant

    @property
    def sandbox(self) -> Sandbox:
        return self.server.sandbox

    @property
    def members(self) -> str:
        return f"/groups/{self.group.id}/members"

    def act_as(self, *roles: str) -> None:
        """Use a token with just these application permissions from now on."""
        identity = self.tenant.identity
        assert identity is not None
        request = TokenRequest(audience=GRAPH, app=identity.app_id, roles=list(roles))
        self.http.headers["Authorization"] = f"Bearer {self.server.token(request)}"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    tenant = Tenant()
    ada = tenant.add_user("Ada Lovelace")
    gus = tenant.add_guest("Gus Guest", "gus@partner.example")
    group = tenant.add_group("Contractors", members=[ada, gus])
    tenant.add_managed_identity("enforcer", "User.Read.All", "GroupMember.Read.All")
    async with (
        running_directory(tenant) as server,
        httpx.AsyncClient(base_url=f"{server.url}/v1.0", trust_env=False) as http,
    ):
        scene = Scene(server, http, group, ada, gus)
        scene.act_as()
        yield scene


def error_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]
