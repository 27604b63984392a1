"""What an actor may not do to the register: help themselves, or shorten access without the role for it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from enforcer.core.actors import Actor
from enforcer.core.contractors import RegisterRow, read_row
from enforcer.core.exceptions import FourEyesError, MissingRoleError, NotFoundError, UnavailableError
from enforcer.core.keys import is_object_id
from enforcer.core.shortening import shortening
from enforcer.services import Services


async def require_others(services: Services, actor: Actor, keys: Collection[str]) -> None:
    """Make sure that none of these normalised keys means whoever asks.

    Raises:
        FourEyesError: One does, under whichever of their names.
        RunError: One is an address, and Entra refuses to say which addresses are theirs.
    """
    if own := await own_keys(services, actor, keys):
        raise FourEyesError(
            f"{min(own)} is yourself: nobody decides about their own access, so ask somebody else",
            field="user",
        )


async def own_keys(services: Services, actor: Actor, keys: Collection[str]) -> frozenset[str]:
    """Return which of these keys mean the actor. Raises: as `require_others`."""
    if not actor.person_id:
        return frozenset()
    names = actor.addresses | {actor.person_id}
    if not all(is_object_id(key) for key in keys):
        names |= await _names_in_entra(services, actor.person_id)
    return names.intersection(keys)


async def _names_in_entra(services: Services, user_id: str) -> frozenset[str]:
    try:
        return (await services.directory.find(user_id)).possible_names
    except (NotFoundError, UnavailableError):
        # The token names addresses, too; the register can be changed while Entra is away.
        return frozenset()


def require_right(services: Services, actor: Actor, before: RegisterRow | None, row: RegisterRow) -> None:
    """Make sure that the actor may shorten access, if that is what writing the row does.

    A start that it does not say stays as it was.

    Raises:
        MissingRoleError: It does, and they may not.
    """
    if actor.may_shorten:
        return
    rules = services.settings.date_rules
    read = read_row(before, rules) if before else None
    after = replace(row, start_date=row.start_date or (before.start_date if before else None))
    if how := shortening(read, read_row(after, rules), services.now()):
        role = services.settings.api_role
        raise MissingRoleError(f"this {how}, which requires the app role {role}", field="end_date")
