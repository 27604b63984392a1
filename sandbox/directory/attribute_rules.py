"""Rules of device and application filters: `device.model -eq "X" -and -not (device.isCompliant -eq True)`.

A property that is not there (an unregistered device has none) fails every positive comparison and meets every
negative one. Source: Microsoft Entra, "Conditional Access: Filter for devices", policy behavior.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

_TOKEN = re.compile(r"\s*(\(|\)|\[[^\]]*\]|\"[^\"]*\"|'[^']*'|[^\s()\[\]]+)")
_NEGATIVE = re.compile(r"^-(?:ne|not(?=\w))", re.IGNORECASE)
_POSITIVE: dict[str, Callable[[str, list[str]], bool]] = {
    "eq": lambda value, wanted: value == wanted[0],
    "in": lambda value, wanted: value in wanted,
    "startswith": lambda value, wanted: value.startswith(wanted[0]),
    "endswith": lambda value, wanted: value.endswith(wanted[0]),
    "contains": lambda value, wanted: wanted[0] in value,
}


class RuleError(ValueError):
    """The rule is not one that is understood here."""


def matches(rule: str, properties: Mapping[str, object]) -> bool:
    """Whether an object with these properties meets a rule; names and values in any case.

    Raises:
        RuleError: The rule is not understood.
    """
    known = {name.lower(): str(value).lower() for name, value in properties.items() if value is not None}
    reading = _Reading(_TOKEN.findall(rule), known)
    result = reading.either()
    if reading.tokens:
        raise RuleError(f"the rule {rule!r} is not understood")
    return result


@dataclass
class _Reading:
    tokens: list[str]
    properties: Mapping[str, str] = field(default_factory=dict)

    def either(self) -> bool:
        result = self._all()
        while self._takes("-or"):
            other = self._all()
            result = result or other
        return result

    def _all(self) -> bool:
        result = self._one()
        while self._takes("-and"):
            other = self._one()
            result = result and other
        return result

    def _one(self) -> bool:
        if self._takes("-not"):
            return not self._one()
        if self._takes("("):
            result = self.either()
            if not self._takes(")"):
                raise RuleError("a bracket is not closed")
            return result
        return self._comparison()

    def _comparison(self) -> bool:
        if len(self.tokens) < 3:  # noqa: PLR2004 -- a property, an operator and a value
            raise RuleError("a comparison is incomplete")
        name, operator, value = (self.tokens.pop(0) for _ in range(3))
        negative = _NEGATIVE.match(operator)
        kind = "eq" if operator.lower() == "-ne" else operator.lower().removeprefix("-")
        compare = _POSITIVE.get(kind.removeprefix("not") if negative else kind)
        if compare is None:
            raise RuleError(f"the operator {operator} is not understood")
        wanted = [item.strip("\"' ").lower() for item in value.strip("[]").split(",")]
        found = self.properties.get(name.partition(".")[2].lower())
        met = found is not None and compare(found, wanted)
        return not met if negative else met

    def _takes(self, token: str) -> bool:
        if self.tokens and self.tokens[0].lower() == token:
            self.tokens.pop(0)
            return True
        return False
