"""`python -m sandbox.host --app DIR` runs a function app; once ready, it prints its URL as a line of JSON.

It finishes the functions in progress and exits when its standard input closes, at SIGTERM or SIGINT, or when
its time is up.
"""

import argparse
import asyncio
import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

from sandbox.host.configuration import read_settings
from sandbox.host.errors import HostError
from sandbox.host.listener import Pace
from sandbox.host.server import Callers
from sandbox.host.serving import Options, serve

_STDIN, _STDOUT, _STDERR = 0, 1, 2
# Longer than the grace period for running functions, after which only a blocked event loop can be left.
_LAST_SECONDS: Final = 30.0


def main() -> int:
    arguments = _parser().parse_args()
    # The app may print; stdout is reserved for one line to the parent process.
    announcement = os.dup(_STDOUT)
    os.dup2(_STDERR, _STDOUT)
    try:
        options = _options(arguments)
        os.chdir(options.app)
        asyncio.run(_serve(options, arguments.ttl, announcement))
    except HostError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox.host", description=__doc__)
    add = parser.add_argument
    add("--app", type=Path, required=True, metavar="DIR", help="folder with function_app.py and host.json")
    add("--port", type=int, default=0, help="port on 127.0.0.1; 0, the default, is any free port")
    add("--settings", type=Path, metavar="FILE", help="app settings: a JSON object or a local.settings.json")
    add(
        "--ttl",
        type=float,
        default=3600,
        metavar="SECONDS",
        help="seconds until it exits (default: %(default)s)",
    )
    add("--poll", type=float, default=0.2, metavar="SECONDS", help="seconds between polls of an empty queue")
    add(
        "--lease",
        type=int,
        default=600,
        metavar="SECONDS",
        help="seconds until a message reappears if the host dies",
    )
    add(
        "--callers",
        type=Callers,
        choices=list(Callers),
        default=Callers.OUTSIDE,
        help="from whom identity headers are accepted",
    )
    add("--run-timers", action="store_true", help="fire timers on their schedules, not only on demand")
    add("--no-queues", action="store_true", help="do not listen to queues")
    return parser


def _options(arguments: argparse.Namespace) -> Options:
    return Options(
        app=arguments.app.resolve(),
        settings=read_settings(arguments.settings) if arguments.settings else {},
        port=arguments.port,
        callers=arguments.callers,
        pace=Pace(poll=timedelta(seconds=arguments.poll), lease=timedelta(seconds=arguments.lease)),
        queues=not arguments.no_queues,
        timers=arguments.run_timers,
    )


async def _serve(options: Options, ttl: float, announcement: int) -> None:
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)

    def stop() -> None:
        with suppress(RuntimeError):  # the loop may have been closed
            loop.call_soon_threadsafe(stopping.set)

    def announce(url: str) -> None:
        with os.fdopen(announcement, "w") as out:
            print(json.dumps({"url": url, "pid": os.getpid()}), file=out)

    threading.Thread(target=_end_with_stdin, args=(ttl, stop), daemon=True).start()
    await serve(options, stopping, announce)


def _end_with_stdin(ttl: float, stop: Callable[[], None]) -> None:
    deadline = time.monotonic() + ttl
    while (left := deadline - time.monotonic()) > 0:
        readable, _, _ = select.select([_STDIN], [], [], left)
        if readable and not os.read(_STDIN, 65_536):
            break
    stop()
    time.sleep(_LAST_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
