"""A fresh process that starts an app on Azure's worker library: `python -m bench.cold_app FOLDER`.

Prints `indexed` once the worker knows the app's functions. After that, each line of its input is a request
to offboard somebody, as JSON; it answers each with the status.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

import msgspec

from sandbox.host.protos import StatusResult
from sandbox.host.triggers import HttpRequest, http_data, http_reply
from sandbox.host.worker import Worker


class Offboard(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to offboard, and with whose token."""

    user: str
    token: str


async def main(folder: Path) -> None:
    async with Worker(folder, {}) as worker:
        _say("indexed")
        while line := await asyncio.to_thread(sys.stdin.readline):
            _say(str(await offboard(worker, msgspec.json.decode(line, type=Offboard))))


async def offboard(worker: Worker, wanted: Offboard) -> int:
    request = HttpRequest(
        method="POST",
        url=f"http://localhost/api/contractors/{wanted.user}/offboard",
        headers={"authorization": f"Bearer {wanted.token}", "content-type": "application/json"},
        body=msgspec.json.encode({"reason": "measurement"}),
    )
    function = worker.functions["offboard_now"]
    response = await worker.invoke(function, "cold", http_data(request, {"user": wanted.user}), {})
    if response.result.status != StatusResult.Success:
        raise RuntimeError(response.result.exception.message if response.result.exception else "failed")
    return http_reply(response.return_value).status


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # what the worker library has to say about each function
    asyncio.run(main(Path(sys.argv[1])))
