"""Where the app is known, every change goes through it, as the person who gives the command."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from enforcer.cli import cli
from enforcer.cli.examples import commands
from enforcer.cli.remote import token_scope
from sandbox.directory import Fault
from sandbox.loopback import listening
from tests.cli.conftest import Shell
from tests.support.api_caller import AUDIENCE
from tests.support.world import ENDED, RUNNING

# Port 1 of this machine: nobody listens there.
DOWN = {"ENFORCER_API_URL": "http://127.0.0.1:1", "ENFORCER_API_AUDIENCE": AUDIENCE}
# What changes nothing of ours: it reads, or applies policies with an administrator's own sign-in.
OTHERS = {
    "init",
    "deploy",
    "undeploy",
    "version",
    "completion",
    "plan",
    "runs",
    "status",
    "check",
    "audit verify",
    "audit export",
    "contractors list",
    "contractors export",
    "policies plan",
    "policies apply",
    "policies check",
}
# What changes something, with arguments, and what it comes to without the app.
CHANGES: dict[str, tuple[tuple[str, ...], int]] = {
    "contractors add": (("ada@x.example", "--end", RUNNING), 0),
    "contractors extend": (("ada@x.example", "--end", "2098-12-31"), 0),
    "contractors import": (("FILE",), 0),
    "contractors remove": (("ada@x.example",), 0),
    "offboard": (("ben@x.example", "--reason", "left"), 0),
    "sweep": ((), 0),
    "apply": ((), 0),
    "undo": (("last", "--yes"), 0),
    "approve": (("0" * 64,), 1),
}


def test_every_command_that_changes_something_is_in_the_table() -> None:
    ways = {name: "way" in {option.name for option in found.params} for name, found in commands(cli)}
    assert {name for name, has_way in ways.items() if has_way} == CHANGES.keys()
    assert {name for name, has_way in ways.items() if not has_way} == OTHERS


@pytest.mark.anyio
async def test_while_the_app_is_down_no_command_acts_until_it_is_told_to(
    shell: Shell, tmp_path: Path
) -> None:
    world, file = shell.world, tmp_path / "people.csv"
    world.tenant.add_user("Ada", mail="ada@x.example")
    ben = world.member("Ben", mail="ben@x.example")
    await world.register("ben@x.example", RUNNING)
    file.write_text("user,end\nben@x.example,2099-06-30\n", encoding="utf-8")
    shell.export(**DOWN)
    given = {
        name: [*name.split(), *(str(file) if word == "FILE" else word for word in words)]
        for name, (words, _) in CHANGES.items()
    }
    before = await world.services.register.whole_rows(world.group.id)
    for name in given.keys() - {"undo", "apply"}:
        ran = await shell.run(*given[name])
        assert (ran.code, ran.out) == (1, ""), name
        *before_it, last = ran.err.splitlines()
        # An import says first what would follow.
        assert not before_it or name == "contractors import"
        assert "does not answer" in last
        assert "so nothing was done" in last
        assert "--direct" in last
    refused = await shell.run("apply")
    assert (refused.code, refused.out) == (2, "")
    assert "use `enforcer sweep`" in refused.err
    assert "--direct" in refused.err
    assert await world.services.register.whole_rows(world.group.id) == before
    assert (world.member_ids(), world.graph_writes(), await world.ledger()) == ({ben.id}, [], [])

    for name, (_, code) in CHANGES.items():
        ran = await shell.run(*given[name], "--direct")
        assert ran.code == code, (name, ran.err)
    assert world.member_ids() == {ben.id}
    assert (await shell.run(*given["offboard"], "--direct")).code == 0
    assert "does not answer" in (await shell.run(*given["undo"])).err
    assert world.member_ids() == set()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "the app does not accept the token (401), so nothing was done. Run az login"),
        (302, "answers 302 Found, as this API does not: check ENFORCER_API_URL"),
        (503, "answers 503 Service Unavailable, as this API does not"),
        (200, "its answer cannot be read"),
    ],
)
async def test_whatever_answers_in_place_of_the_app_is_told_in_a_line(
    shell: Shell, status: int, words: str
) -> None:
    headers = {"Location": "https://elsewhere.example"} if status == 302 else {}
    async with _answering(status, headers) as url:
        shell.export(**DOWN | {"ENFORCER_API_URL": url})
        ran = await shell.run("offboard", "anna@x.example", "--reason", "left")
        checked = await shell.run("check", "--output", "json")
    assert (ran.code, ran.out) == (1, "")
    assert len(ran.err.splitlines()) == 1
    assert words in ran.err
    (own,) = [check for check in checked.data if check["name"] == "command line"]
    assert own["health"] == "failed"


@asynccontextmanager
async def _answering(status: int, headers: Mapping[str, str]) -> AsyncIterator[str]:
    """Answer every request like this, as a proxy before a stopped app does."""

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(status=status, text="<html>", headers=headers)

    async with listening(web.ServerRunner(web.Server(answer)), 0) as url:
        yield url


@pytest.mark.anyio
async def test_without_a_token_for_the_api_nothing_is_done(shell: Shell) -> None:
    shell.world.directory.sandbox.faults.add(Fault(path="/msi/token", status=400, times=None))
    shell.export(**DOWN)
    ran = await shell.run("offboard", "ben@x.example", "--reason", "left")
    assert (ran.code, ran.out) == (1, "")
    assert "there is no token for the API, so nothing was done" in ran.err
    assert f"az login --scope {AUDIENCE}/.default" in ran.err


@pytest.mark.anyio
async def test_direct_sweep_in_report_mode_changes_nothing_and_is_listed(shell: Shell) -> None:
    anna = shell.world.member("Anna")
    await shell.world.register(anna.id, ENDED)
    looked = await shell.run("sweep", "--mode", "report", "--output", "json")
    assert (looked.code, looked.data["mode"], looked.data["due"]) == (0, "report", 1)
    assert shell.world.graph_writes() == []
    swept = await shell.run("sweep", "--output", "json")
    assert (swept.code, swept.data["removed"]) == (0, 1)
    assert [group["run_id"] for group in swept.data["groups"]] == [swept.data["run_id"]]
    listed = await shell.run("runs", "--output", "json")
    assert [(run["mode"], run["removed"]) for run in listed.data] == [("enforce", 1), ("report", 0)]
    shown = await shell.run("runs", "--limit", "1", "--output", "table")
    assert swept.data["run_id"] in shown.out
    assert looked.data["run_id"] not in shown.out


@pytest.mark.anyio
async def test_direct_sweep_past_the_brake_names_what_to_approve(shell: Shell) -> None:
    shell.export(ENFORCER_BRAKE_COUNT="0", ENFORCER_BRAKE_PERCENT="0")
    anna = shell.world.member("Anna")
    await shell.world.register(anna.id, ENDED)
    held = await shell.run("sweep", "--output", "json")
    assert held.code == 3
    assert f"enforcer approve {held.data['digest']}" in held.err


@pytest.mark.anyio
async def test_undo_last_takes_the_newest_run_and_never_the_one_before(shell: Shell) -> None:
    anna, ben = shell.world.member("Anna"), shell.world.member("Ben")
    none = await shell.run("undo", "last")
    assert (none.code, "nothing to undo" in none.err) == (1, True)
    for user in (anna, ben):
        await shell.run("offboard", user.id, "--reason", "left")
    assert (await shell.run("undo", "last", "--yes")).code == 0
    assert shell.world.member_ids() == {ben.id}
    again = await shell.run("undo", "last", "--yes")
    assert (again.code, "nothing to undo" in again.err) == (1, True)
    assert shell.world.member_ids() == {ben.id}


@pytest.mark.parametrize("audience", ["5f1c7c52", "api://5f1c7c52"])
def test_scope_is_that_of_the_audience_in_either_form(audience: str) -> None:
    assert token_scope(audience) == "api://5f1c7c52/.default"
