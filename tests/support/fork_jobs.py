"""Jobs for the zygote's children, and the test's end of the line to it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum

import msgspec


class Kind(StrEnum):
    SWEEP = "sweep"
    OFFBOARD = "offboard"
    UNDO = "undo"
    APPROVE = "approve"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a child does; `about` is a group, a user, a run or a digest."""

    kind: Kind
    about: str
    environ: dict[str, str]


class Exit(StrEnum):
    DONE = "done"
    FAILED = "failed"
    KILLED = "killed"


@dataclass(slots=True)
class ForkServer:
    """Runs one child at a time."""

    process: asyncio.subprocess.Process
    child: int = 0

    async def warm(self, job: Job) -> None:
        await self._tell(msgspec.json.encode(job))
        assert await self._hear() == "ready\n"

    async def run(self, job: Job) -> Exit:
        """Run a job in a process of its own; tell how that ended."""
        await self._tell(msgspec.json.encode(job))
        self.child = int(await self._hear())
        await self._tell(b"go")
        status = int(await self._hear())
        self.child = 0
        if os.WIFSIGNALED(status):
            return Exit.KILLED
        return Exit.FAILED if status else Exit.DONE

    def kill(self) -> None:
        """Kill the child that is running, with no chance to tidy up."""
        if self.child:
            os.kill(self.child, signal.SIGKILL)

    async def _tell(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        await self.process.stdin.drain()

    async def _hear(self) -> str:
        assert self.process.stdout is not None
        return (await self.process.stdout.readline()).decode()


@asynccontextmanager
async def running_zygote(warm_up: Job) -> AsyncIterator[ForkServer]:
    """Start a zygote; the first job, which it does itself, makes it load what a child would load."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.fork_server",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    zygote = ForkServer(process)
    await zygote.warm(warm_up)
    try:
        yield zygote
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()
