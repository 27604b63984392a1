"""A request to Graph and its answer, whether sent by itself or in a batch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import msgspec

from sandbox.directory.errors import GraphError
from sandbox.directory.tenant import Json

OBJECT_TYPE = (
    "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
)


class Delivery(IntEnum):
    """What happens to an answer in transit; the higher, the worse."""

    WHOLE = 0
    TRUNCATED = 1
    DROPPED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose token it is, and what it allows."""

    app_id: str
    object_id: str
    permissions: frozenset[str]


NOBODY = Caller(app_id="", object_id="", permissions=frozenset())


@dataclass(slots=True, kw_only=True)
class Call:
    """`path` is decoded, without version prefix and doubled slashes; header names are in lower case."""

    method: str
    segments: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    # The base address that the caller used, for links: "http://host/v1.0".
    root: str
    request_id: str
    client_request_id: str
    caller: Caller = NOBODY
    batch_id: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return "/" + "/".join(self.segments)

    @property
    def target(self) -> str:
        """Path and query as people write them; what faults match and the log shows."""
        query = "&".join(f"{name}={value}" for name, value in self.query.items())
        return f"{self.path}?{query}" if query else self.path

    @property
    def eventual(self) -> bool:
        """Whether the caller requests advanced query capabilities."""
        return self.headers.get("consistencylevel", "").lower() == "eventual"

    def json(self) -> Json:
        """Return the body as an object. Raises GraphError (400)."""
        try:
            return msgspec.json.decode(self.body, type=dict)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise GraphError(
                400,
                "BadRequest",
                "Unable to read JSON request payload. Please ensure Content-Type header is"
                " set and payload is of valid JSON format.",
            ) from error


@dataclass(slots=True, kw_only=True)
class Answer:
    """`body` is an object to encode, ready bytes, or nothing."""

    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = OBJECT_TYPE
    delivery: Delivery = Delivery.WHOLE
    resource_units: int = 0
    writes: int = 0
    fault: str | None = None
    catastrophe: str | None = None

    def payload(self) -> bytes:
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)


def no_content() -> Answer:
    return Answer(status=204)
