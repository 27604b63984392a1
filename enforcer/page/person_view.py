"""What the page of one person shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from enforcer.core.calendar.dates import written
from enforcer.core.calendar.durations import in_words
from enforcer.core.calendar.midnight import DateRules, Midnight
from enforcer.core.contractors import RegisterRow
from enforcer.core.exceptions import NotFoundError
from enforcer.core.ledger import Entry
from enforcer.core.offboarding_record import OffboardingRecord, Proof, Sessions
from enforcer.core.runs import LONGEST_REASON, Run, RunState
from enforcer.core.settings import Mode, Settings
from enforcer.page.answers import calendar, frame, html
from enforcer.page.people import person_path
from enforcer.page.person import Engagement, Known, name_in_path, read_person
from enforcer.page.times import Calendar, Moment
from enforcer.page.words import ACCOUNTS, ACTIONS, PROOFS, SESSIONS, STATES
from enforcer.register.reading import about_midnight
from enforcer.web.calls import Call
from enforcer.web.messages import Response
from enforcer.web.roles import Access

_HISTORY_SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistakes:
    """What is wrong with the form that was sent, by field, and its contents; empty if none was sent."""

    problems: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)

    def of(self, name: str) -> str:
        return self.problems.get(name, "")

    def sent(self, name: str) -> str:
        return self.form.get(name, "")

    def concerns(self, action: str, group_id: str = "") -> bool:
        """Whether it was this form that was sent."""
        return self.sent("action") == action and self.sent("group") == group_id


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """A step of an offboarding and when it was done; `at` is None where it was not."""

    label: str
    at: Moment | None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngagementView:
    """A row as written, or None, and what it means; then what was done when access ended."""

    group_id: str
    is_member: bool | None
    row: RegisterRow | None
    is_extensible: bool
    end_date: str
    end: Moment | None
    distance: str
    has_ended: bool
    start_date: str
    problem: str
    at_midnight: str
    state: str
    trouble: str
    steps: tuple[StepView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryView:
    at: Moment
    action: str
    entry: Entry


async def show_person(call: Call) -> Response:
    known = await read_person(call.services, name_in_path(call))
    if not (known.is_contractor or call.may(Access.EXTEND)):
        # Nobody looks up any account of the tenant by the role to read.
        raise NotFoundError(f"there is no contractor {known.name!r:.80}", field="user")
    run_id = call.request.query.get("run", "")
    runs = await call.services.runs.of_id(run_id, call.services.settings.group_ids) if run_id else []
    return person_page(call, known, notices=_notices(runs))


def person_page(
    call: Call, known: Known, *, notices: Sequence[Notice] = (), mistakes: Mistakes | None = None
) -> Response:
    """Show a person; with mistakes, their form is open and says what is wrong."""
    days, settings = calendar(call), call.services.settings
    name = name_of(known)
    return html(
        "person.html",
        status=400 if mistakes else 200,
        frame=frame(call, name),
        name=name,
        path=person_path(known.name),
        entra=known.entra,
        account_words=ACCOUNTS,
        engagements=[_engagement(item, known, days, settings.date_rules) for item in known.engagements],
        registrable=_registrable(known, settings),
        several=len(settings.group_ids) > 1,
        can_be_offboarded=_can_be_offboarded(known, settings),
        is_protected=known.object_id in settings.protected_ids,
        today=days.today.isoformat(),
        longest_reason=LONGEST_REASON,
        saved=call.request.query.get("saved", ""),
        notices=notices,
        mistakes=mistakes or Mistakes(),
        is_history_read=known.history is not None,
        history=[_entry(entry, days) for entry in (known.history or ())[:_HISTORY_SHOWN]],
        older=max(len(known.history or ()) - _HISTORY_SHOWN, 0),
    )


def name_of(known: Known) -> str:
    """Return the best name of the person: Entra's, the register's, or the one in the path."""
    person = known.entra.person
    in_register = next((row.written.name for row in known.rows), "")
    return (person.display_name if person else "") or in_register or known.name


def _registrable(known: Known, settings: Settings) -> list[str]:
    """Return the groups in which the person could be registered."""
    if known.entra.person is None:
        return []
    taken = {row.written.group_id.lower() for row in known.rows}
    return [group_id for group_id in settings.group_ids if group_id not in taken]


def _can_be_offboarded(known: Known, settings: Settings) -> bool:
    """Whether to offer it; while Entra does not answer, it is queued."""
    reachable = known.entra.person is not None or bool(known.entra.trouble)
    return reachable and settings.mode is not Mode.REPORT and known.object_id not in settings.protected_ids


# What a run has done -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What became of an offboarding that was just requested."""

    text: str
    is_bad: bool = False


