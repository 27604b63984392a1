"""`python -m enforcer` as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping

import anyio.to_thread
import pytest

from tests.support.world import ENDED, World

pytestmark = pytest.mark.anyio


async def run(*arguments: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("ENFORCER", "Enforcer"))
    }

    def start() -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 -- our own program
            [sys.executable, "-m", "enforcer", *arguments],
            env=kept | dict(environ),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return await anyio.to_thread.run_sync(start)


async def test_process_writes_json_to_stdout_nothing_to_stderr_and_exits_zero(
    world: World,
) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, ENDED)
    done = await run("apply", environ=world.environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["removed"] == 1


async def test_wrong_settings_are_all_named_and_nothing_else_happens() -> None:
    done = await run("plan", environ={"ENFORCER_MODE": "off", "ENFORCER_BRAKE_PERCENT": "20%"})
    assert (done.returncode, done.stdout) == (1, "")
    lines = done.stderr.splitlines()
    assert lines[0] == "error: 4 wrong settings:"
    assert [line.split()[0] for line in lines[1:]] == [
        "ENFORCER_GROUP_IDS",
        "ENFORCER_MODE",
        "ENFORCER_BRAKE_PERCENT",
        "EnforcerStorage",
    ]


@pytest.mark.parametrize("arguments", [("explode",), ("plan", "--explode")])
async def test_bad_usage_has_its_own_exit_code(arguments: tuple[str, ...]) -> None:
    done = await run(*arguments, environ={})
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Usage: " in done.stderr


async def test_help_needs_no_settings() -> None:
    done = await run("contractors", "import", "-h", environ={})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: ")
