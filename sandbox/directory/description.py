"""What Microsoft publishes about the Graph v1.0 calls made here; `graph_v1.json` names its sources."""

import re
from functools import cached_property
from pathlib import Path

import msgspec
from msgspec import Struct, field

_PLACES = {"{id}": r"[^/]+", "{cast}": r"(?:microsoft\.)?graph\.\w+"}
_PLACE = re.compile(r"\{\w+\}")
# OData's `applications(uniqueName='x')` is `applications/uniqueName='x'`.
_KEY = re.compile(r"(?<=[a-z])\(([^()/]+)\)")


class Operation(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """One call.

    Attributes:
        path: With `{id}` in place of whatever names an object, and `{cast}` in place of a type.
        units: Resource units of a plain call; None where a service other than the directory counts.
        writes: What it costs of the write quota.
        returns: The type that it returns.
        page: The highest `$top`.
        query: The query options that it accepts.
        filter: Properties on which `$filter` supports `eq` and `in` without advanced query parameters.
        body, action, reference, empty_body: What it accepts: an entity of a type, the parameters of an
            action, a link to an object, or `{}`.
        fields: The properties that the permissions below allow to change.
        most: How many elements a parameter may have.
        batch: How many requests it may hold.
        status: The status of its answer.
        permissions: Application permissions (of `/me`: delegated ones) each of which is enough, with two
            exceptions: `together` gives sets that are enough, `all_of` those that are all needed.
    """

    method: str
    path: str
    units: int | None = None
    writes: int = 0
    service: str = ""
    returns: str = ""
    page: int = 0
    query: tuple[str, ...] = ()
    filter: tuple[str, ...] = ()
    body: str = ""
    action: str = ""
    reference: bool = False
    empty_body: bool = False
    fields: tuple[str, ...] = ()
    most: dict[str, int] = field(default_factory=dict)
    batch: int = 0
    status: tuple[int, ...] = (200,)
    permissions: frozenset[str] = frozenset()
    together: tuple[frozenset[str], ...] = ()
    all_of: frozenset[str] = frozenset()

    def allowed(self, held: frozenset[str]) -> bool:
        """Whether a holder of these permissions may make the call."""
        enough = bool(self.permissions & held) or any(some <= held for some in self.together)
        return self.all_of <= held and enough

    @cached_property
    def form(self) -> re.Pattern[str]:
        return re.compile(
            "".join(_PLACES.get(part, re.escape(part)) for part in re.split(r"(\{\w+\})", self.path)),
            re.IGNORECASE,
        )


class Type(Struct, frozen=True, forbid_unknown_fields=True):
    properties: dict[str, str]
    base: str = ""
    abstract: bool = False


class Enumeration(Struct, frozen=True, forbid_unknown_fields=True):
    """`flags`: several values may be combined, separated by commas."""

    values: tuple[str, ...]
    flags: bool = False


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    resource_units_per_10_s: dict[str, int]
    writes: int
    writes_seconds: int
    tenant_writes: int
    tenant_writes_seconds: int
    conditional_access_per_second: int
    conditional_access_retry_after: bool
    batch: int
    mailbox_concurrent: int


class Description(Struct, frozen=True, forbid_unknown_fields=True):
    sources: dict[str, str]
    limits: Limits
    operations: tuple[Operation, ...]
    actions: dict[str, dict[str, str]]
    types: dict[str, Type]
    enums: dict[str, Enumeration]
    properties: dict[str, frozenset[str]]

    def operations_at(self, path: str) -> list[Operation]:
        """Return the operations that this path may mean; its placeholders may be filled in or not."""
        path = _KEY.sub(r"/\1", path)
        return [
            one for one in self.operations if one.form.fullmatch(path) or _shape(path) == _shape(one.path)
        ]

    def selectable(self, operation: Operation) -> frozenset[str]:
        """Return the properties that `$select` may name; of a mixed collection, those of any type in it."""
        mixed = ("user", "group", "servicePrincipal", "directoryObject")
        kinds = mixed if operation.returns == "directoryObject" else (operation.returns,)
        return frozenset().union(*(self.properties.get(kind, frozenset()) for kind in kinds))

    def ancestry(self, kind: str) -> list[str]:
        """Return the type and its base types, as far as they are described."""
        found = []
        while kind in self.types:
            found.append(kind)
            kind = self.types[kind].base
        return found


def _shape(path: str) -> str:
    return _PLACE.sub("{}", path)


GRAPH_V1 = msgspec.json.decode(Path(__file__).with_name("graph_v1.json").read_bytes(), type=Description)
