"""What is written to the register only because somebody said so: ends that are over, and unknown people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What a change of the register may do because somebody said so.

    Attributes:
        past: End access that is over by the time of the change.
        unknown: Register people whom Entra does not know (yet).
    """

    past: bool = False
    unknown: bool = False


NOTHING_MORE: Final = Allowed()
