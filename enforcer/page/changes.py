"""What the forms on a person's page do: the same as the API, then the page again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from enforcer.core.calendar.dates import UnreadableDateError
from enforcer.core.contractors import RegisterRow
from enforcer.core.exceptions import InputError, MissingRoleError
from enforcer.core.keys import is_address
from enforcer.core.runs import LONGEST_REASON
from enforcer.offboarding.or_queue import offboard_or_queue
from enforcer.page.answers import see_other
from enforcer.page.forms import one_line, read_form
from enforcer.page.people import person_path
from enforcer.page.person import name_in_path, read_person
from enforcer.page.person_view import Mistakes, person_page
from enforcer.register import changes
from enforcer.web.calls import Call
from enforcer.web.messages import Response
from enforcer.web.problems import invalid
from enforcer.web.roles import Access


class _MistakeError(Exception):
    """A field of the form is wrong."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


async def change_person(call: Call) -> Response:
    """Carry out the form, and redirect to the person; a mistake is shown beside its field.

    Raises:
        EnforcerError: It cannot be done.
    """
    form = read_form(call.request)
    actions = {"extend": _extend, "register": _register, "offboard": _offboard}
    action = actions.get(form.get("action", ""))
    if action is None:
        raise invalid("action", f"action must be one of {', '.join(actions)}")
    try:
        return await action(call, form)
    except _MistakeError as mistake:
        known = await read_person(call.services, name_in_path(call))
        return person_page(call, known, mistakes=Mistakes(problems={mistake.field: str(mistake)}, form=form))


async def _extend(call: Call, form: Mapping[str, str]) -> Response:
    """Change the last day of access in a row."""
    user, group_id = name_in_path(call), form.get("group", "")
    key = form.get("row", "") or user
    try:
        await changes.extend(call.services, key, _end(call, form), actor=call.caller.actor, group_id=group_id)
    except InputError as error:
        _refuse(error)
    return see_other(person_path(user), saved=group_id)


async def _register(call: Call, form: Mapping[str, str]) -> Response:
    """Register a person without a row."""
    user, group_id = name_in_path(call), form.get("group", "")
    wanted = RegisterRow(group_id=group_id, row_key=user, end_date=_end(call, form), sponsor=_sponsor(form))
    try:
        await changes.add(call.services, wanted, actor=call.caller.actor)
    except InputError as error:
        _refuse(error)
    return see_other(person_path(user), saved=group_id)


async def _offboard(call: Call, form: Mapping[str, str]) -> Response:
    """Offboard the person now, or queue it, exactly as the API does."""
    call.require(Access.OFFBOARD)
    reason = one_line(form.get("reason", ""))
    if not reason:
        raise _MistakeError("reason", "Enter a reason: it is written to the ledger.")
    if len(reason) > LONGEST_REASON:
        raise _MistakeError("reason", f"Use at most {LONGEST_REASON} characters.")
    answer = await offboard_or_queue(call.services, call.offboarding(reason), call.budget)
    return see_other(person_path(name_in_path(call)), run=answer.run_id)


def _end(call: Call, form: Mapping[str, str]) -> str:
    """Return the new end date. One in the past is a mistake: there is a button for ending access now."""
    end = form.get("end", "").strip()
    try:
        due_at = call.services.settings.date_rules.ends_at(end)
    except UnreadableDateError as error:
        raise _MistakeError("end", "Enter a day, such as 2027-01-31.") from error
    if due_at <= call.services.now():
        raise _MistakeError("end", "That day is over. To end access now, use “Offboard now”.")
    return end


def _sponsor(form: Mapping[str, str]) -> str:
    sponsor = form.get("sponsor", "").strip()
    if sponsor and not is_address(sponsor):
        raise _MistakeError("sponsor", "Enter an e-mail address, or none.")
    return sponsor


def _refuse(error: InputError) -> NoReturn:
    if error.field == "end_date" and not isinstance(error, MissingRoleError):
        raise _MistakeError("end", str(error)) from error
    raise error
