"""`offboard`: one person, now, from a shell."""

from __future__ import annotations

import pytest

from enforcer.core.ledger import Action
from enforcer.core.offboarding_record import State
from sandbox.directory import Fault
from tests.cli.conftest import Shell
from tests.support.world import RUNNING

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("name", ["id", "user_principal_name", "mail"])
async def test_a_person_is_out_with_his_sessions_revoked_and_his_row_ended(shell: Shell, name: str) -> None:
    anna, ben = shell.world.member("Anna", mail="anna@x.example"), shell.world.member("Ben")
    for user in (anna, ben):
        await shell.world.register(user.id, RUNNING)
    ran = await shell.run("offboard", getattr(anna, name), "--reason", "contract ended", "--output", "json")
    assert ran.code == 0
    done = ran.data
    assert (done["user_id"], done["done"], done["sessions"]) == (anna.id, True, "revoked")
    assert [(step["step"], step["outcome"]) for step in done["steps"]] == [
        ("remove", "done"),
        ("revoke", "done"),
    ]
    assert all(step["request_id"] for step in done["steps"])
    assert shell.world.member_ids() == {ben.id}
    assert shell.world.is_revoked(anna, shell.world.clock())
    row = await shell.world.services.register.whole_row(shell.world.group.id, anna.id)
    assert row is not None
    assert "contract ended" in row.note
    assert (await shell.world.on_record(anna.id)).state is State.OFFBOARDED
    assert {
        entry.note for entry in await shell.world.ledger() if entry.run and entry.action is not Action.BEGIN
    } == {"contract ended"}
    # Nobody adds them back, and nothing is left to do.
    assert (await shell.run("plan", "--detailed-exitcode")).code == 0


async def test_what_is_invisible_around_the_name_is_taken_off_and_said(shell: Shell) -> None:
    anna = shell.world.member("Anna", mail="anna@x.example")
    ran = await shell.run("offboard", "anna@x.example\u200b", "--reason", "x", "--output", "json")
    assert (ran.code, ran.data["user_id"]) == (0, anna.id)
    assert "warning: 'anna@x.example\\u200b' was taken as 'anna@x.example'" in ran.err


async def test_the_first_person_always_goes_and_the_next_waits_for_an_approval(shell: Shell) -> None:
    shell.export(ENFORCER_BRAKE_COUNT="0", ENFORCER_BRAKE_PERCENT="0")
    anna, ben = shell.world.member("Anna"), shell.world.member("Ben")
    assert (await shell.run("offboard", anna.id, "--reason", "x")).code == 0
    held = await shell.run("offboard", ben.id, "--reason", "x", "--output", "json")
    assert (held.code, held.data["code"]) == (3, "held")
    assert f"enforcer approve {held.data['digest']}" in held.err
    assert shell.world.member_ids() == {ben.id}


async def test_several_people_go_at_once_and_each_is_told_about(shell: Shell) -> None:
    anna, gina = shell.world.member("Anna"), shell.world.guest("Gina")
    names = (anna.id, gina.mail or "", "nobody@x.example")
    ran = await shell.run("offboard", *names, "--reason", "breach", "--output", "json")
    assert ran.code == 1
    assert [person["status"] for person in ran.data["people"]] == ["done", "done", "not_found"]
    assert "sessions are controlled by their home tenant" in ran.err
    again = await shell.run("offboard", *names[:2], "--reason", "breach", "--output", "table")
    assert again.code == 0
    assert anna.id in again.out


async def test_several_people_past_the_brake_are_held_together(shell: Shell) -> None:
    shell.export(ENFORCER_BRAKE_COUNT="1", ENFORCER_BRAKE_PERCENT="0")
    people = [shell.world.member(f"Person {number}").id for number in range(3)]
    ran = await shell.run("offboard", *people, "--reason", "breach", "--output", "json")
    assert ran.code == 3
    assert f"enforcer approve {ran.data['digest']}" in ran.err
    assert shell.world.member_ids() == set(people)


async def test_more_than_a_hundred_people_are_bad_usage(shell: Shell) -> None:
    ran = await shell.run("offboard", *(f"p{number}@x.example" for number in range(101)), "--reason", "x")
    assert (ran.code, "101 are more than 100 people" in ran.err) == (2, True)


async def test_whoever_is_not_a_contractor_is_an_error(shell: Shell) -> None:
    stranger = shell.world.tenant.add_user("Break Glass")
    ran = await shell.run("offboard", stranger.id, "--reason", "x")
    assert (ran.code, "is not a contractor" in ran.err) == (1, True)


async def test_a_directory_role_keeps_the_account_and_is_named(shell: Shell) -> None:
    shell.export(ENFORCER_DISABLE_ACCOUNTS="all")
    role = "62e90394-69f5-4237-9190-012177145e10"
    anna = shell.world.member("Anna", directory_roles=[role])
    ran = await shell.run("offboard", anna.id, "--reason", "x", "--output", "json")
    assert (ran.code, ran.data["roles"]) == (0, [shell.world.tenant.directory_role(role).id])
    assert "the account was not disabled" in ran.err
    assert anna.account_enabled


