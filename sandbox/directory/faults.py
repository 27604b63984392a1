"""Injected faults: what goes wrong with which requests."""

import re
from enum import StrEnum

from msgspec import Struct, field

from sandbox.directory.tenant import Json


class Effect(StrEnum):
    """What a fault does. The request itself takes effect only where a comment says so."""

    ANSWER = "answer"
    ANSWER_AFTER_EFFECT = "answer_after_effect"
    DROP = "drop"
    DROP_AFTER_EFFECT = "drop_after_effect"
    # The request takes effect, and half of its answer arrives.
    TRUNCATE = "truncate"
    # The request takes effect, late.
    DELAY = "delay"


class Where(StrEnum):
    ANYWHERE = "anywhere"
    ALONE = "alone"
    IN_BATCH = "in_batch"


class Fault(Struct, kw_only=True, forbid_unknown_fields=True):
    """`method` and `path` are regular expressions; the latter is searched for in "/v1.0/path?query", decoded.

    The first `skip` matching requests pass; the fault then strikes `times` times (None: forever). It first
    waits for `seconds`, whatever the effect. An answer's body is Graph's error of `code` and `message`, or
    `body` unchanged: an object as JSON, a text as HTML.
    """

    method: str = ".*"
    path: str = ".*"
    where: Where = Where.ANYWHERE
    skip: int = 0
    times: int | None = 1
    effect: Effect = Effect.ANSWER
    seconds: float = 0.0
    status: int = 503
    code: str = "serviceNotAvailable"
    message: str = "The service is temporarily unavailable."
    headers: dict[str, str] = field(default_factory=dict)
    body: Json | str | None = None
    # How often it has struck.
    struck: int = 0

    @property
    def spent(self) -> bool:
        return self.times is not None and self.struck >= self.times


class Faults:
    """The first fault in the list that matches a request strikes it."""

    def __init__(self) -> None:
        self.orders: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Raises re.error for an invalid expression."""
        re.compile(fault.method)
        re.compile(fault.path)
        self.orders.append(fault)

    def clear(self) -> None:
        self.orders.clear()

    def strike(self, method: str, path: str, *, batched: bool) -> Fault | None:
        """Return the fault that strikes this request, if any."""
        for fault in self.orders:
            if fault.spent or not _matches(fault, method, path, batched=batched):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.struck += 1
            return fault
        return None


def _matches(fault: Fault, method: str, path: str, *, batched: bool) -> bool:
    elsewhere = Where.ALONE if batched else Where.IN_BATCH
    return (
        fault.where is not elsewhere
        and re.fullmatch(fault.method, method, re.IGNORECASE) is not None
        and re.search(fault.path, path, re.IGNORECASE) is not None
    )
