"""Ends of access, with what people need to know about them besides the date."""

from __future__ import annotations

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
    def has_sponsor(self) -> bool:
        """Whether there is an address to send a mail to."""
        return is_address(self.sponsor.strip())
