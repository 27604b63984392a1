"""Reads what the page's forms send."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from enforcer.core.plain_text import plain
from enforcer.web.messages import Request
from enforcer.web.problems import Code, ProblemError, invalid

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 20


def read_form(request: Request) -> Mapping[str, str]:
    """Return the fields of a form; of several with one name the last counts.

    Raises:
        ProblemError: It is not a form (415), or malformed (400).
    """
    if request.media_type != _FORM:
        raise ProblemError(415, Code.INVALID_INPUT, f"A form must be sent as Content-Type: {_FORM}.")
    try:
        fields = parse_qsl(
            request.body.decode(),
            keep_blank_values=True,
            max_num_fields=_MOST_FIELDS,
            errors="strict",
        )
    except ValueError as error:
        raise invalid("form", "The form cannot be read.") from error
    return dict(fields)


def one_line(text: str) -> str:
    """Return the text without line breaks and control characters, which records do not accept."""
    return " ".join(plain(text).split())
