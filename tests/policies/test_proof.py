from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest

from enforcer.core.ledger import Action
from enforcer.core.ledger_entries import Context
from enforcer.core.offboarding_record import OffboardingRecord, Proof, Sessions, State
from enforcer.core.runs import Report, Run, RunKind, RunState
from enforcer.graph.conditional_access import ConditionalAccess
from enforcer.policies.proof import not_blocked, prove, prove_leaver, record, unproven
from enforcer.policies.what_if import Answer, WhatIfClient, before_asking
from sandbox.directory import Fault as GraphFault
from sandbox.directory import User
from sandbox.storage_proxy import Calls, Fault, Reply, StorageProxy
from tests.support.policy_examples import shipped
from tests.support.world import World, running_world

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
BLOCKED = Answer(proof=Proof.BLOCKED, policy="the block policy")


@pytest.fixture
def world_that_answers(world: World) -> World:
    """A world whose enforcer may ask Entra."""
    assert world.tenant.identity is not None
    world.tenant.grant(world.tenant.identity, "Policy.Read.All")
    return world


def out(name: str, **more: object) -> OffboardingRecord:
    """Return the record of somebody who was offboarded."""
    known = OffboardingRecord(
        row_key=name, user_id=name, state=State.OFFBOARDED, removed_at=NOW, run_id="run"
    )
    return replace(known, **more)  # type: ignore[arg-type]


def context(world: World) -> Context:
    return Context(group_id=world.group.id, run_id="run", actor="test")


async def proofs(world: World) -> list[str]:
    return [entry.outcome for entry in await world.ledger() if entry.action is Action.PROOF]


# Whom to ask about ---------------------------------------------------------------------------------------


def test_unblocked_people_are_asked_about_before_those_not_asked() -> None:
    known = [
        out("a"),
        out("b", proof=Proof.NOT_ASKED),
        out("c", proof=Proof.BLOCKED),
        out("d", proof=Proof.DISABLED),
        out("e", proof=Proof.NOT_BLOCKED),
        out("f", removed_at=None),
    ]
    assert [item.row_key for item in unproven(known, [], NOW)] == ["e", "a", "b"]


def test_a_person_who_is_a_member_again_needs_no_proof() -> None:
    known = [out("a"), out("b", proof=Proof.NOT_BLOCKED)]
    assert unproven(known, ["a", "b"], NOW) == []


def test_after_a_month_only_those_whom_nothing_blocked_are_asked_about() -> None:
    long_ago = NOW - timedelta(days=31)
    known = [
        out("a", removed_at=long_ago),
        out("b", removed_at=long_ago, proof=Proof.NOT_BLOCKED),
    ]
    assert [item.row_key for item in unproven(known, [], NOW)] == ["b"]


# Asking --------------------------------------------------------------------------------------------------


async def test_no_time_means_not_asked_and_nobody_waits(world_that_answers: World) -> None:
    world = world_that_answers
    people = [out(world.tenant.add_user(f"User {number}").id) for number in range(50)]
    paced = replace(world.services, conditional_access=ConditionalAccess(world.services.graph))
    what_if = WhatIfClient(paced, seconds=1.5)
    begun = monotonic()
    proven = await prove(what_if, context(world), people, [])
    assert monotonic() - begun < 5
    assert 1 <= len(proven) < 5
    assert {item.proof for item in proven} == {Proof.NOT_BLOCKED}
    left_over = f"not_asked: about {50 - len(proven)} people: the time for asking was up"
    assert (await proofs(world))[-1] == left_over


async def test_one_refusal_for_lack_of_permission_is_enough(world: World) -> None:
    what_if = WhatIfClient(world.services, seconds=10)
    await prove(what_if, context(world), [out("a"), out("b"), out("c")], [])
    asked = [entry for entry in world.directory.sandbox.log.entries if "evaluate" in entry.path]
    assert [entry.status for entry in asked] == [403]
    (entry,) = await proofs(world)
    assert entry.startswith("not_asked: about 3 people: ")
    assert "grant this identity Policy.Read.All: 403 AccessDenied" in entry


