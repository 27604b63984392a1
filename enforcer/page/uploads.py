"""Reads a form that contains a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from enforcer.web.messages import Request
from enforcer.web.problems import invalid

MULTIPART = "multipart/form-data"
_BOUNDARY = re.compile(r'boundary="?([^";]{1,70})"?')
_NAME = re.compile(rb'[;\s]name="([^"]*)"')
_MOST_PARTS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """The fields of a form, and the content of its file."""

    fields: Mapping[str, str]
    content: bytes


def read_upload(request: Request) -> Upload:
    """Return what a multipart form contains; its file is the field `file`.

    Raises:
        ProblemError: It is malformed (400).
    """
    boundary = _BOUNDARY.search(request.headers.get("content-type", ""))
    parts = request.body.split(b"--" + boundary[1].encode()) if boundary else []
    if not 2 < len(parts) <= _MOST_PARTS:  # noqa: PLR2004 -- before the first and after the last
        raise invalid("form", "The form cannot be read.")
    found: dict[str, bytes] = {}
    for part in parts[1:-1]:
        head, blank, content = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if not blank or name is None:
            raise invalid("form", "The form cannot be read.")
        found[name[1].decode(errors="replace")] = content.removesuffix(b"\r\n")
    content = found.pop("file", b"")
    return Upload(
        fields={name: value.decode(errors="replace").strip() for name, value in found.items()},
        content=content,
    )
