"""`contractors import`: what is said before anything is written, and what is never written."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import pytest

from sandbox.directory.objects import User
from tests.cli.conftest import Shell
from tests.support.hr_files import workbook
from tests.support.world import ENDED, RUNNING

pytestmark = pytest.mark.anyio

_LATER = "2099-12-31"


@pytest.fixture
def people(shell: Shell) -> list[User]:
    """Members of the group."""
    return [shell.world.member(f"Kim {number}") for number in range(12)]


async def ends(shell: Shell) -> dict[str, object]:
    rows = await shell.world.services.register.whole_rows(shell.world.group.id)
    return {row.row_key: row.end_date for row in rows}


def _file(tmp_path: Path, *lines: str, header: str = "user,end") -> str:
    file = tmp_path / "people.csv"
    file.write_text("\n".join((header, *lines)), encoding="utf-8")
    return str(file)


async def test_consequences_are_said_before_they_happen(
    shell: Shell, tmp_path: Path, people: list[User]
) -> None:
    for user in people[1:]:
        await shell.world.register(user.id, RUNNING)
    outsider = shell.world.tenant.add_user("Out Sider")
    lines = [
        f"{people[0].id},{RUNNING}",
        f"{people[1].id},{_LATER}",
        f"{people[2].id},2098-01-31",
        f"{people[3].user_principal_name},{RUNNING}",
        f"{people[4].id},{ENDED}",
        f"{outsider.id},{RUNNING}",
        f"nobody@x.example,{RUNNING}",
    ]
    ran = await shell.run("contractors", "import", _file(tmp_path, *lines), "--dry-run", "-o", "json")
    assert ran.code == 0
    assert ran.data["summary"] == (
        "3 new, 1 extended, 2 shortened (1 person would go tonight; the brake would not hold), 1 unchanged"
        " (not written), 1 already ended, 1 unknown to Entra, 1 not a member"
    )
    assert ran.data["leaving_tonight"] == [people[4].id]
    remarks = {change["line"]: change["remarks"] for change in ran.data["changes"]}
    assert remarks[6] == ["would go tonight", "already ended"]
    assert (remarks[7], remarks[8]) == (["not a member"], ["unknown to Entra"])
    assert len(await ends(shell)) == 11
    assert await shell.world.ledger() == []


async def test_the_brake_that_would_hold_is_foretold(
    shell: Shell, tmp_path: Path, people: list[User]
) -> None:
    file = _file(tmp_path, *(f"{user.id},{ENDED}" for user in people))
    ran = await shell.run("contractors", "import", file, "--past", "-o", "json")
    assert (ran.code, ran.data["held"], ran.data["counts"]["ended"]) == (0, True, 12)
    assert "12 people would go tonight; the brake would hold" in ran.err
    assert (await shell.world.plan()).held


@pytest.mark.parametrize(
    ("line", "option"), [("{id},2024-12-31", "--past"), ("x@x.example,2099-01-31", "--unknown")]
)
async def test_what_nobody_may_have_meant_takes_an_option(
    shell: Shell, tmp_path: Path, people: list[User], line: str, option: str
) -> None:
    file = _file(tmp_path, line.format(id=people[0].id))
    refused = await shell.run("contractors", "import", file)
    assert (refused.code, refused.out) == (1, "")
    assert option in refused.err
    assert await ends(shell) == {}
    assert (await shell.run("contractors", "import", file, option)).code == 0
    assert len(await ends(shell)) == 1


async def test_an_end_that_was_over_before_takes_no_option(
    shell: Shell, tmp_path: Path, people: list[User]
) -> None:
    await shell.world.register("gone@x.example", ENDED)
    file = _file(tmp_path, f"gone@x.example,{ENDED}", f"{people[0].id},{RUNNING}")
    assert (await shell.run("contractors", "import", file)).code == 0
    assert await ends(shell) == {"gone@x.example": ENDED, people[0].id: RUNNING}


async def test_the_same_file_again_writes_neither_row_nor_ledger(
    shell: Shell, tmp_path: Path, people: list[User]
) -> None:
    file = _file(tmp_path, *(f"{user.user_principal_name},{RUNNING}" for user in people))
    assert (await shell.run("contractors", "import", file)).code == 0
    assert len(await shell.world.ledger()) == 12
    again = await shell.run("contractors", "import", file, "-o", "json")
    assert (again.code, again.data["imported"], again.data["counts"]["unchanged"]) == (0, 0, 12)
    assert len(await shell.world.ledger()) == 12


async def test_a_workbook_a_map_and_an_order_of_dates(
    shell: Shell, tmp_path: Path, people: list[User]
) -> None:
    file = tmp_path / "people.xlsx"
    file.write_bytes(workbook(("Who", "Until when"), (people[0].user_principal_name, "31/01/2099")))
    ran = await shell.run(
        *("contractors", "import", str(file), "--map", "user=Who", "--map", "end=until_when"),
        *("--dates", "dmy", "-o", "json"),
    )
    assert (ran.code, ran.data["imported"]) == (0, 1)
    assert await ends(shell) == {people[0].user_principal_name: "2099-01-31"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--map", "users=A"], "FIELD one of user, end"),
        (["--map", "user"], "FIELD=COLUMN"),
        (["--map", "user=A", "--map", "user=B"], "--map names user twice"),
        (["--dates", "ydm"], "ydm"),
    ],
)
async def test_options_of_another_form_are_bad_usage(
    shell: Shell, tmp_path: Path, options: list[str], words: str
) -> None:
    ran = await shell.run("contractors", "import", _file(tmp_path, f"a@x.example,{RUNNING}"), *options)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err


async def test_identifiers_of_a_line_must_not_disagree(
    shell: Shell, tmp_path: Path, people: list[User]
) -> None:
    one, other = people[:2]
    header = "objectId,upn,end"
    file = _file(tmp_path, f"{one.id},{other.user_principal_name},{RUNNING}", header=header)
    ran = await shell.run("contractors", "import", file)
    assert ran.code == 1
    assert "line 2: its identifiers mean different people" in ran.err
    file = _file(tmp_path, f"{one.id},{one.user_principal_name},{RUNNING}", header=header)
    assert (await shell.run("contractors", "import", file)).code == 0
    assert await ends(shell) == {one.id: RUNNING}


async def test_a_contract_that_hr_calls_terminated_is_pointed_out(
    shell: Shell, tmp_path: Path, people: list[User]
) -> None:
    file = _file(tmp_path, f"{people[0].id},{RUNNING},Terminated", header="user,end,status")
    ran = await shell.run("contractors", "import", file)
    assert ran.code == 0
    assert f"line 2: the status is 'Terminated', but access ends on {RUNNING} only" in ran.err


@pytest.mark.parametrize("answer", [True, False])
async def test_at_a_terminal_it_asks_before_it_writes(
    shell: Shell,
    tmp_path: Path,
    people: list[User],
    answer: bool,  # noqa: FBT001
) -> None:
    asked: list[str] = []
    shell.monkeypatch.setattr(sys.stdin, "isatty", lambda: True)

    def confirm(question: str, **_: object) -> bool:
        asked.append(question)
        if not answer:
            raise click.Abort
        return True

    shell.monkeypatch.setattr("click.confirm", confirm)
    file = _file(tmp_path, f"{people[0].id},{RUNNING}")
    ran = await shell.run("contractors", "import", file)
    assert asked == ["Write these lines (1)?"]
    assert (ran.code, len(await ends(shell))) == ((0, 1) if answer else (1, 0))
    assert (await shell.run("contractors", "import", file, "--yes")).code == 0
    assert len(asked) == 1
