"""`python -m sandbox.directory`: serve a tenant until standard input closes."""

import asyncio
import os
import signal
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from threading import Thread

import msgspec

from sandbox.directory.permissions import PERMISSION_IDS
from sandbox.directory.server import DirectoryServer, running_directory
from sandbox.directory.settings import Settings
from sandbox.directory.tenant import Tenant
from sandbox.directory.tenant_file import load


def main() -> None:
    asyncio.run(_serve(_arguments()))


def _arguments() -> Namespace:
    parser = ArgumentParser(prog="python -m sandbox.directory", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on the loopback interface (0: a free one)")
    parser.add_argument(
        "--tenant", type=Path, help="JSON file with the tenant; otherwise an empty one is served"
    )
    parser.add_argument("--settings", default="{}", help="JSON object with settings of the sandbox")
    parser.add_argument("--ttl", type=float, help="stop after this many seconds at the latest")
    return parser.parse_args()


async def _serve(arguments: Namespace) -> None:
    tenant = load(arguments.tenant.read_bytes()) if arguments.tenant else _empty_tenant()
    settings = msgspec.json.decode(arguments.settings, type=Settings)
    async with running_directory(tenant, settings, port=arguments.port) as server:
        print(msgspec.json.encode(_announcement(server)).decode(), flush=True)
        await _end(arguments.ttl)


def _announcement(server: DirectoryServer) -> dict[str, str]:
    return {
        "url": server.url,
        "identity_endpoint": server.identity_endpoint,
        "identity_header": server.identity_header,
        "authority": server.url,
        "tenant_id": server.tenant.tenant_id,
    }


def _empty_tenant() -> Tenant:
    tenant = Tenant()
    tenant.add_managed_identity("sandbox", *PERMISSION_IDS)
    return tenant


async def _end(ttl: float | None) -> None:
    """Wait until standard input closes, a signal arrives or the time is up."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 4_096):
            pass
        loop.call_soon_threadsafe(ended.set)

    # A daemon thread: the process must not wait for an input that nobody closes.
    Thread(target=watch, name="stdin", daemon=True).start()
    try:
        async with asyncio.timeout(ttl):
            await ended.wait()
    except TimeoutError:
        return


if __name__ == "__main__":
    main()
