"""The part of OData's $filter with which people are found: eq, in, and, or, parentheses, any(x:x eq '…')."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from sandbox.directory.errors import GraphError, unsupported_query
from sandbox.directory.objects import DirectoryObject

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<any>[A-Za-z]+/any\(\s*(?P<var>\w+)\s*:\s*(?P=var)\s+eq\s+)"
    r"|(?P<word>[A-Za-z0-9_.-]+)|(?P<sign>[(),]))"
)


# Source: Graph's own error ("Too many child clauses specified in search filter expression").
MOST_CLAUSES = 15


class Junction(Enum):
    AND = "and"
    OR = "or"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The property is (a collection: contains) one of these values, ignoring case.

    `lambda_`: written as `any(x:x eq '…')`, as it must be for a collection.
    """

    name: str
    values: tuple[str, ...]
    lambda_: bool = False


@dataclass(frozen=True, slots=True)
class Compound:
    junction: Junction
    parts: "tuple[Condition, ...]"


type Condition = Comparison | Compound


def parse(text: str) -> Condition:
    """Raises GraphError (400) for what Graph or this sandbox does not support."""
    tokens = _tokens(text)
    condition = _either(tokens)
    if tokens:
        raise _unreadable(text)
    if (clauses := sum(len(one.values) for one in comparisons(condition))) > MOST_CLAUSES:
        raise unsupported_query(
            "Too many child clauses specified in search filter expression containing 'OR' operators:"
            f" {clauses}. Max allowed: {MOST_CLAUSES}."
        )
    return condition


def comparisons(condition: Condition) -> Iterator[Comparison]:
    """Return all comparisons in a condition."""
    if isinstance(condition, Comparison):
        yield condition
    else:
        for part in condition.parts:
            yield from comparisons(part)


def holds(condition: Condition, entry: DirectoryObject, columns: Mapping[str, str | None]) -> bool:
    if isinstance(condition, Compound):
        parts = (holds(part, entry, columns) for part in condition.parts)
        return any(parts) if condition.junction is Junction.OR else all(parts)
    if condition.name not in columns:
        raise GraphError(400, "BadRequest", f"Invalid filter clause: no property named '{condition.name}'.")
    field = columns[condition.name]
    held = getattr(entry, field) if field else None
    texts = {_text(one) for one in held} if isinstance(held, list) else {_text(held)}
    return any(_text(value) in texts for value in condition.values)


def _text(value: object) -> str:
    """A value, ignoring case as .NET does: character by character; KELVIN SIGN is not a K."""
    text = "null" if value is None else str(value)
    return "".join(one.upper() if len(one.upper()) == 1 else one for one in text)


def _tokens(text: str) -> list[str]:
    tokens = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unreadable(text)
        tokens.append(match[0].strip())
        at = match.end()
    return tokens


def _either(tokens: list[str]) -> Condition:
    return _joined(tokens, Junction.OR)


def _joined(tokens: list[str], junction: Junction) -> Condition:
    def part() -> Condition:
        return _joined(tokens, Junction.AND) if junction is Junction.OR else _single(tokens)

    parts = [part()]
    while tokens and tokens[0].lower() == junction.value:
        tokens.pop(0)
        parts.append(part())
    return parts[0] if len(parts) == 1 else Compound(junction, tuple(parts))


def _single(tokens: list[str]) -> Condition:
    first = _next(tokens)
    if first == "(":
        inner = _either(tokens)
        _expect(tokens, ")")
        return inner
    if "/any(" in first:
        value = _value(tokens)
        _expect(tokens, ")")
        return Comparison(first.partition("/")[0], (value,), lambda_=True)
    operator = _next(tokens).lower()
    if operator == "eq":
        return Comparison(first, (_value(tokens),))
    if operator == "in":
        return Comparison(first, _values(tokens))
    raise unsupported_query(
        f"Unsupported Query: the operator '{operator}' needs advanced query capabilities."
    )


def _values(tokens: list[str]) -> tuple[str, ...]:
    _expect(tokens, "(")
    values = [_value(tokens)]
    while (sign := _next(tokens)) == ",":
        values.append(_value(tokens))
    if sign != ")":
        raise _unreadable(sign)
    return tuple(values)


def _value(tokens: list[str]) -> str:
    token = _next(tokens)
    return token[1:-1].replace("''", "'") if token.startswith("'") else token


def _next(tokens: list[str]) -> str:
    if not tokens:
        raise _unreadable("")
    return tokens.pop(0)


def _expect(tokens: list[str], sign: str) -> None:
    if _next(tokens) != sign:
        raise _unreadable(sign)


def _unreadable(text: str) -> GraphError:
    return GraphError(400, "BadRequest", f"Invalid filter clause: syntax error in '{text}'.")
