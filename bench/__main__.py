"""`python -m bench`: measure, print a table, write build/bench.json."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
from rich.console import Console

from bench import cold_start, importing, mass_departure, quiet_night, quota, requests
from bench.figures import Figure, Record, record, show, this_machine

_WIDTH = 170
RESULTS = Path(__file__).parents[1] / "build" / "bench.json"

type Measuring = Callable[[], Awaitable[list[Figure]]]

# The names with which they are selected: `python -m bench cold_start requests`.
SCENARIOS: dict[str, Measuring] = {
    "mass_departure": mass_departure.measure,
    "quota": quota.measure,
    "quiet_night": quiet_night.measure,
    "cold_start": cold_start.measure,
    "requests": requests.measure,
    "importing": importing.measure,
}
# Only on request: it takes a quarter of an hour.
IN_REAL_TIME: dict[str, Measuring] = {"quota_in_real_time": partial(quota.measure, speed=1.0)}


async def main(chosen: Sequence[str]) -> None:
    console = Console(stderr=True)
    figures: list[Figure] = []
    records: list[Record] = []
    for name in chosen or SCENARIOS:
        machine = this_machine()
        with console.status(f"measuring {name}"):
            measured = await (SCENARIOS | IN_REAL_TIME)[name]()
        figures += measured
        records += [record(figure, machine) for figure in measured]
    show(figures, Console(width=None if sys.stdout.isatty() else _WIDTH))
    _write(records)


def _write(records: Sequence[Record]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode({"figures": records}), indent=2))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
