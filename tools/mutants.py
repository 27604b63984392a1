"""Small faults to seed into a module: each mutant is the module's text with one change."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

type Place = ast.expr | ast.stmt

_SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_DECLARED = ("annotation", "returns", "decorator_list", "type_params", "format_spec")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change.

    Attributes:
        line: Its line number, from 1.
        change: The line before and after, by which people and the list of equivalents identify it.
        source: The whole module with the change.
    """

    line: int
    change: str
    source: str


def mutants(source: str) -> list[Mutant]:
    """Return all mutants of a module, in the order of its text; each has as many lines as the module.

    Docstrings, prose (any text with a space in it), annotations, type aliases, decorators and imports are
    left alone: prose is covered by tests that quote it, the rest by the type checker.
    """
    found = [_mutant(source, place, text) for place, text in _changes(ast.parse(source))]
    return sorted({one.source: one for one in found}.values(), key=lambda one: (one.line, one.change))


def _mutant(source: str, place: Place, text: str) -> Mutant:
    lines = source.encode().splitlines(keepends=True)
    first, last = place.lineno - 1, (place.end_lineno or place.lineno) - 1
    head, tail = lines[first][: place.col_offset].decode(), lines[last][place.end_col_offset :].decode()
    before, after = b"".join(lines[:first]).decode(), b"".join(lines[last + 1 :]).decode()
    old, new = b"".join(lines[first : last + 1]).decode(), f"{head}{text}{tail}"
    kept = text.removesuffix(")") + "\n" * (last - first) + ")" * text.endswith(")")
    change = f"{' '.join(old.split())} => {' '.join(new.split())}"
    return Mutant(line=place.lineno, change=change, source=f"{before}{head}{kept}{tail}{after}")


def _changes(node: ast.AST) -> Iterator[tuple[Place, str]]:
    if isinstance(node, ast.expr):
        for other in _other_expressions(node):
            yield node, f"({ast.unparse(ast.fix_missing_locations(other))})"
    elif isinstance(node, ast.stmt) and (other_statement := _other_statement(node)):
        yield node, other_statement
    for place in _conditions(node):
        yield place, f"(not {ast.unparse(place)})"
    for keyword in node.keywords if isinstance(node, ast.Call) else ():
        if not isinstance(keyword.value, ast.Constant):
            yield keyword.value, "(None)"
    for child in _parts(node):
        yield from _changes(child)


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of a node that determine what the program does."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.TypeAlias):
        return
    if isinstance(node, ast.ClassDef):  # how it is made, as `frozen=True`, is declared, too
        node = ast.ClassDef(node.name, node.bases, [], node.body, [])
    for name, value in ast.iter_fields(node):
        parts = value if isinstance(value, list) else [value]
        for part in parts if name not in _DECLARED else ():
            said_only = isinstance(node, ast.JoinedStr | ast.Expr) and isinstance(part, ast.Constant)
            if isinstance(part, ast.AST) and not said_only:
                yield part


def _conditions(node: ast.AST) -> Iterator[ast.expr]:
    """Return the conditions in a node, unless a change within them negates them anyway."""
    match node:
        case ast.If(test) | ast.IfExp(test) | ast.While(test):
            tests = [test]
        case ast.comprehension(ifs=ifs):
            tests = ifs
        case _:
            tests = []
    return (test for test in tests if isinstance(test, ast.Name | ast.Attribute | ast.Call))


def _other_expressions(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(left, operators, comparators):
            for number, operator in enumerate(operators):
                swapped = [*operators[:number], _swapped(operator), *operators[number + 1 :]]
                yield ast.Compare(left, swapped, comparators)
        case ast.BoolOp(operator, values):
            yield ast.BoolOp(_swapped(operator), values)
            for number in range(len(values)):
                others = [*values[:number], *values[number + 1 :]]
                yield ast.BoolOp(operator, others) if len(others) > 1 else others[0]
        case ast.BinOp(left, operator, right) if type(operator) in _SWAPPED:
            yield ast.BinOp(left, _swapped(operator), right)
        case ast.UnaryOp(ast.Not(), operand):
            yield operand
        case ast.Constant(bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(int() | float() as value):
            yield ast.Constant(value + 1)
        case ast.Constant(str() as text) if text and " " not in text:
            yield ast.Constant("")


def _swapped[Operator: ast.AST](operator: Operator) -> Operator:
    return _SWAPPED[type(operator)]()  # type: ignore[return-value]


def _other_statement(node: ast.stmt) -> str:
    match node:
        case ast.Return(value) if value is not None and not isinstance(value, ast.Constant):
            return "return None"
        case ast.Expr(ast.Call() | ast.Await()) | ast.AugAssign() | ast.Raise():
            return "pass"
        case ast.Continue():
            return "break"
        case ast.Break():
            return "continue"
        case _:
            return ""
