"""Imports lines as a file would, whoever they are about."""

from __future__ import annotations

from collections.abc import Sequence

from enforcer.core.actors import Actor
from enforcer.core.contractors import RegisterRow
from enforcer.register.feed.reading import Line
from enforcer.register.importing import preview_import, write_import
from enforcer.services import Services


async def import_lines(services: Services, lines: Sequence[Line], *, actor: Actor) -> list[RegisterRow]:
    """Write the lines that change something, and return their rows."""
    return await write_import(services, await preview_import(services, lines, actor=actor), actor=actor)
