"""`python -m bench.document`: put the figures of build/bench.json into docs/performance.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from bench.figures import Record, shown

_PROJECT = Path(__file__).parents[1]
RESULTS, PAGE = _PROJECT / "build" / "bench.json", _PROJECT / "docs" / "performance.md"
BEGIN, END = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"
_HEADER = "| Scenario | Figure | Value | Goal | | Plain loop | |\n|---|---|---:|---:|---|---:|---|\n"


class Results(msgspec.Struct):
    figures: list[Record]


def main() -> None:
    records = msgspec.json.decode(RESULTS.read_bytes(), type=Results).figures
    PAGE.write_text(with_figures(PAGE.read_text(encoding="utf-8"), records), encoding="utf-8")


def with_figures(page: str, records: Sequence[Record]) -> str:
    """Return the page with these figures between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    rows = "".join(_rows(records))
    return f"{before}{BEGIN}{_HEADER}{rows}\n{_machine(records)}\n{END}{after}"


def _rows(records: Sequence[Record]) -> Iterator[str]:
    scenario = ""
    for record in records:
        first = record.scenario if record.scenario != scenario else ""
        loop = "" if record.loop is None else shown(record.loop, record.unit)
        verdict = {None: "", True: "reached", False: "**missed**"}[record.reached]
        value = shown(record.value, record.unit)
        goal = record.goal or ""
        yield f"| {first} | {record.name} | {value} | {goal} | {verdict} | {loop} | {record.note} |\n"
        scenario = record.scenario


def _machine(records: Sequence[Record]) -> str:
    machine, versions = records[0].machine, records[0].versions
    loads = sorted(record.machine.load_average for record in records)
    packages = ", ".join(f"{name} {number}" for name, number in versions.items())
    return (
        f"{machine.processor}, {machine.cores} cores, {machine.memory_gib:g} GiB, {machine.system};"
        f" load average before each scenario {loads[0]:g} to {loads[-1]:g}. {packages}.\n"
    )


if __name__ == "__main__":
    main()
