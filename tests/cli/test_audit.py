"""`audit verify` and `audit export` as somebody at the keyboard sees them."""

from __future__ import annotations

import csv
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from enforcer.storage.tables.ledger import TABLE
from tests.cli.conftest import Shell
from tests.support.ledger_entries import change
from tests.support.world import World

pytestmark = pytest.mark.anyio

DUE = datetime(2026, 11, 16, tzinfo=UTC)


async def a_night(world: World) -> None:
    for number in range(3):
        user = world.member(f"User {number}")
        await world.register(user.id, "2026-11-15", display_name=f"=User {number}")
    world.clock.moment = DUE.replace(hour=1)
    await world.sweep()
    await world.sweep()


async def tamper(world: World) -> None:
    await change(world.services.tables, world.group.id, 4, At="2026-11-16T01:00:01Z")


async def test_a_ledger_that_fits_is_said_to_and_the_exit_code_is_0(shell: Shell) -> None:
    await a_night(shell.world)

    ran = await shell.run("audit", "verify", "--output", "json")

    assert ran.code == 0
    group = ran.data["groups"][0]
    assert (group["group_id"], group["broken"]) == (shell.world.group.id, None)
    assert group["sequence"] == len(await shell.world.ledger())


@pytest.mark.parametrize("form", ["table", "json"])
async def test_one_changed_byte_is_named_and_the_exit_code_is_1(shell: Shell, form: str) -> None:
    await a_night(shell.world)
    await tamper(shell.world)

    ran = await shell.run("audit", "verify", "--output", form)

    assert ran.code == 1
    assert "was changed after it was written" in ran.out
    assert "BROKEN: entry 4" in ran.out or ran.data["groups"][0]["broken"]["sequence"] == 4


async def test_a_manifest_of_an_earlier_export_is_compared_with_the_ledger(
    shell: Shell, tmp_path: Path
) -> None:
    await a_night(shell.world)
    await shell.run(
        "audit", "export", "--from", "2026-11-01", "--to", "2026-11-30", "--out", str(tmp_path / "out")
    )
    manifest = tmp_path / "out/manifest.json"
    assert (await shell.run("audit", "verify", "--manifest", str(manifest))).code == 0

    changed = json.loads(manifest.read_bytes())
    changed["ledgers"][0]["hash"] = "0" * 64
    manifest.write_text(json.dumps(changed))
    ran = await shell.run("audit", "verify", "--output", "json", "--manifest", str(manifest))

    assert ran.code == 1
    assert "manifest.json names" in ran.data["groups"][0]["broken"]["reason"]


async def test_groups_no_longer_managed_are_checked_and_named(shell: Shell, tmp_path: Path) -> None:
    days = ("--from", "2026-11-01", "--to", "2026-11-30")
    await a_night(shell.world)
    await shell.run("audit", "export", *days, "--out", str(tmp_path / "before"))
    manifest = tmp_path / "before/manifest.json"
    other = shell.world.tenant.add_group("Others")
    shell.export(ENFORCER_GROUP_IDS=other.id)

    exported = await shell.run("audit", "export", *days, "--out", str(tmp_path / "after"), "-o", "table")
    verified = await shell.run("audit", "verify", "-o", "json")

    assert (exported.code, verified.code) == (0, 0)
    assert f"{shell.world.group.id} has a ledger but is no longer managed" in exported.err
    written = json.loads((tmp_path / "after/manifest.json").read_bytes())
    assert written["groups_left_out"] == [shell.world.group.id]
    assert f"{shell.world.group.id} is no longer managed" in verified.err
    assert [group["group_id"] for group in verified.data["groups"]] == [other.id, shell.world.group.id]

    await tamper(shell.world)
    assert (await shell.run("audit", "verify")).code == 1
    async with shell.world.services.tables.table(TABLE) as table:
        await table.delete_table()
    # The rows of its runs say that there were entries.
    assert (await shell.run("audit", "verify")).code == 1
    missing = await shell.run("audit", "verify", "--manifest", str(manifest), "-o", "json")
    assert (missing.code, len(missing.data["groups"])) == (1, 2)


async def test_ledger_of_which_the_end_was_cut_off_fails(shell: Shell) -> None:
    await a_night(shell.world)
    entries = await shell.world.ledger()
    async with shell.world.services.tables.table(TABLE) as table:
        for number in range(len(entries) - 2, len(entries) + 1):
            await table.delete_entity(shell.world.group.id, f"{number:012d}")
        last = await table.get_entity(shell.world.group.id, f"{len(entries) - 3:012d}")
        head = {"PartitionKey": shell.world.group.id, "RowKey": "head", "Hash": last["Hash"]}
        await table.upsert_entity({**head, "Sequence": len(entries) - 3}, mode="replace")

    ran = await shell.run("audit", "verify", "-o", "table")

    assert ran.code == 1
    assert f"BROKEN: entry {len(entries)} is missing" in ran.out


