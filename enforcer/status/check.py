"""The result of one check."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from enforcer.services import Services


class Health(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """It works, but needs attention."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The result of one check: its subject, how it is, and how to fix it."""

    name: str
    health: Health
    detail: str
    fix: str = ""


type CheckFunction = Callable[[Services], Awaitable[list[Check]]]


def ok(name: str, detail: str) -> Check:
    return Check(name=name, health=Health.OK, detail=detail)


def warning(name: str, detail: str, fix: str) -> Check:
    return Check(name=name, health=Health.WARNING, detail=detail, fix=fix)


def failed(name: str, detail: str, fix: str) -> Check:
    return Check(name=name, health=Health.FAILED, detail=detail, fix=fix)