def _notices(runs: Iterable[Run]) -> list[Notice]:
    texts = {
        RunState.COMPLETE: "Offboarded. Each step is in the history below.",
        RunState.RUNNING: "It could not be done at once, so it is queued and tried until it is done.",
        RunState.FAILED: "Not every step was done. Every sweep tries again.",
    }
    states = dict.fromkeys((run.state, run.error) for run in runs)
    worst = [pair for pair in states if pair[0] is not RunState.COMPLETE]
    return [
        Notice(text=f"{texts[state]} {error}".strip(), is_bad=state is RunState.FAILED)
        for state, error in worst or states
    ]


# One group -----------------------------------------------------------------------------------------------


def _engagement(item: Engagement, known: Known, days: Calendar, rules: DateRules) -> EngagementView:
    row, done = item.row, item.record
    due_at = row.due_at if row else None
    is_instant = rules.midnight is Midnight.INSTANT
    return EngagementView(
        group_id=item.group_id,
        is_member=item.group_id in known.entra.groups if known.entra.person else None,
        row=row.written if row else None,
        # A row under a group in capitals is nobody's: another date would not fix it.
        is_extensible=row is not None and item.group_id == item.group_id.lower(),
        end_date=_date(row.written.end_date) if row else "",
        end=days.end(due_at) if due_at else None,
        distance=days.distance(due_at) if due_at else "",
        has_ended=due_at is not None and due_at <= days.now,
        start_date=_date(row.written.start_date) if row else "",
        problem=row.problem if row else "",
        at_midnight=about_midnight(row, rules, days.now) if row and is_instant else "",
        state=STATES[done.state] if done else "",
        trouble=done.last_error if done and done.unfinished else "",
        steps=_steps(done, days) if done else (),
    )


def _date(value: object) -> str:
    return "" if value is None else written(value)


def _steps(done: OffboardingRecord, days: Calendar) -> tuple[StepView, ...]:
    steps = [
        StepView(label="Access ended", at=days.end(done.due_at) if done.due_at else None),
        StepView(
            label="Removed from the group",
            at=days.optional_moment(done.removed_at),
            note=_lag(done.due_at, done.removed_at),
        ),
        StepView(
            label="Sessions",
            at=days.optional_moment(done.revoked_at) if done.sessions is Sessions.REVOKED else None,
            note=SESSIONS[done.sessions] if done.sessions else "not done",
        ),
        StepView(label="Absence verified", at=days.optional_moment(done.verified_at)),
    ]
    if done.leavers_at is not None:
        steps.insert(2, StepView(label="In the leavers' group", at=days.moment(done.leavers_at)))
    if done.disabled_at is not None:
        steps.insert(1, StepView(label="Account disabled", at=days.moment(done.disabled_at)))
    if done.proof is not None:
        by = f"in part by {done.proof_policy}" if done.proof is Proof.NOT_BLOCKED else done.proof_policy
        note = " ".join(filter(None, (PROOFS[done.proof], by if done.proof_policy else "")))
        steps.append(StepView(label="Next sign-in, by What If", at=None, note=note))
    return tuple(steps)


def _lag(due_at: datetime | None, removed_at: datetime | None) -> str:
    if due_at is None or removed_at is None:
        return ""
    return f"{in_words(max((removed_at - due_at).total_seconds(), 0))} after the end"


def _entry(entry: Entry, days: Calendar) -> EntryView:
    return EntryView(at=days.written(entry.at), action=ACTIONS[entry.action], entry=entry)
