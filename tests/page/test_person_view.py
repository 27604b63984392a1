"""What a person's page shows of what is known about them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from enforcer.core.members import Person
from enforcer.core.offboarding_record import OffboardingRecord, Proof, Sessions, State
from enforcer.core.user_kind import UserKind
from enforcer.page.person import Engagement, InEntra, Known
from enforcer.page.person_view import Mistakes, name_of
from tests.support.page_visitor import Visitor
from tests.support.register_rows import row
from tests.support.runs import GROUP
from tests.support.world import ENDED, World

IN_ENTRA = Person(
    id="anna",
    display_name="Anna in Entra",
    user_principal_name="",
    mail="",
    user_kind=UserKind.MEMBER,
    enabled=True,
)


def known(person: Person | None, *display_names: str) -> Known:
    rows = [row("anna@x.example", "2027-01-31", display_name=name) for name in display_names]
    return Known(
        name="anna@x.example",
        entra=InEntra(person=person),
        engagements=tuple(Engagement(group_id=GROUP, row=item, record=None) for item in rows),
        history=(),
    )


def test_name_is_entras_then_the_registers_then_the_one_in_the_path() -> None:
    assert name_of(known(IN_ENTRA, "Anna in the register")) == "Anna in Entra"
    assert name_of(known(None, "Anna in the register")) == "Anna in the register"
    assert name_of(known(None)) == "anna@x.example"


def test_a_mistake_concerns_only_the_form_in_which_it_was_made() -> None:
    mistakes = Mistakes(problems={"end_date": "is not a day"}, form={"action": "extend", "group": GROUP})
    assert mistakes.concerns("extend", GROUP)
    assert not mistakes.concerns("extend", "another group")
    assert not mistakes.concerns("offboard", GROUP)
    assert (mistakes.of("end_date"), mistakes.of("reason")) == ("is not a day", "")


async def shown(visitor: Visitor, **more: object) -> dict[str, str]:
    """Return the steps of an offboarding as the page shows them, by their labels."""
    world = visitor.world
    anna = world.member("Anna Adler")
    await world.register(anna.id, ENDED)
    done = OffboardingRecord(row_key=anna.id, user_id=anna.id, state=State.OFFBOARDED, **more)  # type: ignore[arg-type]
    await world.services.records.save(world.group.id, [done])
    page = await visitor.get(f"/api/people/{anna.id}")
    labels = [" ".join(item.text.split()) for item in page.all("dt")]
    values = [" ".join(item.text.split()) for item in page.all("dd")]
    return dict(zip(labels, values, strict=True))


@pytest.mark.anyio
async def test_each_step_is_shown_with_its_time_and_the_removal_with_its_lag(visitor: Visitor) -> None:
    due_at = datetime.fromisoformat("2026-01-31T23:00:00Z")
    times = [due_at + timedelta(hours=hours) for hours in (2, 3, 26)]
    steps = await shown(
        visitor,
        due_at=due_at,
        disabled_at=times[0],
        removed_at=times[0],
        revoked_at=times[1],
        sessions=Sessions.REVOKED,
        verified_at=times[2],
        proof=Proof.BLOCKED,
        proof_policy="Block leavers",
    )
    assert steps["Access ended"] == "31 Jan 2026"
    assert steps["Account disabled"] == "1 Feb 2026, 02:00"
    assert steps["Removed from the group"].startswith("1 Feb 2026, 02:00 2 h")
    assert steps["Removed from the group"].endswith("after the end")
    assert steps["Sessions"] == "1 Feb 2026, 03:00 revoked"
    assert steps["Absence verified"] == "2 Feb 2026, 02:00"
    assert steps["Next sign-in, by What If"] == "blocked Block leavers"


@pytest.mark.anyio
async def test_what_is_not_done_is_not_said_to_be(visitor: Visitor) -> None:
    steps = await shown(visitor)
    assert (steps["Removed from the group"], steps["Sessions"]) == ("not yet", "not done")
    assert steps["Absence verified"] == "not yet"
    assert "Account disabled" not in steps
    assert "Next sign-in, by What If" not in steps


@pytest.mark.anyio
async def test_a_guests_sessions_are_not_said_to_be_revoked(visitor: Visitor, world: World) -> None:
    steps = await shown(visitor, revoked_at=world.clock.moment, sessions=Sessions.HOME_TENANT)
    assert steps["Sessions"] == "the home tenant's, not ours to revoke"
