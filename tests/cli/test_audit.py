"""`audit verify` and `audit export` as somebody at the keyboard sees them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import anyio.to_thread
import pytest
from click.testing import CliRunner, Result

from enforcer.cli.audit import audit
from enforcer.cli.running import settings
from enforcer.tables.ledger import TABLE
from tests.world import World

pytestmark = pytest.mark.anyio

DUE = datetime(2026, 11, 16, tzinfo=UTC)


@pytest.fixture(autouse=True)
def fresh_settings() -> Iterator[None]:
    """The command line reads the settings once; here every test has others."""
    settings.cache_clear()
    yield
    settings.cache_clear()


async def run(world: World, *arguments: str) -> Result:
    """Run a command in a thread, which has no event loop as yet, as a process would."""
    invoke = partial(CliRunner().invoke, audit, arguments, env=dict(world.environ), standalone_mode=False)
    return await anyio.to_thread.run_sync(invoke)


async def a_night(world: World) -> None:
    for number in range(3):
        user = world.member(f"User {number}")
        await world.register(user.id, "2026-11-15", display_name=f"=User {number}")
    world.clock.moment = DUE.replace(hour=1)
    await world.sweep()
    await world.sweep()


async def tamper(world: World) -> None:
    async with world.services.tables.table(TABLE) as table:
        await table.update_entity(
            {"PartitionKey": world.group.id, "RowKey": f"{4:012d}", "At": "2026-11-16T01:00:01Z"}
        )


async def test_a_ledger_that_fits_is_said_to_and_the_exit_code_is_0(world: World) -> None:
    await a_night(world)

    done = await run(world, "verify", "--output", "json")

    assert done.return_value == 0
    group = json.loads(done.stdout)["groups"][0]
    assert (group["group_id"], group["broken"]) == (world.group.id, None)
    assert group["sequence"] == len(await world.ledger())


@pytest.mark.parametrize("form", ["table", "json"])
async def test_one_changed_byte_is_named_and_the_exit_code_is_1(world: World, form: str) -> None:
    await a_night(world)
    await tamper(world)

    done = await run(world, "verify", "--output", form)

    assert done.return_value == 1
    assert "was changed after it was written" in done.stdout
    assert "BROKEN: entry 4" in done.stdout or json.loads(done.stdout)["groups"][0]["broken"]["sequence"] == 4


async def test_a_manifest_of_an_earlier_export_is_held_against_the_ledger(
    world: World, tmp_path: Path
) -> None:
    await a_night(world)
    await run(world, "export", "--from", "2026-11-01", "--to", "2026-11-30", "--out", str(tmp_path / "out"))
    manifest = tmp_path / "out/manifest.json"
    assert (await run(world, "verify", "--manifest", str(manifest))).return_value == 0

    changed = json.loads(manifest.read_bytes())
    changed["ledgers"][0]["hash"] = "0" * 64
    manifest.write_text(json.dumps(changed))
    done = await run(world, "verify", "--output", "json", "--manifest", str(manifest))

    assert done.return_value == 1
    assert "manifest.json names" in json.loads(done.stdout)["groups"][0]["broken"]["reason"]


async def test_an_export_is_four_files_with_everybody_in_them(world: World, tmp_path: Path) -> None:
    await a_night(world)
    out = tmp_path / "evidence"

    done = await run(
        world,
        *("export", "--from", "2026-11-01", "--to", "2026-11-30", "--out", str(out)),
        *("--sla", "30m", "--output", "json"),
    )

    assert done.return_value == 0
    assert {path.name for path in out.iterdir()} == {
        *("evidence.csv", "evidence.jsonl", "report.html", "manifest.json")
    }
    assert json.loads(done.stdout) == json.loads((out / "manifest.json").read_bytes())
    assert json.loads(done.stdout)["summary"]["verdicts"]["late"] == 3
    with (out / "evidence.csv").open(encoding="utf-8-sig", newline="") as file:
        names = [row["display_name"] for row in csv.DictReader(file)]
    assert sorted(names) == ["'=User 0", "'=User 1", "'=User 2"]


async def test_evidence_from_a_broken_ledger_is_written_and_the_exit_code_is_1(
    world: World, tmp_path: Path
) -> None:
    await a_night(world)
    await tamper(world)

    done = await run(
        world, "export", "--from", "2026-11-01", "--to", "2026-11-30", "--out", str(tmp_path / "out")
    )

    assert done.return_value == 1
    assert "was changed after it was written" in (tmp_path / "out/report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", "2026-11-31", "--to", "2026-11-30"), "from is '2026-11-31'"),
        (("--from", "2026-11-30", "--to", "2026-11-01"), "before it begins"),
        (("--from", "2026-11-01", "--to", "2026-11-30", "--sla", "soon"), "'soon' is no duration"),
        (("--from", "2026-11-01", "--to", "2026-11-30", "--sla", "-1h"), "'-1h' is no duration"),
    ],
)
async def test_what_cannot_be_exported_is_refused_before_anything_is_written(
    world: World, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = await run(world, "export", *arguments, "--out", str(tmp_path / "out"))

    assert said in str(done.exception)
    assert not (tmp_path / "out").exists()
