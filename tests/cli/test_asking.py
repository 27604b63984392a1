"""Questions at a terminal, a real one: what is refused changes nothing, and `--yes` answers."""

from __future__ import annotations

import os
import pty
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.support.world import ENDED, RUNNING

pytestmark = pytest.mark.anyio


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A terminal as stdin; what is written to this descriptor is typed there."""
    typed, terminal = pty.openpty()
    with os.fdopen(terminal, "r", encoding="utf-8") as opened:
        monkeypatch.setattr(sys, "stdin", opened)
        yield typed
    os.close(typed)


async def test_apply_carries_out_exactly_what_somebody_has_agreed_to(shell: Shell, keyboard: int) -> None:
    anna = shell.world.member("Anna")
    await shell.world.register(anna.id, ENDED)
    os.write(keyboard, b"n\n")
    refused = await shell.run("apply", "-o", "json")
    assert (refused.code, refused.out) == (1, "")
    assert f"to offboard: {anna.user_principal_name}" in refused.err
    assert refused.err.endswith("stopped\n")
    assert shell.world.member_ids() == {anna.id}
    os.write(keyboard, b"y\n")
    assert (await shell.run("apply", "-o", "json")).data["removed"] == 1


async def test_apply_with_nobody_due_asks_nothing(shell: Shell, keyboard: int) -> None:
    assert keyboard
    assert (await shell.run("apply", "-o", "json")).code == 0


async def test_offboard_names_whom_it_asks_about(shell: Shell, keyboard: int) -> None:
    anna = shell.world.member("Anna", mail="anna@x.example")
    command = ("offboard", "anna@x.example", "--reason", "left", "-o", "json")
    os.write(keyboard, b"n\n")
    refused = await shell.run(*command)
    assert (refused.code, refused.out) == (1, "")
    assert "anna@x.example? [y/N]" in refused.err
    assert shell.world.member_ids() == {anna.id}
    assert (await shell.run(*command, "--yes")).code == 0
    assert shell.world.member_ids() == set()


async def test_undo_asks_before_somebody_gets_access_back(shell: Shell, keyboard: int) -> None:
    anna = shell.world.member("Anna")
    await shell.world.register(anna.id, ENDED)
    await shell.run("apply", "--yes")
    os.write(keyboard, b"n\n")
    assert (await shell.run("undo", "last", "-o", "json")).code == 1
    assert shell.world.member_ids() == set()
    os.write(keyboard, b"y\n")
    assert (await shell.run("undo", "last", "-o", "json")).code == 0
    assert shell.world.member_ids() == {anna.id}


async def test_import_asks_before_it_writes(shell: Shell, keyboard: int, tmp_path: Path) -> None:
    shell.world.member("Anna", mail="anna@x.example")
    file = tmp_path / "hr.csv"
    file.write_text(f"user,end\nanna@x.example,{RUNNING}\n", encoding="utf-8")
    os.write(keyboard, b"n\n")
    assert (await shell.run("contractors", "import", str(file), "-o", "json")).code == 1
    assert await shell.world.services.register.whole_rows(shell.world.group.id) == []
    os.write(keyboard, b"y\n")
    assert (await shell.run("contractors", "import", str(file), "-o", "json")).data["imported"] == 1
