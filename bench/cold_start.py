"""Scenario 4: a cold function, from a fresh process to the indexed app, and to the first offboard."""

from __future__ import annotations

import asyncio
import os
import sys
import sysconfig
import tempfile
import time
import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from bench.cold_app import Offboard
from bench.figures import Figure, Goal, Limit
from bench.stage import AUDIENCE, Scene, Stage, running_stage
from sandbox.directory.tokens import TokenRequest
from tools.package import PACKAGES, PROJECT, build_zip

BARE = Path(__file__).parent / "bare_app"
_NAME = "4. cold start"
_figure = partial(Figure, scenario=_NAME)
_REPEATS = 5
_SCENE = Scene(members=20, due=0, rows=20)
_DONE = "200"


@dataclass(frozen=True, slots=True)
class _App:
    process: asyncio.subprocess.Process
    indexed_after: float

    async def offboard(self, wanted: Offboard) -> float:
        """Offboard somebody; return the seconds that took."""
        started = time.perf_counter()
        if self.process.stdin is None:
            raise RuntimeError("the app has no pipes")
        self.process.stdin.write(msgspec.json.encode(wanted) + b"\n")
        status = await _line(self.process)
        if status != _DONE:
            raise RuntimeError(f"the offboarding was answered with {status!r}")
        return time.perf_counter() - started


async def measure() -> list[Figure]:
    async with running_stage(_SCENE) as stage:
        with tempfile.TemporaryDirectory() as folder:
            package = await asyncio.to_thread(_unpacked, Path(folder))
            rounds = [await _round(stage, package, user_id) for user_id in _members(stage)[:_REPEATS]]
    bare, ours, first = (min(times) for times in zip(*rounds, strict=True))
    note = f"best of {_REPEATS}, in turns"
    return [
        _figure(
            name="fresh process to indexed app",
            value=ours,
            unit="s",
            loop=bare,
            note=f"{note}; beside it the bare app",
        ),
        _figure(name="against the bare app", value=ours / bare, goal=Goal(Limit.AT_MOST, 1.3)),
        _figure(
            name="first offboard after that",
            value=first,
            unit="s",
            goal=Goal(Limit.AT_MOST, 1),
            note=f"{note}; through HTTP, token and all, Graph answering at once",
        ),
    ]


def _unpacked(folder: Path) -> Path:
    """Build the package that Azure would get from what is installed here, and unpack it."""
    build_zip(Path(sysconfig.get_path("purelib")), folder / "app.zip")
    with zipfile.ZipFile(folder / "app.zip") as archive:
        archive.extractall(folder / "app")
    return folder / "app"


async def _round(stage: Stage, package: Path, user_id: str) -> tuple[float, float, float]:
    """Start the bare app, then ours, and offboard somebody with ours."""
    request = TokenRequest(audience=AUDIENCE, user=_members(stage)[-1], roles=["Contractors.Offboard"])
    wanted = Offboard(user=user_id, token=stage.directory.token(request))
    async with _started(BARE, stage.environ) as bare:
        bare_after = bare.indexed_after
    async with _started(package, {**stage.environ, **_only(package)}, "-S") as ours:
        return bare_after, ours.indexed_after, await ours.offboard(wanted)


def _only(package: Path) -> dict[str, str]:
    """Return where a Python without its own packages (-S) finds those of the package, and this benchmark."""
    return {"PYTHONPATH": os.pathsep.join(map(str, (package, package / PACKAGES, PROJECT)))}


def _members(stage: Stage) -> tuple[str, ...]:
    return stage.members[stage.group_id]


@asynccontextmanager
async def _started(folder: Path, environ: Mapping[str, str], *options: str) -> AsyncIterator[_App]:
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *options, "-m", "bench.cold_app", str(folder)),
        env={**os.environ, **environ},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        if await _line(process) != "indexed":
            raise RuntimeError(f"the app in {folder} does not start")
        yield _App(process, time.perf_counter() - started)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


async def _line(process: asyncio.subprocess.Process) -> str:
    if process.stdout is None:
        raise RuntimeError("the app has no pipes")
    return (await process.stdout.readline()).decode().strip()
