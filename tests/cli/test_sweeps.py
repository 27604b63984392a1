"""`plan`, `apply`, `approve` and `undo`, with exit codes and JSON as other programs rely on them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from enforcer.core.offboarding_record import State
from sandbox.directory import Fault, User
from tests.cli.conftest import Shell
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio


async def registered(world: World, name: str, end: object = ENDED) -> User:
    user = world.member(name)
    await world.register(user.id, end)
    return user


# plan ----------------------------------------------------------------------------------------------------


async def test_a_plan_in_json_is_as_documented(shell: Shell) -> None:
    world = shell.world
    anna = await registered(world, "Anna")
    await world.register(world.guest("Gina").mail or "", datetime(2020, 1, 31, 17, tzinfo=UTC))
    ben = world.member("Ben")
    soon = (datetime.now(UTC)).date().isoformat()
    await world.register(ben.id, soon)
    ghost = world.member("Ghost")
    await world.register("new@x.example", RUNNING)

    ran = await shell.run("plan", "--output", "json")

    assert (ran.code, ran.err) == (0, "")
    plan = ran.data
    assert list(plan) == ["schema", "digest", "as_of", "groups"]
    assert plan["schema"] == 1
    assert datetime.fromisoformat(plan["as_of"]).tzinfo is not None
    (group,) = plan["groups"]
    assert {"group_id", "members", "offboard", "onboard", "ending_soon", "findings", "held"} <= group.keys()
    assert (group["group_id"], group["members"], group["held"]) == (world.group.id, 4, False)
    first, second = group["offboard"]
    assert second == {
        "user_id": anna.id,
        "row_key": anna.id,
        "user_principal_name": anna.user_principal_name,
        "end_date": ENDED,
        "due_at": "2020-02-01T00:00:00Z",
        "guest": False,
        "steps": ["remove", "revoke"],
    }
    assert (first["guest"], first["due_at"]) == (True, "2020-01-31T17:00:00Z")
    assert [end["user_id"] for end in group["ending_soon"]] == [ben.id]
    assert [(found["kind"], found["row_key"], found["user_id"]) for found in group["findings"]] == [
        ("missing_member", "new@x.example", None),
        ("unregistered_member", None, ghost.id),
    ]
    assert all(set(found) == {"kind", "row_key", "user_id", "detail"} for found in group["findings"])


async def test_a_plan_changes_nothing(shell: Shell) -> None:
    anna = await registered(shell.world, "Anna")
    await shell.run("plan")
    assert shell.world.graph_writes() == []
    assert await shell.world.record_of(anna.id) is None
    assert await shell.world.ledger() == []


async def test_a_plan_as_of_a_day_shows_who_would_go_on_that_day(shell: Shell) -> None:
    last_day = await registered(shell.world, "Anna", "2098-12-31")
    await registered(shell.world, "Ben", "2099-01-01")
    ran = await shell.run("plan", "--as-of", "2099-01-01", "--output", "json")
    assert ran.data["as_of"] == "2099-01-01T00:00:00Z"
    assert [one["user_id"] for one in ran.data["groups"][0]["offboard"]] == [last_day.id]
    ran = await shell.run("plan", "--as-of", "2098-12-31T23:59:59+00:00", "--output", "json")
    assert ran.data["groups"][0]["offboard"] == []


@pytest.mark.parametrize("when", ["tomorrow", "2099-02-30", "2099-01-01T00:00:00", ""])
async def test_a_day_that_is_none_is_bad_usage(shell: Shell, when: str) -> None:
    ran = await shell.run("plan", "--as-of", when)
    assert (ran.code, ran.out) == (2, "")
    assert "--as-of" in ran.err


async def test_the_detailed_exit_code_tells_whether_there_is_something_to_do(shell: Shell) -> None:
    assert (await shell.run("plan", "--detailed-exitcode")).code == 0
    await registered(shell.world, "Anna")
    assert (await shell.run("plan", "--detailed-exitcode")).code == 2
    assert (await shell.run("plan")).code == 0


async def test_people_get_a_table_in_which_other_peoples_words_are_but_words(shell: Shell) -> None:
    await registered(shell.world, "Anna")
    await shell.world.register("[red]x@x.example[bold]", RUNNING)
    ran = await shell.run("plan", "--output", "table")
    assert "to offboard (1)" in ran.out
    assert "anna@contoso.onmicrosoft.com" in ran.out
    assert "[red]x@x.example[bold]" in ran.out
    assert ran.err.startswith("plan ")


# apply ---------------------------------------------------------------------------------------------------

COUNTS = "due removed already_absent revoked disabled verified skipped stuck findings"


async def test_an_application_in_json_is_as_documented(shell: Shell) -> None:
    anna, gina = await registered(shell.world, "Anna"), shell.world.guest("Gina")
    await shell.world.register(gina.mail or "", ENDED)

    ran = await shell.run("apply", "--output", "json")

    assert (ran.code, ran.err) == (0, "")
    done = ran.data
    keys = {*COUNTS.split(), "run_id", "started_at", "finished_at", "mode", "held", "lag_seconds"}
    assert keys <= done.keys()
    assert {name: done[name] for name in COUNTS.split()} == {
        **dict.fromkeys(COUNTS.split(), 0),
        "due": 2,
        "removed": 2,
        "revoked": 1,
    }
    assert (done["mode"], done["held"]) == ("enforce", False)
    assert done["lag_seconds"].keys() == {"p50", "p95", "max"}
    assert done["lag_seconds"]["max"] > 0
    assert {person["user_id"]: person["sessions"] for person in done["people"]} == {
        anna.id: "revoked",
        gina.id: "home_tenant",
    }
    assert shell.world.member_ids() == set()
    assert (await shell.world.services.runs.of_id(done["run_id"], [shell.world.group.id]))[0].removed == 2


async def test_with_nothing_to_do_an_application_is_done(shell: Shell) -> None:
    ran = await shell.run("apply", "--output", "json")
    assert (ran.code, ran.data["due"]) == (0, 0)
    assert ran.data["lag_seconds"] == {"p50": None, "p95": None, "max": None}


async def test_what_is_left_undone_is_an_error(shell: Shell) -> None:
    anna = await registered(shell.world, "Anna")
    shell.world.directory.sandbox.faults.add(Fault(path=f"{anna.id}/revokeSignInSessions", status=403))
    ran = await shell.run("apply", "--output", "json")
    assert (ran.code, ran.data["due"], ran.data["removed"]) == (1, 1, 1)
    assert "403" in ran.data["people"][0]["reason"]
    assert (await shell.run("apply", "--output", "json")).code == 0
    assert (await shell.world.on_record(anna.id)).state is State.OFFBOARDED


async def test_a_group_that_cannot_be_swept_is_an_error_and_the_others_are_swept(shell: Shell) -> None:
    anna = await registered(shell.world, "Anna")
    gone = "00000000-1111-2222-3333-444444444444"
    shell.export(ENFORCER_GROUP_IDS=f"{gone},{shell.world.group.id}")
    ran = await shell.run("apply", "--output", "json")
    assert ran.code == 1
    assert (ran.data["removed"], ran.data["state"]) == (1, "failed")
    assert anna.id not in shell.world.member_ids()
    assert gone in ran.data["errors"][0]
    assert gone in ran.err


async def test_a_run_that_fails_altogether_still_has_its_id(shell: Shell) -> None:
    shell.export(ENFORCER_GROUP_IDS="00000000-1111-2222-3333-444444444444")
    ran = await shell.run("apply", "--output", "json")
    assert ran.code == 1
    assert ran.data["run_id"]
    assert ran.data["started_at"] > "2020"
    assert len(ran.data["errors"]) == 1


async def test_report_mode_changes_nothing_and_is_no_error(shell: Shell) -> None:
    await registered(shell.world, "Anna")
    shell.export(ENFORCER_MODE="report")
    ran = await shell.run("apply", "--output", "json")
    assert (ran.code, ran.data["due"], ran.data["skipped"], ran.data["mode"]) == (0, 1, 1, "report")
    assert shell.world.graph_writes() == []


async def test_people_see_what_became_of_whom(shell: Shell) -> None:
    anna = await registered(shell.world, "Anna")
    ran = await shell.run("apply", "--output", "table")
    assert ran.code == 0
    assert anna.id in ran.out
    assert "removed" in ran.out


# A plan in a file ----------------------------------------------------------------------------------------


async def test_a_plan_file_is_acted_upon_while_it_is_still_the_plan(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    await registered(shell.world, "Anna")
    ran = await shell.run("plan", "--out", str(file), "--output", "json")
    assert file.read_text() == ran.out
    assert "written to" in ran.err
    assert (await shell.run("apply", "--plan", str(file))).code == 0
    assert shell.world.member_ids() == set()


async def test_a_plan_file_that_is_no_longer_the_plan_is_not_acted_upon(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    await registered(shell.world, "Anna")
    await shell.run("plan", "--out", str(file))
    await registered(shell.world, "Ben")
    ran = await shell.run("apply", "--plan", str(file))
    assert ran.code == 1
    assert "the plan has changed" in ran.err
    assert len(shell.world.member_ids()) == 2


async def test_a_plan_file_is_about_all_groups_or_nothing_is_done(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    other = shell.world.tenant.add_group("Others")
    await registered(shell.world, "Anna")
    await shell.run("plan", "--out", str(file))
    shell.export(ENFORCER_GROUP_IDS=f"{shell.world.group.id},{other.id}")
    assert (await shell.run("apply", "--plan", str(file))).code == 1
    assert len(shell.world.member_ids()) == 1


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"schema":2,"digest":"x"}', "\x00"])
async def test_a_file_that_is_no_plan_is_refused(shell: Shell, tmp_path: Path, content: str) -> None:
    file = tmp_path / "plan.json"
    file.write_text(content)
    await registered(shell.world, "Anna")
    ran = await shell.run("apply", "--plan", str(file))
    assert (ran.code, ran.out) == (1, "")
    assert "is not a plan written by" in ran.err
    assert len(shell.world.member_ids()) == 1


async def test_files_that_cannot_be_opened_are_told_without_a_trace(shell: Shell, tmp_path: Path) -> None:
    ran = await shell.run("plan", "--out", str(tmp_path / "nowhere" / "plan.json"))
    assert ran.code == 1
    assert ran.err.startswith("error: ")
    assert "Traceback" not in ran.err
    assert (await shell.run("apply", "--plan", str(tmp_path / "missing.json"))).code == 2


# The brake -----------------------------------------------------------------------------------------------


async def test_what_the_brake_holds_is_released_by_an_approval(shell: Shell) -> None:
    shell.export(ENFORCER_BRAKE_COUNT="1", ENFORCER_BRAKE_PERCENT="10")
    for number in range(3):
        await registered(shell.world, f"User {number}")

    held = await shell.run("apply", "--output", "json")
    assert (held.code, held.data["held"], held.data["skipped"]) == (3, True, 3)
    assert len(shell.world.member_ids()) == 3
    shown = await shell.run("plan", "--output", "table")
    assert f"enforcer approve {held.data['digest']}" in shown.err

    assert (await shell.run("approve", "0" * 64)).code == 1
    refused = await shell.run("approve", held.data["digest"])
    assert (refused.code, "you asked for the run" in refused.err) == (1, True)
    shell.export(ENFORCER_FOUR_EYES="off")
    beginning = held.data["digest"][:6]
    unknown = await shell.run("approve", "z" + beginning)
    assert (unknown.code, f"begins with z{beginning}; see `enforcer status`" in unknown.err) == (1, True)
    approved = await shell.run("approve", beginning, "--output", "json")
    assert (approved.code, approved.data[0]["digest"]) == (0, held.data["digest"])
    assert (await shell.run("apply")).code == 0
    assert shell.world.member_ids() == set()


async def test_approve_without_a_digest_means_the_one_plan_that_is_held(shell: Shell) -> None:
    shell.export(ENFORCER_BRAKE_COUNT="1", ENFORCER_BRAKE_PERCENT="10", ENFORCER_FOUR_EYES="off")
    nothing = await shell.run("approve")
    assert (nothing.code, nothing.out) == (1, "")
    assert "no plan is held; see `enforcer status`" in nothing.err
    for number in range(3):
        await registered(shell.world, f"User {number}")
    held = await shell.run("apply", "--output", "json")
    approved = await shell.run("approve", "--output", "json")
    assert (approved.code, approved.data[0]["digest"]) == (0, held.data["digest"])


# undo ----------------------------------------------------------------------------------------------------


async def test_a_run_is_undone_after_it_was_shown_what_that_means(shell: Shell) -> None:
    anna = await registered(shell.world, "Anna")
    run_id = (await shell.run("apply", "--output", "json")).data["run_id"]

    shown = await shell.run("undo", run_id, "--plan-only", "--output", "json")
    assert shown.code == 0
    assert shown.data == [
        {"action": "add", "group_id": shell.world.group.id, "user_id": anna.id, "row_key": anna.id}
    ]
    assert shell.world.member_ids() == set()

    done = await shell.run("undo", run_id, "--yes", "--output", "json")
    assert (done.code, done.data["undone_run"]) == (0, run_id)
    assert [result["outcome"] for result in done.data["results"]] == ["undone"]
    assert shell.world.member_ids() == {anna.id}
    assert "the next sweep removes these people again" in done.err

    again = await shell.run("undo", run_id)
    assert again.code == 1
    assert "nothing to undo" in again.err
