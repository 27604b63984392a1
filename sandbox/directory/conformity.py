"""Whether Graph v1.0 has a call: its query, and its body by Microsoft's own types."""

from collections.abc import Iterator, Mapping
from functools import cache

from sandbox.directory.description import GRAPH_V1, Operation
from sandbox.directory.errors import GraphError
from sandbox.directory.filters import comparisons, parse
from sandbox.directory.messages import Call
from sandbox.directory.router import Endpoint, Service

_JSON_TYPES = {"Edm.Boolean": bool, "Edm.Int32": int, "Edm.String": str}
# The error code of a request that a service cannot read.
_CODES = {
    Service.DIRECTORY: "Request_BadRequest",
    Service.CONDITIONAL_ACCESS: "BadRequest",
    Service.EXCHANGE: "RequestBodyRead",
}


def require_conformity(call: Call, endpoint: Endpoint) -> None:
    """Raise GraphError (400) for what Graph would refuse; what is not described passes."""
    operation = _operation(endpoint.method, endpoint.pattern)
    if operation is None:
        return
    advanced = call.eventual and call.query.get("$count", "").lower() == "true"
    for fault in query_faults(operation, call.query, advanced=advanced):
        raise GraphError(400, "Request_UnsupportedQuery", fault)
    for fault in _body_faults(operation, call):
        raise GraphError(400, _CODES[endpoint.service], fault)


@cache
def _operation(method: str, pattern: str) -> Operation | None:
    found = (one for one in GRAPH_V1.operations_at(pattern) if one.method == method)
    # `members/{cast}` has the shape of `members/{id}`, and of no operation of its own.
    return next((one for one in found if ("{cast}" in one.path) == ("{cast}" in pattern)), None)


# -- queries -----------------------------------------------------------------------------------------------


def query_faults(operation: Operation, query: Mapping[str, str], *, advanced: bool = False) -> Iterator[str]:
    """Yield what is wrong with a query.

    Args:
        operation: The operation that is called.
        query: Its options.
        advanced: Whether it is an advanced query, with `ConsistencyLevel: eventual` and `$count=true`.
    """
    for name in query:
        if name not in operation.query:
            yield f"The query option '{name}' is not allowed here."
    known = GRAPH_V1.selectable(operation)
    for name in filter(None, query.get("$select", "").split(",")):
        if known and name.strip() not in known:
            yield f"Could not find a property named '{name}' on type '{operation.returns}'."
    if advanced:
        return
    for name in ("$search", "$orderby"):
        if name in query:
            yield f"{name} needs advanced query parameters."
    if "$filter" in query and operation.service == "" and operation.filter:
        yield from _filter_faults(operation, query["$filter"])


def _filter_faults(operation: Operation, text: str) -> Iterator[str]:
    types = GRAPH_V1.types[operation.returns].properties
    for one in comparisons(parse(text)):
        collection = types.get(one.name, "").startswith("Collection(")
        if one.name not in operation.filter:
            yield f"'{one.name}' supports no such filter without advanced query parameters."
        elif collection != one.lambda_:
            wanted = "any(x:x eq '…')" if collection else "eq or in"
            yield f"Invalid filter clause: '{one.name}' is compared by {wanted}."


# -- bodies ------------------------------------------------------------------------------------------------


def _body_faults(operation: Operation, call: Call) -> Iterator[str]:
    if not call.body:
        if operation.body or operation.action or operation.reference:
            yield "A request body is needed."
        return
    if call.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        yield "A body needs its Content-Type: application/json."
    body = call.json()
    if operation.empty_body and body:
        yield "No parameters are taken here."
    if operation.body:
        yield from misfits(operation.body, body)
    if operation.action:
        yield from _parameter_faults(operation, body)


def _parameter_faults(operation: Operation, body: Mapping[str, object]) -> Iterator[str]:
    # Parameters of actions are matched without regard to case.
    parameters = {name.lower(): kind for name, kind in GRAPH_V1.actions[operation.action].items()}
    for name, value in body.items():
        if name.lower() in parameters:
            yield from misfits(parameters[name.lower()], value, name)
        else:
            yield f"'{name}' is not a parameter of {operation.action}."
    for name, most in operation.most.items():
        given = body.get(name)
        if isinstance(given, list) and len(given) > most:
            yield f"{name}: at most {most} at once."


def misfits(kind: str, value: object, path: str = "body") -> Iterator[str]:
    """Yield where a JSON value does not fit a type; null fits any, and so does what is not described."""
    if value is None:
        return
    if kind.startswith("Collection("):
        if not isinstance(value, list):
            yield f"{path} has to be a list."
            return
        for one in value:
            yield from misfits(kind.removeprefix("Collection(").removesuffix(")"), one, path)
    elif kind in GRAPH_V1.enums:
        yield from _unknown_values(kind, value, path)
    elif kind in GRAPH_V1.types:
        yield from _structure_faults(kind, value, path)
    elif (wanted := _JSON_TYPES.get(kind)) and type(value) is not wanted:
        yield f"{path} has to be {kind}, not {value!r}."


def _unknown_values(kind: str, value: object, path: str) -> Iterator[str]:
    enumeration = GRAPH_V1.enums[kind]
    known = {one.lower() for one in enumeration.values}
    given = str(value).split(",") if enumeration.flags else [str(value)]
    for one in given:
        if one.strip().lower() not in known:
            yield f"{path}: '{one}' is not a value of {kind}."


def _structure_faults(kind: str, value: object, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} has to be an object of type {kind}, not {value!r}."
        return
    actual = str(value.get("@odata.type", kind)).rpartition(".")[2]
    ancestry = GRAPH_V1.ancestry(actual)
    if kind not in ancestry:
        yield f"{path}: {actual} is not a {kind}."
        return
    if GRAPH_V1.types[actual].abstract:
        yield f"{path} lacks its @odata.type: {kind} is abstract."
    properties = {name: one for each in ancestry for name, one in GRAPH_V1.types[each].properties.items()}
    for name, one in value.items():
        if "@" in name:
            continue
        if name in properties:
            yield from misfits(properties[name], one, f"{path}.{name}")
        else:
            yield f"The property '{name}' does not exist on type '{actual}'."
