"""The JSON that callers send, read strictly; each mistake is reported under the name of its field."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from enforcer.core.plain_text import CONTROL
from enforcer.core.runs import LONGEST_REASON
from enforcer.core.settings import Mode
from enforcer.offboarding.many import MOST_PEOPLE
from enforcer.web.messages import JSON, Request
from enforcer.web.problems import Code, ProblemError, invalid

# What people write ends up in tables, ledgers, mails and logs: no control characters or line breaks.
_PLAIN = rf"^[^{CONTROL}]*$(?!\n)"
_PLAIN_AND_NOT_BLANK = rf"^[^{CONTROL}]*[^{CONTROL}\s][^{CONTROL}]*$(?!\n)"
_ADDRESS = r"^([^@\x00-\x1f\x7f\s]+@[^@\x00-\x1f\x7f\s]+)?$(?!\n)"

type Words = Annotated[str, Meta(max_length=256, pattern=_PLAIN)]
type Note = Annotated[str, Meta(max_length=1000, pattern=_PLAIN)]
type Reason = Annotated[str, Meta(min_length=1, max_length=LONGEST_REASON, pattern=_PLAIN_AND_NOT_BLANK)]
type Address = Annotated[str, Meta(max_length=320, pattern=_ADDRESS, description="An e-mail address")]
type Name = Annotated[str, Meta(min_length=1, max_length=320, pattern=_PLAIN)]
type GroupId = Annotated[str, Meta(max_length=36, description="A managed group's object ID")]
type Date = Annotated[
    str,
    Meta(
        max_length=40,
        description="A day (2026-12-31, in ENFORCER_TIME_ZONE) or an instant (2026-12-31T17:00:00+01:00)",
    ),
]


class OffboardBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why somebody is offboarded now; it is written to the ledger and the register."""

    reason: Reason


class OffboardingsBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to offboard now, and why. Users are object IDs, user principal names or e-mail addresses."""

    users: Annotated[list[Name], Meta(min_length=1, max_length=MOST_PEOPLE)]
    reason: Reason


class ContractorBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The contents of a row of the register; what is left out or empty stays unchanged.

    `end_date` is the last day of access. `group_id` is needed only where several groups are managed. `past`
    lets access end that is over already, and `unknown` registers people whom Entra does not know.
    """

    end_date: Date
    start_date: Date = ""
    display_name: Words = ""
    company: Words = ""
    sponsor: Address = ""
    note: Note = ""
    group_id: GroupId = ""
    past: bool = False
    unknown: bool = False


class ImportedLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One contractor to be written; as for a single one, what is left out or empty stays unchanged."""

    user: Annotated[str, Meta(min_length=1, max_length=320, pattern=_PLAIN_AND_NOT_BLANK)]
    end_date: Date
    start_date: Date = ""
    display_name: Words = ""
    company: Words = ""
    sponsor: Address = ""
    note: Note = ""
    group_id: GroupId = ""


class ImportBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The contractors to be written: all of them, or none if any is wrong."""

    contractors: Annotated[tuple[ImportedLine, ...], Meta(min_length=1)]


class SweepBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sweep to make: by default, of every managed group, in ENFORCER_MODE."""

    mode: Mode | None = None
    group_id: GroupId = ""
    reason: Annotated[str, Meta(max_length=LONGEST_REASON, pattern=_PLAIN)] = ""


def read_body[T](request: Request, kind: type[T]) -> T:
    """Read the body.

    Raises:
        ProblemError: It is not JSON (415), or not of this kind (400).
    """
    if request.body and request.media_type != JSON:
        raise ProblemError(415, Code.NOT_JSON, f"The body must be sent as Content-Type: {JSON}.")
    try:
        return msgspec.json.decode(request.body or b"{}", type=kind)
    except msgspec.ValidationError as error:
        text = str(error)
        raise invalid(_field(text), text) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid("body", f"The body is not JSON: {error}") from error


def _field(message: str) -> str:
    """Return the field that msgspec complains about: ``… - at `$.reason` ``, or ``… field `reason` ``."""
    found = re.search(r"at `\$\.([^`]+)`", message) or re.search(r"field `([^`]+)`", message)
    return found[1] if found else "body"
