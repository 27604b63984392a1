"""Who acts: by what records name them, and what they are called."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Whoever asks for something.

    Attributes:
        id: `user:` or `app:` and the object ID in our tenant. Records and rules go by this.
        name: What they are called, for people; empty if unknown. Nothing is decided by it.
        addresses: The addresses that their token names, as normalised keys.
        may_shorten: Whether they may end or shorten somebody's access.
    """

    id: str
    name: str = ""
    addresses: frozenset[str] = frozenset()
    may_shorten: bool = True

    @property
    def person_id(self) -> str:
        """The object ID of a person; empty for an application."""
        kind, _, object_id = self.id.partition(":")
        return object_id if kind == "user" else ""


def actor_id(*, object_id: str, is_app: bool) -> str:
    """Return how records name a person or an application."""
    return f"{'app' if is_app else 'user'}:{object_id.lower()}"
