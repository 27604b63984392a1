"""Who carries out a deployment: hands that act, or hands that only say what they would do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

type Tell = Callable[[str], None]


class Hands(Protocol):
    """Carries changes out. Whoever asks for one has looked first: what is right already is not changed."""

    def say(self, text: str) -> None:
        """Show something to the person, on a line of its own."""

    async def change[T](self, text: str, act: Callable[[], Awaitable[T]]) -> T | None:
        """Make a change and tell it in a line; None if it was not made."""


@dataclass(frozen=True, slots=True)
class Acting:
    """Hands that act."""

    tell: Tell

    def say(self, text: str) -> None:
        self.tell(f"  {text}")

    async def change[T](self, text: str, act: Callable[[], Awaitable[T]]) -> T | None:
        self.tell(f"  {text}")
        return await act()


@dataclass(frozen=True, slots=True)
class Rehearsing:
    """Hands that change nothing and remember what they would have changed."""

    tell: Tell = lambda _: None
    changes: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.tell(f"  {text}")

    async def change[T](self, text: str, act: Callable[[], Awaitable[T]]) -> T | None:  # noqa: ARG002
        self.changes.append(text)
        self.tell(f"  would: {text}")
        return None
