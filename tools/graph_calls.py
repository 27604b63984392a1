"""Compares the Graph paths in the code with Microsoft's description: `python -m tools.graph_calls`.

They are recognised by their form, in any module. What is sent to them, and by whom, is checked elsewhere:
the sandbox refuses what the description does not contain, and `tests/test_graph_calls.py` makes every call
that is found here.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl

from sandbox.directory.conformity import query_faults
from sandbox.directory.description import GRAPH_V1, Operation

PROJECT = Path(__file__).parents[1]
# The first segments of v1.0 paths that a product like this one may need.
_ROOTS = (
    "$batch", "admin", "applications", "auditLogs", "communications", "contacts", "devices", "directory",
    "directoryObjects", "directoryRoles", "domains", "groupLifecyclePolicies", "groups", "groupSettings",
    "identity", "identityGovernance", "identityProtection", "invitations", "me", "oauth2PermissionGrants",
    "organization", "policies", "reports", "roleManagement", "security", "servicePrincipals", "sites",
    "subscribedSkus", "subscriptions", "teams", "tenantRelationships", "users",
)  # fmt: skip
_FORM = re.compile(rf"/(?:{'|'.join(map(re.escape, _ROOTS))})(?:\([^)]*\))?(?:/[^\s<>?]*)?(?:\?.*)?")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """A Graph path in the code, with `{…}` for what is filled in, and perhaps a query."""

    file: str
    line: int
    text: str

    @property
    def path(self) -> str:
        return self.text.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.text.partition("?")[2], keep_blank_values=True))

    @property
    def operations(self) -> list[Operation]:
        return GRAPH_V1.operations_at(self.path)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


@cache
def paths_in_the_code(root: Path = PROJECT / "enforcer") -> list[Place]:
    """Yield all Graph paths in the modules below a folder."""
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in sorted(root.rglob("*.py"))}
    constants = {name: text for tree in trees.values() for name, text in _constants(tree)}
    return sorted(
        Place(file=str(file.relative_to(root.parent)), line=line, text=text)
        for file, tree in trees.items()
        for line, text in _texts(tree, constants | dict(_constants(tree)))
        if _FORM.fullmatch(text)
    )


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    known: dict[str, str] = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                if (text := _text(value, known)) is not None:
                    known[name] = text
                    yield name, text


def _texts(tree: ast.Module, constants: dict[str, str]) -> Iterator[tuple[int, str]]:
    nodes = [*ast.walk(tree)]
    parts = {part for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp) and node not in parts:
            text = _text(node, constants)
            if text is not None:
                yield node.lineno, text


def _text(node: ast.expr, constants: dict[str, str]) -> str | None:
    """Return the text of an expression; None if it is not text."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name):
            return constants.get(name)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            first, second = _text(left, constants), _text(right, constants)
            return None if first is None or second is None else first + second
        case ast.JoinedStr(values=values):
            return "".join(_text(value, constants) or "{}" for value in values)
        case ast.FormattedValue(value=value):
            return _text(value, constants)
        case _:
            return None


def faults(place: Place) -> Iterator[str]:
    """Yield what Graph would refuse about a path and its query, whoever the caller."""
    if not place.operations:
        yield "is not a call that sandbox/directory/graph_v1.json describes"
        return
    readable = [operation for operation in place.operations if operation.method == "GET"]
    if place.query and not readable:
        yield "takes no query"
    for operation in readable:
        literal = {name: value for name, value in place.query.items() if "{" not in value}
        yield from query_faults(operation, literal)
        yield from (f"takes no {name}" for name in place.query if name not in operation.query)
        # The SDK's URI templates drop a comma outside a parameter.
        yield from (f"would lose the commas of {name}" for name, value in literal.items() if "," in value)


def main() -> int:
    """Print the errors and their number; return the exit code."""
    places = paths_in_the_code()
    found = [f"ERROR {place}: {fault}" for place in places for fault in faults(place)]
    print(*found, sep="\n", end="\n" if found else "")  # noqa: T201 -- a program for people
    print(f"{len(places)} Graph paths in the code; {len(found)} errors")  # noqa: T201
    return 1 if found or not places else 0


if __name__ == "__main__":
    sys.exit(main())
