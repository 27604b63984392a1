"""The plain loop does what it is measured for: those due are removed and their sessions revoked."""

from __future__ import annotations

import pytest

from bench.loop import run_loop
from bench.quota import floor
from bench.stage import Scene, running_stage

pytestmark = pytest.mark.anyio


# The SDK's own modules use what the SDK itself deprecates.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_the_loop_removes_and_revokes_the_given_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
        monkeypatch.setenv(name, "of the stage")
    async with running_stage(Scene(members=120, due=5, rows=130)) as stage:
        times = await run_loop(stage, 3)
        counts = stage.directory.counts().by_operation

        assert stage.left_over() == 2
        assert counts["DELETE /v1.0/groups/{id}/members/{id}/$ref"] == 3
        assert counts["POST /v1.0/users/{id}/revokeSignInSessions"] == 3
        assert times.scaled_to(10) == pytest.approx(times.reading + 10 * times.each)


@pytest.mark.parametrize(("writes", "windows"), [(1, 0), (3_000, 0), (3_001, 1), (20_000, 6)])
def test_the_floor_is_a_window_for_every_further_three_thousand_writes(writes: int, windows: int) -> None:
    assert floor(writes, 150) == windows * 150
