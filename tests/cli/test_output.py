"""Tables for people, JSON for programs."""

from __future__ import annotations

import csv
import io
import sys
from datetime import UTC, datetime, timedelta

import pytest

from enforcer.cli.output import Table, json_text, tell, write_tables
from tests.cli.conftest import Shell
from tests.support.world import ENDED


def written(capsys: pytest.CaptureFixture[str], *rows: tuple[object, ...]) -> str:
    write_tables(Table("People", ("name", "value"), rows))
    return capsys.readouterr().out


def test_an_empty_table_is_a_line_that_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert written(capsys) == "People: none\n"


@pytest.mark.parametrize(("value", "cell"), [(None, "-"), (True, "yes"), (False, "no"), (0, "0"), ("", "")])
def test_a_value_is_put_as_people_say_it(
    capsys: pytest.CaptureFixture[str], value: object, cell: str
) -> None:
    last_line = written(capsys, ("Anna", value)).rstrip().splitlines()[-1]
    assert last_line.split() == ["Anna", cell] if cell else ["Anna"]


def test_off_a_terminal_nothing_is_cut_off(capsys: pytest.CaptureFixture[str]) -> None:
    assert "x" * 200 in written(capsys, ("Anna", "x" * 200))


def test_what_others_wrote_cannot_draw_on_the_screen(capsys: pytest.CaptureFixture[str]) -> None:
    out = written(capsys, ("[red]Anna[/red]", "\x1b[2J\nBen"))
    assert "[red]Anna[/red]" in out
    assert "\x1b" not in out
    assert "�[2J�Ben" in out


def test_names_of_all_peoples_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    out = written(capsys, ("山田\u3000太郎", "می\u200cشود"))
    assert "山田\u3000太郎" in out
    assert "می\u200cشود" in out


def test_json_is_indented_and_ends_with_the_line() -> None:
    assert json_text({"due": 1}) == '{\n  "due": 1\n}\n'


def test_what_is_told_leaves_stdout_to_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    tell("done")
    assert capsys.readouterr() == ("", "done\n")


@pytest.mark.anyio
@pytest.mark.parametrize("columns", [80, 120])
async def test_a_plan_fits_the_terminal_and_breaks_no_word(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    world, today = shell.world, datetime.now(UTC).date()
    anna, soon = world.member("Anna Katharina Zimmermann-Oberhuber"), world.member("Ben Soon")
    ghost = world.member("Ghost")
    await world.register(anna.id, ENDED)
    await world.register(soon.id, (today + timedelta(days=3)).isoformat())
    await world.register("odd.address@a-long-domain.example", "never")
    shell.export(COLUMNS=str(columns), LINES="50", TERM="dumb")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    shown = (await shell.run("plan", "--output", "table")).out

    assert max(map(len, shown.splitlines())) <= columns
    addresses = (anna.user_principal_name, soon.user_principal_name, "odd.address@a-long-domain.example")
    for whole in (*addresses, ghost.id, ENDED, "remove, revoke", "unregistered_member", "invalid_row"):
        assert whole in shown
    # Names come first, and nobody is shown by an ID who has a name.
    assert sum(line.startswith(addresses) for line in shown.splitlines()) == len(addresses)
    assert anna.id not in shown


@pytest.mark.anyio
async def test_csv_holds_the_same_cells_with_no_formula(shell: Shell) -> None:
    await shell.world.register("anna@x.example", "2099-12-31", company="=1+1")
    ran = await shell.run("contractors", "list", "--output", "csv")
    first, *_ = list(csv.DictReader(io.StringIO(ran.out)))
    assert (ran.code, first["row_key"], first["company"]) == (0, "anna@x.example", "'=1+1")


@pytest.mark.anyio
async def test_ids_behind_a_name_are_shown_only_when_asked_for(shell: Shell) -> None:
    ghost = shell.world.member("Ghost")
    assert ghost.id not in (await shell.run("runs", "-o", "table")).out
    await shell.run("apply")
    (run,) = (await shell.run("runs", "-o", "json")).data
    assert shell.world.group.id not in (await shell.run("runs", "-o", "table")).out
    assert shell.world.group.id in (await shell.run("runs", "-o", "table", "-v")).out
    # Whatever a command takes stays in sight.
    assert run["run_id"] in (await shell.run("runs", "-o", "table")).out


@pytest.mark.parametrize(("settings", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_states_are_coloured_unless_no_color_is_set(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    settings: dict[str, str],
    coloured: bool,  # noqa: FBT001
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in {"TERM": "xterm-256color", **settings}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    write_tables(Table("Checks", ("status", "check"), [("failed", "storage"), ("ok", "clock")]))
    out = capsys.readouterr().out
    assert ("\x1b[31mfailed" in out, "\x1b[32mok" in out) == (coloured, coloured)
