"""The whole function app in the sandbox's host, with its own tenant and storage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from sandbox.azurite import StorageEndpoints
from sandbox.company import Company, found_company
from sandbox.directory.objects import User
from sandbox.directory.server import DirectoryServer, directory_in_thread
from sandbox.directory.tokens import TokenRequest
from sandbox.host.process import running_host

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class HttpApp:
    """The app, as `make sandbox` runs it, and somebody who may change things."""

    company: Company
    directory: DirectoryServer
    url: str
    http: httpx.Client

    @property
    def audience(self) -> str:
        return f"api://{self.company.api.app_id}"

    def token(self, **more: Any) -> str:
        """Issue a token as Entra would, with the operator's roles."""
        token_request = {"audience": self.audience, "user": self.company.operator.id} | more
        return self.directory.token(TokenRequest(**token_request))

    @property
    def authorized(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token()}"}

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Call a route as the operator; `path` is as sent, below `/api/`."""
        return self.http.request(method, path, headers=self.authorized, **more)

    def contractor(self, name: str) -> User:
        """Add a contractor without a row to the group."""
        user = self.directory.tenant.add_user(name)
        self.directory.tenant.add_member(self.company.contractors, user)
        return user

    def is_member(self, user: User) -> bool:
        return user.id in self.directory.tenant.members[self.company.contractors.id]


@contextmanager
def running_http_app(storage: StorageEndpoints, arguments: Sequence[str]) -> Iterator[HttpApp]:
    """Run the app while the block runs; `arguments` are those of the sandbox's host."""
    company = found_company(date(2026, 11, 23))
    with directory_in_thread(company.tenant) as directory:
        settings = {
            **directory.environment,
            "ENFORCER_GROUP_IDS": company.contractors.id,
            "ENFORCER_MODE": "enforce",
            "ENFORCER_API_AUDIENCE": f"api://{company.api.app_id}",
            "EnforcerStorage": storage.connection_string,
            "AzureWebJobsStorage": storage.connection_string,
        }
        with (
            running_host(PROJECT, settings=settings, arguments=arguments) as host,
            httpx.Client(base_url=f"{host.url}/api/", timeout=60, trust_env=False) as http,
        ):
            yield HttpApp(company, directory, host.url, http)
