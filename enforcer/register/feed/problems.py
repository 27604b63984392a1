"""What is wrong with a file: every bad line with its reason, and the reasons counted where they are many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from enforcer.core.exceptions import InputError

MOST_NAMED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something wrong with a line, or (line 0) with the file.

    Attributes:
        kind: What lines with the same mistake have in common.
    """

    line: int = 0
    kind: str
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}" if self.line else self.text


class FileError(InputError):
    """The file cannot be used; `problems` has a text for each bad line, and counts what is beyond 50."""

    def __init__(self, found: Iterable[Problem]) -> None:
        ordered = sorted(found, key=lambda problem: problem.line)
        self.problems = (*map(str, ordered[:MOST_NAMED]), *_counted(ordered[MOST_NAMED:]))
        super().__init__("\n".join(self.problems), field="file")


class EncodingError(FileError):
    """The file is not Unicode; `likely` is the encoding that it probably has, and `sample` a line of it."""

    def __init__(self, problem: Problem, *, likely: str, sample: str) -> None:
        self.likely, self.sample = likely, sample
        super().__init__([problem])


def of_file(text: str) -> FileError:
    """Return the error for a file that cannot be used as a whole."""
    return FileError([Problem(kind=text, text=text)])


def _counted(rest: list[Problem]) -> list[str]:
    if not rest:
        return []
    kinds = Counter(problem.kind for problem in rest).most_common()
    counts = ", ".join(f"{count} x {kind}" for kind, count in kinds)
    return [f"and {len(rest)} more lines: {counts}"]
