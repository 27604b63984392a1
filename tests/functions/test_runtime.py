"""What the functions share, and what an invocation lets out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from enforcer.core.exceptions import NotFoundError, RunError, SettingsError
from enforcer.functions import runtime
from enforcer.functions.runtime import PerLoop, invocation

SETTINGS = {
    "ENFORCER_GROUP_IDS": "11111111-2222-3333-4444-555555555555",
    "ENFORCER_MODE": "enforce",
    "EnforcerStorage": "UseDevelopmentStorage=true",
}


class Connections:
    """Counts what is opened and closed."""

    def __init__(self) -> None:
        self.opened = self.closed = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        self.opened += 1
        yield self.opened
        self.closed += 1

    def per_loop(self) -> PerLoop[int, str]:
        return PerLoop(self.open, lambda number: f"connection {number}")


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    runtime.settings.cache_clear()
    yield
    runtime.settings.cache_clear()


def test_one_loop_opens_once_and_keeps_it() -> None:
    connections = Connections()
    kept = connections.per_loop()

    async def twice() -> tuple[str, str]:
        return await kept.get(), await kept.get()

    assert asyncio.run(twice()) == ("connection 1", "connection 1")
    assert connections.closed == 0


def test_another_loop_has_its_own() -> None:
    kept = Connections().per_loop()
    assert [asyncio.run(kept.get()), asyncio.run(kept.get())] == ["connection 1", "connection 2"]


def test_what_was_closed_is_opened_anew() -> None:
    connections = Connections()
    kept = connections.per_loop()

    async def close_between() -> str:
        await kept.close()  # nothing is open yet
        await kept.get()
        await kept.close()
        return await kept.get()

    assert asyncio.run(close_between()) == "connection 2"
    assert connections.closed == 1


@pytest.mark.usefixtures("configured")
def test_an_invocation_lets_out_no_text_that_may_name_people() -> None:
    async def fail() -> None:
        try:
            async with invocation():
                raise NotFoundError("nobody is called anna@x.example")
        finally:
            await runtime.services.close()

    with pytest.raises(RunError) as caught:
        asyncio.run(fail())
    assert str(caught.value).startswith("NotFoundError: ")
    assert "anna" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.usefixtures("configured")
def test_wrong_settings_are_let_out_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    async def begin() -> None:
        async with invocation():
            pass

    monkeypatch.setenv("ENFORCER_MODE", "off")
    with pytest.raises(SettingsError, match="ENFORCER_MODE"):
        asyncio.run(begin())
