"""The sweep, end to end: real tables, and a directory that behaves like Graph."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from enforcer.core.actors import Actor
from enforcer.core.calendar.midnight import Midnight
from enforcer.core.exceptions import AccessDeniedError, AmbiguousError, InputError
from enforcer.core.ledger import Action
from enforcer.core.offboarding_record import Sessions, State
from enforcer.core.plan import FindingKind
from enforcer.core.runs import RunState
from enforcer.core.settings import Disable, Mode, Unregistered
from enforcer.sweep.approval import approve
from sandbox.directory import Effect, Fault
from sandbox.storage_proxy import Calls, Reply, StorageProxy
from sandbox.storage_proxy import Fault as StorageFault
from tests.support.world import ENDED, RUNNING, World, running_world

pytestmark = pytest.mark.anyio


async def test_only_people_who_are_due_are_removed_and_revoked(
    world: World,
) -> None:
    ended, running = world.member("Anna Ended"), world.member("Ben Running")
    await world.register(ended.id, ENDED)
    await world.register(running.user_principal_name, RUNNING)

    report = await world.sweep()

    assert world.member_ids() == {running.id}
    assert world.is_revoked(ended, world.clock.moment)
    assert not world.is_revoked(running, world.clock.moment)
    assert (report.run.due, report.run.removed, report.run.revoked) == (1, 1, 1)


async def test_a_second_plan_is_empty_and_the_member_list_verifies_the_first(world: World) -> None:
    ended = world.member("Anna Ended")
    await world.register(ended.id, ENDED)
    await world.sweep()

    assert not (await world.plan()).offboard
    report = await world.sweep()

    assert (report.run.due, report.run.verified) == (0, 1)
    known = await world.on_record(ended.id)
    assert known.state is State.VERIFIED
    assert known.verified_at is not None
    assert known.verified_at > report.run.started_at
    [entry] = [entry for entry in await world.ledger() if entry.action is Action.VERIFY]
    assert (entry.user, entry.outcome, entry.run) == (ended.id, "verified", report.run.run_id)


async def test_a_guests_sessions_are_never_said_to_be_revoked(world: World) -> None:
    guest = world.guest("Gina Guest")
    await world.register(guest.mail or "", ENDED)

    report = await world.sweep()

    assert (await world.on_record(guest.mail or "")).sessions is Sessions.HOME_TENANT
    assert (report.run.removed, report.run.revoked) == (1, 0)


async def test_sessions_of_a_guest_with_an_account_in_this_tenant_are_revoked(world: World) -> None:
    world.configure(disable_accounts=Disable.GUESTS)
    internal = world.member("Ida Internal", user_type="Guest")
    renamed = world.guest("Gina Guest", user_principal_name="gina@contoso.onmicrosoft.com")
    member = world.guest("Bo B2B")
    member.user_type = "Member"
    for user in (internal, renamed, member):
        await world.register(user.id, ENDED)
    began = world.clock()

    report = await world.sweep()

    assert (await world.on_record(internal.id)).sessions is Sessions.REVOKED
    assert (await world.on_record(renamed.id)).sessions is Sessions.HOME_TENANT
    assert (await world.on_record(member.id)).sessions is Sessions.HOME_TENANT
    assert (report.run.removed, report.run.revoked, report.run.disabled) == (3, 1, 3)
    assert world.is_revoked(internal, began)
    entries = [entry.outcome for entry in await world.ledger() if entry.action is Action.REVOKE]
    assert sorted(entries) == ["home_tenant", "home_tenant", "revoked"]


async def test_a_person_added_again_by_hand_is_offboarded_again(world: World) -> None:
    ended = world.member("Anna Ended")
    await world.register(ended.id, ENDED)
    await world.sweep()
    world.tenant.add_member(world.group, ended)

    report = await world.sweep()

    assert [found.kind for found in report.findings] == [FindingKind.RE_ADDED]
    assert world.member_ids() == set()


async def test_whoever_cannot_be_offboarded_is_named_once_whatever_else_is_found(
    world: World,
) -> None:
    anna, ben = world.member("Anna"), world.member("Ben")
    for user in (anna, ben):
        await world.register(user.id, ENDED)
    await world.sweep()
    world.tenant.add_member(world.group, anna)
    world.tenant.add_member(world.group, ben)
    tried = replace(await world.on_record(ben.id), state=State.STUCK, attempts=6, removed_at=None)
    await world.services.records.save(world.group.id, [tried])
    world.directory.sandbox.faults.add(
        Fault(
            method="DELETE",
            path=f"{anna.id}|{ben.id}",
            status=403,
            code="Authorization_RequestDenied",
            times=None,
        )
    )
    await world.register(world.member("Accepted").id, ENDED)

    found = [(one.kind, one.user_id) for one in (await world.sweep()).findings]

    assert found.count((FindingKind.STUCK, anna.id)) == 1
    assert found.count((FindingKind.STUCK, ben.id)) == 1
    assert (FindingKind.RE_ADDED, anna.id) in found


async def test_a_removal_that_is_not_visible_yet_keeps_its_time(world: World) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, ENDED)
    await world.sweep()
    first = await world.on_record(anna.id)
    world.clock.advance(minutes=5)
    page = {"value": [{"@odata.type": "#microsoft.graph.user", "id": anna.id, "userPrincipalName": "a@b.c"}]}
    world.directory.sandbox.faults.add(Fault(method="GET", path=r"/members\?", status=200, body=page))

    report = await world.sweep()

    assert report.run.already_absent == 1
    assert (await world.on_record(anna.id)).removed_at == first.removed_at


# Runs that do not complete -------------------------------------------------------------------------------


async def test_a_plan_that_is_not_the_expected_one_is_not_acted_upon(world: World) -> None:
    anna, ben = world.member("Anna"), world.member("Ben")
    await world.register(anna.id, ENDED)
    expected = (await world.plan()).digest
    await world.register(ben.id, ENDED)

    with pytest.raises(InputError, match=expected) as error:
        await world.sweep(expected_digest=expected)

    assert error.value.field == "plan"
    assert world.graph_writes() == []
    assert await world.record_of(anna.id) is None
    await world.register(ben.id, RUNNING)
    assert (await world.sweep(expected_digest=expected)).run.removed == 1


async def test_a_run_that_only_looks_is_not_announced_as_a_nights(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    world.configure(mode=Mode.REPORT)
    for only_look, complete in ((True, "complete=false"), (False, "complete=true")):
        caplog.clear()
        await world.sweep(only_look=only_look)
        assert complete in caplog.text


async def test_an_undo_at_work_is_recorded_as_running(world: World) -> None:
    await world.register(world.member("Anna").id, ENDED)
    slow = Fault(method="DELETE", effect=Effect.DELAY, seconds=0.3)
    world.directory.sandbox.faults.add(slow)

    sweeping = asyncio.create_task(world.sweep())
    while not slow.struck:  # noqa: ASYNC110 -- nothing to wait on
        await asyncio.sleep(0.01)
    [run] = await world.services.runs.of_group(world.group.id, world.clock.moment)
    report = await sweeping

    assert (run.run_id, run.state) == (report.run.run_id, RunState.RUNNING)


# Storage -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("calls", [r"^/runs\b", r"\$batch", r"^/plans\b"], ids=["run", "intents", "approval"])
async def test_storage_that_fails_before_the_first_step_touches_nobody(
    storage: StorageProxy, monkeypatch: pytest.MonkeyPatch, calls: str
) -> None:
    async with running_world(storage.endpoints.connection_string, monkeypatch.setenv) as world:
        await world.register(world.member("Anna").id, ENDED)
        fault = StorageFault(calls=Calls(path=calls), times=1_000, reply=Reply.REFUSED)
        storage.set_fault(fault)
        with pytest.raises(AccessDeniedError, match="storage refuses"):
            await world.sweep()
        assert world.graph_writes() == []
        storage.clear()

        assert (await world.sweep()).run.removed == 1


@pytest.mark.parametrize("calls", [r"\$batch", r"^/plans\b"], ids=["intents", "approval"])
async def test_an_approval_is_not_used_by_a_run_that_cannot_write_its_intents(
    storage: StorageProxy, monkeypatch: pytest.MonkeyPatch, calls: str
) -> None:
    environ = {"ENFORCER_BRAKE_COUNT": "1", "ENFORCER_BRAKE_PERCENT": "1"}
    opening = running_world(storage.endpoints.connection_string, monkeypatch.setenv, environ=environ)
    async with opening as world:
        for name in ("Anna", "Ben"):
            await world.register(world.member(name).id, ENDED)
        held = await world.sweep()
        await approve(world.services, held.run.digest, actor=Actor(id="cli:ann"))
        storage.set_fault(StorageFault(calls=Calls(path=calls), nth=1, times=1_000, reply=Reply.REFUSED))
        with pytest.raises(AccessDeniedError):
            await world.sweep()
        storage.clear()
        assert world.graph_writes() == []

        assert (await world.sweep()).run.removed == 2
        assert world.member_ids() == set()


async def test_an_intent_not_yet_withdrawn_is_withdrawn_by_the_next_run(
    storage: StorageProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_world(storage.endpoints.connection_string, monkeypatch.setenv) as world:
        anna = world.member("Anna")
        await world.register(anna.id, ENDED)
        world.directory.sandbox.faults.add(Fault(method="DELETE", status=400))
        await world.sweep()
        await world.register(anna.id, RUNNING)
        deletion = Calls(method="DELETE", path=r"^/enforcements\b")
        storage.set_fault(StorageFault(calls=deletion, times=1_000, reply=Reply.REFUSED))
        with pytest.raises(AccessDeniedError):
            await world.sweep()
        storage.clear()
        assert (await world.on_record(anna.id)).unfinished

        assert (await world.sweep()).run.due == 0
        assert world.member_ids() == {anna.id}
        assert await world.record_of(anna.id) is None


@pytest.mark.parametrize("refused", ["DELETE", "POST"])
async def test_an_address_passed_to_somebody_else_keeps_neither_in(world: World, refused: str) -> None:
    """A removal, or only a revocation, is refused; then the account is renamed and another gets its name."""
    first, address = world.member("Hugo"), "hugo@contoso.example"
    first.user_principal_name = first.mail = address
    await world.register(address, ENDED)
    fault = Fault(method=refused, path=first.id, status=403, code="Authorization_RequestDenied", times=None)
    world.directory.sandbox.faults.add(fault)
    await world.sweep()
    world.directory.sandbox.faults.clear()
    first.user_principal_name = first.mail = "hugo.old@contoso.example"
    second = world.member("Other Hugo", user_principal_name=address, mail=address)
    since = world.clock.moment

    report = await world.sweep()

    assert (report.run.due, report.run.incomplete) == (2, 0)
    assert world.member_ids() == set()
    assert world.is_revoked(first, since)
    assert world.is_revoked(second, since)
    done = [await world.on_record(key) for key in (address, second.id)]
    assert [(item.user_id, item.state) for item in done] == [
        (first.id, State.OFFBOARDED),
        (second.id, State.OFFBOARDED),
    ]
    assert not (await world.plan()).offboard


async def test_where_midnight_means_a_day_access_lasts_through_it(world: World) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, datetime(2026, 12, 31, tzinfo=UTC))
    world.configure(zone=ZoneInfo("America/New_York"), midnight=Midnight.DAY)

    world.clock.moment = datetime(2027, 1, 1, 4, 59, tzinfo=UTC)
    await world.sweep()
    assert anna.id in world.member_ids()

    world.clock.advance(minutes=1)
    await world.sweep()
    assert anna.id not in world.member_ids()
    known = await world.on_record(anna.id)
    assert (known.end_date, known.due_at) == ("2026-12-31T00:00:00Z", datetime(2027, 1, 1, 5, tzinfo=UTC))


# Whose row it is -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", ["\u200b", "\ufeff", "\u00ad", "\u2060", "\u202d", "%E2%80%8B"])
async def test_a_renewal_under_an_unreadable_key_protects_whom_it_may_mean(world: World, hidden: str) -> None:
    world.configure(unregistered=Unregistered.OFFBOARD)
    anna, ben, cleo = world.member("Anna"), world.member("Ben"), world.member("Cleo")
    renewed = (anna.mail or "").replace("@", f"{hidden}@")
    await world.register(anna.id, ENDED)
    await world.register(renewed, RUNNING)
    await world.register(f"{hidden}{ben.mail}", RUNNING)

    report = await world.sweep()

    assert world.member_ids() == {anna.id, ben.id}
    assert (report.run.due, report.run.removed) == (1, 1)
    assert {out.record.user_id for out in report.outcomes} == {cleo.id}
    invalid = [found for found in report.findings if found.kind is FindingKind.INVALID_ROW]
    assert {found.row_key for found in invalid} == {renewed, f"{hidden}{ben.mail}"}
    assert all(found.detail.isascii() for found in invalid)


async def test_kelvins_sign_is_not_a_k_and_an_accent_is_the_same_in_two_forms(world: World) -> None:
    world.configure(unregistered=Unregistered.OFFBOARD)
    kim = world.member("Kim", mail="kim@partner.example")
    zoe = world.member("Zoe", mail="zoë@partner.example")
    await world.register("\u212aIM@partner.example", ENDED)
    await world.register("zoe\u0308@partner.example", ENDED)

    report = await world.sweep()

    assert world.member_ids() == {kim.id}
    assert [out.record.user_id for out in report.outcomes] == [zoe.id]
    assert (await world.on_record("zoe\u0308@partner.example")).state is State.OFFBOARDED
    assert [found.kind for found in report.findings] == [FindingKind.INVALID_ROW]


@pytest.mark.parametrize("where", ["other_mails", "proxy_addresses"])
@pytest.mark.parametrize(("end", "stays"), [(RUNNING, True), (ENDED, False)])
async def test_a_guest_without_a_mailbox_is_found_by_any_address_in_entra(
    world: World, where: str, end: str, *, stays: bool
) -> None:
    world.configure(unregistered=Unregistered.OFFBOARD)
    prefix = "" if where == "other_mails" else "SMTP:"
    addresses = {
        where: [f"{prefix}Gus@home.example", *([] if prefix == "" else ["X500:/o=gus", "sip:gus@x"])]
    }
    gus = world.guest("Gus")
    gus.mail = None
    for name, value in addresses.items():
        setattr(gus, name, value)
    world.tenant.put(gus)
    await world.register("gus@HOME.example", end)

    report = await world.sweep()

    assert world.member_ids() == ({gus.id} if stays else set())
    assert report.findings == ()


@pytest.mark.parametrize("theirs", ["user_principal_name", "mail", "other_mails", "proxy_addresses"])
async def test_an_address_of_a_member_and_of_somebody_who_is_none_is_nobodys(
    world: World, theirs: str
) -> None:
    """As on demand; whoever alone has an address is offboarded in the same run."""
    anna, ben = world.member("Anna", mail="team@partner.example"), world.member("Ben")
    address = {"other_mails": ["team@partner.example"], "proxy_addresses": ["smtp:Team@partner.example"]}
    eva = world.tenant.add_user("Eva", **{theirs: address.get(theirs, "TEAM@partner.example")})
    await world.register("team@partner.example", ENDED)
    await world.register(ben.mail or "", ENDED)

    report = await world.sweep()

    assert world.member_ids() == {anna.id}
    [found] = report.findings
    assert (found.kind, found.row_key) == (FindingKind.AMBIGUOUS_ROW, "team@partner.example")
    assert anna.id in found.detail
    assert eva.id in found.detail
    with pytest.raises(AmbiguousError):
        await world.services.directory.find("team@partner.example")


async def test_a_due_row_under_nobodys_address_is_a_finding_until_it_is_fixed(world: World) -> None:
    anna = world.member("Anna")
    await world.register("anna@old.example", ENDED)

    report = await world.sweep()

    kinds = {found.kind: found for found in report.findings}
    assert kinds.keys() == {FindingKind.UNMATCHED_ROW, FindingKind.UNREGISTERED_MEMBER}
    assert kinds[FindingKind.UNMATCHED_ROW].row_key == "anna@old.example"
    await world.register(anna.id, RUNNING)
    assert (await world.sweep()).findings == ()