async def test_calling_again_does_no_harm(shell: Shell) -> None:
    anna = shell.world.member("Anna")
    for _ in range(2):
        ran = await shell.run("offboard", anna.id, "--reason", "x", "--output", "json")
        assert (ran.code, ran.data["done"]) == (0, True)


async def test_people_see_each_step_and_what_a_guests_sessions_are(shell: Shell) -> None:
    gina = shell.world.guest("Gina")
    ran = await shell.run("offboard", gina.mail or "", "--reason", "x", "--output", "table")
    assert ran.code == 0
    assert "remove" in ran.out
    assert "revoke" in ran.out
    assert "sessions are controlled by their home tenant" in ran.err
    ida = shell.world.member("Ida Internal", user_type="Guest")
    ran = await shell.run("offboard", ida.id, "--reason", "x", "--output", "json")
    assert (ran.data["guest"], ran.data["sessions"]) == (True, "revoked")
    assert "home tenant" not in ran.err


async def test_a_reason_is_required(shell: Shell) -> None:
    anna = shell.world.member("Anna")
    for arguments in ((anna.id,), (anna.id, "--reason", "  ")):
        ran = await shell.run("offboard", *arguments)
        assert (ran.code, ran.out) == (2, "")
        assert "--reason" in ran.err
    assert shell.world.member_ids() == {anna.id}


@pytest.mark.parametrize(
    "reason", ["two\nlines", "left\n", "\x1b[31mred", "\x9b31mred", "a\u2028b", "\udcff"]
)
async def test_a_reason_is_one_line_without_control_characters(shell: Shell, reason: str) -> None:
    anna = shell.world.member("Anna")
    ran = await shell.run("offboard", anna.id, "--reason", reason)
    assert (ran.code, ran.out) == (2, "")
    assert "--reason" in ran.err
    assert "control characters" in ran.err
    assert shell.world.member_ids() == {anna.id}
    assert await shell.world.ledger() == []


@pytest.mark.parametrize("reason", ["x" * 500, "終了\u3000しました", "می\u200cشود"])
async def test_a_reason_is_what_a_person_would_write(shell: Shell, reason: str) -> None:
    anna = shell.world.member("Anna")
    assert (await shell.run("offboard", anna.id, "--reason", reason)).code == 0
    assert {
        entry.note for entry in await shell.world.ledger() if entry.run and entry.action is not Action.BEGIN
    } == {reason}


async def test_nobody_of_that_name_is_an_error(shell: Shell) -> None:
    ran = await shell.run("offboard", "nobody@x.example", "--reason", "x", "--output", "table")
    assert (ran.code, ran.out) == (1, "")
    assert "Entra has no account nobody@x.example" in ran.err


async def test_the_rows_of_whoever_has_no_account_end_and_are_named(shell: Shell) -> None:
    await shell.world.register("nora@x.example", RUNNING)
    ran = await shell.run("offboard", "nora@x.example", "--reason", "x", "--output", "json")
    row = f"{shell.world.group.id}/nora@x.example"
    assert (ran.code, ran.data["code"], ran.data["ended_rows"]) == (1, "not_found", [row])
    assert row in ran.err


async def test_what_the_settings_forbid_is_an_error(shell: Shell) -> None:
    anna = shell.world.member("Anna")
    shell.export(ENFORCER_PROTECTED_IDS=anna.id)
    ran = await shell.run("offboard", anna.id, "--reason", "x")
    assert ran.code == 1
    assert "ENFORCER_PROTECTED_IDS" in ran.err
    shell.export(ENFORCER_PROTECTED_IDS="", ENFORCER_MODE="report")
    ran = await shell.run("offboard", anna.id, "--reason", "x")
    assert ran.code == 1
    assert "ENFORCER_MODE" in ran.err
    assert shell.world.graph_writes() == []


async def test_what_is_left_undone_is_an_error_and_shown(shell: Shell) -> None:
    anna = shell.world.member("Anna")
    shell.world.directory.sandbox.faults.add(Fault(path="revokeSignInSessions", status=403))
    ran = await shell.run("offboard", anna.id, "--reason", "x", "--output", "json")
    assert (ran.code, ran.data["done"]) == (1, False)
    (failed,) = [step for step in ran.data["steps"] if step["outcome"] == "failed"]
    assert "403" in failed["detail"]
    # The next sweep finishes it.
    assert (await shell.run("apply")).code == 0
    assert shell.world.is_revoked(anna, shell.world.clock())


@pytest.mark.long
async def test_an_outage_of_the_identity_endpoint_is_said_to_be_one(shell: Shell) -> None:
    anna = shell.world.member("Anna")
    shell.world.directory.sandbox.faults.add(Fault(path="/msi/token", status=500, times=None))
    ran = await shell.run("offboard", anna.id, "--reason", "x")
    assert ran.code == 1
    assert "the identity endpoint is unavailable" in ran.err
