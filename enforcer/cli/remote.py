"""The app's API, called as whoever is signed in.

Where `ENFORCER_API_URL` is set, every change goes this way: the app checks the caller's role, and its records
name them. With `--direct`, on the day when the app is down, commands act on Entra and storage themselves.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

import click
import msgspec

from enforcer.cli.running import in_progress, settings, with_services
from enforcer.cli.who import as_actor
from enforcer.concurrency import bounded
from enforcer.core.actors import Actor
from enforcer.core.exceptions import AccessDeniedError, EnforcerError, HeldError, UnavailableError
from enforcer.core.plain_text import plain
from enforcer.core.settings import Settings
from enforcer.credentials import BoundedCredential, default_credential
from enforcer.services import Services
from enforcer.web.messages import JSON
from enforcer.web.problems import PROBLEM_JSON, Code, Problem

if TYPE_CHECKING:
    from httpx import AsyncClient, Response

# For all of a call, with the token; the app itself answers within 30.
_SECONDS = 60.0
_FIXES: Mapping[Code, str] = {
    Code.NO_TOKEN: "Run az login, and compare ENFORCER_API_AUDIENCE with the app's.",
    Code.INVALID_TOKEN: "Run az login, and compare ENFORCER_API_AUDIENCE with the app's.",
    Code.MISSING_ROLE: "Ask whoever assigns the API's app roles, then run az login again.",
    Code.INTERNAL: "While the app cannot, --direct acts without it.",
}


class Way(Enum):
    """How a command changes anything."""

    API = "api"
    DIRECT = "direct"


def direct_option[F: Callable[..., object]](command: F) -> F:
    """Add `--direct`; the parameter is the `way` to go."""
    option = click.option(
        "--direct",
        "way",
        is_flag=True,
        callback=lambda _context, _option, value: _way(direct=value),
        help="Act without the app, on the day when it is down; takes rights that nobody has by default.",
    )
    return option(command)


def _way(*, direct: bool) -> Way:
    return Way.DIRECT if direct or not settings().api_url else Way.API


def act[T](
    doing: str,
    way: Way,
    *,
    remotely: Callable[[RemoteApi], Awaitable[T]],
    directly: Callable[[Services, Actor], Awaitable[T]],
) -> T:
    """Change something through the API, or directly and in the name of whoever is signed in.

    Raises:
        ApiProblemError, HeldThereError: The API answers with a problem.
        AccessDeniedError, UnavailableError: There is no token, or the app does not answer.
        EnforcerError: As the direct work.
    """
    if way is Way.DIRECT:
        return with_services(doing, as_actor(directly))

    async def run() -> T:
        async with open_api(settings()) as api:
            return await remotely(api)

    return in_progress(doing, run)


@asynccontextmanager
async def open_api(settings: Settings) -> AsyncIterator[RemoteApi]:
    """Open the API without connecting yet, and close it at the end."""
    import httpx

    async with (
        default_credential(settings.client_id) as credential,
        httpx.AsyncClient(timeout=_SECONDS, verify=httpx.create_ssl_context()) as http,
    ):
        yield RemoteApi(settings, credential, http)


class ApiProblemError(EnforcerError):
    """The API answered with a problem document."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        fix = _FIXES.get(problem.code, "")
        found = (
            f" (request {problem.request_id})" if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR else ""
        )
        answer = f"the API answers {problem.status} {problem.code}{found}: {_told(problem)}"
        super().__init__(f"{answer} {fix}".rstrip())


class HeldThereError(HeldError):
    """The app's brake holds it until somebody approves the problem's digest."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.digest = problem, problem.digest
        super(HeldError, self).__init__(_told(problem))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered to a call that it has accepted."""

    status: int
    body: bytes

    def read[T](self, kind: type[T]) -> T:
        """Read the answer.

        Raises:
            UnavailableError: It is of another kind.
        """
        try:
            return msgspec.json.decode(self.body, type=kind)
        except msgspec.MsgspecError as error:
            raise UnavailableError(
                f"the app accepted it, but its answer cannot be read ({error}): check ENFORCER_API_URL, and"
                " whether app and command line are of one version"
            ) from error


class RemoteApi:
    """The API for one event loop."""

    def __init__(self, settings: Settings, credential: BoundedCredential, http: AsyncClient) -> None:
        self._url, self._scope = settings.api_url, token_scope(settings.api_audience)
        self._credential, self._http = credential, http

    async def call(
        self,
        method: str,
        path: Sequence[str],
        body: object = None,
        *,
        media_type: str = JSON,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call a route once, within a minute.

        Args:
            method: Such as `POST`.
            path: The parts of the path below `/api`, as they are; they are encoded here.
            body: Sent as JSON; bytes as they are.
            media_type: What the body is.
            query: Parameters; empty ones are left out.

        Raises:
            ApiProblemError, HeldThereError: The API answers with a problem.
            AccessDeniedError: There is no token for the API, or it is not accepted.
            UnavailableError: The app does not answer, or something else answers in its place.
        """
        import httpx

        headers = {"Authorization": f"Bearer {await self._token()}"}
        request = self._http.build_request(
            method,
            "/".join([self._url, *(quote(part, safe="@") for part in path)]),
            params={name: value for name, value in (query or {}).items() if value},
            content=body if isinstance(body, bytes) else msgspec.json.encode(body) if body else b"",
            headers=headers | ({"Content-Type": media_type} if body else {}),
        )
        try:
            response = await bounded(self._http.send(request), _SECONDS)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise self._down(error, "so nothing was done") from error
        except (httpx.HTTPError, OSError) as error:
            raise self._down(error, "so it is not known what was done; calling again does no harm") from error
        return self._answer(response)

    def _answer(self, response: Response) -> Answer:
        if response.is_success:
            return Answer(response.status_code, response.content)
        if response.headers.get("content-type", "").partition(";")[0] == PROBLEM_JSON:
            raise self._problem(response)
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            raise AccessDeniedError(
                f"the app does not accept the token (401), so nothing was done. {_FIXES[Code.NO_TOKEN]}"
            )
        raise self._strange(response)

    def _problem(self, response: Response) -> EnforcerError:
        try:
            problem = msgspec.json.decode(response.content, type=Problem)
        except msgspec.MsgspecError:
            return self._strange(response)
        return HeldThereError(problem) if problem.digest else ApiProblemError(problem)

    def _strange(self, response: Response) -> UnavailableError:
        answer = f"{response.status_code} {response.reason_phrase}"
        return UnavailableError(
            f"{self._url} answers {answer}, as this API does not: check ENFORCER_API_URL, and whether the app"
            " runs. While it is down, --direct acts without it."
        )

    def _down(self, error: Exception, so: str) -> UnavailableError:
        reason = " ".join(str(error).split()) or type(error).__name__
        return UnavailableError(
            f"{self._url} does not answer ({reason}), {so}. While the app is down, --direct acts without it."
        )

    async def _token(self) -> str:
        try:
            return (await self._credential.get_token(self._scope)).token
        except (AccessDeniedError, UnavailableError) as error:
            raise type(error)(
                f"there is no token for the API, so nothing was done. Run az login --scope {self._scope}"
                f" ({error})"
            ) from error


def token_scope(audience: str) -> str:
    """Return the scope of a token for this audience, which may be the bare client ID."""
    return f"{audience}/.default" if "://" in audience else f"api://{audience}/.default"


def _told(problem: Problem) -> str:
    """Return what a problem says, line by line; it may quote what other people wrote."""
    return "\n".join(plain(line, instead="�") for line in problem.detail.splitlines())
