"""Measurements in a separate process, where nothing else is loaded: `python -m bench.probe NAME`."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path

import msgspec

_STATUS = Path("/proc/self/status")


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured.

    Attributes:
        cpu_seconds: CPU time of this process alone.
        memory_mib: Peak memory above what was in use after the imports.
    """

    seconds: float
    cpu_seconds: float
    memory_mib: float


async def probe(name: str, environ: Mapping[str, str]) -> Probe:
    """Measure in a fresh process.

    Args:
        name: One of `PROBES`.
        environ: Variables in addition to those of this process.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.probe", name),
        env={**os.environ, **environ},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the probe {name} failed")
    return msgspec.json.decode(output.splitlines()[-1], type=Probe)


async def _sweep() -> Callable[[], Awaitable[None]]:
    """Sweep the environment's group; what a sweep imports is imported beforehand."""
    from enforcer.core.settings import load_settings
    from enforcer.services import open_services
    from enforcer.sweep.sweep import SweepRequest, sweep

    _import_what_calls_load()

    async def run() -> None:
        settings = load_settings(os.environ)
        async with open_services(settings) as services:
            await sweep(
                services, SweepRequest(group_id=settings.group_ids[0], actor="bench", reason="measurement")
            )

    return run


async def _loop() -> Callable[[], Awaitable[None]]:
    """Read what the plain loop reads."""
    from bench.loop import graph_client, read_due
    from enforcer.core.settings import load_settings

    _import_what_calls_load()

    async def run() -> None:
        settings = load_settings(os.environ)
        async with graph_client(settings.graph_url) as graph:
            await read_due(graph, settings.group_ids[0], settings.storage.connection_string)

    return run


async def _plan() -> Callable[[], Awaitable[None]]:
    """Plan 100,000 rows and 10,000 members, of whom 1,000 are due; the rows are read page by page."""
    from bench.register import made_up_group, plan_made_up_group

    group = made_up_group()

    async def run() -> None:
        plan_made_up_group(group)

    return run


PROBES = {"sweep": _sweep, "loop": _loop, "plan": _plan}


def _import_what_calls_load() -> None:
    for name in ("azure.data.tables.aio", "azure.identity.aio", "httpx", "msgraph.graph_request_adapter"):
        import_module(name)


async def _measure(name: str) -> Probe:
    run = await PROBES[name]()
    before = _memory("VmRSS")
    started, cpu = time.perf_counter(), time.process_time()
    await run()
    return Probe(
        seconds=time.perf_counter() - started,
        cpu_seconds=time.process_time() - cpu,
        memory_mib=_memory("VmHWM") - before,
    )


def _memory(what: str) -> float:
    """Return the process's memory (VmRSS) or its peak (VmHWM), in MiB."""
    for line in _lines():
        if line.startswith(what):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS: bytes, and only the peak


def _lines() -> Iterator[str]:
    if _STATUS.exists():
        yield from _STATUS.read_text(encoding="ascii").splitlines()


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(asyncio.run(_measure(sys.argv[1]))).decode() + "\n")
