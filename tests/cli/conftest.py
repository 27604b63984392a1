"""The command line, called as from a shell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import anyio.to_thread
import pytest

from enforcer.cli import cli
from enforcer.cli.running import run_guarded, settings
from tests.support.world import World


@dataclass(frozen=True)
class Ran:
    """What a command left: exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


@dataclass
class Shell:
    """Runs commands in this process, with a world's settings."""

    world: World
    monkeypatch: pytest.MonkeyPatch
    output: pytest.CaptureFixture[str]

    def export(self, **environ: str) -> None:
        """Set environment variables for the commands to come."""
        for name, value in environ.items():
            self.monkeypatch.setenv(name, value)

    @property
    def own_id(self) -> str:
        """The object ID of whoever gives the commands: the tenant's one identity."""
        assert self.world.tenant.identity is not None
        return self.world.tenant.identity.id

    async def run(self, *arguments: str) -> Ran:
        """Run a command in a thread, which has no event loop as yet, as a process would."""
        settings.cache_clear()
        self.output.readouterr()
        code = await anyio.to_thread.run_sync(run_guarded, cli, arguments)
        captured = self.output.readouterr()
        return Ran(code, captured.out, captured.err)


@pytest.fixture(autouse=True)
def no_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget at the end what `--tenant` has set in the environment."""
    monkeypatch.setenv("ENFORCER_TENANT", "")


@pytest.fixture
def shell(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Shell]:
    opened = Shell(world, monkeypatch, capsys)
    opened.export(**world.environ)
    yield opened
    settings.cache_clear()
