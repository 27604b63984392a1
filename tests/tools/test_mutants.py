"""Which faults are seeded into a module."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.mutants import mutants

CORE = sorted(Path(__file__).parents[2].joinpath("enforcer", "core").glob("*.py"))


def changed(source: str) -> set[str]:
    """Return the last line of each mutant."""
    return {one.source.rstrip("\n").rsplit("\n", 1)[-1] for one in mutants(source)}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a = b < c", {"a = (b <= c)"}),
        ("a = b == c != d", {"a = (b != c != d)", "a = (b == c == d)"}),
        ("a = b and c", {"a = (b or c)", "a = (b)", "a = (c)"}),
        ("a = not b", {"a = (b)"}),
        ("a = b + 1", {"a = (b - 1)", "a = b + (2)"}),
        ("a = True", {"a = (False)"}),
        ("a = 'word'", {"a = ('')"}),
        ("a = 'some prose'", set()),
        ("a = f'{b + c} d'", {"a = f'{(b - c)} d'"}),
        ("a = b if c else d", {"a = b if (not c) else d"}),
        ("a = [b for b in c if b.d]", {"a = [b for b in c if (not b.d)]"}),
        ("a = b(c=d)", {"a = b(c=(None))"}),
        ("a(b)", {"pass"}),
        ("a += b", {"pass"}),
        ("raise a", {"pass"}),
        ("import a", set()),
        ("a: b[0 | 1]", set()),
        ("def a() -> b | c:\n    '''Word.'''", set()),
        ("def a():\n    return b", {"    return None"}),
        ("for a in b:\n    continue", {"    break"}),
        ("@a(b=True)\nclass C(D, e=True):\n    f = None", set()),
    ],
)
def test_one_place_is_changed_at_a_time(source: str, expected: set[str]) -> None:
    assert changed(source) == expected


def test_a_mutant_knows_its_line_and_says_what_changed() -> None:
    [one] = mutants("first = a\nsecond = (\n    b\n    < c\n)\n")
    assert (one.line, one.change) == (3, "b < c => (b <= c)")
    assert one.source.count("\n") == 5


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_every_mutant_of_the_core_is_a_program_of_as_many_lines(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    for one in mutants(source):
        compile(one.source, path.name, "exec")
        assert one.source.count("\n") == source.count("\n")
