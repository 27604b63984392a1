"""A process that has loaded the product and forks a child for each job, so that hundreds can be killed.

It reads from standard input first a job that it does itself, which loads everything; then, for each child, a
line with its job and a line that releases it. It writes to standard output that it is ready; then, for each
child, its process ID and its wait status.
"""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from contextlib import suppress

import msgspec

from enforcer.core.actors import Actor
from enforcer.core.exceptions import InputError
from enforcer.core.run_ids import new_run_id
from enforcer.core.settings import load_settings
from enforcer.offboarding.on_demand import OffboardRequest, offboard_now
from enforcer.offboarding.undo import plan_undo, undo
from enforcer.services import Services, open_services
from enforcer.sweep.approval import approve
from enforcer.sweep.sweep import SweepRequest, sweep
from tests.support.fork_jobs import Job, Kind


def main() -> None:
    _outcome_of(msgspec.json.decode(sys.stdin.readline(), type=Job))
    _tell("ready")
    while line := sys.stdin.readline():
        job = msgspec.json.decode(line, type=Job)
        waiting, going = os.pipe()
        child = os.fork()
        if child == 0:
            os.read(waiting, 1)
            os._exit(_outcome_of(job))
        _tell(child)
        sys.stdin.readline()
        os.write(going, b"!")
        _, status = os.waitpid(child, 0)
        os.close(waiting)
        os.close(going)
        _tell(status)


def _tell(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def _outcome_of(job: Job) -> int:
    os.environ.update(job.environ)
    try:
        asyncio.run(_work(job))
    except BaseException:  # noqa: BLE001 -- whatever it is, the parent must hear of it
        traceback.print_exc()
        return 1
    return 0


async def _work(job: Job) -> None:
    async with open_services(load_settings(job.environ)) as services:
        await _do(services, job)


async def _do(services: Services, job: Job) -> None:
    match job.kind:
        case Kind.SWEEP:
            await sweep(services, SweepRequest(group_id=job.about, actor="test", reason="test"))
        case Kind.OFFBOARD:
            run_id = new_run_id(services.now())
            await offboard_now(
                services, OffboardRequest(user=job.about, reason="test", actor="test", run_id=run_id)
            )
        case Kind.UNDO:
            with suppress(InputError):  # it is undone already
                reversals = await plan_undo(services, job.about)
                await undo(services, job.about, reversals, actor=Actor(id="approver"))
        case Kind.APPROVE:
            await approve(services, job.about, actor=Actor(id="approver"))


if __name__ == "__main__":
    main()
