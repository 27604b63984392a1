"""Who gives a command is whoever Entra says, whatever this machine is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from enforcer.core.ledger import Action
from sandbox import azure_cli
from tests.cli.conftest import Shell
from tests.support.world import RUNNING, World

pytestmark = pytest.mark.anyio


@pytest.fixture
def signed_out(shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shell:
    """A shell in which no identity is at hand."""
    monkeypatch.delenv("IDENTITY_ENDPOINT")
    monkeypatch.delenv("IDENTITY_HEADER")
    shell.export(PATH=str(tmp_path), LOGNAME="mallory", USER="mallory", AZURE_TOKEN_CREDENTIALS="dev")
    return shell


async def test_person_signed_in_is_named_by_object_id_whatever_logname_says(
    signed_out: Shell, world: World, tmp_path: Path
) -> None:
    olga = world.tenant.add_user("Olga Operator")
    signed_out.export(**azure_cli.signed_in(tmp_path, world.directory.url, olga.id))
    await world.register("anna@x.example", "2098-12-31")

    ran = await signed_out.run("contractors", "extend", "anna@x.example", "--end", RUNNING)

    assert ran.code == 0, ran.err
    [entry] = await world.ledger()
    assert (entry.action, entry.actor) == (Action.REGISTER_EXTEND, f"user:{olga.id}")
    assert entry.actor_name == "Olga Operator"


async def test_without_a_token_nothing_is_changed_and_the_command_says_so(
    signed_out: Shell, world: World
) -> None:
    await world.register("anna@x.example", "2098-12-31")
    ran = await signed_out.run("contractors", "extend", "anna@x.example", "--end", RUNNING)
    assert ran.code == 1
    assert "Not signed in, so nothing was done" in ran.err
    assert "az login" in ran.err
    assert await world.ledger() == []
