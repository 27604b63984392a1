"""Serves a function app: HTTP on a port, queue listeners, timers on demand or on schedule."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from aiohttp import web

from sandbox.host.configuration import Function
from sandbox.host.functions_host import FunctionsHost
from sandbox.host.listener import Pace, QueueListener
from sandbox.host.server import Callers, make_server
from sandbox.loopback import listening

_GRACE_SECONDS: Final = 20.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    app: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    callers: Callers = Callers.OUTSIDE
    pace: Pace = field(default_factory=Pace)
    queues: bool = True
    timers: bool = False


async def serve(options: Options, stopping: asyncio.Event, ready: Callable[[str], None]) -> None:
    """Run the app until `stopping` is set, then let functions in progress finish, for at most 20 seconds.

    Call `ready` with the URL once everything listens.

    Raises:
        HostError: the app, its configuration or a connection cannot be used.
    """
    async with FunctionsHost(options.app, options.settings) as host:
        functions = host.functions.values()
        queued = [function for function in functions if function.trigger.type == "queueTrigger"]
        timed = [function for function in functions if function.trigger.type == "timerTrigger"]
        listeners = [await QueueListener.open(host, function) for function in queued if options.queues]
        feeds = [listener.run(options.pace) for listener in listeners]
        feeds += [_run_timer(host, function, stopping) for function in timed if options.timers]
        server = make_server(host, options.callers)
        runner = web.AppRunner(server, access_log=None, shutdown_timeout=_GRACE_SECONDS)
        async with listening(runner, options.port) as url, asyncio.TaskGroup() as group:
            tasks = [group.create_task(feed) for feed in feeds]
            ready(url)
            await stopping.wait()
            for listener in listeners:
                listener.stop()
            await _finish(tasks)


async def _finish(tasks: list[asyncio.Task[None]]) -> None:
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=_GRACE_SECONDS)
    for task in late:
        _log.warning("a function did not finish in time and is cancelled")
        task.cancel()


async def _run_timer(host: FunctionsHost, function: Function, stopping: asyncio.Event) -> None:
    schedule = host.schedule(function)
    stopped = asyncio.create_task(stopping.wait())
    while not stopping.is_set():
        now = datetime.now(UTC)
        wait = (schedule.next_after(now) - now).total_seconds() if schedule.ever_fires else None
        await asyncio.wait([stopped], timeout=wait)
        if not stopping.is_set():
            await host.timer(function.name)
