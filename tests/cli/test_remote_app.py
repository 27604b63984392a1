"""Every change of the command line through the real app, each as whoever is signed in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from enforcer.cli import cli
from enforcer.cli.running import run_guarded, settings
from enforcer.services import open_services
from sandbox import azure_cli
from sandbox.directory import Fault
from sandbox.directory.objects import User
from tests.cli.conftest import Ran
from tests.conftest import NewAccount
from tests.support.http_app import HttpApp, running_http_app
from tests.support.world import RUNNING

SETTINGS = {"ENFORCER_BRAKE_COUNT": "4", "ENFORCER_BRAKE_PERCENT": "0", "ENFORCER_LEASE_SECONDS": "2"}


@dataclass
class Desk:
    """Where somebody is signed in and gives commands; the app is elsewhere."""

    app: HttpApp
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    output: pytest.CaptureFixture[str]

    def sign_in(self, user: User) -> None:
        folder = self.folder / user.id
        folder.mkdir(exist_ok=True)
        signed_in = azure_cli.signed_in(folder, self.app.directory.url, user.id)
        self.export(**signed_in, AZURE_TOKEN_CREDENTIALS="dev")

    def export(self, **environ: str) -> None:
        for name, value in environ.items():
            self.monkeypatch.setenv(name, value)

    def run(self, *arguments: str) -> Ran:
        settings.cache_clear()
        self.output.readouterr()
        code = run_guarded(cli, arguments)
        captured = self.output.readouterr()
        return Ran(code, captured.out, captured.err)


@pytest.fixture(scope="module")
def app(new_account: NewAccount) -> Iterator[HttpApp]:
    with pytest.MonkeyPatch.context() as patched:
        for name, value in SETTINGS.items():
            patched.setenv(name, value)
        account = new_account()
        with running_http_app(account, []) as running:
            patched.setenv("EnforcerStorage", account.connection_string)
            yield running


@pytest.fixture
def desk(
    app: HttpApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    """The operator's desk."""
    desk = Desk(app, tmp_path, monkeypatch, capsys)
    desk.export(
        ENFORCER_API_URL=app.url,
        ENFORCER_API_AUDIENCE=app.audience,
        ENFORCER_GROUP_IDS=app.company.contractors.id,
        ENFORCER_MODE="enforce",
        ENFORCER_GRAPH_URL=app.directory.url,
    )
    desk.sign_in(app.company.operator)
    yield desk
    app.directory.sandbox.faults.clear()
    settings.cache_clear()


@pytest.fixture
def newcomer(app: HttpApp) -> Callable[[str], User]:
    def add(name: str) -> User:
        return app.directory.tenant.add_user(name, mail=f"{name.lower().replace(' ', '.')}@x.example")

    return add


def test_register_is_changed_as_the_person_and_shown_as_directly(
    desk: Desk, newcomer: Callable[[str], User], tmp_path: Path
) -> None:
    nina = newcomer("Nina New")
    added = desk.run(
        "contractors", "add", "nina.new@x.example", "--end", "2098-12-31", "--company", "X", "-o", "json"
    )
    assert added.code == 0, added.err
    (row,) = added.data
    assert row == {
        "group_id": desk.app.company.contractors.id,
        "row_key": nina.id,
        "end_date": "2098-12-31",
        "start_date": "",
        "display_name": "Nina New",
        "company": "X",
        "sponsor": "",
        "note": "",
    }
    extended = desk.run("contractors", "extend", "nina.new@x.example", "--end", RUNNING, "-o", "json")
    assert (extended.code, extended.data[0]["end_date"], extended.data[0]["company"]) == (0, RUNNING, "X")

    file = tmp_path / "people.csv"
    file.write_text(f"user,end\nnina.new@x.example,{RUNNING}\nfuture@x.example,{RUNNING}T00:00:00Z\n")
    imported = desk.run("contractors", "import", str(file), "--unknown", "-o", "json")
    assert (imported.code, imported.data["imported"], imported.data["warnings"]) == (0, 1, [])
    assert [row["row_key"] for row in imported.data["contractors"]] == ["future@x.example"]
    assert [message[:6] for message in imported.data["at_midnight"]] == ["line 3"]
    # Entra does not know them yet, and their row can be extended nevertheless.
    later = desk.run("contractors", "extend", "future@x.example", "--end", "2098-01-31", "-o", "json")
    assert (later.code, later.data[0]["end_date"]) == (0, "2098-01-31"), later.err
    for user in (nina.id, "future@x.example"):
        assert desk.run("contractors", "remove", user).code == 0
    assert desk.app.call("GET", f"contractors/{nina.id}").status_code == 404
    assert _actors() == {f"user:{desk.app.company.operator.id}"}


def _actors() -> set[str]:
    """Return whoever did anything, according to the ledger."""

    async def read() -> set[str]:
        async with open_services(settings()) as services:
            (group,) = services.settings.group_ids
            return {link.entry.actor async for link in services.ledger.links(group)}

    return asyncio.run(read())


