"""A route: its name, what it takes and returns, and who may call it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from enforcer.web.calls import Handler
from enforcer.web.messages import LARGEST_BODY
from enforcer.web.roles import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of the query; all are optional."""

    name: str
    description: str
    schema: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route.

    Attributes:
        name: The function's name in Azure, and the operation's in the OpenAPI document.
        path: Below `/api/`.
        body: The type of what is sent, if anything; optional where all of its fields are.
        largest_body: In bytes; what is declared larger is not read.
        media_types: How the body may also be sent, besides JSON.
        answers: The types of successful answers, by status; None where the type is not ours.
        refusals: The statuses of problems that are specific to this route.
    """

    name: str
    method: str
    path: str
    access: Access
    handler: Handler
    summary: str
    body: type | None = None
    largest_body: int = LARGEST_BODY
    media_types: tuple[str, ...] = ()
    query: tuple[Parameter, ...] = ()
    answers: Mapping[int, type | None] = field(default_factory=dict)
    refusals: tuple[int, ...] = ()
