"""`plan`, `apply`, `approve` and `undo`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click
import msgspec

from enforcer import approval
from enforcer import undo as undoing
from enforcer.cli.output import Table, output_option, tell, write_json, write_tables
from enforcer.cli.running import DONE, HELD, UNDONE, USAGE, actor, settings, with_services
from enforcer.core import dates
from enforcer.core.dates import UnreadableDateError
from enforcer.core.plan import EndingSoon, Finding, GroupPlan, Offboard, Onboard, Plan
from enforcer.core.runs import Report, total
from enforcer.exceptions import EnforcerError, InputError
from enforcer.services import Services
from enforcer.sweep import Order, make_whole_plan, new_run_id, sweep

# What `plan --output json` writes ------------------------------------------------------------------------


class _Person(msgspec.Struct, kw_only=True):
    user_id: str
    row_key: str | None
    user_principal_name: str
    end_date: str | None
    due_at: datetime | None
    guest: bool
    steps: list[str]


class _Group(msgspec.Struct, kw_only=True):
    group_id: str
    digest: str
    members: int
    offboard: list[_Person]
    onboard: list[Onboard]
    ending_soon: list[EndingSoon]
    findings: list[Finding]
    held: bool


class PlanFile(msgspec.Struct, kw_only=True):
    """The plan as JSON; `apply --plan` reads it again."""

    schema: int = 1
    digest: str
    as_of: datetime
    groups: list[_Group]


def _plan_file(plan: Plan) -> PlanFile:
    return PlanFile(digest=plan.digest, as_of=plan.as_of, groups=[_group(group) for group in plan.groups])


def _group(group: GroupPlan) -> _Group:
    return _Group(
        group_id=group.group_id,
        digest=group.digest,
        members=group.members,
        offboard=[_person(person) for person in group.offboard],
        onboard=list(group.onboard),
        ending_soon=list(group.ending_soon),
        findings=list(group.findings),
        held=group.held,
    )


def _person(person: Offboard) -> _Person:
    return _Person(
        user_id=person.user_id,
        row_key=person.row_key,
        user_principal_name=person.user_principal_name,
        end_date=person.end_date,
        due_at=person.due_at,
        guest=person.guest,
        steps=[step.value for step in person.steps],
    )


class _WrittenGroup(msgspec.Struct):
    group_id: str
    digest: str


class _WrittenPlan(msgspec.Struct):
    schema: int
    digest: str
    groups: list[_WrittenGroup]


# The commands --------------------------------------------------------------------------------------------


class WhenType(click.ParamType[datetime]):
    """A date (its first instant in ENFORCER_TIME_ZONE) or an instant with an offset."""

    name = "when"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return dates.begins_at(value, settings().zone)
        except UnreadableDateError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.option("--as-of", type=WhenType(), metavar="WHEN", help="Plan for that day or instant, not for now.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the plan to FILE as JSON."
)
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there is something to do.")
@output_option
def plan(as_of: datetime | None, out: Path | None, detailed_exitcode: bool, as_json: bool) -> int:  # noqa: FBT001
    """Show who would be offboarded, and why; change nothing."""
    made = with_services(
        "reading the register and the groups", lambda services: make_whole_plan(services, as_of)
    )
    written = _plan_file(made)
    if out is not None:
        out.write_bytes(msgspec.json.format(msgspec.json.encode(written), indent=2) + b"\n")
        tell(f"plan {made.digest} written to {out}")
    if as_json:
        write_json(written)
    else:
        _show_plan(made)
    return USAGE if detailed_exitcode and not made.is_empty else DONE


@click.command()
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Act only if the plan is still the one in FILE.",
)
@output_option
def apply(plan_file: Path | None, as_json: bool) -> int:  # noqa: FBT001
    """Offboard everybody who is due, now."""
    expected = _read_plan(plan_file) if plan_file else None
    done = with_services("sweeping", lambda services: _sweep_all(services, expected))
    if as_json:
        write_json(_applied(done))
    else:
        _show_reports(done.reports)
    for error in done.errors:
        tell(f"error: {error}")
    return _exit_code(done)


@click.command()
@click.argument("digest")
@output_option
def approve(digest: str, as_json: bool) -> int:  # noqa: FBT001
    """Release a plan that the brake holds: once, and only while the same people are in it."""
    approved = with_services("approving", lambda services: approval.approve(services, digest, actor=actor()))
    if as_json:
        write_json(approved)
    else:
        rows = [(plan.digest, plan.group_id, plan.people, plan.members) for plan in approved]
        write_tables(Table("Approved", ("plan", "group", "people", "of members"), rows))
    tell("the next sweep acts on it, if its plan is still the same: `enforcer apply`, or tonight's run")
    return DONE


@click.command()
@click.argument("run")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--plan-only", is_flag=True, help="Show what would be done, and do nothing.")
@output_option
def undo(run: str, yes: bool, plan_only: bool, as_json: bool) -> int:  # noqa: FBT001
    """Take back what RUN did: the memberships that it removed, the accounts that it disabled."""
    reversals = with_services("reading the ledger", lambda services: undoing.plan_undo(services, run))
    rows = [(item.action, item.user_id, item.group_id) for item in reversals]
    if not as_json or plan_only:
        _write_undo_plan(reversals, rows, as_json=as_json)
    if plan_only:
        return DONE
    if sys.stdin.isatty() and not yes:
        click.confirm(f"{len(rows)} changes. Carry them out?", abort=True, err=True)
    own_run, results = with_services(
        "undoing", lambda services: undoing.undo(services, run, reversals, actor=actor())
    )
    if as_json:
        write_json({"run_id": own_run, "undone_run": run, "results": results})
    else:
        done = [(item.reversal.action, item.reversal.user_id, item.outcome) for item in results]
        write_tables(Table(f"Undone, as run {own_run}", ("action", "user", "outcome"), done))
    tell("their end dates are as they were: put them off, or the next sweep offboards them again")
    return DONE if all(item.done for item in results) else UNDONE


def _write_undo_plan(
    reversals: Sequence[undoing.Reversal], rows: Sequence[Sequence[object]], *, as_json: bool
) -> None:
    if as_json:
        write_json(reversals)
    else:
        write_tables(Table("Would be undone", ("action", "user", "group"), rows))


# Applying ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Done:
    reports: Sequence[Report]
    errors: Sequence[EnforcerError]


async def _sweep_all(services: Services, expected: dict[str, str] | None) -> _Done:
    """Sweep one group after the other; the failure of one does not keep the others waiting."""
    run_id = new_run_id(services.now())
    reports: list[Report] = []
    errors: list[EnforcerError] = []
    for group_id in services.settings.group_ids:
        if expected is not None and group_id not in expected:
            continue
        order = Order(
            group_id=group_id,
            actor=actor(),
            reason="apply",
            run_id=run_id,
            expected_digest=expected[group_id] if expected else "",
        )
        try:
            reports.append(await sweep(services, order))
        except EnforcerError as error:
            errors.append(error)
    return _Done(reports, errors)


def _read_plan(path: Path) -> dict[str, str]:
    try:
        written = msgspec.json.decode(path.read_bytes(), type=_WrittenPlan)
    except msgspec.MsgspecError as error:
        raise InputError(f"{path} is no plan written by `plan --out`: {error}", field="plan") from error
    return {group.group_id: group.digest for group in written.groups}


def _applied(done: _Done) -> object:
    whole = msgspec.to_builtins(total(done.reports, settings().mode.value))
    return {
        **whole,
        "groups": [report.run for report in done.reports],
        "people": [
            {
                "group_id": report.run.group_id,
                "user_id": outcome.enforcement.user_id,
                "row_key": outcome.enforcement.row_key,
                "result": outcome.result,
                "sessions": outcome.enforcement.sessions,
                "proof": outcome.enforcement.proof,
                "proof_policy": outcome.enforcement.proof_policy,
                "reason": outcome.reason,
            }
            for report in done.reports
            for outcome in report.outcomes
        ],
        "errors": [str(error) for error in done.errors],
    }


def _exit_code(done: _Done) -> int:
    if done.errors or any(report.run.left_undone for report in done.reports):
        return UNDONE
    return HELD if any(report.run.held for report in done.reports) else DONE


# Tables for people ---------------------------------------------------------------------------------------


def _show_plan(plan: Plan) -> None:
    for group in plan.groups:
        people = [
            (
                person.user_principal_name or person.row_key or person.user_id,
                person.end_date,
                _local(person.due_at),
                "guest" if person.guest else "member",
                ", ".join(person.steps),
            )
            for person in group.offboard
        ]
        soon = [(end.user_principal_name, end.end_date, _local(end.due_at)) for end in group.ending_soon]
        newcomers = [(new.row_key, new.end_date) for new in group.onboard]
        title = f"Group {group.group_id}, {group.members} members: to offboard ({len(people)})"
        write_tables(
            Table(title, ("who", "end date", "due at", "kind", "steps"), people),
            Table("To onboard", ("who", "end date"), newcomers),
            Table("Ending soon", ("who", "end date", "due at"), soon),
            _findings(group.findings),
        )
        if group.held:
            tell(f"HELD by the brake: {len(people)} of {group.members} members. Approve it with:")
            tell(f"  enforcer approve {group.digest}")
    tell(f"plan {plan.digest} as of {_local(plan.as_of)}")


def _show_reports(reports: Sequence[Report]) -> None:
    for report in reports:
        run = report.run
        people = [
            (
                outcome.enforcement.row_key,
                outcome.result,
                outcome.enforcement.sessions,
                outcome.enforcement.proof,
                outcome.reason,
            )
            for outcome in report.outcomes
        ]
        counts = ("due", "removed", "already_absent", "revoked", "disabled", "verified", "skipped", "stuck")
        write_tables(
            Table(
                f"Run {run.run_id}, group {run.group_id} ({run.mode})",
                counts,
                [[getattr(run, name) for name in counts]],
            ),
            Table("People", ("who", "result", "sessions", "next sign-in", "reason"), people),
            _findings(report.findings),
        )
        if run.held:
            tell(f"HELD by the brake: nobody was touched. Approve it with: enforcer approve {run.digest}")


def _findings(findings: Sequence[Finding]) -> Table:
    rows = [(found.kind, found.row_key, found.user_id, found.detail) for found in findings]
    return Table("Findings", ("kind", "row", "user", "what"), rows)


def _local(moment: datetime | None) -> str:
    return moment.astimezone(settings().zone).isoformat(" ", "minutes") if moment else "-"
