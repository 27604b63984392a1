"""The sandbox on a port: in the running event loop or in a thread."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from aiohttp import web
from anyio.from_thread import start_blocking_portal

from sandbox.directory.admin import Admin
from sandbox.directory.authority import Authority
from sandbox.directory.identity import IdentityEndpoint
from sandbox.directory.settings import Settings
from sandbox.directory.state import Sandbox
from sandbox.directory.tenant import Tenant
from sandbox.directory.tokens import TokenRequest
from sandbox.directory.transport import VERSION, Transport, unreliable
from sandbox.loopback import listening

LARGEST_BODY = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class DirectoryServer:
    """A listening sandbox. Its parts may be inspected and changed while it runs."""

    sandbox: Sandbox
    url: str
    identity_header: str

    @property
    def tenant(self) -> Tenant:
        return self.sandbox.tenant

    @property
    def identity_endpoint(self) -> str:
        return f"{self.url}/msi/token"

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which the function app finds its identity, the directory and the authority."""
        return {
            "IDENTITY_ENDPOINT": self.identity_endpoint,
            "IDENTITY_HEADER": self.identity_header,
            "ENFORCER_GRAPH_URL": self.url,
            "ENFORCER_AUTHORITY_URL": self.url,
            "ENFORCER_TENANT_ID": self.tenant.tenant_id,
        }

    def token(self, request: TokenRequest) -> str:
        return self.sandbox.tokens.issue(request)


@asynccontextmanager
async def running_directory(
    tenant: Tenant | None = None, settings: Settings | None = None, *, port: int = 0
) -> AsyncIterator[DirectoryServer]:
    """Serve a tenant on a port of the loopback interface (0: a free one), in the running loop."""
    sandbox = Sandbox(tenant or Tenant(), settings or Settings())
    identity = IdentityEndpoint(sandbox)
    runner = web.AppRunner(_application(sandbox, identity), access_log=None, shutdown_timeout=0)
    async with listening(runner, port) as url:
        sandbox.listen_at(url)
        yield DirectoryServer(sandbox, url, identity.header)


@contextmanager
def directory_in_thread(
    tenant: Tenant | None = None, settings: Settings | None = None
) -> Iterator[DirectoryServer]:
    """Serve a tenant from a thread, for tests without an event loop or with several."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(running_directory(tenant, settings)) as server,
    ):
        yield server


def _application(sandbox: Sandbox, identity: IdentityEndpoint) -> web.Application:
    application = web.Application(client_max_size=LARGEST_BODY)
    application.router.add_route("*", f"/{VERSION}/{{path:.*}}", Transport(sandbox).handle)
    application.router.add_routes(Admin(sandbox).routes())
    application.router.add_get("/msi/token", unreliable(sandbox, identity.handle))
    application.router.add_routes(
        [
            web.route(route.method, route.path, unreliable(sandbox, route.handler))
            for route in Authority(sandbox).routes()
        ]
    )
    return application
