"""Yes-or-no parameters of a query."""

from __future__ import annotations

from enforcer.register.allowed import Allowed
from enforcer.web.calls import Call
from enforcer.web.problems import invalid
from enforcer.web.routes import Parameter


def flag_parameter(name: str, description: str) -> Parameter:
    return Parameter(name=name, description=description, schema={"type": "boolean", "default": False})


ALLOWING = (
    flag_parameter("past", "Write ends of access that are over"),
    flag_parameter("unknown", "Write people whom Entra does not know"),
)


def flag(call: Call, name: str) -> bool:
    """Return the parameter's value. Raises ProblemError if it is neither true nor false."""
    text = call.request.query.get(name, "false").lower()
    if text not in {"true", "false"}:
        raise invalid(name, f"{name} must be true or false")
    return text == "true"


def allowed_by(call: Call) -> Allowed:
    """Return what the query allows to be written."""
    return Allowed(past=flag(call, "past"), unknown=flag(call, "unknown"))
