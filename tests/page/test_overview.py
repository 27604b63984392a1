from __future__ import annotations

from datetime import timedelta

import pytest

from enforcer.core.actors import Actor
from enforcer.core.ledger import Action
from enforcer.core.offboarding_record import OffboardingRecord, State
from enforcer.core.plan import FindingKind
from enforcer.core.settings import FourEyes, Mode, Onboarding
from enforcer.page.attention import NAMED
from sandbox.directory.faults import Fault
from tests.support.api_caller import READ
from tests.support.findings import many, too_many
from tests.support.page_visitor import Page, Visitor
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio


async def test_before_the_first_run_the_page_says_that_there_was_none(visitor: Visitor) -> None:
    page = await visitor.get("/api/")
    assert page.status == 200
    assert "No run has completed yet." in page.text
    assert "No run yet." in page.text
    assert "All clear" not in page.text


async def test_when_nothing_is_the_matter_the_page_says_so(visitor: Visitor, world: World) -> None:
    await world.register(world.member("Ben Running").id, RUNNING)
    await world.sweep()
    page = await visitor.get("/api/")
    assert "All clear" in page.text
    assert "Last complete run 0 s ago" in page.text


async def test_a_member_without_a_row_is_named_and_linked(visitor: Visitor, world: World) -> None:
    ghost = world.member("Gus Ghost")
    await world.sweep()
    page = await visitor.get("/api/")
    assert page.links()["Gus Ghost"] == f"/api/people/{ghost.id}"
    assert "1 member without a row" in page.text


async def test_member_registered_since_the_run_is_not_listed_as_unregistered(
    visitor: Visitor, world: World
) -> None:
    ghost = world.member("Gus Ghost")
    await world.sweep()
    await world.register(ghost.id, RUNNING)
    assert "Members without a row" not in (await visitor.get("/api/")).text


async def test_unregistered_members_while_entra_is_away_go_by_object_id(
    visitor: Visitor, world: World
) -> None:
    ghost = world.member("Gus Ghost")
    await world.sweep()
    world.directory.sandbox.faults.add(Fault(path="^/v1.0", times=None))
    page = await visitor.get("/api/")
    assert page.status == 200
    assert page.links()[ghost.id] == f"/api/people/{ghost.id}"


async def test_of_many_members_without_a_row_some_are_named_and_all_are_counted(
    visitor: Visitor, world: World
) -> None:
    for number in range(NAMED + 3):
        world.member(f"Ghost {number}")
    await world.sweep()
    page = await visitor.get("/api/")
    assert f"{NAMED + 3} members without a row" in page.text
    assert "and 3 more" in page.text
    assert len([link for link in page.links() if link.startswith("Ghost ")]) == NAMED


async def test_of_however_many_findings_none_is_missing_from_the_numbers(
    visitor: Visitor, world: World
) -> None:
    await world.record(too_many(ghosts=5_000))
    await world.register("0", RUNNING)
    page = await visitor.get("/api/")
    assert "4999 members without a row" in page.text
    assert "6000 other findings" in page.text
    assert f"and {4_999 - NAMED} more; the nightly run's report lists them all" in page.text
    assert f"and {6_000 - NAMED} more; the nightly run's report lists them all" in page.text


async def test_as_long_as_one_finding_is_left_out_nothing_is_clear(visitor: Visitor, world: World) -> None:
    run = await world.record(many(FindingKind.UNREGISTERED_MEMBER, 80, "é" * 2_000))
    found = await world.services.runs.findings(world.group.id, run.run_id)
    for ghost in found.named:
        await world.register(str(ghost.user_id), RUNNING)
    page = await visitor.get("/api/")
    assert found.left_out
    assert f"{found.left_out} members without a row" in page.text
    assert "All clear" not in page.text


async def test_a_row_that_cannot_be_read_is_told_with_its_value(visitor: Visitor, world: World) -> None:
    max_ = world.member("Max Weber")
    await world.register(max_.id, "31.02.2027", display_name="Max Weber")
    await world.sweep()
    page = await visitor.get("/api/")
    assert "Rows that cannot be read" in page.text
    assert "'31.02.2027'" in page.text
    assert page.links()["Max Weber"] == f"/api/people/{max_.id}"


async def test_the_stuck_are_told_with_what_graph_said(visitor: Visitor, world: World) -> None:
    person = world.member("Sam Stuck")
    await world.register(person.id, ENDED, display_name="Sam Stuck")
    stuck = OffboardingRecord(
        row_key=person.id,
        user_id=person.id,
        state=State.STUCK,
        end_date=ENDED,
        due_at=world.clock.moment - timedelta(days=8),
        attempts=6,
        next_attempt_at=world.clock.moment + timedelta(hours=3),
        last_error="403 Authorization_RequestDenied",
    )
    await world.services.records.save(world.group.id, [stuck])
    page = await visitor.get("/api/")
    assert "6 runs have failed; next try " in page.text
    assert "403 Authorization_RequestDenied" in page.text
    assert page.links()["Sam Stuck"] == f"/api/people/{person.id}"


