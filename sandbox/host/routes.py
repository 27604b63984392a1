"""Which function answers a path: ASP.NET Core's route templates, tried in the order of the Functions host.

Literal segments precede parameters, constrained parameters free ones, long templates short ones. A function
that does not accept the method does not match, so a wrong method is a 404. HEAD is routed as GET.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from sandbox.host.configuration import Function
from sandbox.host.errors import HostError

type _Precedence = tuple[tuple[int, int, str], ...]

_PARAMETER: Final = re.compile(
    r"\{(?P<every>\*{0,2})(?P<name>\w+)(?::(?P<constraint>\w+)(?:\((?P<size>\d+)\))?)?(?P<optional>\??)\}"
)
_CONSTRAINTS: Final = {
    "int": r"-?\d+",
    "long": r"-?\d+",
    "bool": "true|false",
    "alpha": "[a-z]*",
    "guid": "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}",
    "length": "[^/]{SIZE}",
    "minlength": "[^/]{SIZE,}",
    "maxlength": "[^/]{0,SIZE}",
}
_ENCODED_SLASH: Final = re.compile("%2f", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    function: Function
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    function: Function
    methods: frozenset[str]
    pattern: re.Pattern[str]
    precedence: _Precedence

    def takes(self, method: str) -> bool:
        return not self.methods or method in self.methods or (method == "HEAD" and "GET" in self.methods)


class RouteTable:
    """The routes of an app's HTTP functions, under `host.json`'s route prefix."""

    def __init__(self, functions: Iterable[Function], prefix: str) -> None:
        answering = (function for function in functions if function.trigger.type == "httpTrigger")
        routes = (_route(function, prefix) for function in answering)
        self._routes = sorted(routes, key=lambda route: route.precedence)

    def match(self, method: str, path: str) -> Match | None:
        """Return the function for a path, which is percent-encoded, as sent."""
        decoded = _decode(path).strip("/")
        for route in self._routes:
            found = route.pattern.fullmatch(decoded)
            if found and route.takes(method.upper()):
                parameters = {name: value for name, value in found.groupdict().items() if value is not None}
                return Match(function=route.function, parameters=parameters)
        return None


def _decode(path: str) -> str:
    # An encoded slash stays encoded, or it would separate segments.
    return "%2F".join(unquote(part) for part in _ENCODED_SLASH.split(path))


def _route(function: Function, prefix: str) -> Route:
    template = "/".join(filter(None, [prefix.strip("/"), function.trigger.route or function.name]))
    segments = template.removeprefix("/").split("/")
    if "" in segments:
        raise HostError(f"route of {function.name!r}: {template!r} has an empty segment")
    pattern = "".join(_segment_pattern(function, segment) for segment in segments).removeprefix("/")
    return Route(
        function=function,
        methods=frozenset(method.upper() for method in function.trigger.methods),
        pattern=re.compile(pattern, re.IGNORECASE | re.DOTALL),
        precedence=(*map(_precedence, segments), (2, 0, "")),
    )


def _precedence(segment: str) -> tuple[int, int, str]:
    parameter = _PARAMETER.match(segment)
    if parameter is None:
        return (0, 0, segment.lower())
    return (1, -1 if parameter["constraint"] else 0, "")


def _segment_pattern(function: Function, segment: str) -> str:
    whole = _PARAMETER.fullmatch(segment)
    if whole and (whole["every"] or whole["optional"]):
        return f"(?:/{_parameter_pattern(function, whole)})?"
    pattern, end = "/", 0
    for parameter in _PARAMETER.finditer(segment):
        pattern += _literal(function, segment[end : parameter.start()])
        pattern += _parameter_pattern(function, parameter)
        end = parameter.end()
    return pattern + _literal(function, segment[end:])


def _literal(function: Function, text: str) -> str:
    if set("{}*?") & set(text):
        raise HostError(f"route of {function.name!r}: {text!r} is neither text nor a supported parameter")
    return re.escape(text)


def _parameter_pattern(function: Function, parameter: re.Match[str]) -> str:
    constraint = parameter["constraint"]
    if constraint is None:
        value = ".*" if parameter["every"] else "[^/]+"
    elif constraint in _CONSTRAINTS:
        value = _CONSTRAINTS[constraint].replace("SIZE", parameter["size"] or "")
    else:
        raise HostError(f"route of {function.name!r}: the constraint {constraint!r} is not supported")
    return f"(?P<{parameter['name']}>{value})"
