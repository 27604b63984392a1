"""What the sandbox was asked, and what it answered."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Any

from msgspec import Struct

from sandbox.directory.ids import is_id


class Entry(Struct, kw_only=True, omit_defaults=True):
    """A request or batch item; `batch` is the request ID of the batch that contained it."""

    number: int
    at: datetime
    method: str
    path: str
    status: int
    app_id: str = ""
    batch: str | None = None
    resource_units: int = 0
    writes: int = 0
    request_id: str = ""
    client_request_id: str = ""
    priority: str = ""
    fault: str | None = None
    catastrophe: str | None = None


class Counts(Struct, kw_only=True):
    """`requests` counts HTTP requests, `operations` what they contained: batch items count one by one."""

    requests: int
    operations: int
    writes: int
    resource_units: int
    by_status: dict[str, int]
    by_operation: dict[str, int]
    throttled: dict[str, int]
    catastrophes: list[str]


class Log:
    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def clear(self) -> None:
        self.entries.clear()

    def record(
        self,
        at: datetime,
        method: str,
        path: str,
        status: int,
        fault: str | None = None,
        **particulars: Any,
    ) -> None:
        self.entries.append(
            Entry(
                number=len(self.entries) + 1,
                at=at,
                method=method,
                path=path,
                status=status,
                fault=fault,
                **particulars,
            )
        )

    def after(self, number: int) -> Iterator[Entry]:
        return (entry for entry in self.entries if entry.number > number)

    @property
    def catastrophes(self) -> list[str]:
        return [entry.catastrophe for entry in self.entries if entry.catastrophe]

    def counts(self, throttled: Counter[str]) -> Counts:
        requests = [entry for entry in self.entries if entry.path.startswith("/v1.0/")]
        operations = [entry for entry in requests if not entry.path.startswith("/v1.0/$batch")]
        done = [entry for entry in operations if entry.status != HTTPStatus.TOO_MANY_REQUESTS]
        return Counts(
            requests=sum(1 for entry in requests if entry.batch is None),
            operations=len(operations),
            writes=sum(entry.writes for entry in done),
            resource_units=sum(entry.resource_units for entry in done),
            by_status=dict(Counter(str(entry.status) for entry in operations)),
            by_operation=dict(Counter(f"{entry.method} {_kind(entry.path)}" for entry in operations)),
            throttled=dict(throttled),
            catastrophes=self.catastrophes,
        )


def _kind(path: str) -> str:
    """Return the path with `{id}` in place of whatever names an object."""
    segments = path.partition("?")[0].split("/")
    return "/".join("{id}" if _names_object(segment) else segment for segment in segments)


def _names_object(segment: str) -> bool:
    return "@" in segment or is_id(segment)
