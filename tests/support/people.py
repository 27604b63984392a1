"""Shorthand for filling a world and inspecting the result."""

from __future__ import annotations

from enforcer.core.ledger import Action
from enforcer.core.offboard_answer import Offboarded
from enforcer.core.run_ids import new_run_id
from enforcer.offboarding.on_demand import OffboardRequest, offboard_now
from sandbox.directory.faults import Fault
from sandbox.directory.objects import User
from tests.support.directory_facts import DirectoryChange, attempts
from tests.support.world import ENDED, RUNNING, World


async def leavers(world: World, count: int) -> list[User]:
    """Add that many members whose access has ended."""
    users = [world.member(f"Leaver {number}") for number in range(count)]
    for user in users:
        await world.register(user.id, ENDED)
    return users


async def stayers(world: World, count: int) -> list[User]:
    """Add that many members whose access has not ended."""
    users = [world.member(f"Stayer {number}") for number in range(count)]
    for user in users:
        await world.register(user.id, RUNNING)
    return users


def strike(world: World, **fault: object) -> None:
    """Make the directory's next matching request fail in this way."""
    world.directory.sandbox.faults.add(Fault(**fault))  # type: ignore[arg-type]


def heal(world: World) -> None:
    world.directory.sandbox.faults.clear()


def mark(world: World) -> int:
    """Return the current position in the directory's log."""
    return len(world.directory.sandbox.log.entries)


def tried(world: World, since: int = 0) -> list[DirectoryChange]:
    """Return the changes that the product has requested since then."""
    return attempts(world.directory.sandbox.log.after(since))


async def recorded(world: World, action: Action) -> list[tuple[str, str]]:
    """Return user and outcome of the ledger's entries of this kind."""
    return [(entry.user, entry.outcome) for entry in await world.ledger() if entry.action is action]


def removal_of(user: User) -> str:
    """Return the path of the call that removes this person."""
    return rf"members/{user.id}/\$ref"


async def offboard(world: World, user: User) -> Offboarded:
    """Offboard this person now."""
    request = OffboardRequest(
        user=user.id, reason="test", actor="test", run_id=new_run_id(world.clock.moment)
    )
    return await offboard_now(world.services, request)
