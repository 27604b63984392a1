"""Finds the handler for a method and a path."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum

from sandbox.directory.errors import method_not_allowed, no_such_segment
from sandbox.directory.messages import Answer, Call
from sandbox.directory.permissions import Alternatives
from sandbox.directory.state import Sandbox

type Handler = Callable[[Call, Sandbox], Answer]

_KEY_IN_PARENTHESES = re.compile(r"^(?P<name>[A-Za-z]+)\((?P<key>[^()]+)\)$")


class Service(Enum):
    """The services behind Graph, each with its own quota."""

    DIRECTORY = "directory"
    CONDITIONAL_ACCESS = "conditionalAccess"
    EXCHANGE = "exchange"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """`resource_units`, `writes`: the cost of a plain call; `owner_may`: group owners need no permission."""

    method: str
    pattern: str
    handler: Handler
    permissions: Alternatives
    resource_units: int = 1
    writes: int = 0
    service: Service = Service.DIRECTORY
    owner_may: bool = False

    @property
    def steps(self) -> tuple[str, ...]:
        return tuple(self.pattern.strip("/").split("/"))

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(step.strip("{}") for step in self.steps if step.startswith("{"))


@dataclass(slots=True)
class _Node:
    literals: dict[str, "_Node"] = field(default_factory=dict)
    anything: "_Node | None" = None
    endpoints: dict[str, Endpoint] = field(default_factory=dict)


class Router:
    """Patterns consist of literal segments, matched ignoring case, and `{parameters}`."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._root = _Node()
        for endpoint in endpoints:
            self._add(endpoint)

    def find(self, call: Call) -> Endpoint:
        """Return the endpoint for a call, and fill in its parameters. Raises GraphError (400, 405)."""
        node = self._root
        values = []
        for segment in _unfold(call.segments):
            name = segment.lower()
            # Actions may be called by their qualified names.
            literal = node.literals.get(name) or node.literals.get(name.removeprefix("microsoft.graph."))
            if literal is None and node.anything is None:
                raise no_such_segment(segment)
            if literal is None:
                values.append(segment)
            node = literal or node.anything or node
        if call.method not in node.endpoints:
            raise method_not_allowed() if node.endpoints else no_such_segment(call.path)
        endpoint = node.endpoints[call.method]
        call.parameters = dict(zip(endpoint.parameters, values, strict=True))
        return endpoint

    def _add(self, endpoint: Endpoint) -> None:
        node = self._root
        for step in endpoint.steps:
            if step.startswith("{"):
                node.anything = node.anything or _Node()
                node = node.anything
            else:
                node = node.literals.setdefault(step.lower(), _Node())
        node.endpoints[endpoint.method] = endpoint


def _unfold(segments: Iterable[str]) -> Iterable[str]:
    """OData's `users('key')` is the same as `users/key`."""
    for segment in segments:
        match = _KEY_IN_PARENTHESES.match(segment)
        if match:
            yield match["name"]
            yield match["key"].strip("'").replace("''", "'") if "=" not in match["key"] else match["key"]
        else:
            yield segment
