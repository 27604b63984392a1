"""The register by hand, from a shell."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from enforcer.core.ledger import Action
from tests.cli.conftest import Shell
from tests.support.formulas import FORMULAS, begins_a_formula
from tests.support.spoiled_rows import SHOWN, spoil_register
from tests.support.world import ENDED, RUNNING

pytestmark = pytest.mark.anyio


async def ends(shell: Shell) -> dict[str, object]:
    rows = await shell.world.services.register.whole_rows(shell.world.group.id)
    return {row.row_key: row.end_date for row in rows}


async def import_file(shell: Shell, tmp_path: Path, text: str) -> tuple[int, str]:
    file = tmp_path / "people.csv"
    file.write_bytes(text.encode("utf-8-sig"))
    ran = await shell.run("contractors", "import", str(file), "--unknown")
    return ran.code, ran.err


async def test_a_person_is_added_extended_listed_and_removed(shell: Shell) -> None:
    anna = shell.world.tenant.add_user("Anna Berg", mail="anna@x.example")
    added = await shell.run(
        "contractors", "add", "anna@x.example", "--end", "2026-12-31", "--company", "X", "-o", "json"
    )
    assert added.code == 0
    (row,) = added.data
    assert row == {
        "group_id": shell.world.group.id,
        "row_key": anna.id,
        "end_date": "2026-12-31",
        "start_date": "",
        "display_name": "Anna Berg",
        "company": "X",
        "sponsor": "",
        "note": "",
    }
    extended = await shell.run("contractors", "extend", anna.id, "--end", RUNNING, "-o", "json")
    assert (extended.code, extended.data[0]["end_date"]) == (0, RUNNING)
    listed = await shell.run("contractors", "list", "-o", "json")
    assert (listed.code, listed.data) == (0, extended.data)
    removed = await shell.run("contractors", "remove", "anna@x.example", "-o", "json")
    assert (removed.code, removed.data) == (0, extended.data)
    assert await ends(shell) == {}
    entries = await shell.world.ledger()
    assert [entry.action for entry in entries] == [
        Action.REGISTER_ADD,
        Action.REGISTER_EXTEND,
        Action.REGISTER_REMOVE,
    ]
    assert {entry.actor for entry in entries} == {f"app:{shell.own_id}"}


async def test_whatever_somebody_wrote_can_be_listed(shell: Shell) -> None:
    await shell.world.register("anna@x.example", datetime(2026, 12, 31, 17, tzinfo=UTC))
    await shell.world.register("ben@x.example", 5, note="\x1b]0;evil\x07[red]", company="🦄")
    await shell.world.register("cleo@x.example", None)
    listed = await shell.run("contractors", "list", "-o", "json")
    assert [row["end_date"] for row in listed.data] == ["2026-12-31T17:00:00Z", "5", ""]
    shown = await shell.run("contractors", "list", "-o", "table")
    assert "Contractors (3)" in shown.out
    assert "[red]" in shown.out
    assert "\x1b]0" not in shown.out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("add", "anna@x.example"), 2, "--end"),
        (("add",), 2, "USER"),
        (("extend", "anna@x.example"), 2, "--end"),
        (("import", "nowhere.csv"), 2, "nowhere.csv"),
        (("add", "nobody@x.example", "--end", RUNNING), 1, "nobody"),
        (("extend", "nobody@x.example", "--end", RUNNING), 1, "nobody"),
        (("remove", "nobody@x.example"), 1, "nobody"),
        (("add", "anna@x.example", "--end", "31.12.2099"), 2, "31.12.2099"),
        (("add", "anna@x.example", "--end", "2099-02-30"), 2, "does not exist"),
        (("list", "--group", "x"), 1, "is not a managed group"),
        (("list", "--output", "xml"), 2, "xml"),
    ],
)
async def test_what_cannot_be_done_is_said_and_does_nothing(
    shell: Shell, arguments: tuple[str, ...], code: int, words: str
) -> None:
    ran = await shell.run("contractors", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err
    assert "Traceback" not in ran.err
    assert await ends(shell) == {}


# Files ---------------------------------------------------------------------------------------------------


async def test_a_file_of_an_hr_system_is_imported(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    lines = [f"anna@x.example;{RUNNING};Bücher AG;1", f"ben@x.example;{ENDED};;2"]
    text = "\r\n".join(["E-Mail;Contract End;Vendor;Cost Centre", *lines])
    file.write_bytes(text.encode("utf-8-sig"))
    ran = await shell.run("contractors", "import", str(file), "--past", "--unknown", "-o", "json")
    assert (ran.code, ran.data["imported"]) == (0, 2)
    assert [row["company"] for row in ran.data["contractors"]] == ["Bücher AG", ""]
    assert await ends(shell) == {"anna@x.example": RUNNING, "ben@x.example": ENDED}


async def test_every_bad_line_is_named_and_nothing_is_imported(shell: Shell, tmp_path: Path) -> None:
    text = (
        "user,end,start,sponsor,group\n"
        f"anna@x.example,{RUNNING},,,\n"
        "ben@x.example,31/12/2026,,,\n"
        f"Cleo,{RUNNING},,,\n"
        f"dora@x.example,{ENDED},{RUNNING},,\n"
        f"ed@x.example,{RUNNING},,the boss,\n"
        f"fay@x.example,{RUNNING},,,99999999-8888-7777-6666-555555555555\n"
        f"g/h@x.example,{RUNNING},,,\n"
        f"ANNA@x.example,{RUNNING},,,\n"
    )
    code, err = await import_file(shell, tmp_path, text)
    assert code == 1
    named = [line.strip().partition(":")[0] for line in err.splitlines() if line.startswith("  line")]
    assert named == [f"line {number}" for number in (3, 4, 5, 6, 7, 8, 9)]
    assert await ends(shell) == {}


async def test_what_is_invisible_around_a_user_is_taken_off_and_said(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(
        f"user,end\n\u200banna@x.example\u00a0,{RUNNING}\n ben@x.example ,{RUNNING}\n", encoding="utf-8"
    )
    ran = await shell.run("contractors", "import", str(file), "--unknown", "-o", "json")
    assert (ran.code, ran.data["imported"]) == (0, 2)
    [warning] = ran.data["warnings"]
    assert warning.startswith("line 2: '\\u200banna@x.example\\xa0' was taken as 'anna@x.example'")
    assert f"warning: {warning}" in ran.err
    assert await ends(shell) == {"anna@x.example": RUNNING, "ben@x.example": RUNNING}

    extended = await shell.run("contractors", "extend", "\ufeffanna@x.example ", "--end", "2098-01-31")
    assert extended.code == 0
    assert "warning: '\\ufeffanna@x.example ' was taken as 'anna@x.example'" in extended.err
    assert (await ends(shell))["anna@x.example"] == "2098-01-31"


@pytest.mark.parametrize("user", ["an\u200bna@x.example", "\u212aim@x.example", "anna%40x.example"])
async def test_what_is_hidden_inside_a_user_is_refused_and_shown(
    shell: Shell, tmp_path: Path, user: str
) -> None:
    code, err = await import_file(shell, tmp_path, f"user,end\n{user},{RUNNING}\n")
    assert code == 1
    assert "line 2: the user is '" in err
    assert user.isascii() or user not in err
    assert await ends(shell) == {}
    ran = await shell.run("contractors", "add", user, "--end", RUNNING)
    assert (ran.code, ran.out) == (1, "")


async def test_two_lines_that_are_the_same_to_the_eye_are_named(shell: Shell, tmp_path: Path) -> None:
    text = f"user,end\nzoë@x.example,{RUNNING}\nZOE\u0308@x.example,{RUNNING}\n"
    code, err = await import_file(shell, tmp_path, text)
    assert code == 1
    assert "line 3: " in err


async def test_a_guest_whom_entra_does_not_know_is_named_by_his_line(shell: Shell, tmp_path: Path) -> None:
    code, err = await import_file(shell, tmp_path, f"user,end\ngus_x.example#EXT#@contoso.com,{RUNNING}\n")
    assert code == 1
    assert "  line 2: nobody in this tenant" in err


async def test_what_is_exported_can_be_imported_again(shell: Shell, tmp_path: Path) -> None:
    await shell.world.register("anna@x.example", RUNNING, note="=1+1", company='A "B", C', start_date=ENDED)
    await shell.world.register("gus_x.example%23EXT%23@contoso.com", datetime(2098, 1, 1, 17, tzinfo=UTC))
    file = tmp_path / "out.csv"
    exported = await shell.run("contractors", "export", "--out", str(file))
    assert (exported.code, exported.out) == (0, "")
    assert "'=1+1" in file.read_text(encoding="utf-8")

    before = await shell.world.services.register.whole_rows(shell.world.group.id)
    assert (await shell.run("contractors", "import", str(file))).code == 0
    after = await shell.world.services.register.whole_rows(shell.world.group.id)
    assert after == before
    assert await shell.world.ledger() == []


@pytest.mark.parametrize("name", ["山田\u3000太郎", "می\u200cشود", "👩\u200d💻", "'=1+1", "''-x", "'s"])
async def test_a_backup_brings_back_every_character(shell: Shell, tmp_path: Path, name: str) -> None:
    await shell.world.register("anna@x.example", RUNNING, display_name=name, company=name, note=name)
    before = await shell.world.services.register.whole_rows(shell.world.group.id)
    file = tmp_path / "out.csv"
    await shell.run("contractors", "export", "--out", str(file))
    await shell.world.services.register.remove(shell.world.group.id, "anna@x.example")

    assert (await shell.run("contractors", "import", str(file), "--unknown")).code == 0
    assert await shell.world.services.register.whole_rows(shell.world.group.id) == before


async def test_export_has_no_cell_that_a_spreadsheet_runs(shell: Shell) -> None:
    for number, name in enumerate(FORMULAS):
        await shell.world.register(
            f"anna{number}@x.example", RUNNING, display_name=name, company=name, sponsor=name, note=name
        )
    rows = list(csv.reader(io.StringIO((await shell.run("contractors", "export")).out)))
    assert len(rows) == 1 + len(FORMULAS)
    assert not [cell for row in rows for cell in row if begins_a_formula(cell)]


async def test_an_export_is_csv_or_json(shell: Shell) -> None:
    await shell.world.register("anna@x.example", RUNNING)
    as_csv = await shell.run("contractors", "export")
    (row,) = csv.DictReader(io.StringIO(as_csv.out))
    assert (row["RowKey"], row["EndDate"], row["PartitionKey"]) == (
        "anna@x.example",
        RUNNING,
        shell.world.group.id,
    )
    as_json = await shell.run("contractors", "export", "--output", "json")
    assert as_json.data[0]["row_key"] == "anna@x.example"


async def test_rows_that_cannot_be_read_are_listed_exported_and_imported_over(
    shell: Shell, tmp_path: Path
) -> None:
    await spoil_register(shell.world.services.tables, shell.world.group.id)

    listed = await shell.run("contractors", "list", "-o", "json")
    assert {row["row_key"] for row in listed.data} == SHOWN
    assert (await shell.run("contractors", "list", "-o", "table")).code == 0
    file = tmp_path / "register.csv"
    assert (await shell.run("contractors", "export", "--out", str(file))).code == 0
    exported = list(csv.DictReader(io.StringIO(file.read_text("utf-8"))))
    assert {row["RowKey"] for row in exported} == SHOWN

    assert (await import_file(shell, tmp_path, f"User,EndDate\ncal@x.example,{RUNNING}\n"))[0] == 0
    assert (await ends(shell))["cal@x.example"] == RUNNING
    # Until a run has ended, nothing recorded elsewhere shows that the ledger is whole.
    await shell.world.sweep()
    days = ("--from", "2020-01-01", "--to", "2020-02-28")
    for command in (("plan",), ("status",), ("audit", "verify"), ("audit", "export", *days, "--out")):
        for form in ("json", "table"):
            out = [str(tmp_path / form)] if "--out" in command else []
            ran = await shell.run(*command, *out, "--output", form)
            assert ran.code == 0, (command, ran.err)


async def test_an_import_tells_of_ends_at_midnight(shell: Shell, tmp_path: Path) -> None:
    code, told = await import_file(shell, tmp_path, "User,End\nben@x.example,2098-12-31T00:00:00Z\n")
    assert code == 0
    assert "line 2: EndDate is 2098-12-31T00:00:00Z, which is midnight in UTC" in told
    assert (await ends(shell))["ben@x.example"] == "2098-12-31T00:00:00Z"


async def test_an_end_that_is_over_is_written_only_with_past(shell: Shell) -> None:
    anna = shell.world.tenant.add_user("Anna", mail="anna@x.example")
    for command in ("add", "extend"):
        refused = await shell.run("contractors", command, anna.id, "--end", ENDED)
        assert (refused.code, refused.out) == (1, "")
        assert f"the end date {ENDED} is over" in refused.err
        assert "--past" in refused.err
        assert (await shell.run("contractors", "add", anna.id, "--end", RUNNING)).code == 0
    assert (await shell.run("contractors", "extend", anna.id, "--end", ENDED, "--past")).code == 0
    # An end that is over already may be corrected: nobody's access changes.
    assert (await shell.run("contractors", "extend", anna.id, "--end", "2019-12-31")).code == 0
    assert await ends(shell) == {anna.id: "2019-12-31"}


async def test_whom_entra_does_not_know_is_added_only_with_unknown(shell: Shell) -> None:
    refused = await shell.run("contractors", "add", "new@x.example", "--end", RUNNING)
    assert refused.code == 1
    assert "--unknown" in refused.err
    assert await ends(shell) == {}
    added = await shell.run("contractors", "add", "new@x.example", "--end", RUNNING, "--unknown")
    assert added.code == 0
    assert await ends(shell) == {"new@x.example": RUNNING}