async def test_what_is_certain_is_not_asked_about(world_that_answers: World) -> None:
    world = world_that_answers
    what_if = WhatIfClient(world.services, seconds=10)
    disabled = await what_if.answer(out("a", disabled_at=NOW))
    gone = await what_if.answer(out("b", sessions=Sessions.NO_ACCOUNT))
    assert disabled is not None
    assert gone is not None
    assert {disabled.proof, gone.proof} == {Proof.DISABLED}
    assert "does not exist any more" in gone.words
    assert not world.directory.sandbox.log.entries


async def test_an_account_that_somebody_else_has_disabled_is_noticed(world_that_answers: World) -> None:
    world = world_that_answers
    user = world.tenant.add_user("Dora Disabled", account_enabled=False)
    answer = await WhatIfClient(world.services, seconds=10).answer(out(user.id))
    assert answer is not None
    assert answer.proof is Proof.DISABLED


def test_a_fresh_removal_counts_as_not_asked_unless_it_is_certain() -> None:
    assert before_asking(out("a")).proof is Proof.NOT_ASKED
    assert before_asking(out("a", disabled_at=NOW)).proof is Proof.DISABLED
    assert before_asking(out("a", removed_at=None)).proof is None
    assert before_asking(out("a", proof=Proof.BLOCKED)).proof is Proof.BLOCKED


# One person, just offboarded ------------------------------------------------------------------------------


async def departed(world: World, user: User, **more: object) -> tuple[Run, OffboardingRecord]:
    """Record that a run has just offboarded somebody; return the run and the record."""
    run = Run(
        run_id="run",
        group_id=world.group.id,
        kind=RunKind.OFFBOARD,
        started_at=NOW,
        mode="enforce",
        state=RunState.COMPLETE,
        actor="cli:ann",
    )
    known = before_asking(out(user.id, **more))
    await world.services.directory.find(user.id)  # so that connecting takes none of the time for asking
    world.directory.sandbox.log.clear()
    await world.services.runs.save(Report(run=run))
    await world.services.records.save(world.group.id, [known])
    return run, known


async def test_of_whoever_was_just_offboarded_the_answer_is_in_every_record(
    world_that_answers: World, caplog: pytest.LogCaptureFixture
) -> None:
    world = world_that_answers
    user = world.tenant.add_user("Nobody Blocks")
    concluded = await departed(world, user)

    answer = await prove_leaver(world.services, [concluded], "left")

    assert answer is not None
    assert answer.proof is Proof.NOT_BLOCKED
    assert (await world.on_record(user.id)).proof is Proof.NOT_BLOCKED
    [entry] = [entry for entry in await world.ledger() if entry.action is Action.PROOF]
    assert (entry.user, entry.run, entry.actor, entry.note) == (user.id, "run", "cli:ann", "left")
    [run] = await world.services.runs.of_id("run", [world.group.id])
    assert (run.blocked, run.not_blocked, run.findings) == (0, 1, 1)
    found = await world.services.runs.findings(world.group.id, "run")
    assert [one.user_id for one in found.named] == [user.id]
    assert f"policy_drift group_id={world.group.id} kind=not_blocked" in caplog.text


async def test_whoever_is_blocked_is_counted_as_blocked_and_makes_no_finding(
    world_that_answers: World,
) -> None:
    world = world_that_answers
    user = world.tenant.add_user("Anna")
    concluded = await departed(world, user)
    wall = {**shipped()["no-group-no-access"].body, "id": "wall", "displayName": "Wall", "state": "enabled"}
    world.directory.sandbox.faults.add(
        GraphFault(path="evaluate", status=200, body={"value": [wall | {"policyApplies": True}]})
    )

    assert await prove_leaver(world.services, [concluded], "left") == Answer(
        proof=Proof.BLOCKED, policy="Wall"
    )

    known = await world.on_record(user.id)
    assert (known.proof, known.proof_policy) == (Proof.BLOCKED, "Wall")
    assert await proofs(world) == ["blocked: Wall"]
    [run] = await world.services.runs.of_id("run", [world.group.id])
    assert (run.blocked, run.not_blocked, run.findings) == (1, 0, 0)


