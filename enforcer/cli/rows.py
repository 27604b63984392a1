"""Rows of the register, as commands show them."""

from __future__ import annotations

from dataclasses import asdict

from enforcer.core.calendar import dates
from enforcer.core.contractors import RegisterRow


def shown(row: RegisterRow) -> dict[str, str]:
    """Return a row's values as texts, by the names of its fields."""
    values = asdict(row)
    del values["perhaps_end_date"]
    for name in ("end_date", "start_date"):
        values[name] = "" if values[name] is None else dates.written(values[name])
    return values
