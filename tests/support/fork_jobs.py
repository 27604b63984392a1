"""Jobs for the fork server's children, and the client that sends them."""

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
        await self._send(msgspec.json.encode(job))
        assert await self._receive() == "ready\n"

    async def run(self, job: Job) -> Exit:
        """Run a job in a process of its own; return how that ended."""
        await self._send(msgspec.json.encode(job))
        self.child = int(await self._receive())
        await self._send(b"go")
        status = int(await self._receive())
        self.child = 0
        if os.WIFSIGNALED(status):
            return Exit.KILLED
        return Exit.FAILED if status else Exit.DONE

    def kill(self) -> None:
        """Kill the running child, without a chance to clean up."""
        if self.child:
            os.kill(self.child, signal.SIGKILL)

    async def _send(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        await self.process.stdin.drain()

    async def _receive(self) -> str:
        assert self.process.stdout is not None
        return (await self.process.stdout.readline()).decode()


@asynccontextmanager
async def running_fork_server(warm_up: Job) -> AsyncIterator[ForkServer]:
    """Start a fork server; it does the first job itself, which loads all that a child would load."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.fork_server",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    fork_server = ForkServer(process)
    await fork_server.warm(warm_up)
    try:
        yield fork_server
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()