async def test_a_disabled_account_counts_neither_as_blocked_nor_as_not_blocked(
    world_that_answers: World,
) -> None:
    world = world_that_answers
    concluded = await departed(world, world.tenant.add_user("Anna"), disabled_at=NOW)
    answer = await prove_leaver(world.services, [concluded], "left")
    assert answer is not None
    assert answer.proof is Proof.DISABLED
    [run] = await world.services.runs.of_id("run", [world.group.id])
    assert (run.blocked, run.not_blocked, run.findings) == (0, 0, 0)


@pytest.mark.parametrize("more", [{"removed_at": None}, {"run_id": "another"}])
async def test_nobody_is_asked_about_whom_the_run_took_out_of_no_group(
    world_that_answers: World, more: dict[str, object]
) -> None:
    world = world_that_answers
    concluded = await departed(world, world.tenant.add_user("Anna"), **more)
    assert await prove_leaver(world.services, [concluded], "left") is None
    assert world.directory.sandbox.log.entries == []
    assert await proofs(world) == []


async def test_without_the_permission_it_is_on_record_that_nobody_was_asked(world: World) -> None:
    concluded = await departed(world, world.tenant.add_user("Anna"))
    answer = await prove_leaver(world.services, [concluded], "left")
    assert answer is not None
    assert answer.proof is Proof.NOT_ASKED
    (entry,) = await proofs(world)
    assert "Policy.Read.All: 403 AccessDenied" in entry


async def test_an_answer_that_cannot_be_recorded_fails_no_offboarding(
    storage: StorageProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_world(storage.endpoints.connection_string, monkeypatch.setenv) as world:
        concluded = await departed(world, world.tenant.add_user("Anna"))
        storage.set_fault(Fault(calls=Calls(path=r"\$batch"), times=1_000, reply=Reply.REFUSED))
        assert await prove_leaver(world.services, [concluded], "left") is None


# Recording -----------------------------------------------------------------------------------------------


async def test_the_same_answer_is_a_finding_every_night_but_recorded_once(
    world_that_answers: World,
) -> None:
    world = world_that_answers
    user = world.tenant.add_user("Nobody Blocks")
    person = before_asking(out(user.id))
    await world.services.records.save(world.group.id, [person])
    for _ in range(2):
        (person,) = await prove(WhatIfClient(world.services, seconds=10), context(world), [], [person])
        (finding,) = not_blocked([person], world.group.id)
        assert finding.user_id == user.id
    assert await proofs(world) == ["not_blocked"]
    assert (await world.record_of(user.id)) == person


async def test_what_was_recorded_while_entra_was_asked_stays(world: World) -> None:
    asked = out("a")
    again = replace(asked, state=State.OFFBOARDING, removed_at=None, run_id="another")
    await world.services.records.save(world.group.id, [again])
    await record(world.services, context(world), [(asked, BLOCKED)])
    assert await world.record_of("a") == again


async def test_many_answers_are_recorded_each_with_its_person(world: World) -> None:
    people = [out(f"user-{number}") for number in range(30)]
    await world.services.records.save(world.group.id, people)
    told = [(item, Answer(proof=Proof.BLOCKED, policy=item.row_key)) for item in people]
    await record(world.services, context(world), told)
    found = await asyncio.gather(*(world.record_of(item.row_key) for item in people))
    assert [item and (item.proof, item.proof_policy) for item in found] == [
        (Proof.BLOCKED, item.row_key) for item in people
    ]
