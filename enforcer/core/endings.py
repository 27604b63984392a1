"""Ends of access, with what people need to know about them besides the date."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from enforcer.core.keys import is_address


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The end of a contractor's access in one managed group."""

    group_id: str
    row_key: str
    end_date: str
    due_at: datetime
    display_name: str = ""
    company: str = ""
    sponsor: str = ""

    @property
    def address(self) -> str:
        """The sponsor's mail address in lower case; empty if there is none."""
        sponsor = self.sponsor.strip().lower()
        return sponsor if is_address(sponsor) else ""

    def may_be_told(self, domains: Collection[str]) -> bool:
        """Whether the sponsor has an address in one of these mail domains."""
        return bool(self.address) and self.address.rpartition("@")[2] in domains