async def test_telemetry_shows_a_ledger_rewritten_with_runs_and_reports(
    shell: Shell, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await a_night(shell.world)
    sequence, digest = re.findall(r"ledger_appended .*sequence=(\d+) hash=(\w+)", caplog.text)[-1]
    heads = tmp_path / "heads.json"
    heads.write_text(json.dumps([{"Group": shell.world.group.id, "Sequence": sequence, "Hash": digest}]))
    first = await shell.run("audit", "verify", "--heads", str(heads), "-o", "json")
    assert (first.code, "query" in first.err) == (0, False)

    entries = await shell.world.ledger()
    for name in (TABLE, "runs"):
        async with shell.world.services.tables.table(name) as table:
            async for row in table.query_entities(f"PartitionKey eq '{shell.world.group.id}'"):
                await table.delete_entity(row["PartitionKey"], row["RowKey"])
    shell.world.services.ledger._heads.clear()
    await shell.world.services.ledger.append(shell.world.group.id, entries[1:])
    await shell.world.record([])

    assert (await shell.run("audit", "verify")).code == 0
    ran = await shell.run("audit", "verify", "--heads", str(heads), "-o", "json")
    assert ran.code == 1
    assert "telemetry (heads.json, row 1) names" in ran.data["groups"][0]["broken"]["reason"]


async def test_check_without_any_end_to_compare_with_fails(shell: Shell) -> None:
    ran = await shell.run("audit", "verify")
    assert ran.code == 1
    assert "no end of a ledger is recorded anywhere else" in ran.err
    assert "AppEvents | where Name == 'ledger_appended'" in ran.err


async def test_an_export_is_four_files_with_everybody_in_them(shell: Shell, tmp_path: Path) -> None:
    await a_night(shell.world)
    out = tmp_path / "evidence"

    ran = await shell.run(
        "audit",
        *("export", "--from", "2026-11-01", "--to", "2026-11-30", "--out", str(out)),
        *("--sla", "30m", "--output", "json"),
    )

    assert ran.code == 0
    assert {path.name for path in out.iterdir()} == {
        *("evidence.csv", "evidence.jsonl", "report.html", "manifest.json")
    }
    assert ran.data == json.loads((out / "manifest.json").read_bytes())
    assert ran.data["summary"]["verdicts"]["late"] == 3
    with (out / "evidence.csv").open(encoding="utf-8-sig", newline="") as file:
        names = [row["display_name"] for row in csv.DictReader(file)]
    assert sorted(names) == ["'=User 0", "'=User 1", "'=User 2"]


async def test_evidence_from_a_broken_ledger_is_written_and_the_exit_code_is_1(
    shell: Shell, tmp_path: Path
) -> None:
    await a_night(shell.world)
    await tamper(shell.world)

    ran = await shell.run(
        "audit", "export", "--from", "2026-11-01", "--to", "2026-11-30", "--out", str(tmp_path / "out")
    )

    assert ran.code == 1
    assert "was changed after it was written" in (tmp_path / "out/report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (
            ("--from", "2026-11-31", "--to", "2026-11-30"),
            2,
            "'--from': is '2026-11-31', which does not exist",
        ),
        (("--from", "20261101", "--to", "2026-11-30"), 2, "'--from': is '20261101'"),
        (("--from", "2026-11-01", "--to", "yesterday"), 2, "'--to': is 'yesterday'"),
        (("--from", "2026-11-01", "--to", "2026-11-30T12:00:00Z"), 2, "it must be a day, YYYY-MM-DD"),
        (("--from", "2026-11-01", "--to", "9999-12-31"), 2, "a placeholder"),
        (("--from", "2026-11-30", "--to", "2026-11-01"), 1, "before it begins"),
        (("--from", "2026-11-01", "--to", "2026-11-30", "--sla", "soon"), 2, "'soon' is not a duration"),
        (("--from", "2026-11-01", "--to", "2026-11-30", "--sla", "-1h"), 2, "'-1h' is not a duration"),
    ],
)
async def test_what_cannot_be_exported_is_refused_before_anything_is_written(
    shell: Shell, tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    ran = await shell.run("audit", "export", *arguments, "--out", str(tmp_path / "out"))

    assert ran.code == code
    assert said in ran.err
    assert not (tmp_path / "out").exists()
