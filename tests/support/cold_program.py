"""Starts the app, offboards somebody, and prints after each step which modules are loaded, as JSON."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

import msgspec

from bench.cold_app import Offboard, offboard
from sandbox.host.worker import Worker

PROJECT = Path(__file__).parents[2]


async def main() -> None:
    async with Worker(PROJECT, {}) as worker:
        _say(sorted(sys.modules))
        wanted = msgspec.json.decode(sys.stdin.readline(), type=Offboard)
        _say(await offboard(worker, wanted))
        _say(sorted(sys.modules))


def _say(what: object) -> None:
    sys.stdout.write(msgspec.json.encode(what).decode() + "\n")


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    asyncio.run(main())
