"""The whole function app in the sandbox's host, with its own tenant and storage."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from sandbox.azurite import StorageEndpoints
from sandbox.company import Company, found_company
from sandbox.directory.objects import Group, User
from sandbox.directory.server import DirectoryServer, directory_in_thread
from sandbox.directory.tokens import TokenRequest
from sandbox.host.process import running_host

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class HttpApp:
    """The app, as `make sandbox` runs it, and somebody who may change things.

    Attributes:
        groups: The managed groups: the company's, then those that were asked for.
    """

    company: Company
    groups: tuple[Group, ...]
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

    def contractor(self, name: str, group: Group | None = None) -> User:
        """Add a contractor without a row to the group, by default the company's."""
        user = self.directory.tenant.add_user(name)
        self.directory.tenant.add_member(group or self.company.contractors, user)
        return user

    def members(self, group: Group) -> set[str]:
        return set(self.directory.tenant.members[group.id])

    def is_member(self, user: User) -> bool:
        return user.id in self.directory.tenant.members[self.company.contractors.id]

    def ended(self, run: str) -> Any:
        """Return a run (`runs/ID`) once it has ended."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            reply: httpx.Response = self.call("GET", run)
            if reply.json()["state"] != "running":
                return reply.json()
            time.sleep(0.2)
        raise AssertionError(f"{run} has not ended")


@contextmanager
def running_http_app(
    storage: StorageEndpoints, arguments: Sequence[str], groups: Sequence[str] = (), **more: str
) -> Iterator[HttpApp]:
    """Run the app while the block runs.

    Args:
        storage: The account for everything.
        arguments: Those of the sandbox's host.
        groups: The names of empty groups to be managed beside the company's.
        more: Further settings.
    """
    company = found_company(date(2026, 11, 23))
    managed = [company.contractors, *_add_groups(company, groups)]
    with directory_in_thread(company.tenant) as directory:
        settings = {
            **directory.environment,
            "ENFORCER_GROUP_IDS": ",".join(group.id for group in managed),
            "ENFORCER_MODE": "enforce",
            "ENFORCER_API_AUDIENCE": f"api://{company.api.app_id}",
            "EnforcerStorage": storage.connection_string,
            "AzureWebJobsStorage": storage.connection_string,
            **more,
        }
        with (
            running_host(PROJECT, settings=settings, arguments=arguments) as host,
            httpx.Client(base_url=f"{host.url}/api/", timeout=60, trust_env=False) as http,
        ):
            yield HttpApp(company, tuple(managed), directory, host.url, http)


def _add_groups(company: Company, names: Sequence[str]) -> list[Group]:
    owners = company.tenant.owners[company.contractors.id.lower()]
    return [company.tenant.add_group(name, owners=owners) for name in names]
