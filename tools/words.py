"""Checks the tree against the word list (CONTRIBUTING.md): plain English, singular *they* for people.

`python -m tools.words` prints each line that matches a pattern of `tools/words.txt`, and the replacement.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[1]
LIST = PROJECT / "tools/words.txt"
# The licence is not our text, programs write the lock files, and the list has to name its words.
_NOT_OURS = {"LICENSE", "requirements.txt", "requirements-dev.txt", "sandbox/package-lock.json"}
_BINARY = {".png", ".ico"}


@dataclass(frozen=True, slots=True)
class Word:
    """A pattern to avoid, what to write instead, and a text in which it is found."""

    pattern: re.Pattern[str]
    instead: str
    example: str


def read_list(path: Path = LIST) -> list[Word]:
    """Read the list; `#` starts a comment."""
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if line and not line.startswith("#"))
    return [Word(re.compile(pattern, re.IGNORECASE), instead, example) for pattern, instead, example in rows]


def texts() -> list[Path]:
    """Return every text file of the project that git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607 -- git, from the path
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    names = {name for name in listed.split("\0") if name} - _NOT_OURS
    paths = sorted(PROJECT / name for name in names)
    return [path for path in paths if path.is_file() and path != LIST and path.suffix not in _BINARY]


def found_in(text: str, words: list[Word]) -> Iterator[tuple[int, str]]:
    """Yield the number of each line that matches a pattern, with the problem."""
    for number, line in enumerate(text.splitlines(), start=1):
        for word in words:
            if match := word.pattern.search(line):
                yield number, f"{match[0]!r}: {word.instead}"


def main() -> int:
    words, count = read_list(), 0
    for path in texts():
        for number, problem in found_in(path.read_text(encoding="utf-8"), words):
            print(f"{path.relative_to(PROJECT)}:{number}: {problem}")  # noqa: T201
            count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
