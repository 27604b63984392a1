"""A tenant with everything that the page can show, and the app in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import IO

import pytest

from enforcer.core.calendar.dates import ends_at
from enforcer.core.offboarding_record import OffboardingRecord, State
from sandbox.directory.objects import User
from sandbox.directory.tokens import TokenKind, TokenRequest
from sandbox.host.process import running_host_async
from tests.support.api_caller import APPROVE, AUDIENCE, CHANGE
from tests.support.world import World, running_world

PROJECT = Path(__file__).parents[2]
COMPANIES = ("Northwind Ltd", "Fabrikam GmbH", "Freelance")
# Days from today to the last day of access.
STAY = {
    "Elif Kaya": 0, "Femi Adeyemi": 1, "Grace Osei": 4, "Hugo Meyer": 6, "Ines Duarte": 11, "Jonas Berg": 12,
    "Keiko Sato": 13, "Liam Walsh": 20, "Mina Farahani": 25, "Nils Holm": 33, "Oksana Shevchenko": 39,
    "Pedro Alves": 40, "Quinn Harper": 41, "Rosa Lindt": 55, "Sven Aalto": 70, "Uma Pillai": 200,
}  # fmt: skip
SAME_DAY = (
    "Aino Virta",
    "Bo Lind",
    "Cleo Marsh",
    "Dora Nagy",
    "Egon Falk",
    "Flora Reid",
    "Gil Amado",
    "Ida Bruun",
)
GONE = {"Ada Novak": -2, "Bilal Khan": -2}
HELD = {"Viktor Kiss": -1, "Wanda Nowak": -1, "Xavier Roux": -2, "Yara Haddad": -1}
STUCK = "Tomas Vesely"
UNREADABLE = "Max Weber"
UNREGISTERED = ("Forgotten Admin", "Ghost Account")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where the app is, and who may view it."""

    world: World
    url: str
    operator: User
    people: dict[str, User]

    def token(self, role: str = CHANGE) -> str:
        """Return the ID token of somebody signed in; whoever may offboard may approve here, too."""
        roles = [role, APPROVE] if role == CHANGE else [role]
        request = TokenRequest(audience=AUDIENCE, user=self.operator.id, roles=roles, kind=TokenKind.ID)
        return self.world.directory.token(request)

    def page_of(self, name: str) -> str:
        return f"/api/people/{self.people[name].id}"

    def is_member(self, name: str) -> bool:
        return self.people[name].id in self.world.member_ids()


type Fill = Callable[[World], Awaitable[dict[str, User]]]
"""Fills a tenant with people, and gives them by name."""


@asynccontextmanager
async def running_stage(connection_string: str, log: IO[bytes], fill: Fill) -> AsyncIterator[Stage]:
    """Set up a stage; nothing is left running afterwards."""
    environ = {
        "ENFORCER_API_AUDIENCE": AUDIENCE,
        "ENFORCER_TIME_ZONE": "Europe/Berlin",
        "ENFORCER_BRAKE_COUNT": "3",
        "ENFORCER_BRAKE_PERCENT": "5",
        "AzureWebJobsStorage": connection_string,
    }
    with pytest.MonkeyPatch.context() as patch:
        async with running_world(connection_string, patch.setenv, environ=environ) as world:
            people = await fill(world)
            operator = world.tenant.add_user("Olivia Operator")
            arguments = ["--callers", "behind-app-service", "--no-queues"]
            host = running_host_async(PROJECT, settings=world.environ, arguments=arguments, log=log)
            async with host as process:
                yield Stage(world=world, url=process.url, operator=operator, people=people)


async def busy_week(world: World) -> dict[str, User]:
    """Run a successful night, and then one that the brake holds."""
    ends = STAY | dict.fromkeys(SAME_DAY, 18) | GONE
    people = {name: world.member(name) for name in (*ends, *HELD, STUCK, UNREADABLE, *UNREGISTERED)}
    for name, days in ends.items():
        await register(world, people[name], days)
    present, midnight = (
        world.clock.moment,
        ends_at(last_day(world, -2).isoformat(), world.services.settings.zone),
    )
    world.clock.moment = midnight + timedelta(minutes=30)
    await world.sweep()
    world.clock.moment = present
    await _add_trouble(world, people)
    await world.sweep()
    return people


async def _add_trouble(world: World, people: dict[str, User]) -> None:
    await world.register(people[UNREADABLE].id, "31.02.2027", display_name=UNREADABLE, company="Freelance")
    for name, days in HELD.items():
        await register(world, people[name], days)
    await register(world, people[STUCK], -6)
    row = await world.services.register.row(world.group.id, people[STUCK].id)
    assert row is not None
    stuck = OffboardingRecord(
        row_key=row.row_key,
        user_id=people[STUCK].id,
        state=State.STUCK,
        end_date=str(row.end_date),
        due_at=world.clock.moment - timedelta(days=5),
        attempts=6,
        next_attempt_at=world.clock.moment + timedelta(hours=20),
        last_error="403 Authorization_RequestDenied: Insufficient privileges to complete the operation.",
    )
    await world.services.records.save(world.group.id, [stuck])


async def register(world: World, person: User, days: int, **more: str) -> None:
    name = person.display_name or ""
    texts = {
        "display_name": name,
        "company": COMPANIES[len(name) % len(COMPANIES)],
        "sponsor": "sam.sponsor@contoso.example",
    }
    await world.register(person.id, last_day(world, days).isoformat(), **(texts | more))


def last_day(world: World, days: int) -> date:
    return world.clock.moment.astimezone(world.services.settings.zone).date() + timedelta(days=days)