def test_offboarding_through_the_app_needs_no_right_of_the_person(desk: Desk) -> None:
    ada = desk.app.contractor("Ada Leaver")
    done = desk.run("offboard", ada.user_principal_name, "--reason", "left", "--output", "json")
    assert (done.code, done.data["user_id"], done.data["done"]) == (0, ada.id, True)
    assert not desk.app.is_member(ada)
    undone = desk.run("undo", "last", "--yes", "--output", "json")
    assert (undone.code, undone.data["undone_run"]) == (0, done.data["run_id"]), undone.err
    assert [result["done"] for result in undone.data["results"]] == [True]
    assert desk.app.is_member(ada)


def test_check_says_that_the_app_accepts_the_person(desk: Desk) -> None:
    (own,) = [check for check in desk.run("check").data if check["name"] == "command line"]
    assert own["health"] == "ok"
    assert own["detail"].startswith(f"changes go to {desk.app.url}/api")


def test_what_is_refused_for_good_is_shown_step_by_step(desk: Desk) -> None:
    eve = desk.app.contractor("Eve Stuck")
    desk.app.directory.sandbox.faults.add(Fault(path="revokeSignInSessions", status=403))
    ran = desk.run("offboard", eve.id, "--reason", "left", "--output", "json")
    assert (ran.code, ran.data["done"]) == (1, False)
    assert {step["step"]: step["outcome"] for step in ran.data["steps"]}["revoke"] == "failed"


def test_rows_of_whoever_has_no_account_end_and_are_named(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(f"user,end\nnora@x.example,{RUNNING}\n")
    assert desk.run("contractors", "import", str(file), "--unknown").code == 0
    ran = desk.run("offboard", "nora@x.example", "--reason", "left", "--output", "json")
    row = f"{desk.app.company.contractors.id}/nora@x.example"
    assert (ran.code, ran.data) == (
        1,
        {"user": "nora@x.example", "code": "not_found", "ended_rows": [row]},
    )


def test_what_the_brake_holds_waits_for_somebody_else(desk: Desk) -> None:
    people = [desk.app.contractor(f"Held {number}") for number in range(5)]
    ids = [person.id for person in people]
    held = desk.run("offboard", *ids, "--reason", "breach", "--output", "json")
    assert held.code == 3, held.err
    digest = held.data["digest"]
    assert f"enforcer approve {digest}" in held.err
    assert all(desk.app.is_member(person) for person in people)

    refused = desk.run("approve", digest)
    assert (refused.code, refused.out) == (1, "")
    assert "403 missing_role" in refused.err
    assert "Contractors.Approve" in refused.err
    assert "az login again" in refused.err
    desk.sign_in(desk.app.company.approver)
    approved = desk.run("approve", digest, "--output", "json")
    assert (approved.code, [plan["digest"] for plan in approved.data]) == (0, [digest]), approved.err
    assert approved.data[0]["approved_by"] == f"user:{desk.app.company.approver.id}"
    denied = desk.run("offboard", *ids, "--reason", "breach")
    assert (denied.code, "Contractors.Offboard" in denied.err) == (1, True)

    desk.sign_in(desk.app.company.operator)
    done = desk.run("offboard", *ids, "--reason", "breach", "--output", "json")
    assert (done.code, {person["status"] for person in done.data["people"]}) == (0, {"done"})
    assert not any(desk.app.is_member(person) for person in people)


def test_sweep_waits_for_the_apps_run_and_shows_it(desk: Desk) -> None:
    swept = desk.run("sweep", "--mode", "report", "--output", "json")
    assert swept.code == 0, swept.err
    assert (swept.data["state"], swept.data["mode"]) == ("complete", "report")
    assert swept.data["actor"] == f"user:{desk.app.company.operator.id}"
    assert [group["run_id"] for group in swept.data["groups"]] == [swept.data["run_id"]]
    listed = desk.run("runs", "--output", "json")
    assert swept.data["run_id"] in {run["run_id"] for run in listed.data}


def test_what_the_app_has_queued_is_left_undone(desk: Desk) -> None:
    lea = desk.app.contractor("Lea Later")
    desk.app.directory.sandbox.faults.add(Fault(path="^/v1.0", times=None))
    queued = desk.run("offboard", lea.id, "--reason", "left", "--output", "json")
    assert (queued.code, queued.data["state"]) == (1, "running")
    assert f"queued, run {queued.data['run_id']}" in queued.err
    asked = desk.run("sweep", "--wait", "0", "--output", "json")
    assert (asked.code, asked.data["state"]) == (1, "running")
    assert f"run {asked.data['run_id']} is not over" in asked.err


# Last, as it fills the window of the brake for everybody.
def test_one_person_past_the_brake_is_held_with_the_digest(desk: Desk) -> None:
    people = [desk.app.contractor(f"One {number}") for number in range(6)]
    offboard = (
        desk.app.call("POST", f"contractors/{one.id}/offboard", json={"reason": "x"}) for one in people
    )
    assert 409 in (reply.status_code for reply in offboard)
    person = next(one for one in people if desk.app.is_member(one))
    ran = desk.run("offboard", person.id, "--reason", "left", "--output", "json")
    assert (ran.code, ran.data["code"], ran.data["user"]) == (3, "held", person.id)
    assert f"enforcer approve {ran.data['digest']}" in ran.err
    assert desk.app.is_member(person)
