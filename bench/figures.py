"""What was measured: figures with their goals, and on which machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

_PACKAGES = (
    "aiohttp",
    "azure-core",
    "azure-data-tables",
    "azure-functions",
    "azure-functions-runtime",
    "azure-identity",
    "httpx",
    "microsoft-kiota-http",
    "msgraph-sdk",
    "msgspec",
)


class Limit(StrEnum):
    AT_MOST = "≤"
    AT_LEAST = "≥"
    BELOW = "<"
    EXACTLY = "="


@dataclass(frozen=True, slots=True)
class Goal:
    limit: Limit
    value: float

    def is_reached_by(self, value: float) -> bool:
        match self.limit:
            case Limit.AT_MOST:
                return value <= self.value
            case Limit.AT_LEAST:
                return value >= self.value
            case Limit.BELOW:
                return value < self.value
            case Limit.EXACTLY:
                return value == self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure.

    Attributes:
        scenario: Its scenario; `docs/performance.md` describes them.
        loop: The plain loop's figure, measured in the same run; None if it has no such figure.
        note: What readers need to know to interpret it.
    """

    scenario: str
    name: str
    value: float
    unit: str = ""
    goal: Goal | None = None
    loop: float | None = None
    note: str = ""

    @property
    def reached(self) -> bool | None:
        return None if self.goal is None else self.goal.is_reached_by(self.value)


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where a figure was measured. The load average is over the last minute and includes our own load."""

    processor: str
    cores: int
    system: str
    memory_gib: float
    load_average: float


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A figure as stored in `build/bench.json`."""

    scenario: str
    name: str
    value: float
    unit: str
    goal: str | None
    reached: bool | None
    loop: float | None
    note: str
    machine: Machine
    versions: dict[str, str]


def this_machine() -> Machine:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        system=f"{platform.system()} {platform.release()}",
        memory_gib=round(memory / 2**30, 1),
        load_average=round(os.getloadavg()[0], 2),
    )


def versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES}


def record(figure: Figure, machine: Machine) -> Record:
    return Record(
        scenario=figure.scenario,
        name=figure.name,
        value=round(figure.value, 4),
        unit=figure.unit,
        goal=_goal(figure) or None,
        reached=figure.reached,
        loop=None if figure.loop is None else round(figure.loop, 4),
        note=figure.note,
        machine=machine,
        versions=versions(),
    )


def show(figures: Sequence[Figure], console: Console) -> None:
    """Print the table."""
    table = Table("scenario", "figure", "value", "goal", "", "plain loop", "note")
    for name in ("value", "goal", "plain loop"):
        next(column for column in table.columns if column.header == name).justify = "right"
    scenario = ""
    for figure in figures:
        table.add_row(
            figure.scenario if figure.scenario != scenario else "",
            figure.name,
            shown(figure.value, figure.unit),
            _goal(figure),
            {None: "", True: "reached", False: "[bold red]missed[/]"}[figure.reached],
            "" if figure.loop is None else shown(figure.loop, figure.unit),
            figure.note,
            end_section=figure is figures[-1],
        )
        scenario = figure.scenario
    console.print(table)


def _goal(figure: Figure) -> str:
    if figure.goal is None:
        return ""
    return f"{figure.goal.limit} {shown(figure.goal.value, figure.unit)}"


def shown(value: float, unit: str) -> str:
    whole = value == int(value) or abs(value) >= 100  # noqa: PLR2004 -- three digits tell
    return (f"{value:,.0f} {unit}" if whole else f"{value:.3g} {unit}").strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "?")