async def test_a_held_plan_is_shown_with_its_people_approved_and_carried_out(
    visitor: Visitor, world: World
) -> None:
    await _hold(visitor, world)
    page = await visitor.get("/api/")
    assert "The brake holds a plan: 3 of 3 members to offboard" in page.text
    assert {"Person 0", "Person 1", "Person 2"} <= page.links().keys()
    [digest] = [item.attributes["value"] for item in page.all("input", name="digest")]

    page = await visitor.follow(await visitor.post("/api/", {"digest": digest}))

    assert "the next sweep may act on these 3 people" in page.text
    assert "The brake holds" not in page.text
    [approved] = [entry for entry in await world.ledger() if entry.action is Action.APPROVE]
    assert approved.actor == visitor.actor
    assert (await world.sweep()).run.removed == 3


async def test_held_additions_are_shown_with_their_people(visitor: Visitor, world: World) -> None:
    visitor.configure(onboard=Onboarding.ADD)
    await world.register(world.tenant.add_user("First Joiner").id, RUNNING, display_name="First Joiner")
    assert (await world.sweep()).run.held_onboard
    page = await visitor.get("/api/")
    assert "The brake holds a plan: 1 people to add" in page.text
    assert "would be added" in page.text
    assert "First Joiner" in page.links()


async def test_a_reader_sees_a_held_plan_and_cannot_approve_it(visitor: Visitor, world: World) -> None:
    await _hold(visitor, world)
    [digest] = [item.attributes["value"] for item in (await visitor.get("/api/")).all("input", name="digest")]
    visitor.roles = [READ]

    page = await visitor.get("/api/")
    assert "The brake holds a plan" in page.text
    assert page.buttons() == []
    assert "You have read access." in _footer(page)
    assert (await visitor.post("/api/", {"digest": digest})).status == 403
    assert (await world.sweep()).run.held


@pytest.mark.parametrize("digest", ["", "f" * 64, "../../x", "0" * 63])
async def test_a_plan_that_is_not_there_cannot_be_approved(visitor: Visitor, digest: str) -> None:
    page = await visitor.post("/api/", {"digest": digest})
    assert page.status == 404
    assert page.links()["Back"] == "/api/"


@pytest.mark.parametrize("digest", ["", "f" * 64, "<b>"])
async def test_a_link_cannot_make_the_page_say_that_something_was_approved(
    visitor: Visitor, digest: str
) -> None:
    page = await visitor.get(f"/api/?approved={digest}")
    assert page.status == 200
    assert "Approved" not in page.text


async def test_a_night_without_a_complete_run_is_told(visitor: Visitor, world: World) -> None:
    await world.sweep()
    world.clock.advance(hours=30)
    assert "The last complete run was 30 h ago" in (await visitor.get("/api/")).text


async def test_report_mode_is_told(visitor: Visitor) -> None:
    visitor.configure(mode=Mode.REPORT)
    assert (await visitor.get("/api/")).text.startswith("Report mode:")


async def test_with_several_groups_each_item_names_its_own(visitor: Visitor, world: World) -> None:
    other = world.tenant.add_group("More contractors")
    world.member("Gus Ghost")
    await world.sweep()
    visitor.configure(group_ids=(world.group.id, other.id))
    page = await visitor.get("/api/")
    assert f"group {other.id} There should be one every night" in page.text
    assert f"Last complete run group {world.group.id}" in page.text
    assert any(header.text == "Group" for header in page.all("th"))


async def _hold(visitor: Visitor, world: World) -> None:
    """Let the brake hold a plan of three people."""
    visitor.configure(brake_count=1, brake_percent=10)
    for number in range(3):
        person = world.member(f"Person {number}")
        await world.register(person.id, ENDED, display_name=f"Person {number}")
    assert (await world.sweep()).run.held


def _footer(page: Page) -> str:
    return " ".join(page.all("footer")[0].text.split())


async def test_overview_says_whether_four_eyes_are_on(visitor: Visitor, world: World) -> None:
    await _hold(visitor, world)
    page = await visitor.get("/api/")
    assert "whoever caused this plan cannot approve it" in page.text
    assert "Four eyes are off" not in page.text
    visitor.configure(four_eyes=FourEyes.OFF)
    page = await visitor.get("/api/")
    assert "Four eyes are off" in page.text
    assert "cannot approve it" not in page.text


async def test_run_names_its_asker_before_their_id(visitor: Visitor, world: World) -> None:
    await world.sweep_as(Actor(id="user:0815", name="Olga Operator"))
    assert "Olga Operator user:0815" in (await visitor.get("/api/")).text
