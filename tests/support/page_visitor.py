"""Visits the page in this process, as the functions do; everything behind it is real."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from enforcer.page.answers import answer
from enforcer.page.routes import PAGES
from enforcer.web.messages import Request, Response
from enforcer.web.routes import Route
from sandbox.directory.tokens import TokenKind, TokenRequest
from tests.support.api_caller import APPROVE, AUDIENCE, CHANGE, Somebody

_EMPTY = frozenset({"meta", "input", "rect"})


@dataclass(slots=True)
class Element:
    tag: str
    attributes: Mapping[str, str]
    text: str = ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in _EMPTY:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag in _EMPTY:
            return
        while self._open and self._open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data


@dataclass(frozen=True, slots=True)
class Page:
    """A page as a reader sees it."""

    response: Response
    elements: list[Element] = field(default_factory=list)

    @classmethod
    def of(cls, response: Response) -> Page:
        reader = _Reader()
        reader.feed(response.body.decode())
        return cls(response, reader.elements)

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self.response.headers

    @property
    def text(self) -> str:
        """Return the visible text, in one line."""
        return " ".join(" ".join(item.text for item in self.all("main")).split())

    def all(self, tag: str, **attributes: str) -> list[Element]:
        wanted = {name.replace("_", "-").rstrip("-"): value for name, value in attributes.items()}
        return [
            element
            for element in self.elements
            if element.tag == tag and wanted.items() <= element.attributes.items()
        ]

    def links(self) -> dict[str, str]:
        """Return the links' targets by their texts."""
        return {" ".join(item.text.split()): item.attributes["href"] for item in self.all("a")}

    def buttons(self) -> list[str]:
        """Return the texts of all buttons but the search's."""
        texts = [" ".join(item.text.split()) for item in self.all("button")]
        return [text for text in texts if text != "Search"]


@dataclass(slots=True)
class Visitor(Somebody):
    """Somebody signed in through App Service; by default they may do everything."""

    roles: list[str] = field(default_factory=lambda: [CHANGE, APPROVE])

    def headers(self) -> dict[str, str]:
        token_request = TokenRequest(
            audience=AUDIENCE, user=self.person.id, roles=self.roles, kind=TokenKind.ID
        )
        return {
            "x-ms-token-aad-id-token": self.world.directory.token(token_request),
            "sec-fetch-site": "same-origin",
        }

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Page:
        return await self._send("GET", path, self.headers() if headers is None else headers, b"")

    async def post(
        self, path: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Page:
        given = self.headers() if headers is None else headers
        sent = {"content-type": "application/x-www-form-urlencoded", **given}
        return await self._send("POST", path, sent, urlencode(form).encode())

    async def upload(self, path: str, content: bytes, **fields: str) -> Page:
        """Send a form with a file."""
        parts = [
            f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        ]
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n'
        file = head + b"Content-Type: application/octet-stream\r\n\r\n" + content + b"\r\n"
        body = b"".join((*parts, file, b"--x--\r\n"))
        sent = {"content-type": "multipart/form-data; boundary=x", **self.headers()}
        return await self._send("POST", path, sent, body)

    async def follow(self, page: Page) -> Page:
        """Follow the redirect that a change answers with."""
        assert page.status == 303
        return await self.get(page.headers["Location"])

    async def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Page:
        parts = urlsplit(path)
        name = unquote(parts.path.removeprefix("/api/").removeprefix("people/"))
        request = Request(
            id="request-1",
            method=method,
            headers=headers,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            parameters={"user": name} if name else {},
            body=body,
        )
        return Page.of(await answer(self.api, _route(method, parts.path), request))


def _route(method: str, path: str) -> Route:
    place = path.removeprefix("/api/").partition("/")[0]
    paths = {route.path.partition("/")[0] for route in PAGES}
    wanted = place if place in paths else "{nothing:maxlength(0)?}"
    return next(route for route in PAGES if route.method == method and route.path.partition("/")[0] == wanted)
