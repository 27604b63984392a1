"""A client of the sandbox's own routes, for programs that run it as a separate process."""

from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpx
import msgspec

from sandbox.directory.faults import Fault
from sandbox.directory.log import Counts, Entry
from sandbox.directory.sign_in import Attempt, Outcome
from sandbox.directory.tenant import Json, Tenant
from sandbox.directory.tenant_file import TenantFile, dump
from sandbox.directory.tokens import TokenRequest


@dataclass(slots=True)
class SandboxClient:
    """Methods raise httpx.HTTPStatusError if the sandbox refuses."""

    url: str
    http: httpx.Client

    @classmethod
    def at(cls, url: str) -> Self:
        return cls(url, httpx.Client(base_url=f"{url}/sandbox/", trust_env=False))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def load(self, tenant: Tenant) -> None:
        self._send("PUT", "tenant", dump(tenant))

    def tenant(self) -> TenantFile:
        return msgspec.json.decode(self._send("GET", "tenant"), type=TenantFile)

    def change(self, object_id: str, properties: Json) -> None:
        """Change an object behind Graph's back, as an administrator would in the portal."""
        self._send("PATCH", f"objects/{object_id}", msgspec.json.encode(properties))

    def mails(self) -> list[Json]:
        return msgspec.json.decode(self._send("GET", "mails"), type=list[Json])

    def configure(self, settings: Json) -> None:
        self._send("PATCH", "settings", msgspec.json.encode(settings))

    def inject(self, *faults: Fault) -> None:
        self._send("POST", "faults", msgspec.json.encode(faults))

    def heal(self) -> None:
        self._send("DELETE", "faults")

    def log(self, *, after: int = 0, method: str = ".*", path: str = "") -> list[Entry]:
        query = httpx.QueryParams(after=after, method=method, path=path)
        return msgspec.json.decode(self._send("GET", f"log?{query}"), type=list[Entry])

    def clear_log(self) -> None:
        self._send("DELETE", "log")

    def counts(self) -> Counts:
        return msgspec.json.decode(self._send("GET", "counts"), type=Counts)

    def run_clock_at(self, speed: float) -> None:
        self._send("POST", "clock", msgspec.json.encode({"speed": speed}))

    def advance_clock(self, seconds: float) -> None:
        self._send("POST", "clock", msgspec.json.encode({"advance_seconds": seconds}))

    def token(self, request: TokenRequest) -> str:
        answer = msgspec.json.decode(
            self._send("POST", "token", msgspec.json.encode(request)), type=dict[str, str]
        )
        return answer["access_token"]

    def rotate_keys(self) -> None:
        self._send("POST", "keys/rotate")

    def retire_keys(self) -> None:
        self._send("POST", "keys/retire")

    def sign_in(self, attempt: Attempt) -> Outcome:
        return msgspec.json.decode(self._send("POST", "signin", msgspec.json.encode(attempt)), type=Outcome)

    def _send(self, method: str, path: str, body: bytes = b"") -> bytes:
        response = self.http.request(method, path, content=body)
        response.raise_for_status()
        return response.content
