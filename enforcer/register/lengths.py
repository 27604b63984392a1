"""How long the texts of a row may be, in characters."""

from __future__ import annotations

# A note grows with every offboarding.
LONGEST = {"display_name": 1000, "company": 1000, "note": 4000}
LONGEST_OTHER = 1000
